"""Open streams from within: heartbeats, a store that is away, many readers, freed places."""

import asyncio
import sqlite3
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from keepstep.domain.access import Developer
from keepstep.domain.credentials import IdentityCaller
from keepstep.domain.datasets import DatasetPlace
from keepstep.domain.limits import LIVE_READERS_MAX, Limits
from keepstep.interfaces.storage import NO_OBSERVER, StoreUnavailable
from keepstep.server.live import PREAMBLE, LiveChanges, LiveStream
from keepstep.server.stores import open_engine
from keepstep.wire.errors import ExpiredTokenException, TooManyRequestsException
from keepstep.wire.live import HEARTBEAT
from keepstep.wire.sync import ListRecordsResponse
from tests.api.live_streams import watching
from tests.api.steps import replace, write
from tests.conftest import Place

from .processes import STORE, Serving, eventually

PLACE = DatasetPlace("us-east-1:pool", "us-east-1:identity", "things")
DEVELOPER = Developer(account_id="000000000000", access_key_id="AKIA")
SOON = 0.01


def listing(sync_count: int) -> ListRecordsResponse:
    return ListRecordsResponse(
        records=[],
        count=0,
        dataset_sync_count=sync_count,
        dataset_exists=True,
        dataset_deleted_after_requested_sync_count=False,
        sync_session_token="token",
    )


async def nothing() -> None:
    pass


@dataclass
class Watched:
    """A dataset whose count, and whose failures, a test sets."""

    sync_count: int = 1
    on_list: Callable[[], Awaitable[None]] = nothing
    on_check: Callable[[], Awaitable[None]] = nothing
    asked: list[int] = field(default_factory=list[int])

    async def list_since(self, sync_count: int) -> ListRecordsResponse:
        self.asked.append(sync_count)
        await self.on_list()
        return listing(self.sync_count)

    async def check_caller(self) -> None:
        await self.on_check()

    async def check_place(self) -> None:
        pass


@asynccontextmanager
async def live_changes(
    limits: Limits | None = None, heartbeat_seconds: float = 60
) -> AsyncGenerator[LiveChanges]:
    store = await open_engine("sqlite::memory:", NO_OBSERVER)
    try:
        yield LiveChanges(store, limits or Limits(), heartbeat_seconds=heartbeat_seconds)
    finally:
        await store.close()


async def begun(changes: LiveChanges, watched: Watched) -> LiveStream:
    """Open a stream that has the count of a dataset, and take its preamble."""
    stream = changes.open(PLACE, DEVELOPER)
    stream.begin(watched, listing(watched.sync_count), watched.sync_count)
    assert await stream.next() == PREAMBLE
    return stream


def test_a_silent_stream_beats_and_lists_nothing() -> None:
    async def run() -> None:
        async with live_changes(heartbeat_seconds=SOON) as changes:
            watched = Watched()
            stream = await begun(changes, watched)
            assert [await stream.next() for _ in range(3)] == [HEARTBEAT] * 3
            assert watched.asked == []

    asyncio.run(run())


def test_credentials_that_have_ended_end_a_silent_stream_with_its_next_heartbeat() -> None:
    async def expire() -> None:
        raise ExpiredTokenException("over")

    async def run() -> None:
        async with live_changes(heartbeat_seconds=SOON) as changes:
            stream = await begun(changes, Watched(on_check=expire))
            end = await stream.next()
            assert end.startswith(b"event: end\ndata: ")
            assert b"ExpiredTokenException" in end
            assert await stream.next() == b""

    asyncio.run(run())


def test_news_that_a_stream_has_already_make_it_list_nothing() -> None:
    async def run() -> None:
        async with live_changes(heartbeat_seconds=SOON) as changes:
            watched = Watched(sync_count=5)
            stream = changes.open(PLACE, DEVELOPER)
            stream.tell(5)  # stored while the first listing was made
            stream.begin(watched, listing(5), 5)
            stream.tell(5)
            assert [await stream.next() for _ in range(2)] == [PREAMBLE, HEARTBEAT]
            assert watched.asked == []

    asyncio.run(run())


def test_a_stream_stays_while_the_store_is_away_and_then_gets_what_it_missed() -> None:
    async def run() -> None:
        async with live_changes() as changes:
            watched = Watched()

            async def be_away_once() -> None:
                watched.on_list = nothing
                raise StoreUnavailable("away")

            stream = await begun(changes, watched)
            watched.sync_count, watched.on_list = 2, be_away_once
            stream.tell(2)
            assert await stream.next() == HEARTBEAT
            await changes.look()
            assert (await stream.next()).startswith(b"id: 2\nevent: change\n")
            assert watched.asked == [1, 1]

    asyncio.run(run())


def test_changes_of_others_are_found_again_after_a_look_at_the_store_that_failed(
    running: Serving, tmp_path: Path, place: Place
) -> None:
    def set_count(count: str) -> None:
        with closing(sqlite3.connect(tmp_path / STORE)) as other, other:
            other.execute("UPDATE datasets SET sync_count = ?", [count])

    write(running.client, place, replace("theme", "dark"))
    with watching(running.server, place) as watcher:
        assert watcher.next().id == 1
        set_count("damaged")
        eventually(lambda: "live_changes_failed" in running.logged, "a look that failed")
        set_count("2")
        assert watcher.next().id == 2


def test_few_of_many_streams_read_at_the_same_time() -> None:
    reading, most = 0, 0

    async def read() -> None:
        nonlocal reading, most
        reading += 1
        most = max(most, reading)
        await asyncio.sleep(0)
        reading -= 1

    async def run() -> None:
        async with live_changes() as changes:
            watched = Watched(on_list=read)
            streams = [await begun(changes, watched) for _ in range(LIVE_READERS_MAX * 3)]
            watched.sync_count = 2
            for stream in streams:
                stream.tell(2)
            parts = await asyncio.gather(*(stream.next() for stream in streams))
            assert all(part.startswith(b"id: 2\n") for part in parts)
            assert most == LIVE_READERS_MAX

    asyncio.run(run())


def test_every_place_of_a_stream_that_closes_is_free_again() -> None:
    identity = IdentityCaller(
        account_id="000000000000",
        access_key_id="ASIA",
        identity_pool_id=PLACE.identity_pool_id,
        identity_id=PLACE.identity_id,
        role_arn="",
        role_id="",
        session_name="",
        issued_at=0,
        amr=(),
    )

    async def run() -> None:
        limits = Limits(live_streams=4, live_streams_per_identity=3)
        async with live_changes(limits) as changes:
            for _ in range(3):
                streams = [changes.open(PLACE, identity) for _ in range(3)]
                with pytest.raises(TooManyRequestsException, match="identity"):
                    changes.open(PLACE, identity)
                streams.append(changes.open(PLACE, DEVELOPER))
                with pytest.raises(TooManyRequestsException, match="server"):
                    changes.open(PLACE, DEVELOPER)
                for stream in streams * 2:  # closing again changes nothing
                    stream.close()

    asyncio.run(run())


def test_a_stream_that_waits_ends_when_the_server_stops_and_no_other_opens() -> None:
    async def run() -> None:
        async with live_changes() as changes:
            stream = await begun(changes, Watched())
            waiting = asyncio.create_task(stream.next())
            await asyncio.sleep(0)
            changes.close()
            assert await waiting == b""
            with pytest.raises(TooManyRequestsException):
                changes.open(PLACE, DEVELOPER)

    asyncio.run(run())
