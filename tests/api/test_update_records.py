"""UpdateRecords: counts, conflicts, tombstones, patches, and what each record remembers."""

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from types_boto3_cognito_sync import CognitoSyncClient
from types_boto3_cognito_sync.type_defs import RecordPatchTypeDef, RecordTypeDef

from tests.conftest import Place
from tests.raw import RawRequester

from .conftest import Timed
from .steps import (
    ACCOUNT_ID,
    begin,
    contents,
    counts_of,
    dataset_target,
    fill,
    invalid,
    patch_body,
    refused,
    remove,
    replace,
    values_of,
    write,
)

Update = Callable[..., Any]


@pytest.fixture
def update(raw: RawRequester, client: CognitoSyncClient, place: Place) -> Update:
    """Send one patch of any shape in a session of its own, and give the raw answer."""

    def send(**patch: object) -> Any:
        body = patch_body(begin(client, place), patch)
        return raw.call("POST", dataset_target(place), body)

    return send


def refuse_conflict(key: str, stored: int, given: int) -> Any:
    text = f"Current SyncCount for: {key} is: {stored} not: {given}"
    return refused("ResourceConflictException", 409, text)


def test_update_records_creates_the_dataset_and_answers_every_member(
    timed: Timed, place: Place
) -> None:
    token = begin(timed.client, place)
    body = patch_body(token, replace("key", "value"), remove("gone"))
    answer = timed.raw.call("POST", dataset_target(place), body)
    assert answer.status == 200
    shared = {
        "SyncCount": 1,
        "LastModifiedDate": timed.clock.now / 1000,
        "LastModifiedBy": ACCOUNT_ID,
        "DeviceLastModifiedDate": timed.clock.now / 1000,
    }
    assert answer.json == {
        "Records": [
            {"Key": "key", "Value": "value", **shared},
            {"Key": "gone", "Value": None, **shared},
        ]
    }


def test_update_records_advances_the_count_by_one_and_stamps_every_patched_record(
    client: CognitoSyncClient, place: Place
) -> None:
    assert counts_of(write(client, place, replace("a", "1"), replace("b", "1"))) == {"a": 1, "b": 1}
    for count in (2, 3, 4):
        write(client, place, replace("c", "1", count))
    assert counts_of(write(client, place, replace("a", "2", 1))) == {"a": 5}
    listed = client.list_records(**place)
    assert listed["DatasetSyncCount"] == 5
    assert counts_of(listed["Records"]) == {"b": 1, "c": 4, "a": 5}


def test_update_records_advances_the_count_even_if_nothing_differs(
    client: CognitoSyncClient, place: Place
) -> None:
    for count in range(4):
        assert counts_of(write(client, place, replace("k", "same", count))) == {"k": count + 1}


@pytest.mark.parametrize("given", [1, 2, 3, 8006, 2**63 - 1])
def test_update_records_accepts_any_count_from_the_records_own_upwards(
    client: CognitoSyncClient, place: Place, given: int
) -> None:
    write(client, place, replace("key", "old"))
    write(client, place, replace("other", "x"))
    patches = [replace("key", "new", given), replace("brand new", "y", given)]
    assert counts_of(write(client, place, *patches)) == {"key": 3, "brand new": 3}


@pytest.mark.parametrize("patch", [replace("key", "new", 1), replace("key", "1", 1)])
def test_update_records_rejects_a_stale_sync_count_whatever_the_value(
    client: CognitoSyncClient, place: Place, patch: RecordPatchTypeDef
) -> None:
    write(client, place, replace("key", "0"))
    write(client, place, replace("key", "1", 1))
    with refuse_conflict("key", 2, 1):
        write(client, place, patch)


def test_update_records_rejects_a_stale_removal(client: CognitoSyncClient, place: Place) -> None:
    write(client, place, replace("key", "0"))
    with refuse_conflict("key", 1, 0):
        write(client, place, remove("key"))


def test_update_records_names_the_first_conflicting_key_in_the_order_of_the_patches(
    client: CognitoSyncClient, place: Place
) -> None:
    write(client, place, replace("a", "0"), replace("b", "0"), replace("c", "0"))
    with refuse_conflict("c", 1, 0):
        write(client, place, replace("b", "1", 1), replace("c", "1"), replace("a", "1"))


def test_update_records_stores_nothing_of_a_list_with_one_bad_patch(
    client: CognitoSyncClient, place: Place
) -> None:
    write(client, place, replace("stale", "0"))
    conflicts = [replace("new", "1"), replace("stale", "1")]
    with refused("ResourceConflictException", 409):
        write(client, place, *conflicts)
    with invalid():
        write(client, place, replace("new", "1"), replace("", "1"))
    with invalid():
        write(client, place, replace("new", "1"), replace("new", "2"))
    assert contents(client, place) == {"stale": "0"}
    assert client.list_records(**place)["DatasetSyncCount"] == 1


def test_update_records_refuses_a_key_patched_twice(
    client: CognitoSyncClient, place: Place
) -> None:
    with invalid():
        write(client, place, replace("key", "1"), remove("key"))
    assert client.list_records(**place)["DatasetExists"] is False


