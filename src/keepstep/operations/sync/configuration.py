"""Get- and SetIdentityPoolConfiguration, Get- and SetCognitoEvents: what leaves a pool."""

from keepstep.domain.configuration import changed_by_others, with_configuration, with_events
from keepstep.domain.limits import STALE_RETRIES_MAX
from keepstep.domain.pool_settings import changed_pool
from keepstep.domain.pools import IdentityPool, PoolSettings
from keepstep.interfaces.service import Call
from keepstep.wire import sync
from keepstep.wire.errors import ConcurrentModificationException, TooManyRequestsException

from .pools import current_pool


async def get_identity_pool_configuration(
    call: Call, request: sync.GetIdentityPoolConfigurationRequest
) -> sync.GetIdentityPoolConfigurationResponse:
    """Tell how a pool's push notifications and stream are set up; what is not, is left out.

    Raises ResourceNotFoundException.
    """
    pool = await current_pool(call, request.identity_pool_id)
    return sync.GetIdentityPoolConfigurationResponse(
        identity_pool_id=pool.identity_pool_id,
        push_sync=pool.settings.push_sync,
        cognito_streams=pool.settings.cognito_streams,
    )


async def set_identity_pool_configuration(
    call: Call, request: sync.SetIdentityPoolConfigurationRequest
) -> sync.SetIdentityPoolConfigurationResponse:
    """Set up push notifications, the stream, or both, each as a whole; an empty one is removed.

    Raises ResourceNotFoundException, InvalidParameterException for what cannot be used, and
    ConcurrentModificationException if somebody else set up the same at the same time.
    """
    push_sync, streams = request.push_sync, request.cognito_streams
    read: PoolSettings | None = None
    for _ in range(STALE_RETRIES_MAX):
        pool = await current_pool(call, request.identity_pool_id)
        if read is not None and changed_by_others(read, pool.settings, push_sync, streams):
            break
        read = pool.settings
        after = with_configuration(read, push_sync, streams)
        if await _keep(call, pool, after):
            return sync.SetIdentityPoolConfigurationResponse(
                identity_pool_id=pool.identity_pool_id,
                push_sync=after.push_sync,
                cognito_streams=after.cognito_streams,
            )
    raise ConcurrentModificationException(
        f"The configuration of identity pool {request.identity_pool_id} was changed by somebody "
        "else; read it, then set it again."
    )


async def get_cognito_events(
    call: Call, request: sync.GetCognitoEventsRequest
) -> sync.GetCognitoEventsResponse:
    """Tell the functions of a pool's events. Raises ResourceNotFoundException."""
    pool = await current_pool(call, request.identity_pool_id)
    return sync.GetCognitoEventsResponse(events=dict(pool.settings.events))


async def set_cognito_events(call: Call, request: sync.SetCognitoEventsRequest) -> None:
    """Set the functions of the events that are named; an empty name removes one.

    Raises ResourceNotFoundException, InvalidParameterException for an unknown event or what is
    no function, and TooManyRequestsException if others were faster a hundred times in a row.
    """
    for _ in range(STALE_RETRIES_MAX):
        pool = await current_pool(call, request.identity_pool_id)
        after = with_events(pool.settings, request.events)
        if after == pool.settings or await _keep(call, pool, after):
            return
    raise TooManyRequestsException(
        f"Identity pool {request.identity_pool_id} is being changed by many others; try again."
    )


async def _keep(call: Call, pool: IdentityPool, settings: PoolSettings) -> bool:
    """Give a pool other settings; False if it has been changed since it was read."""
    service = call.service
    after = changed_pool(pool, settings, now=service.clock())
    kept = await service.store.update_pool(after, expected_version=pool.version)
    service.pools.forget(pool.identity_pool_id)
    return kept
