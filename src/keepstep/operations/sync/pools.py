"""What every operation asks first: is there such an identity pool?"""

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


async def existing_pool(call: Call, identity_pool_id: str) -> None:
    """Check the pool of an operation. Raises ResourceNotFoundException."""
    if await call.service.pools.find(identity_pool_id) is None:
        raise unknown_pool(identity_pool_id)


def unknown_pool(identity_pool_id: str) -> ResourceNotFoundException:
    """Give the error for a pool that does not exist."""
    return ResourceNotFoundException(_unknown(identity_pool_id))


def _unknown(identity_pool_id: str) -> str:
    return (
        f"Identity pool {identity_pool_id} does not exist. Create it with 'keepstep pool create "
        f"NAME --id {identity_pool_id}', or serve with --open-pools."
    )
