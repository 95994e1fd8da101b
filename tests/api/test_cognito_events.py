"""Get- and SetCognitoEvents: the function of the sync trigger, set, read and removed."""

import json
from typing import Any

import pytest
from types_boto3_cognito_sync import CognitoSyncClient

from tests.conftest import Identity
from tests.raw import RawRequester

from .owners import FUNCTION, pool_target
from .steps import refused

OTHER = f"{FUNCTION}-two:$LATEST"


@pytest.fixture
def pool_id(identity: Identity) -> str:
    return identity["IdentityPoolId"]


def events_of(client: CognitoSyncClient, pool_id: str) -> dict[str, str]:
    return client.get_cognito_events(IdentityPoolId=pool_id)["Events"]


def test_a_new_pool_has_no_events(raw: RawRequester, pool_id: str) -> None:
    answer = raw.call("GET", pool_target(pool_id, "events"))
    assert (answer.status, answer.json) == (200, {"Events": {}})


def test_set_cognito_events_answers_an_empty_http_body(raw: RawRequester, pool_id: str) -> None:
    body = json.dumps({"Events": {"SyncTrigger": FUNCTION}}).encode()
    answer = raw.call("POST", pool_target(pool_id, "events"), body)
    assert (answer.status, answer.body) == (200, b"")
    assert answer.headers["content-length"] == "0"


def test_a_trigger_is_set_replaced_and_removed_with_an_empty_name(
    client: CognitoSyncClient, pool_id: str
) -> None:
    """The integration test of the .NET SDK."""
    for function in (FUNCTION, OTHER):
        client.set_cognito_events(IdentityPoolId=pool_id, Events={"SyncTrigger": function})
        assert events_of(client, pool_id) == {"SyncTrigger": function}
    for _ in range(2):
        client.set_cognito_events(IdentityPoolId=pool_id, Events={"SyncTrigger": ""})
        assert events_of(client, pool_id) == {}


def test_no_events_change_nothing(client: CognitoSyncClient, pool_id: str) -> None:
    client.set_cognito_events(IdentityPoolId=pool_id, Events={"SyncTrigger": FUNCTION})
    client.set_cognito_events(IdentityPoolId=pool_id, Events={})
    assert events_of(client, pool_id) == {"SyncTrigger": FUNCTION}


@pytest.mark.parametrize(
    ("events", "text"),
    [
        ({"DeleteTrigger": FUNCTION}, "the only kind of event is SyncTrigger"),
        ({"DeleteTrigger": ""}, "the only kind of event is SyncTrigger"),
        ({"SyncTrigger": "check"}, "not the ARN of a Lambda function"),
        ({"SyncTrigger": "arn:aws:sns:us-east-1:000000000000:check"}, "not the ARN of a Lambda"),
        ({"SyncTrigger": FUNCTION, "Other": ""}, "have length less than or equal to 1"),
        ({"SyncTrigger": 1}, "be a string"),
        ({"SyncTrigger": None}, "be a string"),
        ([], "events"),
        (None, "events"),
    ],
)
def test_other_events_and_functions_are_refused_and_change_nothing(
    client: CognitoSyncClient, raw: RawRequester, pool_id: str, events: Any, text: str
) -> None:
    client.set_cognito_events(IdentityPoolId=pool_id, Events={"SyncTrigger": FUNCTION})
    body = json.dumps({"Events": events}).encode()
    answer = raw.call("POST", pool_target(pool_id, "events"), body)
    assert (answer.status, answer.error_type) == (400, "InvalidParameterException")
    assert text in answer.message
    assert events_of(client, pool_id) == {"SyncTrigger": FUNCTION}


def test_the_events_of_an_unknown_pool_are_not_found(
    closed_client: CognitoSyncClient, pool_id: str
) -> None:
    with refused("ResourceNotFoundException", 404):
        closed_client.get_cognito_events(IdentityPoolId=pool_id)
    with refused("ResourceNotFoundException", 404):
        closed_client.set_cognito_events(IdentityPoolId=pool_id, Events={})
