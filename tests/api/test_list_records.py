"""ListRecords: the records changed since a count, their pages, and the deletion flags."""

from datetime import UTC, datetime
from typing import Any

import pytest
from types_boto3_cognito_sync import CognitoSyncClient

from tests.conftest import Identity, Place
from tests.raw import RawRequester

from .conftest import Timed
from .steps import (
    INVALID_TOKEN,
    all_pages,
    begin,
    contents,
    counts_of,
    dataset_target,
    fill,
    invalid,
    refused,
    remove,
    replace,
    values_of,
    write,
)

FLAGS = ("DatasetExists", "DatasetDeletedAfterRequestedSyncCount", "DatasetSyncCount")


def flags(client: CognitoSyncClient, place: Place, since: int) -> tuple[Any, ...]:
    answer: Any = client.list_records(**place, LastSyncCount=since)
    return tuple(answer[name] for name in FLAGS)


def page_of(client: CognitoSyncClient, place: Place, token: str | None, size: int) -> Any:
    if token is None:
        return client.list_records(**place, MaxResults=size)
    return client.list_records(**place, MaxResults=size, NextToken=token)


@pytest.fixture
def stocked(client: CognitoSyncClient, place: Place) -> Place:
    """Five records written by three updates: c1 and a1 at 1, b2 at 2, d3 and b3 at 3."""
    write(client, place, replace("c1", "1"), replace("a1", "1"))
    write(client, place, replace("b2", "2"))
    write(client, place, replace("d3", "3"), replace("b3", "3"))
    return place


def test_list_records_of_a_new_name_has_exactly_nine_fields(
    raw: RawRequester, place: Place
) -> None:
    answer = raw.call("GET", dataset_target(place, "/records"))
    assert answer.status == 200
    token = answer.json["SyncSessionToken"]
    assert isinstance(token, str)
    assert token
    assert answer.json == {
        "Records": [],
        "NextToken": None,
        "Count": 0,
        "DatasetSyncCount": 0,
        "LastModifiedBy": None,
        "MergedDatasetNames": None,
        "DatasetExists": False,
        "DatasetDeletedAfterRequestedSyncCount": False,
        "SyncSessionToken": token,
    }


def test_list_records_gives_every_member_of_a_record(timed: Timed, place: Place) -> None:
    patch = replace("key", "value")
    patch["DeviceLastModifiedDate"] = datetime.fromtimestamp(1_400_000_000, UTC)
    write(timed.client, place, patch, remove("gone"))
    seconds = timed.clock.now / 1000
    answer = timed.raw.call("GET", dataset_target(place, "/records")).json
    assert answer["Records"] == [
        {
            "Key": "gone",
            "Value": None,
            "SyncCount": 1,
            "LastModifiedDate": seconds,
            "LastModifiedBy": "000000000000",
            "DeviceLastModifiedDate": seconds,
        },
        {
            "Key": "key",
            "Value": "value",
            "SyncCount": 1,
            "LastModifiedDate": seconds,
            "LastModifiedBy": "000000000000",
            "DeviceLastModifiedDate": 1_400_000_000,
        },
    ]
    assert answer["LastModifiedBy"] == "000000000000"
    assert (answer["Count"], answer["DatasetSyncCount"], answer["NextToken"]) == (2, 1, None)
    assert answer["DatasetExists"] is True
    assert answer["DatasetDeletedAfterRequestedSyncCount"] is False


def test_list_records_orders_by_count_then_by_the_bytes_of_the_key(
    client: CognitoSyncClient, place: Place
) -> None:
    keys = ["B", "a", "Z", "ä", "b", "é", "\U0001f600", "\uffff"]
    write(client, place, *(replace(key, "1") for key in keys))
    write(client, place, replace("a", "2", 1))
    expected = [*sorted(set(keys) - {"a"}, key=str.encode), "a"]
    assert list(contents(client, place)) == expected


