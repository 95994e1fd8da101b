"""The AWS CLI against a live server: each of the 17 operations, one process each."""

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from types_boto3_cognito_sync import CognitoSyncClient

from keepstep.testing import LocalServer
from tests.conftest import Place

from .owners import FUNCTION, ROLE, allow_push, application, new_guest
from .steps import begin, contents, fill

AWS = Path(sys.executable).with_name("aws")


def run(
    server: LocalServer, *arguments: str, **variables: str
) -> "subprocess.CompletedProcess[str]":
    """Run a command of the AWS CLI, with more environment variables if there are any."""
    environment = {
        "PATH": os.environ["PATH"],
        "AWS_ENDPOINT_URL": server.endpoint_url,
        "AWS_DEFAULT_REGION": server.region,
        "AWS_ACCESS_KEY_ID": server.access_key_id,
        "AWS_SECRET_ACCESS_KEY": server.secret_access_key,
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_MAX_ATTEMPTS": "1",
        **variables,
    }
    return subprocess.run(
        [sys.executable, AWS, "cognito-sync", *arguments, "--output", "json"],
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def answer(server: LocalServer, *arguments: str, **variables: str) -> Any:
    completed = run(server, *arguments, **variables)
    assert completed.returncode == 0, completed.stderr
    return json.loads(completed.stdout)


def pool_of(place: Place) -> Sequence[str]:
    return "--identity-pool-id", place["IdentityPoolId"]


def identity_of(place: Place) -> Sequence[str]:
    return *pool_of(place), "--identity-id", place["IdentityId"]


def dataset_of(place: Place) -> Sequence[str]:
    return *identity_of(place), "--dataset-name", place["DatasetName"]


@pytest.fixture
def stocked(client: CognitoSyncClient, place: Place) -> Place:
    fill(client, place, key="value")
    return place


def test_aws_list_datasets(server: LocalServer, stocked: Place) -> None:
    listed = answer(server, "list-datasets", *identity_of(stocked), "--max-results", "5")
    assert listed["Count"] == 1
    assert listed["Datasets"][0]["DatasetName"] == "things"
    assert listed["Datasets"][0]["NumRecords"] == 1


def test_aws_describe_dataset(server: LocalServer, stocked: Place) -> None:
    described = answer(server, "describe-dataset", *dataset_of(stocked))
    assert described["Dataset"]["DataStorage"] == 8


def test_aws_delete_dataset(server: LocalServer, client: CognitoSyncClient, stocked: Place) -> None:
    deleted = answer(server, "delete-dataset", *dataset_of(stocked))
    assert deleted["Dataset"]["DatasetName"] == "things"
    assert contents(client, stocked) == {}


def test_aws_list_records(server: LocalServer, stocked: Place) -> None:
    listed = answer(server, "list-records", *dataset_of(stocked), "--last-sync-count", "0")
    assert listed["Records"][0]["Key"] == "key"
    assert listed["DatasetSyncCount"] == 1
    assert listed["SyncSessionToken"]


def test_aws_update_records(server: LocalServer, client: CognitoSyncClient, place: Place) -> None:
    patch = "Op=replace,Key=key,Value=value,SyncCount=0,DeviceLastModifiedDate=1400000000"
    token = begin(client, place)
    updated = answer(
        server,
        "update-records",
        *dataset_of(place),
        "--sync-session-token",
        token,
        "--record-patches",
        patch,
    )
    assert updated["Records"][0]["SyncCount"] == 1
    assert contents(client, place) == {"key": "value"}


def test_aws_describe_identity_usage(server: LocalServer, stocked: Place) -> None:
    described = answer(server, "describe-identity-usage", *identity_of(stocked))
    assert described["IdentityUsage"]["DataStorage"] == 8


def test_aws_describe_identity_pool_usage(server: LocalServer, stocked: Place) -> None:
    described = answer(server, "describe-identity-pool-usage", *pool_of(stocked))
    assert described["IdentityPoolUsage"]["DataStorage"] == 8


def test_aws_list_identity_pool_usage(server: LocalServer, stocked: Place) -> None:
    listed = answer(server, "list-identity-pool-usage", "--max-results", "1")
    assert (listed["Count"], listed["MaxResults"]) == (1, 1)
    assert listed["IdentityPoolUsages"][0]["IdentityPoolId"]


def test_aws_sets_and_gets_an_identity_pool_configuration(
    server: LocalServer, place: Place
) -> None:
    push = f"ApplicationArns={application('GCM')},RoleArn={ROLE}"
    streams = "StreamName=changes,StreamingStatus=ENABLED"
    given = ("--push-sync", push, "--cognito-streams", streams)
    was_set = answer(server, "set-identity-pool-configuration", *pool_of(place), *given)
    assert was_set == {
        "IdentityPoolId": place["IdentityPoolId"],
        "PushSync": {"ApplicationArns": [application("GCM")], "RoleArn": ROLE},
        "CognitoStreams": {"StreamName": "changes", "StreamingStatus": "ENABLED"},
    }
    assert answer(server, "get-identity-pool-configuration", *pool_of(place)) == was_set


def test_aws_sets_and_gets_cognito_events(server: LocalServer, place: Place) -> None:
    """The answer to the first is an empty HTTP body."""
    for function, events in ((FUNCTION, {"SyncTrigger": FUNCTION}), ("", {})):
        given = ("--events", f"SyncTrigger={function}")
        completed = run(server, "set-cognito-events", *pool_of(place), *given)
        assert (completed.returncode, completed.stdout) == (0, ""), completed.stderr
        assert answer(server, "get-cognito-events", *pool_of(place)) == {"Events": events}


def test_aws_bulk_publish(server: LocalServer, place: Place) -> None:
    details = answer(server, "get-bulk-publish-details", *pool_of(place))
    assert details["BulkPublishStatus"] == "NOT_STARTED"
    completed = run(server, "bulk-publish", *pool_of(place))
    assert_shows_error(completed, "InvalidParameterException", "BulkPublish")
    streams = "StreamName=changes,StreamingStatus=ENABLED"
    given = ("--cognito-streams", streams)
    answer(server, "set-identity-pool-configuration", *pool_of(place), *given)
    published = answer(server, "bulk-publish", *pool_of(place))
    assert published == {"IdentityPoolId": place["IdentityPoolId"]}
    details = answer(server, "get-bulk-publish-details", *pool_of(place))
    assert details["BulkPublishStartTime"]


def test_aws_registers_and_subscribes_a_device(
    server: LocalServer, client: CognitoSyncClient, place: Place
) -> None:
    allow_push(client, place["IdentityPoolId"], "GCM")
    guest = new_guest(server, place["IdentityPoolId"])
    fill(guest.client, guest.place, key="value")
    signed = {
        "AWS_ACCESS_KEY_ID": guest.credentials.access_key_id,
        "AWS_SECRET_ACCESS_KEY": guest.credentials.secret_access_key,
        "AWS_SESSION_TOKEN": guest.credentials.session_token or "",
    }
    given = ("--platform", "GCM", "--token", "t")
    registered = answer(server, "register-device", *identity_of(guest.place), *given, **signed)
    device = ("--device-id", registered["DeviceId"])
    for operation in ("subscribe-to-dataset", "unsubscribe-from-dataset"):
        completed = run(server, operation, *dataset_of(guest.place), *device, **signed)
        assert completed.returncode == 0, completed.stderr


@pytest.mark.parametrize(
    ("operation", "arguments"),
    [
        ("register-device", ["--platform", "GCM", "--token", "t"]),
        ("subscribe-to-dataset", ["--device-id", "d"]),
        ("unsubscribe-from-dataset", ["--device-id", "d"]),
    ],
)
def test_aws_shows_the_error_of_an_operation_that_is_not_for_developers(
    server: LocalServer, place: Place, operation: str, arguments: list[str]
) -> None:
    whose = identity_of(place) if operation == "register-device" else dataset_of(place)
    title = operation.replace("-", " ").title().replace(" ", "")
    completed = run(server, operation, *whose, *arguments)
    assert_shows_error(completed, "NotAuthorizedException", title)


def assert_shows_error(
    completed: "subprocess.CompletedProcess[str]", code: str, operation: str
) -> None:
    assert completed.returncode != 0
    assert completed.stdout == ""
    text = f"An error occurred ({code}) when calling the {operation} operation"
    assert text in completed.stderr
