"""Push by SNS: endpoints of devices, the forms of the platforms, and what an error means."""

import json
import uuid
from typing import Any
from urllib.parse import parse_qs

import msgspec
import pytest

from keepstep.delivery.sns import SnsPush
from keepstep.domain.devices import Device
from keepstep.domain.pools import IdentityPool
from keepstep.interfaces.delivery import (
    DeliveryFailed,
    DestinationGone,
    DeviceGone,
    Notification,
)
from keepstep.testing.sender_suite.running import DATE, POOL
from keepstep.wire.members import Platform
from keepstep.wire.sync import PushSync

from .conftest import aws_clients, boto, pool, run
from .endpoints import Endpoint, Planned

IDENTITY = "us-east-1:00000000-0000-4000-9000-000000000001"
NOTIFICATION = Notification("an-id", POOL, IDENTITY, "things", 12)
DATA = {
    "source": "cognito-sync",
    "identityPoolId": POOL,
    "identityId": IDENTITY,
    "datasetName": "things",
    "syncCount": "12",
}
FORMS: dict[Platform, dict[str, Any]] = {
    "GCM": {"data": DATA},
    "ADM": {"data": DATA},
    "APNS": {"aps": {"content-available": 1}, "data": DATA},
    "APNS_SANDBOX": {"aps": {"content-available": 1}, "data": DATA},
}
APPLICATION = "arn:aws:sns:us-east-1:123456789012:app/GCM/mine"
ENDPOINT = "arn:aws:sns:us-east-1:123456789012:endpoint/GCM/mine/before"


def new_application(url: str, platform: Platform = "GCM") -> str:
    """Make an application that nobody has used."""
    made = boto("sns", url).create_platform_application(
        Name=f"app-{uuid.uuid4()}", Platform=platform, Attributes={"PlatformCredential": "key"}
    )
    return made["PlatformApplicationArn"]


def pushing_pool(*applications: str) -> IdentityPool:
    return pool(push_sync=PushSync(application_arns=list(applications)))


def new_device(platform: Platform = "GCM", **members: Any) -> Device:
    return Device(
        device_id=str(uuid.uuid4()),
        identity_pool_id=POOL,
        identity_id=IDENTITY,
        platform=platform,
        token=uuid.uuid4().hex,
        creation_date=DATE,
        **members,
    )


def send(url: str, pushing: IdentityPool, device: Device) -> Device:
    async def through_sns() -> Device:
        async with aws_clients(url) as aws:
            return await SnsPush(aws).send(pushing, device, NOTIFICATION)

    return run(through_sns())


def actions(front: Endpoint) -> list[str]:
    return [parse_qs(one.body.decode())["Action"][0] for one in front.received]


def refusal(code: str, message: str = "why", status: int = 400) -> Planned:
    body = (
        '<ErrorResponse xmlns="http://sns.amazonaws.com/doc/2010-03-31/"><Error>'
        f"<Type>Sender</Type><Code>{code}</Code><Message>{message}</Message>"
        "</Error></ErrorResponse>"
    )
    return Planned(status, body.encode(), {"Content-Type": "text/xml"})


def test_an_endpoint_is_made_of_the_token_once_and_kept(front: Endpoint, moto: str) -> None:
    pushing, device = pushing_pool(new_application(moto)), new_device()
    kept = send(front.url, pushing, device)
    assert kept == msgspec.structs.replace(device, endpoint=kept.endpoint)
    assert send(front.url, pushing, kept) == kept
    assert actions(front) == ["CreatePlatformEndpoint", "Publish", "Publish"]
    asked = parse_qs(front.received[0].body.decode())
    assert asked["Token"] == [device.token]
    assert json.loads(asked["CustomUserData"][0]) == {
        "identityPoolId": POOL,
        "identityId": IDENTITY,
        "deviceId": device.device_id,
    }


@pytest.mark.parametrize("platform", FORMS)
def test_a_notification_has_the_form_of_its_platform(
    front: Endpoint, moto: str, platform: Platform
) -> None:
    applications = [new_application(moto, one) for one in FORMS]
    kept = send(front.url, pushing_pool(*applications), new_device(platform))
    form = parse_qs(front.received[-1].body.decode())
    assert form["TargetArn"] == [kept.endpoint]
    assert f":endpoint/{platform}/" in form["TargetArn"][0]
    assert form["MessageStructure"] == ["json"]
    message = json.loads(form["Message"][0])
    assert message.keys() == {"default", platform}
    assert json.loads(message[platform]) == FORMS[platform]


def test_apple_is_told_that_a_notification_is_silent(front: Endpoint, moto: str) -> None:
    send(front.url, pushing_pool(new_application(moto, "APNS")), new_device("APNS"))
    form = parse_qs(front.received[-1].body.decode())
    told = {
        form[f"MessageAttributes.entry.{number}.Name"][0]: form[
            f"MessageAttributes.entry.{number}.Value.StringValue"
        ][0]
        for number in (1, 2)
    }
    assert told == {
        "AWS.SNS.MOBILE.APNS.PUSH_TYPE": "background",
        "AWS.SNS.MOBILE.APNS.PRIORITY": "5",
    }


