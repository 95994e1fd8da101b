"""Bulk publish: all that a pool holds, once, whoever dies meanwhile."""

import asyncio
import json
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from typing import Any

import msgspec

from keepstep.delivery.bulk_publish import PAGE_DATASETS, BulkPublisher
from keepstep.domain.bulk_publishes import BulkPublish
from keepstep.domain.datasets import DatasetPlace
from keepstep.domain.limits import OUTBOX_LEASE_MS, OUTBOX_PAUSE_MS_MAX
from keepstep.domain.outbox import OutboxMessage
from keepstep.domain.pools import PoolSettings
from keepstep.interfaces.delivery import (
    DeliveryFailed,
    DestinationGone,
    MessageUndeliverable,
    Outcome,
)
from keepstep.testing.storage_suite.running import (
    DATE,
    OTHER_POOL,
    POOL,
    apply,
    deleting,
    place,
    pool,
    writing,
)

from . import outboxes
from .conftest import run
from .outboxes import IDENTITIES, STREAM, Outbox, Watched, eventually, outbox

DATASETS = 2 * PAGE_DATASETS + 5
NEWS = DeliveryFailed("no answer")


def things(number: int) -> DatasetPlace:
    return place("things", IDENTITIES[number])


async def fill(box: Outbox, count: int = DATASETS) -> list[DatasetPlace]:
    """Write datasets of many identities, and give them."""
    places = [things(number) for number in range(count)]
    await apply(box.store, *(writing(each, {"a": "1", "gone": None}) for each in places))
    return places


def without(*large: DatasetPlace) -> Callable[[OutboxMessage], Outcome]:
    """Give what a stream meets that takes everything but some datasets."""
    return lambda message: MessageUndeliverable("too large") if message.place in large else None


async def begin(box: Outbox, identity_pool_id: str = POOL) -> None:
    asked = BulkPublish(
        identity_pool_id=identity_pool_id, status="IN_PROGRESS", start_date=box.clock()
    )
    assert await box.store.keep_bulk_publish(asked)


async def state(box: Outbox, identity_pool_id: str = POOL) -> BulkPublish:
    found = await box.store.find_bulk_publish(identity_pool_id)
    assert found is not None
    return found


async def ended(box: Outbox) -> BulkPublish:
    """Let time pass until the publish has ended, and give it."""

    async def has_ended() -> bool:
        box.clock.now += OUTBOX_PAUSE_MS_MAX
        return (await state(box)).status != "IN_PROGRESS"

    await eventually(has_ended)
    return await state(box)


@asynccontextmanager
async def publisher(
    box: Outbox, name: int = 1, *, store: Any = None, **given: Any
) -> AsyncGenerator[asyncio.Task[None]]:
    """Carry bulk publishes out for as long as the block lasts."""

    def entropy(length: int) -> bytes:
        return name.to_bytes(length, "big")

    one = BulkPublisher(store or box.store, box.streams, box.clock, entropy, **given)
    task = asyncio.create_task(one.run())
    try:
        yield task
    finally:
        one.stop()
        box.stream.open.set()
        await outboxes.ended(task)


def test_every_dataset_of_the_pool_is_published_with_its_live_records_and_nothing_else() -> None:
    async def case() -> None:
        async with outbox() as box:
            places = await fill(box)
            deleted, counter = things(3), things(DATASETS + 1)
            await apply(box.store, deleting(deleted, expects=1))
            await apply(box.store, writing(counter, {"a": "1"}), deleting(counter, expects=1))
            await box.new_pool(OTHER_POOL)
            elsewhere = place("things", IDENTITIES[5], OTHER_POOL)
            await apply(box.store, writing(elsewhere, {"a": "other"}))
            await begin(box)
            async with publisher(box):
                done = await ended(box)
            assert done.status == "SUCCEEDED"
            assert done.complete_date is not None
            live = [each for each in places if each != deleted]
            assert [message.place for message in box.stream.sent] == live
            bodies = [json.loads(message.body) for message in box.stream.sent]
            assert {body["operation"] for body in bodies} == {"replace"}
            assert {tuple(r["key"] for r in body["kinesisSyncRecords"]) for body in bodies} == {
                ("a",)
            }
            assert await box.store.list_leases("bulk:", box.clock()) == []

    run(case())


def test_what_one_server_did_not_finish_the_next_start_goes_on_with() -> None:
    async def case() -> None:
        async with outbox() as box:
            places = await fill(box)
            await begin(box)
            box.stream.shuts_at = 2
            async with publisher(box) as task:
                await eventually(lambda: len(box.stream.batches) == 2)
                task.cancel()  # it can do nothing more, as if it were killed
            assert (await state(box)).position == (IDENTITIES[PAGE_DATASETS - 1], "things")
            box.stream.open.set()
            async with publisher(box, 2):
                await ended(box)
            sent = [message.place for message in box.stream.sent]
            twice = places[PAGE_DATASETS : 2 * PAGE_DATASETS]
            assert sent == [*places[: 2 * PAGE_DATASETS], *twice, *places[2 * PAGE_DATASETS :]]
            ids = [message.message_id for message in box.stream.sent]
            assert len(set(ids)) == len(places)

    run(case())


def test_a_failing_stream_is_tried_again_then_the_publish_has_failed_and_says_why() -> None:
    async def case() -> None:
        async with outbox() as box:
            await fill(box, 3)
            box.stream.meets = lambda _: NEWS
            await begin(box)
            async with publisher(box, attempts_max=3):
                await eventually(lambda: len(box.stream.batches) == 1)
                assert (await state(box)).status == "IN_PROGRESS"
                done = await ended(box)
            assert (done.status, done.failure_message) == ("FAILED", "no answer")
            assert len(box.stream.batches) == 3

    run(case())


