"""Identity pools: create, update, describe, delete and list them."""

from collections.abc import Iterable

from keepstep.domain.pages import open_age, seal_age
from keepstep.domain.pool_settings import requested_settings
from keepstep.domain.pools import IdentityPool, PoolSettings, new_pool_id
from keepstep.domain.revocations import Reason, Revocation, pool_subject
from keepstep.interfaces.service import Call
from keepstep.wire import identity as wire
from keepstep.wire.errors import InvalidParameterException, ResourceConflictException

from .lookup import pool_not_found
from .pool_changes import change_pool, current_pool


async def create_identity_pool(
    call: Call, request: wire.CreateIdentityPoolRequest
) -> wire.IdentityPool:
    """Create a pool, under a new id; its roles are the built-in ones until others are set.

    ServerSideTokenCheck is kept and answered; tokens are verified without asking the user pool.

    Raises InvalidParameterException and LimitExceededException, as ``requested_settings`` says
    and for an OpenID Connect provider that the server does not have.
    """
    service = call.service
    settings = requested_settings(request, PoolSettings())
    _check_arns(call, settings.open_id_connect_provider_arns)
    now = service.clock()
    pool = IdentityPool(
        identity_pool_id=new_pool_id(service.account.region, service.entropy),
        name=request.identity_pool_name,
        creation_date=now,
        last_modified_date=now,
        settings=settings,
    )
    if not await service.store.create_pool(pool):
        raise ResourceConflictException(
            f"IdentityPool '{pool.identity_pool_id}' already exists; try again."
        )
    return pool_shape(pool)


async def update_identity_pool(call: Call, request: wire.IdentityPool) -> wire.IdentityPool:
    """Replace a pool's settings; what is left out goes back to its default (service model).

    What ``requested_settings`` names stays.

    Raises ResourceNotFoundException, ConcurrentModificationException, and what
    ``create_identity_pool`` raises.
    """
    _check_arns(call, request.open_id_connect_provider_arns or ())
    pool = await change_pool(
        call,
        request.identity_pool_id,
        lambda before: requested_settings(request, before),
        name=request.identity_pool_name,
    )
    return pool_shape(pool)


async def describe_identity_pool(
    call: Call, request: wire.DescribeIdentityPoolRequest
) -> wire.IdentityPool:
    """Describe a pool. Raises ResourceNotFoundException."""
    return pool_shape(await current_pool(call, request.identity_pool_id))


async def delete_identity_pool(call: Call, request: wire.DeleteIdentityPoolRequest) -> None:
    """Delete a pool with its identities and all their data, and revoke their credentials.

    Raises ResourceNotFoundException.
    """
    service = call.service
    pool_id = request.identity_pool_id
    if not await service.store.delete_pool(pool_id):
        raise pool_not_found(pool_id)
    service.pools.forget(pool_id)
    await service.store.revoke(
        Revocation(subject=pool_subject(pool_id), not_before=service.clock(), reason=Reason.DELETED)
    )
    service.revocations.forget()


async def list_identity_pools(
    call: Call, request: wire.ListIdentityPoolsRequest
) -> wire.ListIdentityPoolsResponse:
    """List the pools, oldest first. A token is given only when another pool exists.

    Raises InvalidParameterException for a bad token.
    """
    sealer, limit = call.service.sealer, request.max_results
    after = open_age("ListIdentityPools", (), request.next_token, sealer)
    found = await call.service.store.list_pools(after=after, limit=limit + 1)
    page = found[:limit]
    next_token = None
    if len(found) > limit:
        last = (page[-1].creation_date, page[-1].identity_pool_id)
        next_token = seal_age("ListIdentityPools", (), last, sealer)
    return wire.ListIdentityPoolsResponse(
        identity_pools=[
            wire.IdentityPoolShortDescription(
                identity_pool_id=pool.identity_pool_id, identity_pool_name=pool.name
            )
            for pool in page
        ],
        next_token=next_token,
    )


def pool_shape(pool: IdentityPool) -> wire.IdentityPool:
    """Give a pool as it travels: tags always, what else was never set not at all."""
    settings = pool.settings
    return wire.IdentityPool(
        identity_pool_id=pool.identity_pool_id,
        identity_pool_name=pool.name,
        allow_unauthenticated_identities=settings.allow_unauthenticated,
        allow_classic_flow=settings.allow_classic_flow,
        supported_login_providers=dict(settings.supported_login_providers) or None,
        developer_provider_name=settings.developer_provider_name,
        open_id_connect_provider_arns=list(settings.open_id_connect_provider_arns) or None,
        cognito_identity_providers=list(settings.cognito_identity_providers) or None,
        saml_provider_arns=list(settings.saml_provider_arns) or None,
        identity_pool_tags=dict(settings.tags),
    )


def _check_arns(call: Call, arns: Iterable[str]) -> None:
    """Check that the server has the OpenID Connect providers; there is no IAM to look them up.

    Raises InvalidParameterException.
    """
    for arn in arns:
        if call.service.logins.find_arn(arn) is None:
            raise InvalidParameterException(
                f"No login provider of this server has the ARN {arn}. Configure the provider on "
                "the server, with this ARN, then name it in OpenIdConnectProviderARNs."
            )