@pytest.mark.parametrize(
    ("since", "keys"),
    [
        (0, ["a1", "c1", "b2", "b3", "d3"]),
        (1, ["b2", "b3", "d3"]),
        (2, ["b3", "d3"]),
        (3, []),
    ],
)
def test_list_records_gives_records_with_a_strictly_greater_count(
    client: CognitoSyncClient, stocked: Place, since: int, keys: list[str]
) -> None:
    answer = client.list_records(**stocked, LastSyncCount=since)
    assert list(values_of(answer["Records"])) == keys
    assert answer["Count"] == len(keys)
    assert answer["DatasetSyncCount"] == 3


def test_list_records_gives_a_rewritten_record_at_its_new_count_only(
    client: CognitoSyncClient, stocked: Place
) -> None:
    write(client, stocked, replace("a1", "4", 1))
    assert counts_of(client.list_records(**stocked)["Records"])["a1"] == 4
    assert values_of(client.list_records(**stocked, LastSyncCount=3)["Records"]) == {"a1": "4"}


def test_list_records_gives_tombstones_without_a_value_in_full_and_partial_lists(
    client: CognitoSyncClient, raw: RawRequester, stocked: Place
) -> None:
    write(client, stocked, remove("a1", 1))
    write(client, stocked, replace("empty", ""))
    for since in (0, 3):
        answer = raw.call("GET", dataset_target(stocked, "/records", lastSyncCount=since)).json
        values = {record["Key"]: record["Value"] for record in answer["Records"]}
        assert values["a1"] is None
        assert values["empty"] == ""
        assert answer["Count"] == len(answer["Records"])


@pytest.mark.parametrize("size", [1, 2, 3, 5, 6, 1024, 2**31, 2**63 - 1])
def test_list_records_pages_have_exactly_the_size_and_no_token_at_the_end(
    client: CognitoSyncClient, raw: RawRequester, stocked: Place, size: int
) -> None:
    def fetch(token: str | None) -> tuple[list[str], str | None]:
        query: dict[str, object] = {} if token is None else {"nextToken": token}
        answer = raw.call("GET", dataset_target(stocked, "/records", maxResults=size, **query))
        assert answer.status == 200, answer.body
        assert answer.json["Count"] == len(answer.json["Records"])
        assert (answer.json["DatasetSyncCount"], answer.json["DatasetExists"]) == (3, True)
        assert answer.json["NextToken"] != ""
        return [record["Key"] for record in answer.json["Records"]], answer.json["NextToken"]

    keys = ["a1", "c1", "b2", "b3", "d3"]
    assert all_pages(fetch) == [keys[i : i + size] for i in range(0, 5, size)]


def test_list_records_without_a_page_size_gives_a_full_dataset_at_once(
    client: CognitoSyncClient, place: Place
) -> None:
    write(client, place, *(replace(f"key{n}", "value") for n in range(1024)))
    write(client, place, *(remove(f"key{n}", 1) for n in range(1000)))
    write(client, place, *(replace(f"new{n}", "value") for n in range(1000)))
    answer = client.list_records(**place)
    assert answer["Count"] == len(answer["Records"]) == 2024
    assert "NextToken" not in answer


def test_list_records_pages_keep_to_the_lower_end_they_began_with(
    client: CognitoSyncClient, stocked: Place
) -> None:
    first = client.list_records(**stocked, LastSyncCount=1, MaxResults=1)
    token = first.get("NextToken", "")
    assert [*values_of(first["Records"])] == ["b2"]
    for second in (
        client.list_records(**stocked, NextToken=token),
        client.list_records(**stocked, NextToken=token, LastSyncCount=1),
    ):
        assert [*values_of(second["Records"])] == ["b3", "d3"]
    with invalid():
        client.list_records(**stocked, NextToken=token, LastSyncCount=2)


