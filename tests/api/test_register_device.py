"""RegisterDevice: an id for each token of an identity's devices, where push is configured."""

import json
from typing import Any
from uuid import UUID

import pytest
from types_boto3_cognito_sync import CognitoSyncClient
from types_boto3_cognito_sync.literals import PlatformType

from keepstep.testing import LocalServer
from tests.conftest import Identity

from .owners import Guest, allow_push, new_guest, pool_target
from .steps import refused

WRONG_CALLER = "These credentials are not valid for accessing this resource"
PLATFORMS: tuple[PlatformType, ...] = ("APNS", "APNS_SANDBOX", "GCM", "ADM")


@pytest.fixture
def guest(server: LocalServer, client: CognitoSyncClient) -> Guest:
    """A guest of a pool in which every device may register."""
    pool_id = server.new_id()
    allow_push(client, pool_id, *PLATFORMS)
    return new_guest(server, pool_id)


@pytest.mark.parametrize("platform", PLATFORMS)
def test_a_device_gets_a_lower_case_uuid_of_version_4(guest: Guest, platform: PlatformType) -> None:
    device_id = guest.register(platform=platform)
    assert str(UUID(device_id)) == device_id
    assert UUID(device_id).version == 4


def test_a_token_that_is_registered_again_has_the_same_device_id(guest: Guest) -> None:
    """Apps that were installed anew register again."""
    assert guest.register("token") == guest.register("token")


def test_another_token_platform_or_identity_is_another_device(
    server: LocalServer, guest: Guest
) -> None:
    other = new_guest(server, guest.identity["IdentityPoolId"])
    ids = {
        guest.register("token"),
        guest.register("Token"),
        guest.register("token", "ADM"),
        other.register("token"),
    }
    assert len(ids) == 4


def test_a_pool_without_push_registers_no_device(server: LocalServer) -> None:
    guest = new_guest(server, server.new_id())
    with refused("InvalidConfigurationException", 400):
        guest.register()


def test_a_pool_registers_devices_of_its_own_platforms_only(
    server: LocalServer, client: CognitoSyncClient
) -> None:
    """APNS_SANDBOX is a platform of its own: its tokens are of no use elsewhere."""
    pool_id = server.new_id()
    allow_push(client, pool_id, "APNS", "GCM")
    guest = new_guest(server, pool_id)
    guest.register(platform="APNS")
    for platform in ("APNS_SANDBOX", "ADM"):
        with refused("InvalidConfigurationException", 400):
            guest.register(platform=platform)


@pytest.mark.parametrize(
    "members",
    [
        {"Platform": "GCM"},
        {"Token": "token"},
        {"Platform": "GCM", "Token": ""},
        {"Platform": "GCM", "Token": "x" * 4097},
        {"Platform": "GCM", "Token": 7},
        {"Platform": "gcm", "Token": "token"},
        {"Platform": "BAIDU", "Token": "token"},
    ],
    ids=lambda members: str(members)[:50],
)
def test_a_registration_without_a_usable_platform_and_token_is_refused(
    guest: Guest, members: dict[str, Any]
) -> None:
    person = guest.identity["IdentityId"].replace(":", "%3A")
    target = pool_target(guest.identity["IdentityPoolId"], f"identity/{person}/device")
    answer = guest.call("POST", target, json.dumps(members).encode())
    assert (answer.status, answer.error_type) == (400, "InvalidParameterException")


def test_the_longest_token_is_taken(guest: Guest) -> None:
    assert guest.register("x" * 4096)


def test_register_device_refuses_a_developers_key_as_seen_in_aws_sdk_php_issue_494(
    client: CognitoSyncClient, identity: Identity
) -> None:
    with refused("NotAuthorizedException", 403, WRONG_CALLER):
        client.register_device(**identity, Platform="GCM", Token="token")
