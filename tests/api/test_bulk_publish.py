"""BulkPublish and GetBulkPublishDetails: one at a time, and one success a day."""

import json
import socket
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from types_boto3_cognito_sync import CognitoSyncClient

from keepstep.testing import local_server
from tests.conftest import Identity, Place, client_of
from tests.raw import RawAnswer, RawRequester

from .conftest import Clock
from .owners import STREAM, pool_target
from .steps import fill, invalid, refused

WAIT_SECONDS = 30
DAY_MS = 86_400_000


@pytest.fixture
def pool_id(identity: Identity) -> str:
    return identity["IdentityPoolId"]


def details(client: CognitoSyncClient, pool_id: str) -> dict[str, Any]:
    answer: Any = client.get_bulk_publish_details(IdentityPoolId=pool_id)
    assert answer.pop("IdentityPoolId") == pool_id
    del answer["ResponseMetadata"]
    return answer


def wait_for(client: CognitoSyncClient, pool_id: str, status: str) -> dict[str, Any]:
    """Wait until a bulk publish has come to a status, and give its details."""
    deadline = time.monotonic() + WAIT_SECONDS
    found = details(client, pool_id)
    while found["BulkPublishStatus"] != status:
        assert time.monotonic() < deadline, found
        found = details(client, pool_id)
    return found


def use_stream(client: CognitoSyncClient, pool_id: str, **members: Any) -> None:
    streams: Any = {**STREAM, **members}
    client.set_identity_pool_configuration(IdentityPoolId=pool_id, CognitoStreams=streams)


@contextmanager
def to_nowhere() -> Generator[dict[str, Any]]:
    """Give the settings of a stream whose endpoint refuses every connection."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{taken.getsockname()[1]}/"
        yield {"name": "changes", "kind": "webhook", "url": url, "secret": "s" * 32}


def to_files(folder: Path) -> dict[str, Any]:
    """Give the settings of a stream that is a folder of files."""
    return {"name": "changes", "kind": "jsonl", "folder": str(folder)}


def published(folder: Path) -> list[Any]:
    lines = [line for file in folder.glob("*.jsonl") for line in file.read_bytes().splitlines()]
    return [json.loads(line) for line in lines]


def publish_at(raw: RawRequester, pool_id: str, now: int) -> RawAnswer:
    """Begin a bulk publish with a signature of the server's own time."""
    target, date = pool_target(pool_id, "bulkpublish"), datetime.fromtimestamp(now / 1000, UTC)
    return raw.send("POST", target, b"", raw.signed_headers("POST", target, time=date))


def test_a_pool_that_was_never_published_is_not_started(raw: RawRequester, pool_id: str) -> None:
    answer = raw.call("POST", pool_target(pool_id, "getBulkPublishDetails"))
    assert answer.status == 200
    assert answer.json == {
        "IdentityPoolId": pool_id,
        "BulkPublishStartTime": None,
        "BulkPublishCompleteTime": None,
        "BulkPublishStatus": "NOT_STARTED",
        "FailureMessage": None,
    }


@pytest.mark.parametrize(
    "streams",
    [
        {},
        {"StreamName": "changes"},
        {"StreamName": "changes", "StreamingStatus": "DISABLED"},
    ],
)
def test_a_pool_without_an_enabled_stream_cannot_be_published(
    client: CognitoSyncClient, pool_id: str, streams: Any
) -> None:
    client.set_identity_pool_configuration(IdentityPoolId=pool_id, CognitoStreams=streams)
    with invalid():
        client.bulk_publish(IdentityPoolId=pool_id)
    assert details(client, pool_id) == {"BulkPublishStatus": "NOT_STARTED"}


def test_one_bulk_publish_of_a_pool_runs_at_a_time(place: Place) -> None:
    with to_nowhere() as stream, local_server(streams=[stream]) as server:
        client, pool_id = client_of(server), place["IdentityPoolId"]
        fill(client, place, key="value")
        use_stream(client, pool_id)
        before = datetime.now(UTC).timestamp()
        assert client.bulk_publish(IdentityPoolId=pool_id)["IdentityPoolId"] == pool_id
        with refused("DuplicateRequestException", 400):
            client.bulk_publish(IdentityPoolId=pool_id)
        found = details(client, pool_id)
        assert found["BulkPublishStatus"] == "IN_PROGRESS"
        assert abs(found["BulkPublishStartTime"].timestamp() - before) < WAIT_SECONDS
        assert set(found) == {"BulkPublishStatus", "BulkPublishStartTime"}


def test_a_bulk_publish_fails_when_the_stream_is_disabled_and_may_be_repeated_at_once(
    place: Place,
) -> None:
    with to_nowhere() as stream, local_server(streams=[stream]) as server:
        client, pool_id = client_of(server), place["IdentityPoolId"]
        fill(client, place, key="value")
        use_stream(client, pool_id)
        client.bulk_publish(IdentityPoolId=pool_id)
        use_stream(client, pool_id, StreamingStatus="DISABLED")
        found = wait_for(client, pool_id, "FAILED")
        assert found["FailureMessage"]
        assert "BulkPublishCompleteTime" not in found
        use_stream(client, pool_id)
        client.bulk_publish(IdentityPoolId=pool_id)
        assert "FailureMessage" not in wait_for(client, pool_id, "IN_PROGRESS")


def test_a_successful_bulk_publish_sends_every_dataset_and_is_the_days_only_one(
    tmp_path: Path, place: Place
) -> None:
    clock = Clock()
    with local_server(clock=clock, streams=[to_files(tmp_path)]) as server:
        client, pool_id = client_of(server), place["IdentityPoolId"]
        names = ["a", "b"]
        for name in names:
            fill(client, {**place, "DatasetName": name}, key=name)
        use_stream(client, pool_id)
        client.bulk_publish(IdentityPoolId=pool_id)
        found = wait_for(client, pool_id, "SUCCEEDED")
        assert found["BulkPublishCompleteTime"] >= found["BulkPublishStartTime"]
        assert "FailureMessage" not in found
        sent = [
            (one["datasetName"], [record["value"] for record in one["kinesisSyncRecords"]])
            for one in published(tmp_path)
        ]
        assert sorted(sent) == [("a", ["a"]), ("b", ["b"])]
        for passed, outcome in ((DAY_MS - 1, (400, "AlreadyStreamedException")), (1, (200, None))):
            clock.now += passed
            answer = publish_at(RawRequester(server), pool_id, clock.now)
            assert (answer.status, answer.error_type) == outcome


def test_the_pause_between_bulk_publishes_can_be_turned_off(tmp_path: Path, pool_id: str) -> None:
    streams = [to_files(tmp_path)]
    with local_server(streams=streams, bulk_publish_pause_seconds=0) as server:
        client = client_of(server)
        use_stream(client, pool_id)
        for _ in range(2):
            client.bulk_publish(IdentityPoolId=pool_id)
            wait_for(client, pool_id, "SUCCEEDED")


OPERATIONS: list[Callable[[CognitoSyncClient, str], Any]] = [
    lambda client, pool_id: client.bulk_publish(IdentityPoolId=pool_id),
    lambda client, pool_id: client.get_bulk_publish_details(IdentityPoolId=pool_id),
]


@pytest.mark.parametrize("operation", OPERATIONS, ids=["begin", "details"])
def test_an_unknown_pool_is_not_found(
    closed_client: CognitoSyncClient,
    pool_id: str,
    operation: Callable[[CognitoSyncClient, str], Any],
) -> None:
    with refused("ResourceNotFoundException", 404):
        operation(closed_client, pool_id)
