"""DescribeIdentityUsage, DescribeIdentityPoolUsage and ListIdentityPoolUsage."""

from keepstep.domain.limits import PAGE_POOLS_MAX
from keepstep.domain.pages import open_name, seal_name
from keepstep.domain.pools import PoolUsage
from keepstep.interfaces.service import Call
from keepstep.wire import sync

from .pools import existing_pool, unknown_pool


async def describe_identity_usage(
    call: Call, request: sync.DescribeIdentityUsageRequest
) -> sync.DescribeIdentityUsageResponse:
    """Tell what one identity stores; zeros, and no date, for one that stores nothing.

    Raises ResourceNotFoundException for an unknown pool.
    """
    pool, identity = request.identity_pool_id, request.identity_id
    await existing_pool(call, pool)
    usage = await call.service.store.measure_identity(pool, identity)
    modified = usage.last_modified_date
    return sync.DescribeIdentityUsageResponse(
        identity_usage=sync.IdentityUsage(
            identity_id=identity,
            identity_pool_id=pool,
            last_modified_date=None if modified is None else modified / 1000,
            dataset_count=usage.dataset_count,
            data_storage=usage.data_storage,
        )
    )


async def describe_identity_pool_usage(
    call: Call, request: sync.DescribeIdentityPoolUsageRequest
) -> sync.DescribeIdentityPoolUsageResponse:
    """Tell what one pool stores, and how many syncs were begun in it since it exists.

    Raises ResourceNotFoundException for an unknown pool.
    """
    await existing_pool(call, request.identity_pool_id)
    usage = await call.service.store.measure_pool(request.identity_pool_id)
    if usage is None:
        raise unknown_pool(request.identity_pool_id)
    return sync.DescribeIdentityPoolUsageResponse(identity_pool_usage=usage_shape(usage))


async def list_identity_pool_usage(
    call: Call, request: sync.ListIdentityPoolUsageRequest
) -> sync.ListIdentityPoolUsageResponse:
    """Tell what every pool stores, by pool id, empty pools included.

    ``Count`` is the number of pools in the page and ``MaxResults`` the size it could have, as
    in AWS's own capture. Raises InvalidParameterException for a bad token.
    """
    sealer = call.service.sealer
    token = request.next_token
    after = open_name("ListIdentityPoolUsage", (), token, sealer) if token is not None else ""
    limit = min(request.max_results or PAGE_POOLS_MAX, PAGE_POOLS_MAX)
    found = await call.service.store.measure_pools(after=after, limit=limit + 1)
    page = found[:limit]
    next_token = None
    if len(found) > limit:
        last = page[-1].pool.identity_pool_id
        next_token = seal_name("ListIdentityPoolUsage", (), last, sealer)
    return sync.ListIdentityPoolUsageResponse(
        identity_pool_usages=[usage_shape(usage) for usage in page],
        max_results=limit,
        count=len(page),
        next_token=next_token,
    )


def usage_shape(usage: PoolUsage) -> sync.IdentityPoolUsage:
    """Give a pool's usage as it travels."""
    return sync.IdentityPoolUsage(
        identity_pool_id=usage.pool.identity_pool_id,
        sync_sessions_count=usage.pool.sync_sessions_count,
        data_storage=usage.data_storage,
        last_modified_date=usage.last_modified_date / 1000,
    )
