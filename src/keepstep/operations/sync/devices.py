"""RegisterDevice, SubscribeToDataset and UnsubscribeFromDataset: whom push notifications reach."""

from keepstep.domain.datasets import DatasetPlace
from keepstep.domain.devices import Device, new_device_id
from keepstep.domain.limits import DEVICE_TOKEN_LENGTH_MAX, DEVICES_PER_IDENTITY_MAX
from keepstep.domain.push import application_of
from keepstep.interfaces.service import Call
from keepstep.wire import sync
from keepstep.wire.errors import (
    InvalidConfigurationException,
    InvalidParameterException,
    ResourceNotFoundException,
)
from keepstep.wire.members import Platform

from .datasets import missing_dataset
from .pools import check_still_there, current_pool


async def register_device(
    call: Call, request: sync.RegisterDeviceRequest
) -> sync.RegisterDeviceResponse:
    """Register a device of an identity; the same token of the same platform has one device id.

    A new token, as after a reinstallation, is a new device. Nothing is sent to check the token.

    Raises ResourceNotFoundException for an unknown pool, InvalidConfigurationException if the
    pool has no application for the platform, InvalidParameterException for a token that cannot
    be one or an identity that has its fill of devices, and NotAuthorizedException for an
    identity that was merged away or deleted.
    """
    service = call.service
    pool, identity = request.identity_pool_id, request.identity_id
    _check_platform(await _push_sync(call, pool), request.platform)
    if not 0 < len(request.token) <= DEVICE_TOKEN_LENGTH_MAX:
        raise InvalidParameterException(
            f"The Token has {len(request.token)} characters; 1 to {DEVICE_TOKEN_LENGTH_MAX} are "
            "allowed."
        )
    device = await service.store.register_device(
        Device(
            device_id=new_device_id(service.entropy),
            identity_pool_id=pool,
            identity_id=identity,
            platform=request.platform,
            token=request.token,
            creation_date=service.clock(),
        ),
        limit=DEVICES_PER_IDENTITY_MAX,
    )
    if device is None:
        await check_still_there(call, DatasetPlace(pool, identity, ""))
        raise InvalidParameterException(
            f"The identity has {DEVICES_PER_IDENTITY_MAX} devices, and may not have more."
        )
    return sync.RegisterDeviceResponse(device_id=device.device_id)


async def subscribe_to_dataset(
    call: Call, request: sync.SubscribeToDatasetRequest
) -> sync.SubscribeToDatasetResponse:
    """Let a device be told when another one changes a dataset, however often that is asked for.

    Raises ResourceNotFoundException for an unknown pool, device or dataset, and
    InvalidConfigurationException if the pool has no application for the device's platform.
    """
    place = DatasetPlace(request.identity_pool_id, request.identity_id, request.dataset_name)
    await _check_device(call, place, request.device_id)
    if not await call.service.store.subscribe(place, request.device_id):
        raise missing_dataset(place)
    return sync.SubscribeToDatasetResponse()


async def unsubscribe_from_dataset(
    call: Call, request: sync.UnsubscribeFromDatasetRequest
) -> sync.UnsubscribeFromDatasetResponse:
    """Let a device not be told any more.

    Raises ResourceNotFoundException for an unknown pool or device, and for a dataset that is not
    subscribed, which the Android SDK takes for done; InvalidConfigurationException if the pool
    has no application for the device's platform.
    """
    place = DatasetPlace(request.identity_pool_id, request.identity_id, request.dataset_name)
    await _check_device(call, place, request.device_id)
    if not await call.service.store.unsubscribe(place, request.device_id):
        raise ResourceNotFoundException(
            f"Device {request.device_id} is not subscribed to dataset {place.dataset_name}"
        )
    return sync.UnsubscribeFromDatasetResponse()


async def _check_device(call: Call, place: DatasetPlace, device_id: str) -> None:
    """Check that a device is the identity's, and that its platform can be reached.

    Raises ResourceNotFoundException for the pool or the device, and
    InvalidConfigurationException.
    """
    push_sync = await _push_sync(call, place.identity_pool_id)
    for device in await call.service.store.list_devices(place.identity_pool_id, place.identity_id):
        if device.device_id == device_id:
            _check_platform(push_sync, device.platform)
            return
    raise ResourceNotFoundException(f"Device {device_id} doesn't exist")


async def _push_sync(call: Call, identity_pool_id: str) -> sync.PushSync:
    """Give how a pool sends notifications.

    Raises ResourceNotFoundException, and InvalidConfigurationException if it sends none.
    """
    pool = await current_pool(call, identity_pool_id)
    if pool.settings.push_sync is None:
        raise InvalidConfigurationException(
            f"Identity pool {identity_pool_id} has no PushSync; set it up with "
            "SetIdentityPoolConfiguration."
        )
    return pool.settings.push_sync


def _check_platform(push_sync: sync.PushSync, platform: Platform) -> None:
    """Refuse a platform without an application. Raises InvalidConfigurationException."""
    if application_of(push_sync, platform) is None:
        raise InvalidConfigurationException(
            f"PushSync of the identity pool has no application of {platform}; add its ARN with "
            "SetIdentityPoolConfiguration."
        )
