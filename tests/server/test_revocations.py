"""Revocations as a server process knows them: seconds old, and its own at once."""

import asyncio
from dataclasses import dataclass

from keepstep.domain.limits import CACHE_AGE_MS
from keepstep.domain.revocations import EVERYTHING, Reason, Revocation, identity_subject
from keepstep.server.revocations import KnownRevocations
from keepstep.storage.sqlite import SQLiteStore

SUBJECT = identity_subject("us-east-1:11111111-2222-4333-8444-555555555555")
GROUP = (EVERYTHING, SUBJECT)
REVOKED = Revocation(subject=SUBJECT, not_before=1_000, reason=Reason.SIGNED_OUT)


@dataclass
class Clock:
    now: int = 10_000

    def __call__(self) -> int:
        return self.now


class SlowStore(SQLiteStore):
    """Keeps back what it has read until it is told to give it."""

    def hold(self) -> None:
        self.read = asyncio.Event()
        self.given = asyncio.Event()

    async def find_revocation(self, subject: str) -> Revocation | None:
        found = await super().find_revocation(subject)
        self.read.set()
        await self.given.wait()
        return found


def test_what_was_made_until_a_revocation_of_any_subject_is_revoked() -> None:
    async def case() -> None:
        store = SQLiteStore.in_memory()
        await store.revoke(REVOKED)
        known = KnownRevocations(store, Clock())
        for _ in range(2):  # looked up, then known
            assert await known.find(GROUP, 1_000) == REVOKED
            assert await known.find(GROUP, 1_001) is None
            assert await known.find((EVERYTHING,), 1_000) is None
        await store.close()

    asyncio.run(case())


def test_a_revocation_by_another_process_is_known_within_seconds() -> None:
    async def case() -> None:
        store, clock = SQLiteStore.in_memory(), Clock()
        known = KnownRevocations(store, clock)
        assert await known.find((EVERYTHING,), 0) is None
        clock.now += CACHE_AGE_MS // 2
        assert await known.find(GROUP, 0) is None
        await store.revoke(Revocation(subject=EVERYTHING, not_before=1_000))
        assert await known.find(GROUP, 0) is None
        clock.now += CACHE_AGE_MS // 2  # after the first of the group was looked up
        assert await known.find(GROUP, 0) is not None
        await store.close()

    asyncio.run(case())


def test_a_revocation_by_this_process_is_known_at_once_even_amid_a_look() -> None:
    async def case() -> None:
        store = SlowStore.in_memory()
        store.hold()
        known = KnownRevocations(store, Clock())
        looking = asyncio.create_task(known.find((SUBJECT,), 1_000))
        await store.read.wait()
        await store.revoke(REVOKED)
        known.forget()
        store.given.set()
        assert await looking is None
        assert await known.find((SUBJECT,), 1_000) == REVOKED
        await store.close()

    asyncio.run(case())
