"""Tells devices of changes through Amazon SNS: one endpoint a device, made at its first message."""

import re
from typing import Any, Final

import msgspec

from keepstep.domain.devices import Device
from keepstep.domain.pools import IdentityPool, region_of
from keepstep.domain.push import application_of
from keepstep.interfaces.delivery import DestinationGone, DeviceGone, Notification
from keepstep.wire.members import Platform

from .aws import AwsClients, AwsError, MissingExtra, Target, delivery_error
from .notifications import APPLE, platform_message

DEFAULT_TEXT: Final = "A dataset has changed."
"""SNS asks for a message for protocols without one of their own; devices never get it."""
SILENT: Final = {
    "AWS.SNS.MOBILE.APNS.PUSH_TYPE": "background",
    "AWS.SNS.MOBILE.APNS.PRIORITY": "5",
}
"""What Apple asks of a notification that shows nothing (UserNotifications, "Pushing background
updates to your App")."""

_MADE_BEFORE: Final = re.compile(r"Endpoint (arn:\S+) already exists with the same Token")
"""The one place where SNS tells which endpoint a token has (Mobile Push, "Creating endpoints")."""
_DISABLED: Final = frozenset({"EndpointDisabled", "EndpointDisabledException"})
_MISSING: Final = frozenset({"NotFound", "NotFoundException"})
_INVALID: Final = frozenset({"InvalidParameter", "InvalidParameterException"})


class SnsPush:
    """Sends notifications to devices; see ``interfaces.delivery.PushSender``."""

    def __init__(self, aws: AwsClients) -> None:
        """Nothing is connected before the first notification."""
        self._aws = aws

    async def send(self, pool: IdentityPool, device: Device, notification: Notification) -> Device:
        """Send a notification. See ``interfaces.delivery.PushSender``.

        An endpoint that is gone is made again, so that devices outlive an application that was
        deleted and set up anew.
        """
        application = _application_of(pool, device.platform)
        push = pool.settings.push_sync
        role_arn = None if push is None else push.role_arn
        target = self._aws.target("sns", region_of(pool.identity_pool_id), role_arn)
        is_new = device.endpoint is None
        if is_new:
            device = await self._with_endpoint(target, application, device)
        try:
            await self._publish(target, device, notification)
        except _EndpointMissing as missing:
            if is_new:
                raise DeviceGone(str(missing)) from None
            device = await self._with_endpoint(target, application, device)
            try:
                await self._publish(target, device, notification)
            except _EndpointMissing as still:
                raise DeviceGone(str(still)) from None
        return device

    async def close(self) -> None:
        """Nothing of its own is kept open."""

    async def _with_endpoint(self, target: Target, application: str, device: Device) -> Device:
        """Give the device with the endpoint of its token."""
        data = _user_data(device)
        try:
            answer = await self._aws.call(
                target,
                "create_platform_endpoint",
                PlatformApplicationArn=application,
                Token=device.token,
                CustomUserData=data,
            )
        except (AwsError, MissingExtra) as error:
            before = _MADE_BEFORE.search(str(error))
            if before is None:
                raise _token_error(error) from None
            await self._take_over(target, before[1], device, data)
            return msgspec.structs.replace(device, endpoint=before[1])
        return msgspec.structs.replace(device, endpoint=answer["EndpointArn"])

    async def _take_over(self, target: Target, endpoint: str, device: Device, data: str) -> None:
        """Make an endpoint that the token had before this device's, and able to receive."""
        attributes = {"CustomUserData": data, "Token": device.token, "Enabled": "true"}
        try:
            await self._aws.call(
                target, "set_endpoint_attributes", EndpointArn=endpoint, Attributes=attributes
            )
        except (AwsError, MissingExtra) as error:
            raise _token_error(error) from None

    async def _publish(self, target: Target, device: Device, notification: Notification) -> None:
        message = platform_message(device.platform, notification)
        forms = {"default": DEFAULT_TEXT, device.platform: msgspec.json.encode(message).decode()}
        arguments: dict[str, Any] = {}
        if device.platform in APPLE:
            arguments["MessageAttributes"] = {
                name: {"DataType": "String", "StringValue": value} for name, value in SILENT.items()
            }
        try:
            await self._aws.call(
                target,
                "publish",
                TargetArn=device.endpoint,
                MessageStructure="json",
                Message=msgspec.json.encode(forms).decode(),
                **arguments,
            )
        except (AwsError, MissingExtra) as error:
            raise _publish_error(error) from None


class _EndpointMissing(Exception):
    """SNS does not know the endpoint."""


def _application_of(pool: IdentityPool, platform: Platform) -> str:
    """Give the application that a pool has for a platform. Raises DestinationGone."""
    application = application_of(pool.settings.push_sync, platform)
    if application is None:
        raise DestinationGone(f"the pool {pool.identity_pool_id} has no application for {platform}")
    return application


def _user_data(device: Device) -> str:
    """Say whose an endpoint is, for those who look at it in SNS."""
    owner = {
        "identityPoolId": device.identity_pool_id,
        "identityId": device.identity_id,
        "deviceId": device.device_id,
    }
    return msgspec.json.encode(owner).decode()


def _token_error(error: AwsError | MissingExtra) -> Exception:
    if isinstance(error, AwsError) and error.code in _INVALID:
        text = str(error)
        return DestinationGone(text) if "PlatformApplicationArn" in text else DeviceGone(text)
    if isinstance(error, AwsError) and error.code == "PlatformApplicationDisabled":
        return DestinationGone(str(error))
    return delivery_error(error)


def _publish_error(error: AwsError | MissingExtra) -> Exception:
    if isinstance(error, AwsError):
        if error.code in _DISABLED | _INVALID:
            return DeviceGone(str(error))
        if error.code in _MISSING:
            return _EndpointMissing(str(error))
    return _token_error(error)