def test_list_records_pages_freeze_the_count_while_others_write(
    client: CognitoSyncClient, stocked: Place
) -> None:
    first = page_of(client, stocked, None, 2)
    write(client, stocked, replace("a0", "new"), replace("b3", "newer", 3), remove("d3", 3))
    second = page_of(client, stocked, first["NextToken"], 2)
    assert list(values_of(second["Records"])) == ["b2"]
    assert second["DatasetSyncCount"] == 3
    assert "NextToken" not in second
    later = client.list_records(**stocked, LastSyncCount=second["DatasetSyncCount"])
    assert values_of(later["Records"]) == {"a0": "new", "b3": "newer", "d3": None}


def test_list_records_pages_freeze_the_count_while_the_dataset_is_deleted(
    client: CognitoSyncClient, stocked: Place
) -> None:
    first = page_of(client, stocked, None, 2)
    client.delete_dataset(**stocked)
    second = page_of(client, stocked, first["NextToken"], 2)
    assert second["Records"] == []
    assert (second["DatasetSyncCount"], second["DatasetExists"]) == (3, False)
    assert flags(client, stocked, 3) == (False, True, 4)


def test_list_records_pages_hold_nothing_of_a_dataset_created_again_between_them(
    client: CognitoSyncClient, stocked: Place
) -> None:
    first = page_of(client, stocked, None, 2)
    client.delete_dataset(**stocked)
    fill(client, stocked, z9="new life")
    second = page_of(client, stocked, first["NextToken"], 2)
    assert second["Records"] == []
    assert second["DatasetSyncCount"] == 3
    later = client.list_records(**stocked, LastSyncCount=3)
    assert later["DatasetDeletedAfterRequestedSyncCount"] is True
    assert values_of(later["Records"]) == {"z9": "new life"}


@pytest.mark.parametrize("text", ["0", "-1", "abc", "", "1.5", "2" * 20])
@pytest.mark.parametrize("name", ["maxResults", "lastSyncCount"])
def test_list_records_refuses_numbers_that_are_none(
    raw: RawRequester, place: Place, name: str, text: str
) -> None:
    answer = raw.call("GET", dataset_target(place, "/records") + f"?{name}={text}")
    if (name, text) == ("lastSyncCount", "0"):
        assert answer.status == 200
        return
    assert (answer.status, answer.error_type) == (400, "InvalidParameterException")
    assert "1 validation error detected: Value '" in answer.message


@pytest.mark.parametrize("token", ["", "garbage", "ä", "x" * 20_000])
def test_list_records_refuses_a_page_token_it_never_gave(
    client: CognitoSyncClient, stocked: Place, token: str
) -> None:
    with invalid():
        client.list_records(**stocked, NextToken=token)


def test_list_records_refuses_the_page_token_of_another_dataset_identity_or_pool(
    client: CognitoSyncClient, stocked: Place
) -> None:
    token = client.list_records(**stocked, MaxResults=1).get("NextToken", "")
    swapped: Place = {
        "IdentityPoolId": stocked["IdentityId"],
        "IdentityId": stocked["IdentityPoolId"],
        "DatasetName": stocked["DatasetName"],
    }
    renamed: Place = {**stocked, "DatasetName": "other"}
    for other in (swapped, renamed):
        with invalid():
            client.list_records(**other, NextToken=token)


@pytest.mark.parametrize("token", ["", "garbage", "ä", "AAAA" * 80, "x" * 20_000])
def test_list_records_refuses_a_session_token_it_never_gave(
    client: CognitoSyncClient, place: Place, token: str
) -> None:
    with invalid(INVALID_TOKEN):
        client.list_records(**place, SyncSessionToken=token)


def test_list_records_refuses_a_page_token_as_a_session_token(
    client: CognitoSyncClient, stocked: Place
) -> None:
    token = client.list_records(**stocked, MaxResults=1).get("NextToken", "")
    with invalid(INVALID_TOKEN):
        client.list_records(**stocked, SyncSessionToken=token)


