"""The identity pools in use, held in memory for seconds; with open pools, made at first use."""

from keepstep.domain.limits import CACHE_AGE_MS
from keepstep.domain.pools import IdentityPool, PoolSettings
from keepstep.interfaces.service import Clock
from keepstep.interfaces.storage import Store

CACHED_POOLS_MAX = 10_000
"""Pools held in memory."""


class KnownPools:
    """Finds pools. A deleted pool may be found for some seconds, a new one is found at once."""

    def __init__(self, store: Store, clock: Clock, *, open_pools: bool) -> None:
        """``open_pools`` creates every pool that is asked for."""
        self._store = store
        self._clock = clock
        self._open_pools = open_pools
        self._cached: dict[str, tuple[int, IdentityPool]] = {}

    async def find(self, identity_pool_id: str) -> IdentityPool | None:
        """Give a pool, or None."""
        now = self._clock()
        cached = self._cached.get(identity_pool_id)
        if cached is not None and 0 <= now - cached[0] < CACHE_AGE_MS:
            return cached[1]
        pool = await self._store.find_pool(identity_pool_id)
        if pool is None and self._open_pools:
            pool = await self._create(identity_pool_id, now)
        if pool is None:
            self._cached.pop(identity_pool_id, None)
            return None
        if len(self._cached) >= CACHED_POOLS_MAX:
            self._cached.clear()
        self._cached[identity_pool_id] = (now, pool)
        return pool

    def forget(self, identity_pool_id: str) -> None:
        """Look the pool up in the store the next time."""
        self._cached.pop(identity_pool_id, None)

    async def _create(self, identity_pool_id: str, now: int) -> IdentityPool:
        pool = IdentityPool(
            identity_pool_id=identity_pool_id,
            name="opened at first use",
            creation_date=now,
            last_modified_date=now,
            settings=PoolSettings(allow_unauthenticated=True),
        )
        await self._store.create_pool(pool)
        return pool
