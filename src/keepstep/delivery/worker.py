"""The outbox worker: takes messages from the store to where they go, in order, at least once.

Each server process runs one. What it may deliver it holds by leases (``partitions``); how a
message is delivered is its channel's (``streams``, ``notices``).
"""

import asyncio
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from itertools import groupby
from typing import Final, NamedTuple, Protocol

import msgspec
import structlog

from keepstep.domain.dataset_changes import DatasetChange
from keepstep.domain.limits import (
    OUTBOX_ATTEMPTS_MAX,
    OUTBOX_GATHER_MS,
    OUTBOX_LEASE_MS,
    OUTBOX_MEASURE_MS,
    OUTBOX_MESSAGES_MAX,
    OUTBOX_PARTITIONS,
    OUTBOX_POLL_MS,
    SECOND_MS,
)
from keepstep.domain.outbox import (
    Channel,
    Lane,
    OutboxUsage,
    QueuedMessage,
    is_full,
    pause_ms,
)
from keepstep.domain.pools import IdentityPool
from keepstep.domain.sealing import Entropy
from keepstep.interfaces.delivery import (
    DeliveryFailed,
    DestinationGone,
    MessageUndeliverable,
    Outcome,
)
from keepstep.interfaces.delivery_storage import OutboxFilter
from keepstep.interfaces.service import Clock
from keepstep.interfaces.storage import Store, StoreUnavailable

from .partitions import OUTBOX_LEASES, Partitions
from .settling import Settling
from .together import together

LOOK_MS: Final = SECOND_MS
"""How long one look at the outbox goes on sending, so that a slow destination delays no other."""
RETRY_LEASE: Final = f"{OUTBOX_LEASES}retry"
"""A lease that does nothing but tell workers when the operator asked to try again."""
_EVERY_PARTITION: Final = range(OUTBOX_PARTITIONS)
_log = structlog.stdlib.get_logger()


class DeliveryObserver(Protocol):
    """What the worker tells about its own work."""

    def observe_delivery(self, channel: str, outcome: str, messages: int) -> None:
        """Take how many messages were ``delivered``, ``failed`` or ``set_aside``."""
        ...

    def observe_outbox(self, usage: OutboxUsage, now: int) -> None:
        """Take what waits in the outbox."""
        ...


class ChannelSender(Protocol):
    """Delivers the messages of one channel."""

    async def batch_max(self, pool: IdentityPool) -> int:
        """Give how many messages one call takes. Raises DestinationGone."""
        ...

    async def send(
        self, pool: IdentityPool, messages: Sequence[QueuedMessage]
    ) -> Sequence[tuple[QueuedMessage, Outcome]]:
        """Send messages of different lanes; give each as it is to be kept, and its outcome.

        Raises DeliveryFailed if the destination itself failed, DestinationGone if none will ever
        be taken.
        """
        ...

    async def give_up(self, pool: IdentityPool) -> bool:
        """Stop making messages for a destination that is gone.

        False if there is another one in its place, or nobody left to have one.
        """
        ...


async def retry(store: Store, wanted: OutboxFilter, *, now: int) -> int:
    """Have messages tried again now, whether their destinations are being left alone or not.

    Gives how many. Raises StoreUnavailable.
    """
    until = now + OUTBOX_LEASE_MS
    await store.hold_leases([RETRY_LEASE], "operator", now=now, until=until)
    return await store.retry_outbox(wanted, now=now)


class _Destination(NamedTuple):
    """What fails as a whole."""

    identity_pool_id: str
    channel: Channel


class _Pause(NamedTuple):
    """For how long a destination is left alone, after how many attempts."""

    attempts: int
    since: int
    until: int


_Lanes = list[list[QueuedMessage]]
"""The messages of some lanes; those of each are in order."""


