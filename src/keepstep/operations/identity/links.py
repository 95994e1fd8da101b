"""Developers' users and their identities, and taking logins off an identity."""

from collections.abc import Awaitable, Callable

from keepstep.domain.identities import Identity, IdentityChange, Login
from keepstep.domain.limits import PAGE_IDENTITIES_MAX, STALE_RETRIES_MAX
from keepstep.domain.linking import Linking, forbidden, logins_do_not_match, merge_users, unlink
from keepstep.domain.pages import open_name, seal_name
from keepstep.domain.pools import IdentityPool
from keepstep.interfaces.service import Call
from keepstep.wire import identity as wire
from keepstep.wire.errors import (
    InvalidParameterException,
    NotAuthorizedException,
    ResourceConflictException,
    ResourceNotFoundException,
    TooManyRequestsException,
)

from .logins import as_logins, verified_logins
from .lookup import existing_identity, existing_pool, identity_in_pool, settle


async def lookup_developer_identity(
    call: Call, request: wire.LookupDeveloperIdentityRequest
) -> wire.LookupDeveloperIdentityResponse:
    """Give the identity of a developer's user, or all such users of an identity, in byte order.

    With both ids the answer is the pair of them, if it is one (service model).

    Raises ResourceNotFoundException, ResourceConflictException for two ids that do not belong
    together, InvalidParameterException if there is no id, and for a bad token.
    """
    pool = await existing_pool(call, request.identity_pool_id)
    user = request.developer_user_identifier
    if request.identity_id is not None:
        identity = await identity_in_pool(call, pool.identity_pool_id, request.identity_id)
    elif user is not None:
        identity = await _identity_of(call, pool, user)
    else:
        raise InvalidParameterException(
            "Either IdentityId or DeveloperUserIdentifier must be provided."
        )
    users = _users(identity, pool)
    if request.identity_id is not None and user is not None:
        if user not in users:
            raise _not_the_identitys()
        users = [user]
    scope, sealer = (pool.identity_pool_id, identity.identity_id), call.service.sealer
    token = request.next_token
    after = "" if token is None else open_name("LookupDeveloperIdentity", scope, token, sealer)
    limit = request.max_results or PAGE_IDENTITIES_MAX
    left = [one for one in users if one > after]
    page, next_token = left[:limit], None
    if len(left) > limit:
        next_token = seal_name("LookupDeveloperIdentity", scope, page[-1], sealer)
    return wire.LookupDeveloperIdentityResponse(
        identity_id=identity.identity_id,
        developer_user_identifier_list=page,
        next_token=next_token,
    )


async def merge_developer_identities(
    call: Call, request: wire.MergeDeveloperIdentitiesRequest
) -> wire.MergeDeveloperIdentitiesResponse:
    """Make the source user's identity part of the destination user's, with its logins and data.

    Two users of one identity are left as they are.

    Raises NotAuthorizedException for another developer provider than the pool's,
    ResourceNotFoundException, ResourceConflictException if both identities have a login of one
    public provider, InvalidParameterException for more than 20 logins together, and
    TooManyRequestsException if others were faster a hundred times in a row.
    """
    pool = await existing_pool(call, request.identity_pool_id)
    _check_provider(pool, request.developer_provider_name)

    async def decide() -> Linking:
        source = await _identity_of(call, pool, request.source_user_identifier)
        destination = await _identity_of(call, pool, request.destination_user_identifier)
        return merge_users(source, destination, request.developer_provider_name)

    identity = await settle(call, pool, decide)
    return wire.MergeDeveloperIdentitiesResponse(identity_id=identity.identity_id)


async def unlink_identity(call: Call, request: wire.UnlinkIdentityRequest) -> None:
    """Take public logins off an identity, for a caller who proves one login of it.

    The proof may be a login that stays or one that goes. Without its last login the identity is
    out of everybody's reach (service model).

    Raises ResourceNotFoundException; NotAuthorizedException if no login of the call is the
    identity's, if one to remove is not linked, and for an identity out of reach;
    InvalidParameterException for the developer provider, whose users
    ``unlink_developer_identity`` takes off; what verifying the logins raises; and
    TooManyRequestsException if others were faster a hundred times in a row.
    """
    identity = await existing_identity(call, request.identity_id)
    pool = await existing_pool(call, identity.identity_pool_id)
    names = set(request.logins_to_remove)
    if pool.settings.developer_provider_name in names:
        raise InvalidParameterException("Please provide a valid public provider.")
    proofs = set(as_logins(await verified_logins(call, pool, request.logins)))

    async def decide() -> IdentityChange | None:
        identity = await existing_identity(call, request.identity_id)
        if identity.disabled or (identity.was_authenticated and not identity.logins):
            raise forbidden(identity.identity_id)
        removed = [login for login in identity.logins if login.provider_name in names]
        linked = {login.provider_name for login in removed}
        if proofs.isdisjoint(identity.logins) or linked != names:
            raise logins_do_not_match()
        return unlink(identity, removed, call.service.clock()) if removed else None

    await _apply(call, decide)


async def unlink_developer_identity(
    call: Call, request: wire.UnlinkDeveloperIdentityRequest
) -> None:
    """Take a developer's user off an identity.

    Raises NotAuthorizedException for another developer provider than the pool's,
    ResourceNotFoundException, ResourceConflictException if the user is not the identity's, and
    TooManyRequestsException if others were faster a hundred times in a row.
    """
    pool = await existing_pool(call, request.identity_pool_id)
    provider = request.developer_provider_name
    _check_provider(pool, provider)
    user = Login(provider_name=provider, subject=request.developer_user_identifier)

    async def decide() -> IdentityChange:
        identity = await identity_in_pool(call, pool.identity_pool_id, request.identity_id)
        if user not in identity.logins:
            raise _not_the_identitys()
        return unlink(identity, [user], call.service.clock())

    await _apply(call, decide)


async def _apply(call: Call, decide: Callable[[], Awaitable[IdentityChange | None]]) -> None:
    """Apply what ``decide`` decides; it is asked again when somebody else was faster."""
    for _ in range(STALE_RETRIES_MAX):
        change = await decide()
        if change is None or await call.service.store.change_identities(change):
            return
    raise TooManyRequestsException("This identity is being changed by many others; try again.")


async def _identity_of(call: Call, pool: IdentityPool, user: str) -> Identity:
    """Give the identity of a developer's user. Raises ResourceNotFoundException."""
    provider = pool.settings.developer_provider_name
    if provider is not None:
        login = Login(provider_name=provider, subject=user)
        for identity in await call.service.store.find_identities(pool.identity_pool_id, [login]):
            return identity
    raise ResourceNotFoundException("Developer user identifier not found.")


def _users(identity: Identity, pool: IdentityPool) -> list[str]:
    provider = pool.settings.developer_provider_name
    return sorted(login.subject for login in identity.logins if login.provider_name == provider)


def _check_provider(pool: IdentityPool, provider_name: str) -> None:
    if provider_name != pool.settings.developer_provider_name:
        raise NotAuthorizedException(
            "This identity pool does not support the specified developer provider"
        )


def _not_the_identitys() -> ResourceConflictException:
    return ResourceConflictException("The developer user identifier does not match the identity.")
