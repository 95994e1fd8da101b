"""Which parts of the outbox this process delivers: held by leases, shared out among the living.

A process holds a part for a few seconds and renews it while there is something to deliver. One
that dies is waited for until its lease ends; nobody else has to notice.
"""

from collections.abc import Collection
from typing import Final

from keepstep.domain.limits import OUTBOX_LEASE_MS, OUTBOX_PARTITIONS
from keepstep.interfaces.delivery_storage import Lease
from keepstep.interfaces.service import Clock
from keepstep.interfaces.storage import Store

OUTBOX_LEASES: Final = "outbox:"
PARTITION_LEASES: Final = f"{OUTBOX_LEASES}partition:"
WORKER_LEASES: Final = f"{OUTBOX_LEASES}worker:"


class Partitions:
    """The parts of the outbox that one process holds."""

    def __init__(self, store: Store, clock: Clock, holder: str) -> None:
        """``holder`` names this process; no two may have the same name."""
        self._store = store
        self._clock = clock
        self._holder = holder
        self._presence = WORKER_LEASES + holder
        self._held: frozenset[str] = frozenset()
        self._until = 0

    @property
    def still_held(self) -> bool:
        """Whether nobody else can have taken this process's parts yet, with time to spare."""
        return self._clock() < self._until - OUTBOX_LEASE_MS // 3

    async def hold(self) -> Collection[int]:
        """Give the parts to deliver: a fair share, less what others hold still.

        What is too much is handed over now, what is free is taken. It writes only for that, or
        when the leases' time is short. Raises StoreUnavailable.
        """
        leases = await self._store.list_leases(OUTBOX_LEASES, self._clock())
        wanted = self._share(leases)
        if not self.still_held or wanted != self._held:
            surplus = self._held - wanted
            await self._take(wanted)
            if surplus:
                await self._store.release_leases(surplus, self._holder)
        return [int(name.removeprefix(PARTITION_LEASES)) for name in self._held]

    async def renew(self) -> None:
        """Renew the leases if their time is short. Raises StoreUnavailable."""
        if self._until and not self.still_held:
            held = self._held
            await self._take(held)
            if self._held != held:
                self.doubt()

    def doubt(self) -> None:
        """Count as held nothing more, until ``hold`` has written leases again."""
        self._until = 0

    async def release(self) -> None:
        """Leave everything to the others. Raises StoreUnavailable."""
        held, until = self._held, self._until
        self._held, self._until = frozenset(), 0
        if held or until:
            await self._store.release_leases([self._presence, *held], self._holder)

    async def _take(self, names: Collection[str]) -> None:
        now = self._clock()
        until = now + OUTBOX_LEASE_MS
        held = await self._store.hold_leases(
            [self._presence, *names], self._holder, now=now, until=until
        )
        self._held, self._until = frozenset(held) - {self._presence}, until

    def _share(self, leases: Collection[Lease]) -> frozenset[str]:
        """Choose a fair share: parts held already, then free ones."""
        present = {lease.name for lease in leases if lease.name.startswith(WORKER_LEASES)}
        fair = -(-OUTBOX_PARTITIONS // len({self._presence, *present}))
        others = {lease.name for lease in leases if lease.holder != self._holder}
        names = [f"{PARTITION_LEASES}{number:02}" for number in range(OUTBOX_PARTITIONS)]
        own = [name for name in names if name in self._held and name not in others]
        free = [name for name in names if name not in others and name not in own]
        return frozenset((own + free)[:fair])
