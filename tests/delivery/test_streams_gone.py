"""A stream that is gone: it is turned off, unless its owner was faster."""

from typing import Any

import msgspec

from keepstep.interfaces.delivery import DestinationGone
from keepstep.testing.storage_suite.running import POOL, message, place
from keepstep.wire.sync import CognitoStreams

from .conftest import run
from .outboxes import Outbox, eventually, outbox

FIRST, SECOND = place("first"), place("second")
OTHER_STREAM = CognitoStreams(stream_name="others", streaming_status="ENABLED")
GONE = DestinationGone("no such stream")


def test_a_stream_that_is_gone_is_turned_off_and_its_messages_are_set_aside() -> None:
    async def case() -> None:
        async with outbox() as box:
            box.stream.breaks = GONE
            await box.send(*(message(FIRST, count) for count in (1, 2)))
            async with box.worker():
                assert await box.waiting() == []
                await box.send(message(SECOND))
                assert await box.waiting() == []
            pool = await box.store.find_pool(POOL)
            assert pool is not None
            assert pool.version == 2
            assert pool.settings.cognito_streams == CognitoStreams(
                stream_name="changes", streaming_status="DISABLED"
            )
            assert [each.failure for each in await box.queued(set_aside=True)] == [
                "no such stream",
                "no such stream",
                "the pool's StreamingStatus is not ENABLED",
            ]
            assert len(box.stream.batches) == 1

    run(case())


async def change_while_sending(box: Outbox, streams: CognitoStreams, **members: Any) -> None:
    """Change the pool as its owner while a message is on its way to a stream that is gone."""
    box.stream.breaks = GONE
    box.stream.open.clear()
    await box.send(message(FIRST))
    await eventually(lambda: box.stream.batches)
    pool = await box.store.find_pool(POOL)
    assert pool is not None
    changed = msgspec.structs.replace(
        pool,
        version=2,
        settings=msgspec.structs.replace(pool.settings, cognito_streams=streams),
        **members,
    )
    assert await box.store.update_pool(changed, expected_version=1)
    box.stream.open.set()


def test_what_the_owner_changes_meanwhile_stays_when_a_stream_is_turned_off() -> None:
    async def case() -> None:
        async with outbox() as box, box.worker():
            streams = CognitoStreams(stream_name="changes", streaming_status="ENABLED")
            await change_while_sending(box, streams, name="another name")
            assert await box.waiting() == []
            pool = await box.store.find_pool(POOL)
            assert pool is not None
            assert (pool.name, pool.version) == ("another name", 3)
            off = pool.settings.cognito_streams
            assert off is not None
            assert off.streaming_status == "DISABLED"

    run(case())


def test_a_stream_set_up_anew_meanwhile_is_left_alone_and_takes_what_waits() -> None:
    async def case() -> None:
        async with outbox() as box, box.worker():
            await change_while_sending(box, OTHER_STREAM)
            await eventually(box.is_empty)
            assert box.streams["others"].counts(FIRST) == [1]
            pool = await box.store.find_pool(POOL)
            assert pool is not None
            assert pool.settings.cognito_streams == OTHER_STREAM

    run(case())
