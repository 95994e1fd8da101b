"""Who delivers which part of the outbox: fair shares among the living, and nobody's left over."""

from collections.abc import Collection
from typing import Any

import pytest

from keepstep.delivery.partitions import PARTITION_LEASES, Partitions
from keepstep.domain.limits import OUTBOX_LEASE_MS, OUTBOX_PARTITIONS
from keepstep.testing.storage_suite.running import message, place

from .conftest import run
from .outboxes import IDENTITIES, Outbox, Watched, eventually, outbox

EVERY = set(range(OUTBOX_PARTITIONS))


def processes(box: Outbox, count: int) -> list[Partitions]:
    return [Partitions(box.store, box.clock, f"process-{number}") for number in range(count)]


async def turns(all_of: Collection[Partitions], times: int = 3) -> list[set[int]]:
    """Have each hold its parts some times in turn, and give what each holds then."""
    held: list[set[int]] = []
    for _ in range(times):
        held = [set(await one.hold()) for one in all_of]
    return held


@pytest.mark.parametrize(
    ("count", "shares"), [(1, [16]), (2, [8, 8]), (3, [4, 6, 6]), (16, [1] * 16)]
)
def test_parts_are_shared_out_fairly_and_each_has_one_holder(count: int, shares: list[int]) -> None:
    async def case() -> None:
        async with outbox() as box:
            held = await turns(processes(box, count))
            assert sorted(map(len, held)) == shares
            assert set().union(*held) == EVERY

    run(case())


def test_more_processes_than_parts_leave_some_waiting_for_a_part() -> None:
    async def case() -> None:
        async with outbox() as box:
            every = processes(box, OUTBOX_PARTITIONS + 1)
            *_, last = await turns(every)
            assert last == set()
            await every[0].release()
            assert len(set(await every[-1].hold())) == 1

    run(case())


def test_one_that_joins_gets_its_share_at_the_next_look_of_the_others() -> None:
    async def case() -> None:
        async with outbox() as box:
            first, second = processes(box, 2)
            assert set(await first.hold()) == EVERY
            assert await second.hold() == []
            assert len(await first.hold()) == OUTBOX_PARTITIONS // 2
            assert set(await second.hold()) == EVERY - set(await first.hold())

    run(case())


def test_what_a_dead_process_held_is_taken_when_its_leases_end_and_not_before() -> None:
    async def case() -> None:
        async with outbox() as box:
            dead, living = processes(box, 2)
            await turns([dead, living])
            box.clock.now += OUTBOX_LEASE_MS - 1
            assert len(await living.hold()) == OUTBOX_PARTITIONS // 2
            box.clock.now += 1
            assert set(await living.hold()) == EVERY
            assert not dead.still_held

    run(case())


def test_what_is_released_is_taken_at_once() -> None:
    async def case() -> None:
        async with outbox() as box:
            first, second = processes(box, 2)
            await turns([first, second])
            await first.release()
            assert set(await second.hold()) == EVERY
            assert not first.still_held

    run(case())


def test_leases_are_written_only_when_their_time_is_short() -> None:
    async def case() -> None:
        async with outbox() as box:
            watched: Any = Watched(box.store)
            one = Partitions(watched, box.clock, "one")
            for _ in range(10):
                await one.hold()
                await one.renew()
            assert watched.asked["hold_leases"] == 1
            box.clock.now += OUTBOX_LEASE_MS * 2 // 3
            await one.renew()
            await one.hold()
            assert watched.asked["hold_leases"] == 2
            assert one.still_held
            assert watched.asked["release_leases"] == 0

    run(case())


def test_one_that_lost_its_leases_delivers_nothing_until_it_holds_some_again() -> None:
    async def case() -> None:
        async with outbox() as box:
            late, quick = processes(box, 2)
            await late.hold()
            box.clock.now += OUTBOX_LEASE_MS
            await quick.hold()
            await late.renew()
            assert not late.still_held
            await late.renew()
            assert not late.still_held
            assert await late.hold() == []
            assert late.still_held

    run(case())


def test_two_workers_deliver_each_message_once() -> None:
    async def case() -> None:
        async with outbox() as box, box.worker(), box.worker():
            places = [place("things", each) for each in IDENTITIES[:200]]
            for count in (1, 2, 3):
                await box.send(*(message(each, count) for each in places))
            await eventually(box.is_empty)
            assert len(box.stream.sent) == 3 * len(places)
            assert all(box.stream.counts(each) == [1, 2, 3] for each in places)
            holders = await box.store.list_leases(PARTITION_LEASES, box.clock())
            assert {lease.until for lease in holders} == {box.clock() + OUTBOX_LEASE_MS}

    run(case())


def test_a_worker_delivers_what_a_dead_one_held_once_its_leases_end() -> None:
    async def case() -> None:
        async with outbox() as box:
            (dead,) = processes(box, 1)
            await dead.hold()
            watched: Any = Watched(box.store)
            async with box.worker(watched):
                await box.send(message(place()))
                await eventually(lambda: watched.asked["hold_leases"])
                assert box.stream.batches == []
                box.clock.now += OUTBOX_LEASE_MS
                box.wake()
                await eventually(box.is_empty)

    run(case())
