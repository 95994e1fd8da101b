"""An outbox at work: a store, workers on it, and streams that keep what they are sent."""

import asyncio
import random
from collections import Counter
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, TypeVar

from keepstep.delivery.notices import PushChannel
from keepstep.delivery.streams import StreamChannel
from keepstep.delivery.worker import OutboxWorker
from keepstep.domain.datasets import DatasetPlace
from keepstep.domain.devices import Device
from keepstep.domain.outbox import Channel, OutboxMessage, OutboxUsage, QueuedMessage
from keepstep.domain.pools import IdentityPool, PoolSettings
from keepstep.interfaces.delivery import Notification, Outcome, PushSender, StreamSenders
from keepstep.interfaces.delivery_storage import OutboxFilter
from keepstep.interfaces.storage import Store, StoreUnavailable
from keepstep.storage.sqlite import SQLiteStore
from keepstep.testing.storage_suite.running import DATE, POOL, place, pool, sending, writing
from keepstep.wire.sync import CognitoStreams

DEADLINE_SECONDS = 20
POLL_SECONDS = 0.005
STREAM = CognitoStreams(stream_name="changes", streaming_status="ENABLED")
IDENTITIES = [f"us-east-1:00000000-0000-4000-8000-{number:012x}" for number in range(2000)]
"""Identities in all partitions of the outbox, in byte order."""

Found = TypeVar("Found")


async def eventually(condition: Callable[[], Awaitable[Found] | Found]) -> Found:
    """Give the first true answer of a condition; fail if there is none before the deadline."""
    async with asyncio.timeout(DEADLINE_SECONDS):
        while True:
            answer: Any = condition()
            if asyncio.iscoroutine(answer):
                answer = await answer
            if answer:
                return answer
            await asyncio.sleep(POLL_SECONDS)


async def ended(task: asyncio.Task[None]) -> None:
    """Wait until a task that was told to stop has done so; one that was cancelled has."""
    _, late = await asyncio.wait([task], timeout=DEADLINE_SECONDS)
    task.cancel()
    assert not late, "it does not stop"
    if not task.cancelled():
        task.result()


class Clock:
    """Time that stands still until it is moved."""

    def __init__(self) -> None:
        self.now = DATE + 1_000_000

    def __call__(self) -> int:
        return self.now


class Observer:
    """Counts what became of messages, by channel and outcome."""

    def __init__(self) -> None:
        self.deliveries: Counter[tuple[str, str]] = Counter()

    def observe_delivery(self, channel: str, outcome: str, messages: int) -> None:
        self.deliveries[channel, outcome] += messages

    def observe_outbox(self, usage: OutboxUsage, now: int) -> None:
        del usage, now


class Stream:
    """A stream that takes everything, unless it is told otherwise."""

    def __init__(self, batch_max: int = 500) -> None:
        self.batch_max = batch_max
        self.batches: list[list[OutboxMessage]] = []
        self.meets: Callable[[OutboxMessage], Outcome] = lambda _: None
        self.breaks: Exception | None = None
        self.open = asyncio.Event()
        self.open.set()
        self.shuts_at = 0
        """The number of the batch that waits until the stream is opened again."""

    async def send(self, messages: Sequence[OutboxMessage]) -> Sequence[Outcome]:
        assert len({message.lane for message in messages}) == len(messages) <= self.batch_max
        self.batches.append(list(messages))
        if len(self.batches) == self.shuts_at:
            self.open.clear()
        await self.open.wait()
        if self.breaks is not None:
            raise self.breaks
        return [self.meets(message) for message in messages]

    async def close(self) -> None:
        """Nothing is open."""

    @property
    def sent(self) -> list[OutboxMessage]:
        return [message for batch in self.batches for message in batch]

    def counts(self, place: DatasetPlace) -> list[int]:
        """Give the sync counts that a dataset's messages came with."""
        return [message.sync_count for message in self.sent if message.place == place]


class Streams:
    """The streams of pools, by the names that pools give them."""

    def __init__(self) -> None:
        self.by_name: dict[str | None, Stream] = {}
        self.breaks: Exception | None = None

    def __getitem__(self, name: str) -> Stream:
        return self.by_name.setdefault(name, Stream())

    @asynccontextmanager
    async def sender(self, pool: IdentityPool) -> AsyncGenerator[Stream]:
        if self.breaks is not None:
            raise self.breaks
        streams = pool.settings.cognito_streams
        assert streams is not None
        yield self[streams.stream_name or ""]


