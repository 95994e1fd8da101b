"""DescribeIdentityUsage: what one identity stores in one pool."""

import pytest
from types_boto3_cognito_sync import CognitoSyncClient

from tests.conftest import Identity
from tests.raw import RawRequester

from .conftest import Timed
from .steps import begin, fill, identity_target, invalid, refused, remove, write


def test_describe_identity_usage_of_an_unknown_identity_is_zeros_without_a_date(
    raw: RawRequester, identity: Identity
) -> None:
    answer = raw.call("GET", identity_target(identity))
    assert answer.status == 200
    assert answer.json == {
        "IdentityUsage": {
            **identity,
            "LastModifiedDate": None,
            "DatasetCount": 0,
            "DataStorage": 0,
        }
    }


def test_describe_identity_usage_adds_up_the_datasets(timed: Timed, identity: Identity) -> None:
    fill(timed.client, {**identity, "DatasetName": "one"}, key="value", ä="")
    timed.clock.now += 24_000
    fill(timed.client, {**identity, "DatasetName": "two"}, gone="x", kept="y")
    write(timed.client, {**identity, "DatasetName": "two"}, remove("gone", 1))
    begin(timed.client, {**identity, "DatasetName": "read"})
    assert timed.raw.call("GET", identity_target(identity)).json == {
        "IdentityUsage": {
            **identity,
            "LastModifiedDate": timed.clock.now / 1000,
            "DatasetCount": 2,
            "DataStorage": 8 + 2 + 5,
        }
    }


def test_describe_identity_usage_forgets_deleted_datasets(
    client: CognitoSyncClient, identity: Identity
) -> None:
    fill(client, {**identity, "DatasetName": "one"}, key="value")
    fill(client, {**identity, "DatasetName": "two"}, k="v")
    client.delete_dataset(**identity, DatasetName="one")
    usage = client.describe_identity_usage(**identity)["IdentityUsage"]
    assert (usage.get("DatasetCount"), usage.get("DataStorage")) == (1, 2)
    client.delete_dataset(**identity, DatasetName="two")
    usage = client.describe_identity_usage(**identity)["IdentityUsage"]
    assert (usage.get("DatasetCount"), usage.get("DataStorage")) == (0, 0)
    assert "LastModifiedDate" not in usage


def test_describe_identity_usage_keeps_pools_apart(
    client: CognitoSyncClient, identity: Identity
) -> None:
    fill(client, {**identity, "DatasetName": "one"}, key="value")
    usage = client.describe_identity_usage(
        IdentityPoolId="us-east-1:0", IdentityId=identity["IdentityId"]
    )
    assert usage["IdentityUsage"].get("DatasetCount") == 0


def test_describe_identity_usage_refuses_an_unknown_pool(
    closed_client: CognitoSyncClient, identity: Identity
) -> None:
    with refused("ResourceNotFoundException", 404):
        closed_client.describe_identity_usage(**identity)


@pytest.mark.parametrize("identity_id", ["INVALID", "A:B:C", "x" * 56])
def test_describe_identity_usage_refuses_a_malformed_id(
    client: CognitoSyncClient, identity: Identity, identity_id: str
) -> None:
    with invalid():
        client.describe_identity_usage(
            IdentityPoolId=identity["IdentityPoolId"], IdentityId=identity_id
        )
