"""The operations that this version does not have answer a modelled error in words."""

from typing import Any

import pytest
from botocore.exceptions import ClientError
from types_boto3_cognito_sync import CognitoSyncClient

from tests.conftest import Identity, Place

from .steps import refused

PLATFORM_ROLE = "arn:aws:iam::123456789012:role/push"


def call(client: CognitoSyncClient, name: str, arguments: Any) -> None:
    getattr(client, name)(**arguments)


@pytest.mark.parametrize(
    ("name", "members"),
    [
        ("bulk_publish", {}),
        ("get_bulk_publish_details", {}),
        ("get_cognito_events", {}),
        ("set_cognito_events", {"Events": {"SyncTrigger": ""}}),
        ("get_identity_pool_configuration", {}),
        ("set_identity_pool_configuration", {"PushSync": {"RoleArn": PLATFORM_ROLE}}),
    ],
)
def test_an_operation_this_version_lacks_says_so_by_name(
    client: CognitoSyncClient, identity: Identity, name: str, members: dict[str, Any]
) -> None:
    arguments = {"IdentityPoolId": identity["IdentityPoolId"], **members}
    with pytest.raises(ClientError) as caught:
        call(client, name, arguments)
    response: Any = caught.value.response
    assert isinstance(caught.value, client.exceptions.InvalidParameterException)
    operation = name.replace("_", " ").title().replace(" ", "")
    assert f"does not have {operation} yet" in response["Error"]["Message"]


@pytest.mark.parametrize("name", ["subscribe_to_dataset", "unsubscribe_from_dataset"])
def test_an_operation_of_identities_alone_refuses_a_developers_key(
    client: CognitoSyncClient, place: Place, name: str
) -> None:
    text = "These credentials are not valid for accessing this resource"
    with refused("NotAuthorizedException", 403, text):
        call(client, name, {**place, "DeviceId": "device"})


def test_register_device_refuses_a_developers_key_as_seen_in_aws_sdk_php_issue_494(
    client: CognitoSyncClient, identity: Identity
) -> None:
    text = "These credentials are not valid for accessing this resource"
    with refused("NotAuthorizedException", 403, text):
        client.register_device(**identity, Platform="GCM", Token="token")
