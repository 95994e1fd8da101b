"""The revocations in force, each held in memory for seconds."""

import msgspec

from keepstep.domain.limits import CACHE_AGE_MS
from keepstep.domain.revocations import Revocation
from keepstep.interfaces.service import Clock
from keepstep.interfaces.storage import Store

CACHED_SUBJECTS_MAX = 20_000
"""Subjects, revoked or not, held in memory, and as many groups of them."""


class KnownRevocations:
    """Finds revocations. One made by another process is noticed within seconds."""

    def __init__(self, store: Store, clock: Clock) -> None:
        """Look into a store."""
        self._store = store
        self._clock = clock
        self._subjects: dict[str, _Known] = {}
        self._groups: dict[tuple[str, ...], _Known] = {}

    async def find(self, subjects: tuple[str, ...], issued_at: int) -> Revocation | None:
        """Give a revocation of one of the subjects since a time, or None."""
        now = self._clock()
        known = self._groups.get(subjects)
        if known is None or not 0 <= now - known.since < CACHE_AGE_MS:
            known = await self._know_group(subjects, now)
        for revocation in known.revocations:
            if issued_at <= revocation.not_before:
                return revocation
        return None

    def forget(self) -> None:
        """Look everything up anew the next time, also what is being looked up now."""
        self._subjects, self._groups = {}, {}

    async def _know_group(self, group: tuple[str, ...], now: int) -> "_Known":
        groups, subjects = self._groups, self._subjects
        found = [await self._know(subject, now, subjects) for subject in group]
        if len(groups) >= CACHED_SUBJECTS_MAX:
            groups.clear()
        known = groups[group] = _Known(
            min((one.since for one in found), default=now),
            tuple(revocation for one in found for revocation in one.revocations),
        )
        return known

    async def _know(self, subject: str, now: int, subjects: dict[str, "_Known"]) -> "_Known":
        known = subjects.get(subject)
        if known is None or not 0 <= now - known.since < CACHE_AGE_MS:
            found = await self._store.find_revocation(subject)
            if len(subjects) >= CACHED_SUBJECTS_MAX:
                subjects.clear()
            known = subjects[subject] = _Known(now, () if found is None else (found,))
        return known


class _Known(msgspec.Struct, frozen=True):
    """The revocations of one subject or several, as of a time in milliseconds."""

    since: int
    revocations: tuple[Revocation, ...]
