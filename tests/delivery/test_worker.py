"""The outbox worker: what leaves, in which order, how often, and what becomes of the rest."""

from collections.abc import Callable, Sequence
from typing import Any

import pytest

from keepstep.delivery.worker import LOOK_MS, retry
from keepstep.domain.limits import (
    OUTBOX_BYTES_MAX,
    OUTBOX_LEASE_MS,
    OUTBOX_MESSAGES_MAX,
    OUTBOX_PAUSE_MS,
    OUTBOX_PAUSE_MS_MAX,
)
from keepstep.domain.outbox import OutboxMessage
from keepstep.interfaces.delivery import (
    DeliveryFailed,
    DestinationGone,
    MessageUndeliverable,
    Outcome,
)
from keepstep.interfaces.delivery_storage import OutboxFilter
from keepstep.testing.storage_suite.running import DATE, OTHER_POOL, POOL, message, place
from keepstep.wire.sync import CognitoStreams

from .conftest import run
from .outboxes import IDENTITIES, Outbox, Stream, Watched, eventually, outbox

FIRST, SECOND = place("first"), place("second")
ELSEWHERE = place("things", identity_pool_id=OTHER_POOL)
OTHER_STREAM = CognitoStreams(stream_name="others", streaming_status="ENABLED")
FAILED, GONE = DeliveryFailed("no answer"), DestinationGone("no such stream")


def failing(
    *failed: OutboxMessage, outcome: Outcome = FAILED
) -> Callable[[OutboxMessage], Outcome]:
    """Give what a stream meets when some messages do not get through."""

    def meets(message: OutboxMessage) -> Outcome:
        return outcome if message in failed else None

    return meets


def test_messages_leave_in_the_order_of_their_dataset_one_at_a_time() -> None:
    async def case() -> None:
        async with outbox() as box:
            places = [place("things", each) for each in IDENTITIES[:20]]
            await box.send(*(message(each, count) for count in (3, 7, 9) for each in places))
            async with box.worker():
                await eventually(box.is_empty)
            assert [box.stream.counts(each) for each in places] == [[3, 7, 9]] * 20
            assert [len(batch) for batch in box.stream.batches] == [20] * 3
            assert box.observer.deliveries == {("stream", "delivered"): 60}

    run(case())


def test_a_message_is_out_of_the_outbox_before_the_next_of_its_dataset_is_sent() -> None:
    async def case() -> None:
        async with outbox() as box:
            box.stream.shuts_at = 2
            await box.send(message(FIRST, 1), message(FIRST, 2))
            async with box.worker():
                await eventually(lambda: len(box.stream.batches) == 2)
                assert [each.message.sync_count for each in await box.queued()] == [2]
                box.stream.open.set()
                await eventually(box.is_empty)

    run(case())


def test_a_message_that_fails_holds_back_its_own_dataset_alone() -> None:
    async def case() -> None:
        async with outbox() as box:
            sent = [message(where, count) for where in (FIRST, SECOND) for count in (1, 2)]
            box.stream.meets = failing(sent[0])
            await box.send(*sent)
            async with box.worker():
                waiting = await box.waiting()
                assert [each.message for each in waiting] == sent[:2]
                assert [(each.attempts, each.failure) for each in waiting] == [
                    (1, "no answer"),
                    (0, None),
                ]
                await box.send(message(FIRST, 3))
                box.stream.meets = failing()
                await box.pass_on()
                await eventually(box.is_empty)
            assert box.stream.counts(FIRST) == [1, 1, 2, 3]
            assert box.stream.counts(SECOND) == [1, 2]

    run(case())


