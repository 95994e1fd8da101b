"""Reading and changing the settings of an identity pool, whoever else changes them."""

from collections.abc import Callable

from keepstep.domain.limits import STALE_RETRIES_MAX
from keepstep.domain.pool_settings import changed_pool
from keepstep.domain.pools import IdentityPool, PoolSettings
from keepstep.interfaces.service import Call
from keepstep.wire.errors import ConcurrentModificationException, ServiceError

from .lookup import existing_pool


async def current_pool(call: Call, identity_pool_id: str) -> IdentityPool:
    """Give a pool as it is now, whichever process changed it: tools read back what they wrote.

    Raises ResourceNotFoundException.
    """
    call.service.pools.forget(identity_pool_id)
    return await existing_pool(call, identity_pool_id)


async def change_pool(
    call: Call,
    identity_pool_id: str,
    decide: Callable[[PoolSettings], PoolSettings],
    *,
    name: str | None = None,
    refusal: type[ServiceError] = ConcurrentModificationException,
) -> IdentityPool:
    """Give a pool the settings that ``decide`` makes of its own, and a new name if there is one.

    ``decide`` is asked again when somebody else was faster.

    Raises ResourceNotFoundException, and ``refusal`` if others were faster a hundred times in a
    row.
    """
    service = call.service
    for _ in range(STALE_RETRIES_MAX):
        before = await current_pool(call, identity_pool_id)
        after = changed_pool(before, decide(before.settings), now=service.clock(), name=name)
        if await service.store.update_pool(after, expected_version=before.version):
            service.pools.forget(identity_pool_id)
            return after
    raise refusal(f"IdentityPool '{identity_pool_id}' is being changed by others; try again.")
