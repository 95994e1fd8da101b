"""Tells devices of changes through an endpoint of the operator: one signed POST a notification."""

from typing import Any, Final

import msgspec

from keepstep.domain.devices import Device
from keepstep.domain.limits import KIB
from keepstep.domain.pools import IdentityPool
from keepstep.interfaces.delivery import DeliveryFailed, DeviceGone, Notification
from keepstep.interfaces.service import Clock
from keepstep.wire.members import Platform

from .notifications import platform_message
from .posts import PostFailed, SignedPosts

ANSWER_SECONDS: Final = 10.0
ANSWER_BYTES_MAX: Final = 64 * KIB
"""Bytes of an answer that are read, so that its connection can be used again."""
GONE: Final = 410


class PushPost(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """What is posted. ``message`` is what the device is to get, in the form of its platform."""

    message_id: str
    identity_pool_id: str
    identity_id: str
    device_id: str
    platform: Platform
    token: str
    message: dict[str, Any]


class PushWebhook:
    """Sends notifications to one endpoint; see ``interfaces.delivery.PushSender``."""

    def __init__(
        self, url: str, secret: str, clock: Clock, *, seconds: float = ANSWER_SECONDS
    ) -> None:
        """Connect when there is something to send. Raises ValueError."""
        self._posts = SignedPosts(
            url, secret, clock, seconds=seconds, answer_bytes_max=ANSWER_BYTES_MAX
        )

    async def send(self, pool: IdentityPool, device: Device, notification: Notification) -> Device:
        """Send a notification. See ``interfaces.delivery.PushSender``."""
        posted = PushPost(
            message_id=notification.message_id,
            identity_pool_id=pool.identity_pool_id,
            identity_id=device.identity_id,
            device_id=device.device_id,
            platform=device.platform,
            token=device.token,
            message=platform_message(device.platform, notification),
        )
        try:
            answer = await self._posts.post(msgspec.json.encode(posted), notification.message_id)
        except PostFailed as failure:
            raise DeliveryFailed(f"the push endpoint {failure}") from None
        if answer.status == GONE:
            raise DeviceGone("the push endpoint says that the device is gone")
        if not answer.is_success:
            raise DeliveryFailed(f"the push endpoint answered with status {answer.status}")
        return device

    async def close(self) -> None:
        """Let go of connections."""
        await self._posts.close()
