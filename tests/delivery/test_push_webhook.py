"""Push by webhook: what is posted for each device, and what the answers mean."""

import json
import threading

import pytest

from keepstep.delivery.push_webhook import PushWebhook
from keepstep.delivery.signing import signature
from keepstep.domain.devices import Device
from keepstep.interfaces.delivery import DeliveryFailed, DeviceGone
from keepstep.testing.sender_suite.running import DATE, POOL
from keepstep.wire.members import Platform

from .conftest import SECRET, clock, pool, run
from .endpoints import Endpoint, Planned
from .test_sns import FORMS, IDENTITY, NOTIFICATION, new_device


def send(receiver: Endpoint, device: Device, *, seconds: float = 10.0) -> Device:
    async def through_webhook() -> Device:
        push = PushWebhook(receiver.url, SECRET, clock, seconds=seconds)
        try:
            return await push.send(pool(), device, NOTIFICATION)
        finally:
            await push.close()

    return run(through_webhook())


@pytest.mark.parametrize("platform", FORMS)
def test_a_notification_is_a_signed_post_for_its_device(
    receiver: Endpoint, platform: Platform
) -> None:
    device = new_device(platform)
    assert send(receiver, device) == device
    (received,) = receiver.received
    assert json.loads(received.body) == {
        "messageId": "an-id",
        "identityPoolId": POOL,
        "identityId": IDENTITY,
        "deviceId": device.device_id,
        "platform": platform,
        "token": device.token,
        "message": FORMS[platform],
    }
    assert received.headers["keepstep-message-id"] == "an-id"
    assert received.headers["keepstep-signature"] == signature(SECRET, DATE // 1000, received.body)


def test_the_status_gone_means_the_device(receiver: Endpoint) -> None:
    receiver.usual = Planned(410)
    with pytest.raises(DeviceGone):
        send(receiver, new_device())


@pytest.mark.parametrize("status", [302, 400, 404, 429, 500])
def test_any_other_status_is_a_failure_for_now(receiver: Endpoint, status: int) -> None:
    receiver.usual = Planned(status)
    with pytest.raises(DeliveryFailed, match=str(status)):
        send(receiver, new_device())


def test_an_endpoint_that_does_not_answer_is_a_failure_for_now(
    receiver: Endpoint, gate: threading.Event
) -> None:
    receiver.usual = Planned(gate=gate)
    with pytest.raises(DeliveryFailed, match="did not answer"):
        send(receiver, new_device(), seconds=0.2)
