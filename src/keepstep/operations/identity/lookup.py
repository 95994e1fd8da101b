"""Finding pools and identities, and applying what is decided about them."""

from collections.abc import Awaitable, Callable

from keepstep.domain.identities import Identity, Login, new_identity_id
from keepstep.domain.limits import STALE_RETRIES_MAX
from keepstep.domain.linking import (
    Linking,
    change,
    forbidden,
    identity_not_found,
    merges,
)
from keepstep.domain.pools import IdentityPool, region_of
from keepstep.interfaces.service import Call
from keepstep.wire.errors import ResourceNotFoundException, TooManyRequestsException


async def existing_pool(call: Call, identity_pool_id: str) -> IdentityPool:
    """Give a pool. Raises ResourceNotFoundException."""
    pool = await call.service.pools.find(identity_pool_id)
    if pool is None:
        raise pool_not_found(identity_pool_id)
    return pool


def pool_not_found(identity_pool_id: str) -> ResourceNotFoundException:
    """Give the error for a pool that does not exist (aws-sdk-android-samples issue 163)."""
    return ResourceNotFoundException(f"IdentityPool '{identity_pool_id}' not found.")


async def existing_identity(call: Call, identity_id: str) -> Identity:
    """Give an identity, disabled or not. Raises ResourceNotFoundException."""
    identity = await call.service.store.find_identity(identity_id)
    if identity is None:
        raise identity_not_found(identity_id)
    return identity


async def identity_in_pool(call: Call, identity_pool_id: str, identity_id: str) -> Identity:
    """Give an identity of a pool. Raises ResourceNotFoundException."""
    await existing_pool(call, identity_pool_id)
    identity = await existing_identity(call, identity_id)
    if identity.identity_pool_id != identity_pool_id:
        raise identity_not_found(identity_id)
    return identity


async def surviving(call: Call, identity: Identity, logins: list[Login]) -> Identity:
    """Give the identity that another one was merged into, for a caller with a login of it.

    A device that still holds the old id comes to its data so, without doing anything.

    Raises NotAuthorizedException if none of the logins is the survivor's, and
    ResourceNotFoundException if that has been deleted.
    """
    survivor = identity
    while survivor.merged_into is not None:
        next_one = await call.service.store.find_identity(survivor.merged_into)
        if next_one is None:
            raise identity_not_found(identity.identity_id)
        survivor = next_one
    if survivor is not identity and not set(logins) & set(survivor.logins):
        raise forbidden(identity.identity_id)
    return survivor


async def settle(
    call: Call, pool: IdentityPool, decide: Callable[[], Awaitable[Linking]]
) -> Identity:
    """Make what ``decide`` decides so; it is asked again when somebody else was faster.

    Raises TooManyRequestsException if others were faster a hundred times in a row.
    """
    service = call.service
    for _ in range(STALE_RETRIES_MAX):
        linking = await decide()
        if linking.identity is not None and linking.changes_nothing:
            return linking.identity
        datasets: dict[str, dict[str, bool]] = {}
        if linking.identity is not None and linking.absorbs:
            for one in (linking.identity, *linking.absorbs):
                datasets[one.identity_id] = await service.store.list_dataset_names(
                    pool.identity_pool_id, one.identity_id
                )
        new_id = new_identity_id(region_of(pool.identity_pool_id), service.entropy)
        wanted = change(
            linking, new_id, pool.identity_pool_id, merges(linking, datasets), service.clock()
        )
        if await service.store.change_identities(wanted):
            if wanted.merges or wanted.revokes:
                service.revocations.forget()
            return wanted.writes[0].identity
        service.pools.forget(pool.identity_pool_id)  # it may be what is gone
        await existing_pool(call, pool.identity_pool_id)
    raise TooManyRequestsException("These logins are being changed by many others; try again.")
