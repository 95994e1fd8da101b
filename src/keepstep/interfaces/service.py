"""What an operation may use: the store, the clock, randomness, keys and limits."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from keepstep.domain.access import Developer
from keepstep.domain.limits import Limits
from keepstep.domain.pools import IdentityPool
from keepstep.domain.sealing import Entropy, Sealer

from .storage import Store

Clock = Callable[[], int]
"""Gives the time in milliseconds since the epoch."""


class Pools(Protocol):
    """The identity pools an operation may address."""

    async def find(self, identity_pool_id: str) -> IdentityPool | None:
        """Give a pool, at most a few seconds old, or None."""
        ...

    def forget(self, identity_pool_id: str) -> None:
        """Look the pool up anew the next time."""
        ...


class Statistics(Protocol):
    """What is counted beside the data; a crash may lose the last second of it."""

    def count_sync_session(self, identity_pool_id: str) -> None:
        """Count a sync session begun in a pool."""
        ...


@dataclass(frozen=True, slots=True)
class Service:
    """Everything the operations share; made once, by the server's assembly."""

    store: Store
    pools: Pools
    statistics: Statistics
    sealer: Sealer
    limits: Limits
    clock: Clock
    entropy: Entropy


@dataclass(slots=True)
class Call:
    """One call: who makes it, and what the operation may use."""

    service: Service
    caller: Developer
