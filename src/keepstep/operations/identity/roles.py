"""GetIdentityPoolRoles and SetIdentityPoolRoles."""

from keepstep.domain.pool_settings import with_roles
from keepstep.interfaces.service import Call
from keepstep.wire import identity as wire

from .pool_changes import change_pool, current_pool


async def get_identity_pool_roles(
    call: Call, request: wire.GetIdentityPoolRolesRequest
) -> wire.GetIdentityPoolRolesResponse:
    """Give the roles of a pool: those that were set, else the built-in ones.

    Raises ResourceNotFoundException.
    """
    pool = await current_pool(call, request.identity_pool_id)
    return wire.GetIdentityPoolRolesResponse(
        identity_pool_id=pool.identity_pool_id,
        roles=dict(call.service.roles.of_pool(pool.settings)),
        role_mappings=dict(pool.settings.role_mappings) or None,
    )


async def set_identity_pool_roles(call: Call, request: wire.SetIdentityPoolRolesRequest) -> None:
    """Replace the roles of a pool and all its role mappings.

    Whether the server has the roles shows at sign-in, so that what sets up pools on AWS runs
    unchanged here. No roles at all are none, not the built-in ones.

    Raises ResourceNotFoundException, ConcurrentModificationException, and
    InvalidParameterException for a mapping that lacks what its type needs.
    """
    mappings = request.role_mappings or {}
    await change_pool(
        call,
        request.identity_pool_id,
        lambda before: with_roles(before, request.roles, mappings),
    )