@pytest.mark.parametrize("members", [{"RecordPatches": []}, {"RecordPatches": None}, {}])
def test_update_records_with_no_patches_changes_nothing_and_keeps_the_session(
    client: CognitoSyncClient, raw: RawRequester, place: Place, members: dict[str, Any]
) -> None:
    token = begin(client, place)
    body = json.dumps({"SyncSessionToken": token, **members}).encode()
    answer = raw.call("POST", dataset_target(place), body)
    assert (answer.status, answer.json) == (200, {"Records": []})
    assert client.list_records(**place, SyncSessionToken=token)["DatasetExists"] is False


def test_update_records_turns_a_removed_record_into_a_tombstone(
    client: CognitoSyncClient, place: Place
) -> None:
    write(client, place, replace("key", "value"))
    (record,) = write(client, place, remove("key", 1))
    assert (record.get("SyncCount"), "Value" in record) == (2, False)


def test_update_records_writes_a_tombstone_for_a_key_that_was_never_there(
    client: CognitoSyncClient, place: Place
) -> None:
    assert counts_of(write(client, place, remove("never"))) == {"never": 1}
    assert contents(client, place) == {"never": None}


def test_update_records_ignores_the_value_of_a_removal(
    update: Update, client: CognitoSyncClient, place: Place
) -> None:
    for value in ("", "text"):
        answer = update(Op="remove", Key="key", SyncCount=5, Value=value)
        assert answer.json["Records"][0]["Value"] is None
    assert contents(client, place) == {"key": None}


def test_update_records_needs_the_tombstones_count_to_create_a_key_again(
    client: CognitoSyncClient, place: Place
) -> None:
    write(client, place, replace("key", "value"))
    write(client, place, remove("key", 1))
    with refuse_conflict("key", 2, 0):
        write(client, place, replace("key", "again"))
    write(client, place, replace("key", "again", 2))
    assert contents(client, place) == {"key": "again"}


@pytest.mark.parametrize(
    "text",
    ["", " ", "null", "✓", "\U0001f600", "a\x00b", "\r\n\t", '"\\/', "\x7f\x80", "e\u0301"],
)
def test_update_records_keeps_any_text_exactly(
    client: CognitoSyncClient, place: Place, text: str
) -> None:
    write(client, place, replace(f"k{text}", text))
    assert contents(client, place) == {f"k{text}": text}


@pytest.mark.parametrize(
    ("change", "member"),
    [
        ({"Op": "add"}, "op"),
        ({"Op": None}, "op"),
        ({"Op": "Replace"}, "op"),
        ({"Op": 1}, "op"),
        ({"Key": None}, "key"),
        ({"Key": 5}, "key"),
        ({"Key": ["a"]}, "key"),
        ({"SyncCount": None}, "syncCount"),
        ({"SyncCount": -1}, "syncCount"),
        ({"SyncCount": 1.5}, "syncCount"),
        ({"SyncCount": True}, "syncCount"),
        ({"SyncCount": "abc"}, "syncCount"),
        ({"SyncCount": ""}, "syncCount"),
        ({"SyncCount": 2**63}, "syncCount"),
        ({"SyncCount": 10**400}, "syncCount"),
        ({"SyncCount": {}}, "syncCount"),
        ({"Value": 5}, "value"),
        ({"Value": True}, "value"),
        ({"Value": {}}, "value"),
        ({"Value": ["x"]}, "value"),
        ({"DeviceLastModifiedDate": "yesterday"}, "deviceLastModifiedDate"),
        ({"DeviceLastModifiedDate": "nan"}, "deviceLastModifiedDate"),
        ({"DeviceLastModifiedDate": "inf"}, "deviceLastModifiedDate"),
        ({"DeviceLastModifiedDate": -1}, "deviceLastModifiedDate"),
        ({"DeviceLastModifiedDate": 10**300}, "deviceLastModifiedDate"),
        ({"DeviceLastModifiedDate": True}, "deviceLastModifiedDate"),
        ({"DeviceLastModifiedDate": []}, "deviceLastModifiedDate"),
    ],
)
def test_update_records_names_the_bad_member_of_a_patch(
    update: Update, client: CognitoSyncClient, place: Place, change: dict[str, Any], member: str
) -> None:
    answer = update(**{"Op": "replace", "Key": "key", "Value": "v", "SyncCount": 0, **change})
    assert (answer.status, answer.error_type) == (400, "InvalidParameterException")
    assert "1 validation error detected" in answer.message
    assert f"at 'recordPatches.1.member.{member}' failed to satisfy constraint" in answer.message
    assert client.list_records(**place)["DatasetExists"] is False


def test_update_records_names_every_bad_member_at_once(
    raw: RawRequester, client: CognitoSyncClient, place: Place
) -> None:
    body = patch_body(begin(client, place), {}, replace("good", ""), {"Op": "x", "Key": ""})
    answer = raw.call("POST", dataset_target(place), body)
    assert "6 validation errors detected" in answer.message
    assert "at 'recordPatches.3.member.key'" in answer.message