class OutboxWorker:
    """Delivers until it is stopped."""

    def __init__(
        self,
        store: Store,
        channels: Mapping[Channel, ChannelSender],
        observer: DeliveryObserver,
        clock: Clock,
        entropy: Entropy,
        attempts_max: int = OUTBOX_ATTEMPTS_MAX,
    ) -> None:
        """Start with ``run``."""
        self._store = store
        self._channels = channels
        self._observer = observer
        self._clock = clock
        self._entropy = entropy
        self._attempts_max = attempts_max
        self._partitions = Partitions(store, clock, entropy(8).hex())
        self._position: Lane | None = None
        self._pauses: dict[_Destination, _Pause] = {}
        self._news = asyncio.Event()
        self._stopping = False
        self._measured_at = 0

    def announce(self, change: DatasetChange) -> None:
        """Deliver soon if a change has messages."""
        if change.sends:
            self._news.set()

    def stop(self) -> None:
        """Let ``run`` end after what it is sending now."""
        self._stopping = True
        self._news.set()

    async def run(self) -> None:
        """Work until stopped, then leave the rest to others; what fails is tried again."""
        try:
            while not self._stopping:
                self._news.clear()
                if not await self._look():
                    await _happens(self._news)
                elif self._position is None:
                    await asyncio.sleep(OUTBOX_GATHER_MS / 1000)
        finally:
            try:
                await self._partitions.release()
            except StoreUnavailable as error:
                _log.error("outbox_unavailable", reason=str(error))

    async def _look(self) -> bool:
        """Look at the outbox once; True if there is more to do at once."""
        try:
            busy = await self._deliver_some()
            await self._measure()
        except StoreUnavailable as error:
            # What was sent may be there still: send nothing before the store takes a change again.
            self._partitions.doubt()
            _log.error("outbox_unavailable", reason=str(error))
        except Exception:  # noqa: BLE001 -- logged whole; the messages stay, the server serves
            _log.exception("outbox_failed")
        else:
            return busy
        return False

    async def _measure(self) -> None:
        now = self._clock()
        if now - self._measured_at >= OUTBOX_MEASURE_MS:
            self._measured_at = now
            self._observer.observe_outbox(await self._store.measure_outbox(), now)

    async def _deliver_some(self) -> bool:
        """Deliver what one look finds; False if there was nothing to look for."""
        now = self._clock()
        if not await self._store.list_due(_EVERY_PARTITION, now, after=None, limit=1):
            return False  # and so an idle server writes no leases
        held = await self._partitions.hold()
        begin = self._position
        due = await self._store.list_due(held, now, after=begin, limit=OUTBOX_MESSAGES_MAX)
        self._position = due[-1].message.lane if is_full(due, OUTBOX_MESSAGES_MAX) else None
        left = await self._deliver(due) if due else []
        if left:
            behind = [each.message.lane for each in due if each.message.lane < min(left)]
            self._position = behind[-1] if behind else begin
        return bool(due) or begin is not None

    async def _deliver(self, due: Sequence[QueuedMessage]) -> list[Lane]:
        """Deliver to all destinations at once; give the lanes for which there was no time."""
        destinations: defaultdict[_Destination, list[QueuedMessage]] = defaultdict(list)
        for queued in due:
            message = queued.message
            whom = _Destination(message.place.identity_pool_id, message.channel)
            destinations[whom].append(queued)
        done = asyncio.Event()
        keeping = asyncio.create_task(self._keep_leases(done))
        try:
            left = await together(
                self._deliver_to(whom, _lanes_of(messages))
                for whom, messages in destinations.items()
            )
        finally:
            done.set()
            await keeping
        return [lane[0].message.lane for lanes in left for lane in lanes]

    async def _keep_leases(self, done: asyncio.Event) -> None:
        """Renew the leases while destinations take their time."""
        try:
            while not await _happens(done):
                await self._partitions.renew()
        except StoreUnavailable as error:
            _log.error("outbox_unavailable", reason=str(error))

    async def _deliver_to(self, destination: _Destination, lanes: _Lanes) -> _Lanes:
        """Deliver the messages of some lanes to one destination; give what there was no time for.

        Raises StoreUnavailable.
        """
        settling = Settling(self._store)
        pool = await self._store.find_pool(destination.identity_pool_id)
        pause = self._pauses.get(destination)
        if pool is None:
            self._set_aside(settling, destination, lanes, "the identity pool is gone")
        elif pause is not None and await self._lasts(pause):
            settling.defer([lane[0] for lane in lanes], pause.until)
            lanes.clear()
        else:
            sender = self._channels[destination.channel]
            try:
                await self._send(settling, sender, pool, lanes)
            except StoreUnavailable:
                raise
            except DestinationGone as error:
                _log.error("destination_gone", **destination._asdict(), reason=str(error))
                if await sender.give_up(pool):
                    self._set_aside(settling, destination, lanes, str(error))
            except DeliveryFailed as error:
                self._pause(settling, destination, lanes, error)
            except Exception as error:  # noqa: BLE001 -- logged whole; others are delivered to
                _log.exception("sender_broke", **destination._asdict())
                text = f"the sender broke with {type(error).__name__}; the log says more"
                self._pause(settling, destination, lanes, DeliveryFailed(text))
        await settling.settle()
        return lanes

    async def _lasts(self, pause: _Pause) -> bool:
        """Whether a pause is not over, and the operator has not ended it."""
        now = self._clock()
        if now >= pause.until:
            return False
        asked = await self._store.list_leases(RETRY_LEASE, now)
        return all(lease.until - OUTBOX_LEASE_MS < pause.since for lease in asked)

    async def _send(
        self, settling: Settling, sender: ChannelSender, pool: IdentityPool, lanes: _Lanes
    ) -> None:
        """Send for as long as one look lasts; lanes that had no turn stay in ``lanes``.

        Raises what the sender raises, StoreUnavailable too; then what is not done with stays.
        """
        batch_max = await sender.batch_max(pool)
        until = self._clock() + LOOK_MS
        untried = len(lanes)
        while lanes and self._partitions.still_held and not self._stopping:
            batch = lanes[:batch_max]
            outcomes = await sender.send(pool, [lane[0] for lane in batch])
            lanes[:] = lanes[len(batch) :] + self._sort(settling, batch, outcomes)
            untried = max(untried - len(batch), 0)
            await settling.settle()
            if self._clock() >= until:
                break
        del lanes[untried:]  # what is behind these has its turn in another look

    def _sort(
        self,
        settling: Settling,
        batch: _Lanes,
        outcomes: Iterable[tuple[QueuedMessage, Outcome]],
    ) -> _Lanes:
        """Take in what became of the first message of each lane; give the lanes that go on."""
        lane = batch[0][0].message.lane
        destination = _Destination(lane.identity_pool_id, lane.channel)
        going_on: _Lanes = []
        failures: list[str] = []
        counted = {"delivered": 0, "failed": 0, "set_aside": 0}
        for messages, (queued, outcome) in zip(batch, outcomes, strict=True):
            if outcome is None:
                settling.delivered.append(queued.message)
                counted["delivered"] += 1
            elif isinstance(outcome, MessageUndeliverable):
                settling.set_aside([queued], str(outcome))
                counted["set_aside"] += 1
            else:
                until = self._clock() + pause_ms(queued.attempts + 1, self._entropy)
                counted[self._again(settling, queued, outcome, until)] += 1
                failures.append(str(outcome))
                continue
            if len(messages) > 1:
                going_on.append(messages[1:])
        if counted["delivered"]:
            self._pauses.pop(destination, None)
        if failures:
            told = {"messages": len(failures), "reason": failures[0]}
            _log.warning("messages_failed", **destination._asdict(), **told)
        for outcome_name, count in counted.items():
            if count:
                self._observer.observe_delivery(lane.channel, outcome_name, count)
        return going_on

    def _again(
        self, settling: Settling, queued: QueuedMessage, error: Exception, until: int
    ) -> str:
        """Try a message again later, or set it aside when it has been tried often enough."""
        attempts = queued.attempts + 1
        tried = msgspec.structs.replace(queued, attempts=attempts, failure=str(error))
        if attempts >= self._attempts_max:
            settling.set_aside([tried], str(error))
            return "set_aside"
        settling.defer([tried], until)
        return "failed"

    def _pause(
        self,
        settling: Settling,
        destination: _Destination,
        lanes: _Lanes,
        error: DeliveryFailed,
    ) -> None:
        """Leave a destination that fails as a whole alone for a while."""
        before = self._pauses.get(destination)
        attempts = 1 if before is None else before.attempts + 1
        now = self._clock()
        pause = _Pause(attempts, now, now + pause_ms(attempts, self._entropy))
        self._pauses[destination] = pause
        _log.warning("destination_failed", **destination._asdict(), reason=str(error))
        for queued in [lane[0] for lane in lanes]:
            until = now + pause_ms(queued.attempts + 1, self._entropy)
            outcome = self._again(settling, queued, error, max(until, pause.until))
            self._observer.observe_delivery(destination.channel, outcome, 1)
        lanes.clear()

    def _set_aside(
        self, settling: Settling, destination: _Destination, lanes: _Lanes, reason: str
    ) -> None:
        """Leave all that was read for a destination to the operator."""
        messages = [queued for lane in lanes for queued in lane]
        settling.set_aside(messages, reason)
        self._observer.observe_delivery(destination.channel, "set_aside", len(messages))
        lanes.clear()


def _lanes_of(messages: Iterable[QueuedMessage]) -> _Lanes:
    return [list(lane) for _, lane in groupby(messages, lambda queued: queued.message.lane)]


async def _happens(event: asyncio.Event) -> bool:
    """Wait for an event, for as long as the outbox is left unlooked at; whether it happened."""
    try:
        async with asyncio.timeout(OUTBOX_POLL_MS / 1000):
            return await event.wait()
    except TimeoutError:
        return False