class Watched:
    """A store that notes what is asked of it, and fails where it is told to."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self.asked: Counter[str] = Counter()
        self.failing: set[str] = set()

    def __getattr__(self, name: str) -> Any:
        self.asked[name] += 1
        return self._fail if name in self.failing else getattr(self._store, name)

    async def _fail(self, *given: object, **named: object) -> None:
        del given, named
        raise StoreUnavailable("the disk is full")


class NoPush:
    """Devices that nobody may reach."""

    async def send(self, pool: IdentityPool, device: Device, notification: Notification) -> Device:
        raise AssertionError(f"{notification} to {device} of {pool}")

    async def close(self) -> None:
        """Nothing is open."""


class Outbox:
    """A store with a pool that streams, and what is done to it."""

    def __init__(self, store: Store, push: PushSender) -> None:
        self.store = store
        self.push = push
        self.clock = Clock()
        self.streams = Streams()
        self.senders: StreamSenders = self.streams
        self.observer = Observer()
        self.workers: list[OutboxWorker] = []
        self.task: asyncio.Task[None] | None = None
        self._chance = random.Random(20_261_123)
        self._news = sending(writing(place(), {}))

    @property
    def stream(self) -> Stream:
        return self.streams["changes"]

    async def new_pool(
        self, identity_pool_id: str = POOL, streams: CognitoStreams | None = STREAM
    ) -> None:
        settings = PoolSettings(cognito_streams=streams)
        assert await self.store.create_pool(pool(identity_pool_id, settings=settings))

    async def send(self, *messages: OutboxMessage) -> None:
        """Store the change of each message, wherever its dataset stands, and announce it."""
        for message in messages:
            head = await self.store.find_dataset(message.place)
            change = writing(
                message.place,
                {"a": "1"},
                expects=head.sync_count if head is not None else None,
                sync_count=message.sync_count,
            )
            change = sending(change, message)
            assert await self.store.change_dataset(change)
            self._news = change
            self.wake()

    def wake(self) -> None:
        """Have the workers look now."""
        for worker in self.workers:
            worker.announce(self._news)

    @asynccontextmanager
    async def worker(
        self, store: Store | None = None, **given: Any
    ) -> AsyncGenerator[OutboxWorker]:
        """Deliver for as long as the block lasts; leaving it stops the worker.

        ``task`` is the last one's.
        """
        used = store or self.store
        channels = {
            Channel.STREAM: StreamChannel(used, self.senders, self.clock),
            Channel.PUSH: PushChannel(used, self.push),
        }
        worker = OutboxWorker(
            used, channels, self.observer, self.clock, self._chance.randbytes, **given
        )
        self.task = task = asyncio.create_task(worker.run())
        self.workers.append(worker)
        try:
            yield worker
        finally:
            self.workers.remove(worker)
            worker.stop()
            await ended(task)

    async def queued(self, **wanted: Any) -> list[QueuedMessage]:
        """Give what is in the outbox."""
        return await self.store.list_outbox(OutboxFilter(**wanted), after=None, limit=5000)

    async def is_empty(self) -> bool:
        return not await self.queued()

    async def waiting(self) -> list[QueuedMessage]:
        """Give what is not set aside, once nothing of it is due."""
        await eventually(self._nothing_is_due)
        return await self.queued(set_aside=False)

    async def _nothing_is_due(self) -> bool:
        return not await self.store.list_due(range(16), self.clock(), after=None, limit=1)

    async def pass_on(self) -> int:
        """Let the time of the next attempt come; give how long that took."""
        waiting = await self.waiting()
        begun, self.clock.now = self.clock.now, max(each.next_attempt_date for each in waiting)
        self.wake()
        return self.clock.now - begun


@asynccontextmanager
async def outbox(
    folder: Path | None = None, push: PushSender | None = None
) -> AsyncGenerator[Outbox]:
    """Open a store in memory, or in a folder; its pool streams."""
    path = folder / "outbox.db" if folder is not None else None
    store = SQLiteStore.in_memory() if path is None else SQLiteStore.open(path)
    try:
        opened = Outbox(store, push or NoPush())
        await opened.new_pool()
        yield opened
    finally:
        await store.close()
