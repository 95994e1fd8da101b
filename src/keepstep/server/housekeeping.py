"""What a server does beside answering: statistics, metrics, forgetting what has expired."""

import asyncio
from collections import Counter
from typing import Final

import structlog

from keepstep.domain.limits import (
    CONSUMED_SESSIONS_PURGE_MS,
    DAY_MS,
    PURGE_ROWS_MAX,
    REVOCATION_MS,
    STATISTICS_FLUSH_MS,
)
from keepstep.interfaces.service import Clock
from keepstep.interfaces.storage import Store, StoreUnavailable

from .logs import failures_logged
from .metrics import Metrics

_FAILED: Final = "housekeeping_failed"
_log = structlog.stdlib.get_logger()


class Housekeeping:
    """Counts in memory, and works on the store at intervals until it is stopped."""

    def __init__(
        self, store: Store, metrics: Metrics, clock: Clock, *, guest_days: int = 0
    ) -> None:
        """Start with ``run``. Guests older than some days that store nothing are removed."""
        self._guest_days = guest_days
        self._store = store
        self._metrics = metrics
        self._clock = clock
        self._sync_sessions: Counter[str] = Counter()

    def count_sync_session(self, identity_pool_id: str) -> None:
        """Count a sync session begun in a pool."""
        self._sync_sessions[identity_pool_id] += 1

    async def run(self) -> None:
        """Work until cancelled; what fails is logged, and tried again when it is due again."""
        purged_at = self._clock()
        while True:
            await asyncio.sleep(STATISTICS_FLUSH_MS / 1000)
            with failures_logged(_FAILED, step="metrics"):
                self._metrics.publish()
            with failures_logged(_FAILED, step="statistics"):
                await self.flush()
            if self._clock() - purged_at >= CONSUMED_SESSIONS_PURGE_MS:
                purged_at = self._clock()
                await self.purge()

    async def finish(self) -> None:
        """Add what is left to the store; the statistics of a store that is away are lost."""
        try:
            await self.flush()
        except StoreUnavailable as error:
            _log.error("statistics_lost", reason=str(error))

    async def flush(self) -> None:
        """Add what was counted to the store; on failure it stays counted."""
        if not self._sync_sessions:
            return
        counted, self._sync_sessions = self._sync_sessions, Counter()
        try:
            await self._store.add_sync_sessions(counted)
        except Exception:
            self._sync_sessions.update(counted)
            raise

    async def purge(self) -> None:
        """Forget what has expired, a bounded number at a time; what fails is logged."""
        now = self._clock()
        with failures_logged(_FAILED, step="consumed sessions"):
            while await self._store.purge_consumed_sessions(now, limit=PURGE_ROWS_MAX):
                pass
        with failures_logged(_FAILED, step="revocations"):
            while await self._store.purge_revocations(now - REVOCATION_MS, limit=PURGE_ROWS_MAX):
                pass
        if self._guest_days:
            with failures_logged(_FAILED, step="guests"):
                await self._purge_guests(now)

    async def _purge_guests(self, now: int) -> None:
        born_before = now - self._guest_days * DAY_MS
        position: tuple[int, str] | None = (0, "")
        while position is not None:
            purged = await self._store.purge_guests(
                born_before, after=position, limit=PURGE_ROWS_MAX, date=now
            )
            position = purged.position