def test_a_stream_that_works_again_gets_the_rest() -> None:
    async def case() -> None:
        async with outbox() as box:
            places = await fill(box, 3)
            box.stream.breaks = NEWS
            await begin(box)
            async with publisher(box):
                await eventually(lambda: box.stream.batches)
                box.stream.breaks = None
                done = await ended(box)
            assert done.status == "SUCCEEDED"
            assert [message.place for message in box.stream.batches[-1]] == places

    run(case())


def test_a_publish_whose_stream_is_gone_has_failed_at_once() -> None:
    async def case() -> None:
        async with outbox() as box:
            await fill(box, 3)
            box.stream.breaks = DestinationGone("no stream")
            await begin(box)
            async with publisher(box):
                done = await ended(box)
            assert (done.status, done.failure_message) == ("FAILED", "no stream")
            assert len(box.stream.batches) == 1

    run(case())


def test_datasets_that_cannot_be_sent_are_left_out_and_the_publish_says_so_at_its_end() -> None:
    async def case() -> None:
        async with outbox() as box:
            places = await fill(box)
            large = [places[2], places[PAGE_DATASETS + 1], places[-1]]
            box.stream.meets = without(*large)
            await begin(box)
            async with publisher(box):
                done = await ended(box)
            assert [message.place for message in box.stream.sent] == places
            assert done.status == "FAILED"
            assert done.failure_message == (
                f"3 datasets were not published; the first: things of {IDENTITIES[2]}: too large"
            )

    run(case())


def test_what_was_left_out_before_a_crash_is_counted_once() -> None:
    async def case() -> None:
        async with outbox() as box:
            places = await fill(box)
            large = [places[2], places[PAGE_DATASETS + 1]]
            box.stream.meets = without(*large)
            await begin(box)
            box.stream.shuts_at = 2
            async with publisher(box) as task:
                await eventually(lambda: len(box.stream.batches) == 2)
                task.cancel()  # it can do nothing more, as if it were killed
            assert (await state(box)).status == "IN_PROGRESS"
            box.stream.open.set()
            async with publisher(box, 2):
                done = await ended(box)
            assert done.status == "FAILED"
            assert str(done.failure_message).startswith("2 datasets were not published")
            assert box.stream.batches[-1][-1].place == places[-1]

    run(case())


def test_a_publish_whose_sender_breaks_holds_up_no_other_pool() -> None:
    async def case() -> None:
        async with outbox() as box:
            streams = msgspec.structs.replace(STREAM, stream_name="others")
            await box.new_pool(OTHER_POOL, streams)
            await apply(box.store, writing(things(1), {"a": "1"}))
            await apply(box.store, writing(place("x", IDENTITIES[1], OTHER_POOL), {"a": "1"}))
            box.stream.breaks = RuntimeError("a defect of the sender")
            await begin(box)
            await begin(box, OTHER_POOL)
            async with publisher(box, attempts_max=2):
                await eventually(lambda: box.streams["others"].batches)
                done = await ended(box)
            assert done.failure_message == "the sender broke; the server's log says more"
            assert (await state(box, OTHER_POOL)).status == "SUCCEEDED"

    run(case())


def test_a_publish_fails_when_its_stream_is_turned_off_meanwhile() -> None:
    async def case() -> None:
        async with outbox() as box:
            await fill(box)
            await begin(box)
            box.stream.open.clear()
            async with publisher(box):
                await eventually(lambda: box.stream.batches)
                off = msgspec.structs.replace(STREAM, streaming_status="DISABLED")
                turned_off = pool(version=2, settings=PoolSettings(cognito_streams=off))
                assert await box.store.update_pool(turned_off, expected_version=1)
                box.stream.open.set()
                done = await ended(box)
            assert done.status == "FAILED"
            assert done.failure_message == "the pool's StreamingStatus is not ENABLED"
            assert len(box.stream.sent) == PAGE_DATASETS

    run(case())


def test_of_two_servers_one_publishes_and_the_other_takes_over_when_its_lease_ends() -> None:
    async def case() -> None:
        async with outbox() as box:
            places = await fill(box)
            watched: Any = Watched(box.store)
            box.stream.open.clear()
            await begin(box)
            async with publisher(box) as first, publisher(box, 2, store=watched):
                await eventually(lambda: box.stream.batches)
                await eventually(lambda: watched.asked["hold_leases"] > 1)
                assert len(box.stream.batches) == 1
                first.cancel()
                box.stream.open.set()
                box.clock.now += OUTBOX_LEASE_MS
                done = await ended(box)
            assert done.status == "SUCCEEDED"
            assert len(box.stream.sent) == len(places) + PAGE_DATASETS

    run(case())


def test_datasets_changed_meanwhile_are_published_as_they_are_at_their_turn() -> None:
    async def case() -> None:
        async with outbox() as box:
            places = await fill(box)
            await begin(box)
            box.stream.open.clear()
            async with publisher(box):
                await eventually(lambda: box.stream.batches)
                written, deleted = places[-1], places[-2]
                behind, ahead = place("a", IDENTITIES[0]), place("a", IDENTITIES[DATASETS + 1])
                await apply(
                    box.store,
                    writing(written, {"a": "new"}, expects=1),
                    deleting(deleted, expects=1),
                    writing(behind, {"a": "1"}),
                    writing(ahead, {"a": "1"}),
                )
                box.stream.open.set()
                await ended(box)
            sent = {message.place: message for message in box.stream.sent}
            assert set(sent) == {*places, ahead} - {deleted}
            assert sent[written].sync_count == 2
            assert sent[written].creation_date > DATE

    run(case())