def test_a_platform_without_an_application_means_the_destination(moto: str) -> None:
    with pytest.raises(DestinationGone, match="no application for ADM"):
        send(moto, pushing_pool(new_application(moto)), new_device("ADM"))


def test_an_application_that_is_missing_means_the_destination(moto: str) -> None:
    with pytest.raises(DestinationGone, match="NotFound"):
        send(moto, pushing_pool(APPLICATION), new_device())


def test_a_disabled_endpoint_means_the_device(moto: str) -> None:
    pushing = pushing_pool(new_application(moto))
    kept = send(moto, pushing, new_device())
    boto("sns", moto).set_endpoint_attributes(
        EndpointArn=kept.endpoint, Attributes={"Enabled": "false"}
    )
    with pytest.raises(DeviceGone, match="EndpointDisabled"):
        send(moto, pushing, kept)


def test_an_endpoint_that_was_deleted_is_made_again(moto: str) -> None:
    pushing = pushing_pool(new_application(moto))
    kept = send(moto, pushing, new_device())
    boto("sns", moto).delete_endpoint(EndpointArn=kept.endpoint)
    again = send(moto, pushing, kept)
    assert again.endpoint not in {None, kept.endpoint}


def test_devices_outlive_an_application_that_was_deleted(moto: str) -> None:
    application = new_application(moto)
    kept = send(moto, pushing_pool(application), new_device())
    client = boto("sns", moto)
    client.delete_endpoint(EndpointArn=kept.endpoint)
    client.delete_platform_application(PlatformApplicationArn=application)
    with pytest.raises(DestinationGone):
        send(moto, pushing_pool(application), kept)


def test_an_endpoint_that_is_gone_as_soon_as_it_is_made_means_the_device(
    front: Endpoint, moto: str
) -> None:
    pushing = pushing_pool(new_application(moto))
    kept = send(moto, pushing, new_device())
    missing = refusal("NotFound", "Endpoint does not exist", 404)
    front.planned = [missing, None, missing]
    with pytest.raises(DeviceGone, match="NotFound"):
        send(front.url, pushing, kept)
    assert actions(front) == ["Publish", "CreatePlatformEndpoint", "Publish"]
    front.planned = [None, missing]
    with pytest.raises(DeviceGone, match="NotFound"):
        send(front.url, pushing, new_device())


def test_a_token_that_another_device_had_takes_its_endpoint_over(
    front: Endpoint, moto: str
) -> None:
    pushing, device = pushing_pool(new_application(moto)), new_device()
    before = send(moto, pushing, device)
    other = msgspec.structs.replace(device, device_id="another")
    front.planned = [
        refusal(
            "InvalidParameter",
            f"Invalid parameter: Token Reason: Endpoint {before.endpoint} already exists with the "
            "same Token, but different attributes.",
        )
    ]
    assert send(front.url, pushing, other).endpoint == before.endpoint
    assert actions(front) == ["CreatePlatformEndpoint", "SetEndpointAttributes", "Publish"]
    made = boto("sns", moto).get_endpoint_attributes(EndpointArn=before.endpoint)["Attributes"]
    assert json.loads(made["CustomUserData"])["deviceId"] == "another"
    assert made["Enabled"] == "true"


@pytest.mark.parametrize(
    ("code", "message", "expected"),
    [
        ("InvalidParameter", "Invalid parameter: Token Reason: no token", DeviceGone),
        ("InvalidParameter", "Invalid parameter: PlatformApplicationArn", DestinationGone),
        ("NotFound", "PlatformApplication does not exist", DestinationGone),
        ("AuthorizationError", "not allowed", DestinationGone),
        ("PlatformApplicationDisabled", "disabled", DestinationGone),
        ("Throttling", "Rate exceeded", DeliveryFailed),
        ("InternalError", "", DeliveryFailed),
    ],
)
def test_what_a_refused_endpoint_means(
    front: Endpoint, code: str, message: str, expected: type[Exception]
) -> None:
    front.always = refusal(code, message)
    with pytest.raises(expected, match=code):
        send(front.url, pushing_pool(APPLICATION), new_device())


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("EndpointDisabled", DeviceGone),
        ("InvalidParameter", DeviceGone),
        ("AuthorizationError", DestinationGone),
        ("PlatformApplicationDisabled", DestinationGone),
        ("Throttling", DeliveryFailed),
        ("InternalError", DeliveryFailed),
    ],
)
def test_what_a_refused_publication_means(
    front: Endpoint, code: str, expected: type[Exception]
) -> None:
    front.always = refusal(code)
    with pytest.raises(expected, match=code):
        send(front.url, pushing_pool(APPLICATION), new_device(endpoint=ENDPOINT))
    assert actions(front) == ["Publish"]


def test_sns_that_nobody_serves_is_a_failure_for_now(receiver: Endpoint) -> None:
    receiver.server_close()
    with pytest.raises(DeliveryFailed):
        send(receiver.url, pushing_pool(APPLICATION), new_device())
