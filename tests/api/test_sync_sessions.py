"""The session token between ListRecords and UpdateRecords: whose it is, and how long it lives."""

from datetime import UTC, datetime
from typing import Any

import pytest
from types_boto3_cognito_sync import CognitoSyncClient

from tests.conftest import Place
from tests.raw import RawAnswer

from .conftest import Timed
from .steps import (
    INVALID_TOKEN,
    begin,
    contents,
    counts_of,
    dataset_target,
    invalid,
    patch_body,
    refused,
    replace,
    write,
)

HOUR_MS = 3_600_000


def update(client: CognitoSyncClient, place: Place, token: str, key: str = "key") -> Any:
    patches = [replace(key, "value", 99)]
    return client.update_records(**place, SyncSessionToken=token, RecordPatches=patches)


def call_by_the_clock(timed: Timed, method: str, target: str, body: bytes = b"") -> RawAnswer:
    time = datetime.fromtimestamp(timed.clock.now / 1000, UTC)
    headers = timed.raw.signed_headers(method, target, body, time=time)
    return timed.raw.send(method, target, body, headers)


@pytest.mark.parametrize("token", ["", "garbage", "AAAA" * 80, "ä", "x" * 20_000])
def test_a_session_token_that_was_never_given_is_refused(
    client: CognitoSyncClient, place: Place, token: str
) -> None:
    with invalid(INVALID_TOKEN):
        update(client, place, token)
    assert contents(client, place) == {}


def test_an_altered_session_token_is_refused(client: CognitoSyncClient, place: Place) -> None:
    token = begin(client, place)
    for position in (0, 3, 10, 30, len(token) // 2, len(token) - 5):
        other = "A" if token[position] != "A" else "B"
        with invalid(INVALID_TOKEN):
            update(client, place, token[:position] + other + token[position + 1 :])


@pytest.mark.parametrize("name", ["IdentityPoolId", "IdentityId", "DatasetName"])
def test_a_session_token_is_refused_elsewhere(
    client: CognitoSyncClient, place: Place, name: str
) -> None:
    token = begin(client, place)
    other: Any = {**place, name: "eu-west-1:1699ebc0"}
    with invalid(INVALID_TOKEN):
        update(client, other, token)
    with invalid(INVALID_TOKEN):
        client.list_records(**other, SyncSessionToken=token)


def test_a_request_without_a_session_token_names_the_member(
    client: CognitoSyncClient, place: Place
) -> None:
    incomplete: Any = {**place, "RecordPatches": [replace("key", "value")]}
    with invalid(
        "1 validation error detected: Value null at 'syncSessionToken' failed to satisfy "
        "constraint: Member must not be null"
    ):
        client.update_records(**incomplete)


def test_a_session_is_good_for_one_successful_update(
    client: CognitoSyncClient, place: Place
) -> None:
    token = begin(client, place)
    update(client, place, token)
    with invalid(INVALID_TOKEN):
        update(client, place, token)
    with invalid(INVALID_TOKEN):
        client.list_records(**place, SyncSessionToken=token)
    assert client.list_records(**place)["DatasetSyncCount"] == 1


def test_a_consumed_session_is_refused_even_without_patches(
    client: CognitoSyncClient, place: Place
) -> None:
    token = begin(client, place)
    update(client, place, token)
    with invalid(INVALID_TOKEN):
        client.update_records(**place, SyncSessionToken=token, RecordPatches=[])


def test_sessions_of_several_devices_live_side_by_side(
    client: CognitoSyncClient, place: Place
) -> None:
    tokens = [begin(client, place) for _ in range(3)]
    counts = [
        counts_of(update(client, place, token, f"key{n}")["Records"])[f"key{n}"]
        for n, token in enumerate(reversed(tokens))
    ]
    assert counts == [1, 2, 3]


def test_a_failed_update_does_not_consume_its_session(
    client: CognitoSyncClient, place: Place
) -> None:
    write(client, place, replace("key", "value"))
    token = begin(client, place)
    with refused("ResourceConflictException", 409):
        client.update_records(
            **place, SyncSessionToken=token, RecordPatches=[replace("key", "new")]
        )
    with invalid():
        client.update_records(**place, SyncSessionToken=token, RecordPatches=[replace("", "new")])
    update(client, place, token)


def test_a_session_ends_after_an_hour(timed: Timed, place: Place) -> None:
    target = dataset_target(place)
    token = begin(timed.client, place)
    timed.clock.now += HOUR_MS - 1000
    listing = dataset_target(place, "/records", syncSessionToken=token)
    assert call_by_the_clock(timed, "GET", listing).status == 200
    timed.clock.now += 1000
    for answer in (
        call_by_the_clock(timed, "GET", listing),
        call_by_the_clock(timed, "POST", target, patch_body(token, replace("key", "value"))),
    ):
        assert (answer.status, answer.error_type) == (400, "InvalidParameterException")
        assert answer.message == INVALID_TOKEN


def test_passing_a_session_token_on_does_not_prolong_it(timed: Timed, place: Place) -> None:
    token = begin(timed.client, place)
    timed.clock.now += HOUR_MS // 2
    listing = dataset_target(place, "/records", syncSessionToken=token)
    token = call_by_the_clock(timed, "GET", listing).json["SyncSessionToken"]
    timed.clock.now += HOUR_MS // 2
    listing = dataset_target(place, "/records", syncSessionToken=token)
    assert call_by_the_clock(timed, "GET", listing).status == 400
