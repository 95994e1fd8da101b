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

from .steps import begin, contents, fill

AWS = Path(sys.executable).with_name("aws")
ROLE = "arn:aws:iam::123456789012:role/push"
NOT_YET = "InvalidParameterException"
WRONG_CALLER = "NotAuthorizedException"


def run(server: LocalServer, *arguments: str) -> "subprocess.CompletedProcess[str]":
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
    }
    return subprocess.run(
        [sys.executable, AWS, "cognito-sync", *arguments, "--output", "json"],
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def answer(server: LocalServer, *arguments: str) -> Any:
    completed = run(server, *arguments)
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


@pytest.mark.parametrize(
    ("operation", "arguments", "code"),
    [
        ("bulk-publish", [], NOT_YET),
        ("get-bulk-publish-details", [], NOT_YET),
        ("get-cognito-events", [], NOT_YET),
        ("set-cognito-events", ["--events", "SyncTrigger="], NOT_YET),
        ("get-identity-pool-configuration", [], NOT_YET),
        ("set-identity-pool-configuration", ["--push-sync", f"RoleArn={ROLE}"], NOT_YET),
        ("register-device", ["--platform", "GCM", "--token", "t"], WRONG_CALLER),
        ("subscribe-to-dataset", ["--device-id", "d"], WRONG_CALLER),
        ("unsubscribe-from-dataset", ["--device-id", "d"], WRONG_CALLER),
    ],
)
def test_aws_shows_the_error_of_an_operation_that_is_not_to_be_had(
    server: LocalServer, place: Place, operation: str, arguments: list[str], code: str
) -> None:
    whose = pool_of(place)
    if operation == "register-device":
        whose = identity_of(place)
    elif code == WRONG_CALLER:
        whose = dataset_of(place)
    completed = run(server, operation, *whose, *arguments)
    assert completed.returncode != 0
    assert completed.stdout == ""
    title = operation.replace("-", " ").title().replace(" ", "")
    assert f"An error occurred ({code}) when calling the {title} operation" in completed.stderr
