"""The quotas on datasets, records, bytes and lengths: the published ones, and changed ones."""

from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import pytest
from types_boto3_cognito_sync import CognitoSyncClient

from keepstep.testing import local_server
from tests.conftest import Identity, Place, client_of

from .steps import begin, contents, fill, invalid, refused, remove, replace, write

MIB = 1_048_576


def limit_exceeded() -> AbstractContextManager[None]:
    return refused("LimitExceededException", 400)


@pytest.fixture(scope="module")
def small(clean_environment: None) -> Iterator[CognitoSyncClient]:
    """A client of a server where a dataset holds three records and 20 bytes."""
    with local_server(records_per_dataset=3, dataset_bytes=20, datasets_per_identity=2) as server:
        yield client_of(server)


def test_a_dataset_holds_1024_records_and_no_more(client: CognitoSyncClient, place: Place) -> None:
    write(client, place, *(replace(f"key{n}", "") for n in range(1024)))
    with limit_exceeded():
        write(client, place, replace("one more", ""))
    assert client.describe_dataset(**place)["Dataset"].get("NumRecords") == 1024


def test_a_dataset_holds_a_mebibyte_of_keys_and_values_and_no_more(
    client: CognitoSyncClient, place: Place
) -> None:
    write(client, place, replace("k", "v" * (MIB - 1)))
    assert client.describe_dataset(**place)["Dataset"].get("DataStorage") == MIB
    with limit_exceeded():
        write(client, place, replace("a", ""))
    assert list(contents(client, place)) == ["k"]


def test_a_value_has_1048575_characters_and_no_more(
    client: CognitoSyncClient, place: Place
) -> None:
    with invalid():
        write(client, place, replace("k", "v" * MIB))


@pytest.mark.parametrize("length", [1, 128, 1024])
def test_a_key_may_have_1_to_1024_characters(
    client: CognitoSyncClient, place: Place, length: int
) -> None:
    write(client, place, replace("ä" * length, "value"))
    assert contents(client, place) == {"ä" * length: "value"}


@pytest.mark.parametrize("key", ["", "k" * 1025])
def test_a_key_of_another_length_is_refused(
    client: CognitoSyncClient, place: Place, key: str
) -> None:
    with invalid():
        write(client, place, replace(key, "value"))


def test_an_identity_has_20_datasets_and_no_more(
    client: CognitoSyncClient, identity: Identity
) -> None:
    places: list[Place] = [{**identity, "DatasetName": f"name{n}"} for n in range(21)]
    for place in places[:20]:
        fill(client, place, key="value")
    with limit_exceeded():
        fill(client, places[20], key="value")
    fill(client, places[0], key="another value")
    assert client.list_datasets(**identity)["Count"] == 20
    assert client.list_records(**places[20])["DatasetExists"] is False


def test_a_changed_limit_on_datasets_holds(small: CognitoSyncClient, identity: Identity) -> None:
    places: list[Place] = [{**identity, "DatasetName": name} for name in ("a", "b", "c")]
    for place in places[:2]:
        fill(small, place, key="value")
    with limit_exceeded():
        fill(small, places[2], key="value")


def test_a_refused_update_keeps_its_session_and_stores_nothing(
    small: CognitoSyncClient, place: Place
) -> None:
    token = begin(small, place)
    too_many = [replace(f"k{n}", "") for n in range(4)]
    with limit_exceeded():
        small.update_records(**place, SyncSessionToken=token, RecordPatches=too_many)
    assert contents(small, place) == {}
    small.update_records(**place, SyncSessionToken=token, RecordPatches=too_many[:3])
    assert len(contents(small, place)) == 3


def test_tombstones_do_not_count_as_records(small: CognitoSyncClient, place: Place) -> None:
    for round_number in range(4):
        keys = [f"k{round_number}{n}" for n in range(3)]
        write(small, place, *(replace(key, "") for key in keys))
        write(small, place, *(remove(key, 99) for key in keys))
    assert list(contents(small, place).values()) == [None] * 12


def test_limits_hold_for_the_state_after_all_patches(
    small: CognitoSyncClient, place: Place
) -> None:
    write(small, place, replace("a", "1" * 10), replace("b", "1"), replace("c", "1"))
    write(small, place, replace("d", "2" * 10), remove("a", 1))
    assert contents(small, place) == {"b": "1", "c": "1", "a": None, "d": "2" * 10}


@pytest.mark.parametrize(
    ("key", "value", "fits"),
    [("k", "v" * 19, True), ("k", "v" * 20, False), ("ä", "ä" * 9, True), ("ä", "ä" * 10, False)],
)
def test_bytes_are_those_of_utf8(
    small: CognitoSyncClient, place: Place, key: str, value: str, *, fits: bool
) -> None:
    if fits:
        write(small, place, replace(key, value))
        assert contents(small, place) == {key: value}
        return
    with limit_exceeded():
        write(small, place, replace(key, value))


def test_a_dataset_over_a_lowered_limit_may_shrink_but_not_grow(
    tmp_path: Path, place: Place
) -> None:
    store = f"sqlite:{tmp_path / 'store.db'}"
    with local_server(store=store) as server:
        write(client_of(server), place, *(replace(f"k{n}", "123456") for n in range(6)))
    with local_server(store=store, records_per_dataset=4, dataset_bytes=20) as server:
        client = client_of(server)
        with limit_exceeded():
            write(client, place, replace("new", "1"))
        with limit_exceeded():
            write(client, place, replace("k0", "1234567", 1))
        write(client, place, remove("k0", 1))
        write(client, place, replace("k1", "1", 1))
        assert client.describe_dataset(**place)["Dataset"].get("NumRecords") == 5
