"""What every operation asks first: is there such an identity pool?"""

from keepstep.domain.datasets import DatasetPlace
from keepstep.domain.linking import forbidden
from keepstep.domain.pools import IdentityPool
from keepstep.domain.revocations import Reason, identity_subject
from keepstep.interfaces.service import Call
from keepstep.wire.errors import NotAuthorizedException, ResourceNotFoundException


async def authorized_pool(call: Call, identity_pool_id: str) -> None:
    """Check the pool of an operation that has no not-found error.

    Raises NotAuthorizedException, the only modelled refusal that fits.
    """
    if await call.service.pools.find(identity_pool_id) is None:
        raise NotAuthorizedException(
            "These credentials are not valid for accessing this resource: "
            + _unknown(identity_pool_id)
        )


async def existing_pool(call: Call, identity_pool_id: str) -> IdentityPool:
    """Give the pool of an operation, at most seconds old. Raises ResourceNotFoundException."""
    pool = await call.service.pools.find(identity_pool_id)
    if pool is None:
        raise unknown_pool(identity_pool_id)
    return pool


async def current_pool(call: Call, identity_pool_id: str) -> IdentityPool:
    """Give a pool as it is now, whichever process changed it: tools read back what they wrote.

    Raises ResourceNotFoundException.
    """
    call.service.pools.forget(identity_pool_id)
    return await existing_pool(call, identity_pool_id)


async def check_still_there(call: Call, place: DatasetPlace) -> None:
    """Look whether a change did not apply because its pool or identity is gone.

    Raises ResourceNotFoundException for the pool, NotAuthorizedException for an identity that
    was merged into another one or deleted.
    """
    service = call.service
    service.pools.forget(place.identity_pool_id)
    await existing_pool(call, place.identity_pool_id)
    identity = await service.store.find_identity(place.identity_id)
    revocation = await service.store.find_revocation(identity_subject(place.identity_id))
    deleted = revocation is not None and revocation.reason is Reason.DELETED
    if deleted or (identity is not None and identity.disabled):
        raise forbidden(place.identity_id)


def unknown_pool(identity_pool_id: str) -> ResourceNotFoundException:
    """Give the error for a pool that does not exist."""
    return ResourceNotFoundException(_unknown(identity_pool_id))


def _unknown(identity_pool_id: str) -> str:
    return (
        f"Identity pool {identity_pool_id} does not exist. Create it with 'keepstep pool create "
        f"NAME --id {identity_pool_id}', or serve with --open-pools."
    )