@pytest.mark.parametrize("as_a_whole", [False, True])
def test_pauses_double_up_to_the_longest_and_are_never_alike(as_a_whole: bool) -> None:
    async def case() -> None:
        async with outbox() as box:
            if as_a_whole:
                box.stream.breaks = FAILED
            box.stream.meets = lambda _: FAILED
            await box.send(message(FIRST))
            async with box.worker():
                pauses = [await box.pass_on() for _ in range(13)]
        longest = [min(OUTBOX_PAUSE_MS << n, OUTBOX_PAUSE_MS_MAX) for n in range(13)]
        assert longest[-1] == OUTBOX_PAUSE_MS_MAX
        assert all(top // 2 <= pause <= top for pause, top in zip(pauses, longest, strict=True))
        shares = {round(pause / top, 3) for pause, top in zip(pauses, longest, strict=True)}
        assert len(shares) > 10

    run(case())


def test_a_message_tried_often_enough_is_set_aside_and_those_behind_it_go_on() -> None:
    async def case() -> None:
        async with outbox() as box:
            head, behind = message(FIRST, 1), message(FIRST, 2)
            box.stream.meets = failing(head)
            await box.send(head, behind)
            async with box.worker(attempts_max=3):
                for _ in range(2):
                    await box.pass_on()
                assert await box.waiting() == []
            (kept,) = await box.queued(set_aside=True)
            assert (kept.message, kept.attempts, kept.failure) == (head, 3, "no answer")
            assert box.stream.counts(FIRST) == [1, 1, 1, 2]
            assert box.observer.deliveries == {
                ("stream", "failed"): 2,
                ("stream", "set_aside"): 1,
                ("stream", "delivered"): 1,
            }

    run(case())


def test_a_message_that_can_never_be_delivered_is_set_aside_at_once() -> None:
    async def case() -> None:
        async with outbox() as box:
            head, behind = message(FIRST, 1), message(FIRST, 2)
            box.stream.meets = failing(head, outcome=MessageUndeliverable("too large"))
            await box.send(head, behind)
            async with box.worker():
                assert await box.waiting() == []
            (kept,) = await box.queued(set_aside=True)
            assert (kept.message, kept.attempts, kept.failure) == (head, 0, "too large")
            assert box.stream.counts(FIRST) == [1, 2]

    run(case())


def test_a_pool_deleted_meanwhile_takes_its_messages_with_it_and_others_go_on() -> None:
    async def case() -> None:
        async with outbox() as box, box.worker():
            await box.new_pool(OTHER_POOL, OTHER_STREAM)
            box.stream.open.clear()
            await box.send(message(FIRST, 1), message(FIRST, 2))
            await eventually(lambda: box.stream.batches)
            await box.store.delete_pool(POOL)
            box.stream.open.set()
            await box.send(message(ELSEWHERE))
            await eventually(box.is_empty)
            assert box.streams["others"].counts(ELSEWHERE) == [1]

    run(case())


@pytest.mark.parametrize("error", [FAILED, RuntimeError("a defect of the sender")])
def test_a_destination_that_fails_is_left_alone_and_no_other_notices(error: Exception) -> None:
    async def case() -> None:
        async with outbox() as box, box.worker():
            await box.new_pool(OTHER_POOL, OTHER_STREAM)
            box.stream.breaks = error
            await box.send(message(FIRST), message(ELSEWHERE, 1))
            (failed,) = await box.waiting()
            assert failed.attempts == 1
            await box.send(message(SECOND), message(ELSEWHERE, 2))
            waiting = await box.waiting()
            assert [each.attempts for each in waiting] == [1, 0]
            assert len(box.stream.batches) == 1
            assert box.streams["others"].counts(ELSEWHERE) == [1, 2]
            box.stream.breaks = None
            await box.pass_on()
            await eventually(box.is_empty)
            assert box.stream.counts(SECOND) == [1]

    run(case())


def test_the_operator_ends_the_pause_of_a_destination() -> None:
    async def case() -> None:
        async with outbox() as box, box.worker():
            box.stream.breaks = FAILED
            await box.send(message(FIRST))
            for _ in range(5):
                await box.pass_on()
            await box.waiting()
            box.stream.breaks = None
            box.clock.now += 1
            assert await retry(box.store, OutboxFilter(), now=box.clock()) == 1
            box.wake()
            await eventually(box.is_empty)

    run(case())


def test_pages_of_many_lanes_and_lanes_of_many_pages_leave_whole_and_in_order() -> None:
    async def case() -> None:
        async with outbox() as box:
            places = [place("things", each) for each in IDENTITIES[: OUTBOX_MESSAGES_MAX + 100]]
            counts = list(range(1, 2 * OUTBOX_MESSAGES_MAX + 100))
            long, *others = places
            await box.send(*(message(long, count) for count in counts))
            await box.send(*(message(each) for each in others))
            async with box.worker():
                await eventually(box.is_empty)
            assert box.stream.counts(long) == counts
            assert len(box.stream.sent) == len(counts) + len(others)
            early = [message.place for message in box.stream.sent[: 2 * OUTBOX_MESSAGES_MAX]]
            assert others[0] in early, "one lane has kept the others waiting"

    run(case())


class Slow(Stream):
    """Takes one message in the time of a look; meanwhile there is always another one."""

    def __init__(self, box: Outbox, more: Callable[[int], OutboxMessage]) -> None:
        super().__init__(batch_max=1)
        self._box, self._more = box, more

    async def send(self, messages: Sequence[OutboxMessage]) -> Sequence[Outcome]:
        self._box.clock.now += LOOK_MS
        outcomes = await super().send(messages)
        await self._box.send(self._more(len(self.batches)))
        return outcomes


def test_a_slow_destination_of_busy_lanes_comes_to_every_lane() -> None:
    async def case() -> None:
        async with outbox() as box:
            busy, patient = place("things", IDENTITIES[0]), place("things", IDENTITIES[1])
            stream = Slow(box, lambda number: message(busy, number + 3))
            box.streams.by_name["changes"] = stream
            await box.send(*(message(busy, count) for count in (1, 2, 3)), message(patient))
            async with box.worker():
                await eventually(lambda: stream.counts(patient))
                assert len(stream.sent) <= 3

    run(case())


def test_a_lane_of_large_messages_keeps_no_other_waiting() -> None:
    async def case() -> None:
        async with outbox() as box:
            busy, patient = place("things", IDENTITIES[0]), place("things", IDENTITIES[1])
            large = b"x" * OUTBOX_BYTES_MAX
            stream = Slow(box, lambda number: message(busy, number + 2, body=large))
            box.streams.by_name["changes"] = stream
            await box.send(*(message(busy, count, body=large) for count in (1, 2)))
            await box.send(message(patient))
            async with box.worker():
                await eventually(lambda: stream.counts(patient))
                assert len(stream.sent) <= 3

    run(case())


def test_a_slow_destination_delays_no_other() -> None:
    async def case() -> None:
        async with outbox() as box:
            await box.new_pool(OTHER_POOL, OTHER_STREAM)
            slow = Slow(box, lambda number: message(ELSEWHERE, number))
            box.streams.by_name["changes"] = slow
            before: list[int] = []

            def note(_: OutboxMessage) -> None:
                before.append(len(slow.batches))

            box.streams["others"].meets = note
            await box.send(*(message(place("things", each)) for each in IDENTITIES[:9]))
            async with box.worker():
                await eventually(box.is_empty)
            assert before[0] < 3

    run(case())


def test_what_was_sent_is_not_sent_again_before_the_store_takes_changes() -> None:
    async def case() -> None:
        async with outbox() as box:
            watched: Any = Watched(box.store)
            watched.failing = {"settle_outbox", "hold_leases"}
            async with box.worker(watched):
                await box.send(message(FIRST))
                await eventually(lambda: watched.asked["hold_leases"])
                assert box.stream.batches == []
                watched.failing = {"settle_outbox"}
                await eventually(lambda: watched.asked["settle_outbox"])
                watched.failing = {"settle_outbox", "hold_leases"}
                sent = len(box.stream.batches)
                asked = watched.asked["hold_leases"]
                await eventually(lambda: watched.asked["hold_leases"] > asked)
                assert len(box.stream.batches) == sent
                watched.failing = set[str]()
                await eventually(box.is_empty)
            assert len(box.stream.batches) == sent + 1
            assert len({each.message_id for each in box.stream.sent}) == 1

    run(case())


def test_an_idle_worker_writes_nothing() -> None:
    async def case() -> None:
        async with outbox() as box:
            watched: Any = Watched(box.store)
            async with box.worker(watched):
                for _ in range(4):
                    looks = watched.asked["list_due"]
                    box.wake()
                    await eventually(lambda looks=looks: watched.asked["list_due"] > looks)
            assert set(watched.asked) == {"list_due", "measure_outbox"}

    run(case())


def test_a_delivery_that_takes_long_keeps_its_leases() -> None:
    async def case() -> None:
        async with outbox() as box, box.worker(), box.worker():
            box.stream.open.clear()
            await box.send(message(FIRST))
            await eventually(lambda: box.stream.batches)
            for _ in range(3):
                box.clock.now += OUTBOX_LEASE_MS - OUTBOX_LEASE_MS // 4
                until = box.clock() + OUTBOX_LEASE_MS
                await eventually(lambda until=until: lease_lasts(box, until))
                box.wake()
            box.stream.open.set()
            await eventually(box.is_empty)
            assert len(box.stream.batches) == 1

    run(case())


async def lease_lasts(box: Outbox, until: int) -> bool:
    """Whether the parts of the outbox are held until a time."""
    leases = await box.store.list_leases("outbox:partition:", box.clock())
    return any(lease.until == until for lease in leases)


def test_a_stop_waits_for_what_is_on_its_way_and_begins_nothing_more() -> None:
    async def case() -> None:
        async with outbox() as box:
            box.stream.open.clear()
            async with box.worker() as worker:
                await box.send(message(FIRST, 1), message(FIRST, 2))
                await eventually(lambda: box.stream.batches)
                worker.stop()
                box.stream.open.set()
            assert [each.message.sync_count for each in await box.queued()] == [2]
            assert await box.store.list_leases("", DATE) == []
            async with box.worker():
                await eventually(box.is_empty)
            assert box.stream.counts(FIRST) == [1, 2]

    run(case())


def test_a_worker_that_is_cancelled_leaves_its_parts_to_others() -> None:
    async def case() -> None:
        async with outbox() as box:
            box.stream.open.clear()
            await box.send(message(FIRST))
            async with box.worker():
                await eventually(lambda: box.stream.batches)
                assert box.task is not None
                box.task.cancel()
            assert await box.store.list_leases("", DATE) == []
            assert [each.attempts for each in await box.queued()] == [0]

    run(case())
