"""BulkPublish and GetBulkPublishDetails: sending all that a pool holds to its stream once."""

from keepstep.domain.bulk_publishes import begun
from keepstep.domain.limits import STALE_RETRIES_MAX
from keepstep.domain.streams import is_streaming
from keepstep.interfaces.service import Call
from keepstep.wire import sync
from keepstep.wire.errors import DuplicateRequestException, InvalidParameterException

from .pools import current_pool


async def bulk_publish(call: Call, request: sync.BulkPublishRequest) -> sync.BulkPublishResponse:
    """Begin to send all datasets of a pool to its stream; it goes on after the answer.

    Raises ResourceNotFoundException, InvalidParameterException for a pool without a stream that
    is enabled, DuplicateRequestException while a bulk publish is in progress, and
    AlreadyStreamedException if one succeeded less than a day ago.
    """
    service = call.service
    identity_pool_id = request.identity_pool_id
    for _ in range(STALE_RETRIES_MAX):
        pool = await current_pool(call, identity_pool_id)
        if not is_streaming(pool.settings):
            raise InvalidParameterException(
                f"Identity pool {identity_pool_id} has no stream that is ENABLED; set up "
                "CognitoStreams with SetIdentityPoolConfiguration first."
            )
        before = await service.store.find_bulk_publish(identity_pool_id)
        publish = begun(identity_pool_id, before, now=service.clock(), limits=service.limits)
        if await service.store.keep_bulk_publish(publish):
            return sync.BulkPublishResponse(identity_pool_id=identity_pool_id)
    raise DuplicateRequestException(
        f"Bulk publishes of identity pool {identity_pool_id} are being begun by others."
    )


async def get_bulk_publish_details(
    call: Call, request: sync.GetBulkPublishDetailsRequest
) -> sync.GetBulkPublishDetailsResponse:
    """Tell how the last bulk publish of a pool is doing. Raises ResourceNotFoundException."""
    identity_pool_id = request.identity_pool_id
    await current_pool(call, identity_pool_id)
    publish = await call.service.store.find_bulk_publish(identity_pool_id)
    if publish is None:
        return sync.GetBulkPublishDetailsResponse(
            identity_pool_id=identity_pool_id, bulk_publish_status="NOT_STARTED"
        )
    complete = publish.complete_date
    return sync.GetBulkPublishDetailsResponse(
        identity_pool_id=identity_pool_id,
        bulk_publish_start_time=publish.start_date / 1000,
        bulk_publish_complete_time=None if complete is None else complete / 1000,
        bulk_publish_status=publish.status,
        failure_message=publish.failure_message if publish.status == "FAILED" else None,
    )
