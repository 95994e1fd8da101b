"""The revocations in force, each held in memory for seconds."""

from collections.abc import Sequence

from keepstep.domain.limits import CACHE_AGE_MS
from keepstep.domain.revocations import Revocation
from keepstep.interfaces.service import Clock
from keepstep.interfaces.storage import Store

CACHED_SUBJECTS_MAX = 20_000
"""Subjects, revoked or not, held in memory."""


class KnownRevocations:
    """Finds revocations. One made by another process is noticed within seconds."""

    def __init__(self, store: Store, clock: Clock) -> None:
        """Look into a store."""
        self._store = store
        self._clock = clock
        self._cached: dict[str, tuple[int, Revocation | None]] = {}

    async def find(self, subjects: Sequence[str], issued_at: int) -> Revocation | None:
        """Give a revocation of one of the subjects since a time, or None."""
        now = self._clock()
        for subject in subjects:
            cached = self._cached.get(subject)
            if cached is None or not 0 <= now - cached[0] < CACHE_AGE_MS:
                cached = await self._look(subject, now)
            revocation = cached[1]
            if revocation is not None and issued_at <= revocation.not_before:
                return revocation
        return None

    def forget(self) -> None:
        """Look everything up anew the next time."""
        self._cached.clear()

    async def _look(self, subject: str, now: int) -> tuple[int, Revocation | None]:
        if len(self._cached) >= CACHED_SUBJECTS_MAX:
            self._cached.clear()
        found = self._cached[subject] = (now, await self._store.find_revocation(subject))
        return found
