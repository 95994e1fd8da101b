"""Bulk publish: all datasets of a pool to its stream, once, going on where it stopped."""

import asyncio
from collections.abc import Sequence
from typing import Final

import structlog

from keepstep.domain.bulk_publishes import BulkPublish, ended, failed, proceeded
from keepstep.domain.datasets import DatasetPlace
from keepstep.domain.limits import (
    OUTBOX_ATTEMPTS_MAX,
    OUTBOX_LEASE_MS,
    OUTBOX_POLL_MS,
)
from keepstep.domain.outbox import OutboxMessage, pause_ms
from keepstep.domain.pools import IdentityPool
from keepstep.domain.sealing import Entropy
from keepstep.domain.streams import bulk_message, is_streaming
from keepstep.interfaces.delivery import (
    DeliveryFailed,
    DestinationGone,
    MessageUndeliverable,
    StreamSenders,
)
from keepstep.interfaces.service import Clock
from keepstep.interfaces.storage import RecordsQuery, Store, StoreUnavailable

BULK_LEASES: Final = "bulk:"
PAGE_DATASETS: Final = 20
"""Datasets that are read, sent and then ticked off together: up to 20 MiB in memory."""
_log = structlog.stdlib.get_logger()


class BulkPublisher:
    """Carries out the bulk publishes that operations began, one server each."""

    def __init__(
        self,
        store: Store,
        senders: StreamSenders,
        clock: Clock,
        entropy: Entropy,
        attempts_max: int = OUTBOX_ATTEMPTS_MAX,
    ) -> None:
        """Start with ``run``; a publish fails when a page was tried ``attempts_max`` times."""
        self._store = store
        self._senders = senders
        self._clock = clock
        self._entropy = entropy
        self._attempts_max = attempts_max
        self._holder = entropy(8).hex()
        self._stopped = asyncio.Event()
        self._attempts: dict[str, tuple[int, int]] = {}

    def stop(self) -> None:
        """Let ``run`` end after the page it is sending now."""
        self._stopped.set()

    async def run(self) -> None:
        """Work until stopped; what is not finished another server, or the next start, goes on."""
        while not self._stopped.is_set():
            if await self._look():
                continue
            try:
                async with asyncio.timeout(OUTBOX_POLL_MS / 1000):
                    await self._stopped.wait()
            except TimeoutError:
                pass

    async def _look(self) -> bool:
        """Carry on with each publish; whether there was anything to do."""
        busy = False
        try:
            for publish in await self._store.list_bulk_publishes():
                if not self._stopped.is_set():
                    busy |= await self._carry_on(publish.identity_pool_id)
        except StoreUnavailable as error:
            _log.error("bulk_publish_unavailable", reason=str(error))
        except Exception:  # noqa: BLE001 -- logged whole; tried again, the server serves
            _log.exception("bulk_publish_broke")
        else:
            return busy
        return False

    async def _carry_on(self, identity_pool_id: str) -> bool:
        """Publish a page, if this is the server to do it; whether it was done."""
        attempts, next_date = self._attempts.get(identity_pool_id, (0, 0))
        if self._clock() < next_date or not await self._holds(identity_pool_id):
            return False
        publish = await self._store.find_bulk_publish(identity_pool_id)
        if publish is None or publish.status != "IN_PROGRESS":
            return False  # another server has just ended it
        try:
            after = await self._publish_page(publish)
        except StoreUnavailable:
            raise
        except DestinationGone as error:
            after = failed(publish, str(error))
        except Exception as error:  # noqa: BLE001 -- logged whole; other pools' are carried on
            expected = isinstance(error, DeliveryFailed)
            reason = str(error) if expected else "the sender broke; the server's log says more"
            _log.warning(
                "bulk_publish_failed", pool=identity_pool_id, reason=reason, exc_info=not expected
            )
            if attempts + 1 < self._attempts_max:
                pause = pause_ms(attempts + 1, self._entropy)
                self._attempts[identity_pool_id] = (attempts + 1, self._clock() + pause)
                return False
            after = failed(publish, reason)
        self._attempts.pop(identity_pool_id, None)
        await self._store.keep_bulk_publish(after)
        if after.status != "IN_PROGRESS" or self._stopped.is_set():
            await self._store.release_leases([BULK_LEASES + identity_pool_id], self._holder)
        return True

    async def _holds(self, identity_pool_id: str) -> bool:
        now = self._clock()
        lease, until = BULK_LEASES + identity_pool_id, now + OUTBOX_LEASE_MS
        return bool(await self._store.hold_leases([lease], self._holder, now=now, until=until))

    async def _publish_page(self, publish: BulkPublish) -> BulkPublish:
        """Send the next datasets, except those that cannot be; give the publish as it stands then.

        Raises DeliveryFailed, and DestinationGone for good.
        """
        pool = await self._store.find_pool(publish.identity_pool_id)
        if pool is None or not is_streaming(pool.settings):
            raise DestinationGone("the pool's StreamingStatus is not ENABLED")
        places = await self._store.list_pool_datasets(
            publish.identity_pool_id, after=publish.position, limit=PAGE_DATASETS
        )
        messages = [
            message
            for place in places
            if (message := await self._message(place, publish)) is not None
        ]
        left_out = await self._send(pool, messages)
        if len(places) < PAGE_DATASETS:
            return ended(publish, left_out, self._clock())
        last = places[-1]
        return proceeded(publish, (last.identity_id, last.dataset_name), left_out)

    async def _send(self, pool: IdentityPool, messages: Sequence[OutboxMessage]) -> list[str]:
        """Send messages; give why those that cannot be sent were not.

        Raises DeliveryFailed and DestinationGone.
        """
        left_out: list[str] = []
        async with self._senders.sender(pool) as sender:
            for start in range(0, len(messages), sender.batch_max):
                batch = messages[start : start + sender.batch_max]
                for message, outcome in zip(batch, await sender.send(batch), strict=True):
                    if isinstance(outcome, DeliveryFailed):
                        raise outcome
                    if outcome is not None:
                        left_out.append(_told(message.place, outcome))
        return left_out

    async def _message(self, place: DatasetPlace, publish: BulkPublish) -> OutboxMessage | None:
        found = await self._store.find_records(RecordsQuery(place), None)
        if found.dataset is None or not found.dataset.exists:
            return None  # deleted since the page was read
        return bulk_message(place, found.dataset, found.records, publish.start_date)


def _told(place: DatasetPlace, outcome: MessageUndeliverable) -> str:
    """Say of a dataset why it cannot be sent, in the log too: of all, the owner sees the first."""
    reason = f"{place.dataset_name} of {place.identity_id}: {outcome}"
    _log.warning("dataset_not_published", pool=place.identity_pool_id, reason=reason)
    return reason