def test_list_records_goes_on_with_the_session_of_a_given_token(
    client: CognitoSyncClient, stocked: Place
) -> None:
    token = begin(client, stocked)
    first = client.list_records(**stocked, SyncSessionToken=token, MaxResults=2)
    last = client.list_records(
        **stocked,
        SyncSessionToken=first["SyncSessionToken"],
        NextToken=first.get("NextToken", ""),
    )
    patches = [replace("a1", "new", 3)]
    client.update_records(
        **stocked, SyncSessionToken=last["SyncSessionToken"], RecordPatches=patches
    )
    with invalid(INVALID_TOKEN):
        client.list_records(**stocked, SyncSessionToken=token)


def test_list_records_begins_a_session_of_its_own_each_time(
    client: CognitoSyncClient, place: Place
) -> None:
    assert begin(client, place) != begin(client, place)


def test_list_records_refuses_a_count_the_dataset_has_not_reached(
    client: CognitoSyncClient, stocked: Place
) -> None:
    assert client.list_records(**stocked, LastSyncCount=3)["Records"] == []
    for count in (4, 37, 2**63 - 1):
        with invalid(f"No such SyncCount: {count} exists for this Dataset"):
            client.list_records(**stocked, LastSyncCount=count)


def test_list_records_with_a_count_on_a_name_never_seen_tells_the_client_to_start_anew(
    client: CognitoSyncClient, place: Place
) -> None:
    for since in (1, 37):
        assert flags(client, place, since) == (False, True, 0)


def test_list_records_of_a_deleted_dataset_hides_its_count_from_new_clients_only(
    client: CognitoSyncClient, stocked: Place
) -> None:
    client.delete_dataset(**stocked)
    assert flags(client, stocked, 0) == (False, False, 0)
    for since in (1, 2, 3):
        assert flags(client, stocked, since) == (False, True, 4)
    assert flags(client, stocked, 4) == (False, False, 4)
    with invalid("No such SyncCount: 5 exists for this Dataset"):
        client.list_records(**stocked, LastSyncCount=5)
    assert "LastModifiedBy" not in client.list_records(**stocked)


def test_list_records_of_a_dataset_created_again_flags_counts_from_before_its_deletion(
    client: CognitoSyncClient, stocked: Place
) -> None:
    client.delete_dataset(**stocked)
    write(client, stocked, replace("new", "5"))
    assert flags(client, stocked, 0) == (True, False, 5)
    for since in (1, 3):
        assert flags(client, stocked, since) == (True, True, 5)
    for since in (4, 5):
        assert flags(client, stocked, since) == (True, False, 5)
    assert values_of(client.list_records(**stocked, LastSyncCount=1)["Records"]) == {"new": "5"}


def test_list_records_shows_each_write_at_once(client: CognitoSyncClient, place: Place) -> None:
    for number in range(1, 6):
        write(client, place, replace("key", str(number), number - 1))
        assert contents(client, place) == {"key": str(number)}


def test_list_records_keeps_datasets_identities_and_pools_apart(
    client: CognitoSyncClient, stocked: Place
) -> None:
    for name in ("IdentityPoolId", "IdentityId", "DatasetName"):
        other: Any = {**stocked, name: "eu-west-1:0"}
        assert flags(client, other, 0) == (False, False, 0)


def test_list_records_does_not_reveal_whether_a_pool_exists(
    closed_client: CognitoSyncClient, place: Place
) -> None:
    with refused("NotAuthorizedException", 403):
        closed_client.list_records(**place)


def test_list_records_names_all_malformed_parts_at_once(client: CognitoSyncClient) -> None:
    with pytest.raises(
        client.exceptions.InvalidParameterException, match="3 validation errors detected: "
    ):
        client.list_records(IdentityPoolId="INVALID", IdentityId="A:B:C", DatasetName="a b")


def test_list_records_refuses_a_parameter_given_twice(
    raw: RawRequester, identity: Identity, place: Place
) -> None:
    answer = raw.call("GET", dataset_target(place, "/records") + "?maxResults=1&maxResults=2")
    assert (answer.status, answer.error_type) == (400, "InvalidParameterException")