@pytest.mark.parametrize("patch", [None, 5, "text", []])
def test_update_records_refuses_a_patch_that_is_no_structure(
    raw: RawRequester, client: CognitoSyncClient, place: Place, patch: object
) -> None:
    answer = raw.call("POST", dataset_target(place), patch_body(begin(client, place), patch))
    assert (answer.status, answer.error_type) == (400, "InvalidParameterException")


@pytest.mark.parametrize("value", [{}, {"Value": None}])
def test_update_records_refuses_a_replacement_without_a_value(
    update: Update, value: dict[str, None]
) -> None:
    answer = update(Op="replace", Key="key", SyncCount=0, **value)
    assert (answer.status, answer.error_type) == (400, "InvalidParameterException")
    assert "'key'" in answer.message


def test_update_records_ignores_members_it_does_not_know(
    raw: RawRequester, client: CognitoSyncClient, place: Place
) -> None:
    patch = {**replace("key", "value"), "Unknown": {"deep": [1]}}
    body = patch_body(begin(client, place), patch, IdentityId="not:this", Extra=None)
    assert raw.call("POST", dataset_target(place), body).status == 200
    assert contents(client, place) == {"key": "value"}


def test_update_records_takes_a_count_of_digits(update: Update) -> None:
    assert update(Op="replace", Key="key", Value="v", SyncCount="12").status == 200


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        (1_400_000_000, 1_400_000_000),
        (1_400_000_000.25, 1_400_000_000.25),
        (1.400000000151e9, 1_400_000_000.151),
        ("1400000000", 1_400_000_000),
        ("1400000000.151000", 1_400_000_000.151),
        ("1.4E9", 1_400_000_000),
        (0, 0),
    ],
)
def test_update_records_keeps_a_devices_date_in_any_form_that_sdks_send(
    update: Update, given: object, kept: float
) -> None:
    answer = update(Op="replace", Key="k", Value="", SyncCount=0, DeviceLastModifiedDate=given)
    assert answer.json["Records"][0]["DeviceLastModifiedDate"] == kept


def test_update_records_gives_the_time_of_the_write_where_a_device_gives_no_date(
    timed: Timed, place: Place
) -> None:
    target = dataset_target(place)
    patch = {"Op": "replace", "Key": "k", "Value": "", "SyncCount": 0, "DeviceLastModifiedDate": 5}
    timed.raw.call("POST", target, patch_body(begin(timed.client, place), patch))
    timed.clock.now += 1001
    token = begin(timed.client, place)
    answer = timed.raw.call("POST", target, patch_body(token, replace("k", "", 1)))
    assert answer.json["Records"][0]["DeviceLastModifiedDate"] == timed.clock.now / 1000


def test_update_records_remembers_the_device_that_wrote(
    client: CognitoSyncClient, place: Place
) -> None:
    for device in ("5cd28fbe-dd83-47ab-9f83-19093a5fb014", "d" * 256, "any text ✓"):
        (record,) = client.update_records(
            **place,
            SyncSessionToken=begin(client, place),
            DeviceId=device,
            RecordPatches=[replace("key", "value", 9)],
        )["Records"]
        assert record.get("LastModifiedBy") == device
        assert client.list_records(**place)["LastModifiedBy"] == device
        assert client.describe_dataset(**place)["Dataset"].get("LastModifiedBy") == device
    write(client, place, replace("other", "value"))
    listed = client.list_records(**place)
    assert listed["LastModifiedBy"] == ACCOUNT_ID
    assert [record.get("LastModifiedBy") for record in listed["Records"]] == [device, ACCOUNT_ID]


@pytest.mark.parametrize("device", ["", "d" * 257])
def test_update_records_refuses_a_device_id_of_the_wrong_length(
    client: CognitoSyncClient, place: Place, device: str
) -> None:
    with invalid():
        client.update_records(**place, SyncSessionToken=begin(client, place), DeviceId=device)


def test_update_records_ignores_the_client_context(client: CognitoSyncClient, place: Place) -> None:
    client.update_records(
        **place,
        SyncSessionToken=begin(client, place),
        RecordPatches=[replace("key", "value")],
        ClientContext='{"client": "x"}',
    )
    assert contents(client, place) == {"key": "value"}


def test_update_records_refuses_an_unknown_pool(
    closed_client: CognitoSyncClient, client: CognitoSyncClient, place: Place
) -> None:
    with refused("ResourceNotFoundException", 404):
        closed_client.update_records(**place, SyncSessionToken=begin(client, place))


def test_update_records_serves_writers_at_once_one_count_each(
    client: CognitoSyncClient, place: Place
) -> None:
    fill(client, place, shared="value")

    def write_one(number: int) -> list[RecordTypeDef]:
        return write(client, place, replace(f"key{number}", "v"))

    with ThreadPoolExecutor(8) as pool:
        written = list(pool.map(write_one, range(40)))
        counts = sorted(count for records in written for count in counts_of(records).values())
    assert counts == list(range(2, 42))
    assert len(values_of(client.list_records(**place)["Records"])) == 41
