"""Live changes: open streams of server-sent events, fed by what is stored.

A change of this process is told at once; those of others are found by reading the sync counts of
all watched datasets a few times a second, so nobody needs to know who else serves the store.
"""

import asyncio
from collections import Counter
from typing import Final, Protocol

import structlog

from keepstep.domain.access import Caller, Developer
from keepstep.domain.dataset_changes import DatasetChange
from keepstep.domain.datasets import DatasetPlace
from keepstep.domain.limits import (
    LIVE_HEARTBEAT_SECONDS,
    LIVE_PLACES_READ_MAX,
    LIVE_POLL_MS,
    LIVE_READERS_MAX,
    Limits,
)
from keepstep.interfaces.storage import Store, StoreUnavailable
from keepstep.wire import live, sync
from keepstep.wire.errors import ServiceError, TooManyRequestsException
from keepstep.wire.rest_json import encode_error, encode_response

from .logs import failures_logged

PREAMBLE: Final = b"retry: 1000\n\n"
"""How long browsers wait before they connect again, in milliseconds."""

_log = structlog.stdlib.get_logger()


class Watch(Protocol):
    """What a stream asks again and again, in the name of who opened it."""

    async def list_since(self, sync_count: int) -> sync.ListRecordsResponse:
        """List what changed after a sync count. Raises ServiceError."""
        ...

    async def check_caller(self) -> None:
        """Raise ServiceError once the credentials have ended."""
        ...

    async def check_place(self) -> None:
        """Raise ServiceError once the pool or the identity is gone."""
        ...


class LiveStream:
    """One open stream. Whoever opened it closes it."""

    __slots__ = (
        "_changes",
        "_closed",
        "_ended",
        "_first",
        "_last",
        "_news",
        "_told",
        "_watch",
        "owner",
        "place",
    )

    _watch: Watch

    def __init__(self, changes: "LiveChanges", place: DatasetPlace, owner: str | None) -> None:
        """Belong to an identity, or to no one in particular."""
        self.place = place
        self.owner = owner
        self._changes = changes
        self._closed = self._ended = False
        self._news = asyncio.Event()
        self._told = 0
        self._last = 0
        self._first = PREAMBLE

    def begin(self, watch: Watch, first: sync.ListRecordsResponse, asked: int | None) -> None:
        """Go on from a first listing, made since the stream was opened, for the count asked with.

        It is the first event, unless it has no news.
        """
        self._watch = watch
        self._take(first)
        if asked is None or first.dataset_sync_count != asked:
            self._first += _event(first)

    def tell(self, sync_count: int) -> None:
        """Wake the stream if a count is new to it, or if a dataset that was there has none."""
        if sync_count > self._told or (self._told and not sync_count):
            self._told = sync_count
            self._news.set()

    def close(self) -> None:
        """End the stream, also for who waits for its next part."""
        if not self._closed:
            self._closed = True
            self._news.set()
            self._changes.forget(self)

    async def next(self) -> bytes:
        """Give the next part to send, a heartbeat if nothing happens; nothing when it has ended."""
        if self._ended:
            self.close()
        part, self._first = self._first, b""
        while not part and not self._closed:
            woken = await self._wait()
            async with self._changes.readers:
                if not self._closed:
                    part = await self._look(woken=woken)
        return b"" if self._closed else part

    async def _wait(self) -> bool:
        try:
            async with asyncio.timeout(self._changes.heartbeat_seconds):
                await self._news.wait()
        except TimeoutError:
            return False
        return True

    async def _look(self, *, woken: bool) -> bytes:
        self._news.clear()
        try:
            await self._watch.check_caller()
            if not woken:
                await self._watch.check_place()
                return live.HEARTBEAT
            last = self._last
            listed = await self._watch.list_since(last)
            self._take(listed)
            return _event(listed) if listed.dataset_sync_count != last else b""
        except ServiceError as error:
            self._ended = True  # a client that connects again is answered with the error
            return live.encode_end(encode_error(error))
        except StoreUnavailable as error:
            _log.warning("live_stream_waits", reason=str(error))
            self._told = -1  # whatever count is read next wakes the stream
            return live.HEARTBEAT

    def _take(self, listed: sync.ListRecordsResponse) -> None:
        """Note what the watcher has now; what was told meanwhile may be in it."""
        self._last = listed.dataset_sync_count
        if self._told <= self._last:
            self._told = self._last
            self._news.clear()


class LiveChanges:
    """All open streams of this process.

    ``readers`` lets few streams read at a time: a change that thousands watch holds up nobody.
    """

    def __init__(
        self, store: Store, limits: Limits, *, heartbeat_seconds: float = LIVE_HEARTBEAT_SECONDS
    ) -> None:
        """Look at the store with ``run``."""
        self.heartbeat_seconds = heartbeat_seconds
        self.readers = asyncio.Semaphore(LIVE_READERS_MAX)
        self._store = store
        self._limits = limits
        self._streams: dict[DatasetPlace, set[LiveStream]] = {}
        self._open_by: Counter[str] = Counter()
        self._open = 0
        self._closed = False

    def open(self, place: DatasetPlace, caller: Caller) -> LiveStream:
        """Open a stream; it misses no change that is stored from now on.

        Raises TooManyRequestsException if the identity, or all together, have too many.
        """
        owner = None if isinstance(caller, Developer) else caller.identity_id
        if self._closed or self._open >= self._limits.live_streams:
            raise TooManyRequestsException("The server has all the open streams it takes.")
        if owner is not None:
            identity_max = self._limits.live_streams_per_identity
            if self._open_by[owner] >= identity_max:
                raise TooManyRequestsException(
                    f"The identity has {identity_max} open streams; close one first."
                )
            self._open_by[owner] += 1
        self._open += 1
        stream = LiveStream(self, place, owner)
        self._streams.setdefault(place, set()).add(stream)
        return stream

    def forget(self, stream: LiveStream) -> None:
        """Give the place of a stream that was closed to another one."""
        self._open -= 1
        if stream.owner is not None:
            self._open_by[stream.owner] -= 1
            if not self._open_by[stream.owner]:
                del self._open_by[stream.owner]
        streams = self._streams[stream.place]
        streams.discard(stream)
        if not streams:
            del self._streams[stream.place]

    def announce(self, change: DatasetChange) -> None:
        """Wake the streams of a dataset that was changed."""
        self._tell(change.place, change.dataset.sync_count)

    async def run(self) -> None:
        """Look for the changes of other processes until cancelled; what fails is logged."""
        while True:
            await asyncio.sleep(LIVE_POLL_MS / 1000)
            with failures_logged("live_changes_failed"):
                await self.look()

    async def look(self) -> None:
        """Look for them once."""
        places = list(self._streams)
        for start in range(0, len(places), LIVE_PLACES_READ_MAX):
            page = places[start : start + LIVE_PLACES_READ_MAX]
            counts = await self._store.find_sync_counts(page)
            for place, count in zip(page, counts, strict=True):
                self._tell(place, count)

    def close(self) -> None:
        """End every stream, and open no more."""
        self._closed = True
        for stream in [stream for streams in self._streams.values() for stream in streams]:
            stream.close()

    def _tell(self, place: DatasetPlace, sync_count: int) -> None:
        for stream in self._streams.get(place, ()):
            stream.tell(sync_count)


def _event(listed: sync.ListRecordsResponse) -> bytes:
    return live.encode_event(listed.dataset_sync_count, encode_response(listed))
