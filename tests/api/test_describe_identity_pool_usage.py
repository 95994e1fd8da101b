"""DescribeIdentityPoolUsage: what one pool stores, and how many syncs were begun in it."""

import time
from urllib.parse import quote

from types_boto3_cognito_sync import CognitoSyncClient

from tests.conftest import Identity, Place
from tests.raw import RawRequester

from .conftest import Timed
from .steps import begin, fill, invalid, refused

STATISTICS_SECONDS = 15


def pool_target(identity: Identity) -> str:
    return f"/identitypools/{quote(identity['IdentityPoolId'], safe='')}"


def sessions_when(raw: RawRequester, identity: Identity, at_least: int) -> int:
    """Give the SyncSessionsCount once it has reached a number, which takes seconds."""
    deadline = time.monotonic() + STATISTICS_SECONDS
    while True:
        usage = raw.call("GET", pool_target(identity)).json["IdentityPoolUsage"]
        if usage["SyncSessionsCount"] >= at_least or time.monotonic() > deadline:
            return usage["SyncSessionsCount"]


def test_describe_identity_pool_usage_of_a_new_pool_is_zeros_with_the_date_of_its_making(
    timed: Timed, identity: Identity
) -> None:
    made = timed.clock.now
    timed.client.list_datasets(**identity)
    timed.clock.now += 5000
    answer = timed.raw.call("GET", pool_target(identity))
    assert answer.status == 200
    assert answer.json == {
        "IdentityPoolUsage": {
            "IdentityPoolId": identity["IdentityPoolId"],
            "SyncSessionsCount": 0,
            "DataStorage": 0,
            "LastModifiedDate": made / 1000,
        }
    }


def test_describe_identity_pool_usage_adds_up_all_identities(
    timed: Timed, identity: Identity
) -> None:
    for number in range(3):
        timed.clock.now += 1000
        fill(
            timed.client,
            {**identity, "IdentityId": f"us-east-1:{number}", "DatasetName": "things"},
            key="value",
        )
    elsewhere: Place = {**identity, "IdentityPoolId": "us-east-1:0", "DatasetName": "things"}
    fill(timed.client, elsewhere, key="value")
    usage = timed.raw.call("GET", pool_target(identity)).json["IdentityPoolUsage"]
    assert usage["DataStorage"] == 24
    assert usage["LastModifiedDate"] == timed.clock.now / 1000


def test_describe_identity_pool_usage_forgets_deleted_datasets(
    client: CognitoSyncClient, place: Place
) -> None:
    fill(client, place, key="value")
    client.delete_dataset(**place)
    usage = client.describe_identity_pool_usage(IdentityPoolId=place["IdentityPoolId"])
    assert usage["IdentityPoolUsage"].get("DataStorage") == 0


def test_describe_identity_pool_usage_counts_the_sessions_begun_not_the_tokens_passed_on(
    client: CognitoSyncClient, raw: RawRequester, place: Place
) -> None:
    tokens = [begin(client, place) for _ in range(3)]
    for token in tokens:
        client.list_records(**place, SyncSessionToken=token)
    assert sessions_when(raw, place, 3) == 3
    begin(client, place)
    assert sessions_when(raw, place, 4) == 4


def test_describe_identity_pool_usage_refuses_an_unknown_pool(
    closed_client: CognitoSyncClient, identity: Identity
) -> None:
    with refused("ResourceNotFoundException", 404):
        closed_client.describe_identity_pool_usage(IdentityPoolId=identity["IdentityPoolId"])


def test_describe_identity_pool_usage_refuses_a_malformed_id(client: CognitoSyncClient) -> None:
    with invalid():
        client.describe_identity_pool_usage(IdentityPoolId="INVALID")
