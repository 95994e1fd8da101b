"""Get- and SetIdentityPoolConfiguration: each part replaced as a whole, removed, or left alone."""

import json
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from botocore.exceptions import ClientError
from types_boto3_cognito_sync import CognitoSyncClient

from keepstep.testing import LocalServer
from tests.conftest import Identity, client_of
from tests.raw import RawRequester

from .identity.steps import new_pool
from .owners import FUNCTION, ROLE, STREAM, application, pool_target
from .steps import refused


@pytest.fixture
def pool_id(identity: Identity) -> str:
    return identity["IdentityPoolId"]


def configuration(client: CognitoSyncClient, pool_id: str) -> dict[str, Any]:
    """Give what is configured, without what travels around it."""
    answer: Any = client.get_identity_pool_configuration(IdentityPoolId=pool_id)
    assert answer.pop("IdentityPoolId") == pool_id
    answer.pop("ResponseMetadata")
    return answer


def set_up(client: CognitoSyncClient, pool_id: str, **parts: Any) -> dict[str, Any]:
    """Set parts and give the answer, which is what can be read afterwards."""
    answer: Any = client.set_identity_pool_configuration(IdentityPoolId=pool_id, **parts)
    assert answer.pop("IdentityPoolId") == pool_id
    answer.pop("ResponseMetadata")
    assert answer == configuration(client, pool_id)
    return answer


def test_a_new_pool_has_no_configuration_and_leaves_the_members_out(
    raw: RawRequester, pool_id: str
) -> None:
    answer = raw.call("GET", pool_target(pool_id, "configuration"))
    assert answer.status == 200
    assert answer.json == {"IdentityPoolId": pool_id}


def test_each_part_is_set_by_itself_and_leaves_the_other_as_it_is(
    client: CognitoSyncClient, pool_id: str
) -> None:
    push = {"ApplicationArns": [application("GCM"), application("APNS")], "RoleArn": ROLE}
    assert set_up(client, pool_id, PushSync=push) == {"PushSync": push}
    both = {"PushSync": push, "CognitoStreams": STREAM}
    assert set_up(client, pool_id, CognitoStreams=STREAM) == both
    assert set_up(client, pool_id) == both


def test_an_application_without_a_role_is_taken_and_an_empty_object_clears_it(
    client: CognitoSyncClient, pool_id: str
) -> None:
    """The integration test of the .NET SDK."""
    push = {"ApplicationArns": [application("GCM")]}
    assert set_up(client, pool_id, PushSync=push, CognitoStreams=STREAM)["PushSync"] == push
    assert set_up(client, pool_id, PushSync={}) == {"CognitoStreams": STREAM}
    assert set_up(client, pool_id, CognitoStreams={}) == {}


def test_a_part_is_replaced_as_a_whole(client: CognitoSyncClient, pool_id: str) -> None:
    set_up(client, pool_id, CognitoStreams=STREAM)
    off = {"StreamName": "other", "StreamingStatus": "DISABLED"}
    assert set_up(client, pool_id, CognitoStreams=off) == {"CognitoStreams": off}


@pytest.mark.parametrize(
    "parts",
    [
        {"PushSync": {"ApplicationArns": [application("BAIDU")]}},
        {"PushSync": {"ApplicationArns": [application("GCM", "a"), application("GCM", "b")]}},
        {"PushSync": {"ApplicationArns": [FUNCTION]}},
        {"PushSync": {"ApplicationArns": "arn"}},
        {"PushSync": {"RoleArn": "arn:aws:iam::000000000000:user/push"}},
        {"PushSync": {"RoleArn": "arn:aws:iam::000000000000:role/"}},
        {"PushSync": []},
        {"CognitoStreams": {"StreamingStatus": "ENABLED"}},
        {"CognitoStreams": {"StreamName": "", "StreamingStatus": "ENABLED"}},
        {"CognitoStreams": {"StreamName": "x" * 129}},
        {"CognitoStreams": {"StreamName": "s", "StreamingStatus": "PAUSED"}},
        {"CognitoStreams": {"StreamName": "s", "RoleArn": "role"}},
        {"PushSync": {}, "CognitoStreams": {"StreamingStatus": "ENABLED"}},
    ],
    ids=str,
)
def test_a_configuration_that_cannot_be_used_is_refused_and_changes_nothing(
    client: CognitoSyncClient, raw: RawRequester, pool_id: str, parts: dict[str, Any]
) -> None:
    push = {"ApplicationArns": [application("ADM")]}
    before = set_up(client, pool_id, PushSync=push, CognitoStreams=STREAM)
    answer = raw.call("POST", pool_target(pool_id, "configuration"), json.dumps(parts).encode())
    assert (answer.status, answer.error_type) == (400, "InvalidParameterException")
    assert configuration(client, pool_id) == before


def test_the_configuration_and_the_other_settings_of_a_pool_leave_each_other_alone(
    server: LocalServer,
) -> None:
    pool = new_pool(server)
    client = client_of(server)
    client.set_cognito_events(IdentityPoolId=pool.pool_id, Events={"SyncTrigger": FUNCTION})
    set_up(client, pool.pool_id, CognitoStreams=STREAM)
    described: Any = pool.developer.describe_identity_pool(IdentityPoolId=pool.pool_id)
    described["IdentityPoolName"] = "others"
    del described["ResponseMetadata"]
    pool.developer.update_identity_pool(**described)
    assert configuration(client, pool.pool_id) == {"CognitoStreams": STREAM}
    events = client.get_cognito_events(IdentityPoolId=pool.pool_id)["Events"]
    assert events == {"SyncTrigger": FUNCTION}
    after: Any = pool.developer.describe_identity_pool(IdentityPoolId=pool.pool_id)
    del after["ResponseMetadata"]
    assert after == described


def test_of_changes_at_the_same_time_each_is_kept_or_refused_as_such(
    server: LocalServer, pool_id: str
) -> None:
    """Whoever changes another part is never refused."""

    def change(number: int) -> str:
        part: dict[str, Any] = {"CognitoStreams": {"StreamName": f"stream-{number}"}}
        if number == 0:
            part = {"PushSync": {"RoleArn": ROLE}}
        try:
            client_of(server).set_identity_pool_configuration(IdentityPoolId=pool_id, **part)
        except ClientError as error:
            response: Any = error.response
            return response["Error"]["Code"]
        return "kept"

    configuration(client_of(server), pool_id)
    with ThreadPoolExecutor(8) as threads:
        outcomes = list(threads.map(change, range(8)))
    assert set(outcomes) <= {"kept", "ConcurrentModificationException"}
    assert outcomes[0] == "kept"
    found = configuration(client_of(server), pool_id)
    kept = [f"stream-{number}" for number in range(1, 8) if outcomes[number] == "kept"]
    assert found["PushSync"] == {"RoleArn": ROLE}
    assert found["CognitoStreams"]["StreamName"] in kept


@pytest.mark.parametrize("operation", ["get_identity_pool_configuration", "set"])
def test_the_configuration_of_an_unknown_pool_is_not_found(
    closed_client: CognitoSyncClient, pool_id: str, operation: str
) -> None:
    with refused("ResourceNotFoundException", 404):
        if operation == "set":
            closed_client.set_identity_pool_configuration(IdentityPoolId=pool_id, PushSync={})
        else:
            closed_client.get_identity_pool_configuration(IdentityPoolId=pool_id)
