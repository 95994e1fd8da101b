"""DescribeDataset: one dataset as ListDatasets gives it, or ResourceNotFoundException."""

import pytest
from types_boto3_cognito_sync import CognitoSyncClient

from tests.conftest import Identity, Place
from tests.raw import RawRequester

from .steps import begin, dataset_target, fill, identity_target, invalid, refused, remove, write


def test_describe_dataset_gives_what_list_datasets_gives(
    client: CognitoSyncClient, raw: RawRequester, place: Place, identity: Identity
) -> None:
    fill(client, place, key="value")
    (listed,) = raw.call("GET", identity_target(identity, "/datasets")).json["Datasets"]
    answer = raw.call("GET", dataset_target(place))
    assert answer.status == 200
    assert answer.json == {"Dataset": listed}


def test_describe_dataset_counts_utf8_bytes_of_keys_and_values_of_live_records(
    client: CognitoSyncClient, place: Place
) -> None:
    fill(client, place, key="value", ключ="✓", gone="much text", empty="")
    write(client, place, remove("gone", 1))
    dataset = client.describe_dataset(**place)["Dataset"]
    assert dataset.get("NumRecords") == 3
    assert dataset.get("DataStorage") == len("keyvalueключ✓empty".encode())


def test_describe_dataset_follows_a_replaced_value(client: CognitoSyncClient, place: Place) -> None:
    for value, size in (("long text", 12), ("", 3), ("ä", 5)):
        fill(client, place, key=value)
        dataset = client.describe_dataset(**place)["Dataset"]
        assert (dataset.get("NumRecords"), dataset.get("DataStorage")) == (1, size)


def test_describe_dataset_of_only_tombstones_is_an_empty_dataset(
    client: CognitoSyncClient, raw: RawRequester, place: Place
) -> None:
    fill(client, place, key="value")
    write(client, place, remove("key", 1))
    dataset = raw.call("GET", dataset_target(place)).json["Dataset"]
    assert (dataset["NumRecords"], dataset["DataStorage"]) == (0, 0)


def test_describe_dataset_refuses_one_that_never_existed(
    client: CognitoSyncClient, place: Place
) -> None:
    begin(client, place)
    with refused("ResourceNotFoundException", 404, "Dataset things doesn't exist"):
        client.describe_dataset(**place)


def test_describe_dataset_refuses_a_deleted_one_until_it_is_created_again(
    client: CognitoSyncClient, place: Place
) -> None:
    fill(client, place, old="value")
    client.delete_dataset(**place)
    with refused("ResourceNotFoundException", 404):
        client.describe_dataset(**place)
    fill(client, place, new="x")
    assert client.describe_dataset(**place)["Dataset"].get("DataStorage") == 4


def test_describe_dataset_refuses_an_unknown_pool(
    closed_client: CognitoSyncClient, place: Place
) -> None:
    with refused("ResourceNotFoundException", 404):
        closed_client.describe_dataset(**place)


@pytest.mark.parametrize("name", ["a b", "ä", "a\n", "a%2Fb", "x" * 129, "a?", "\x00"])
def test_describe_dataset_refuses_a_malformed_name(
    client: CognitoSyncClient, identity: Identity, name: str
) -> None:
    with invalid():
        client.describe_dataset(**identity, DatasetName=name)


@pytest.mark.parametrize("name", ["x" * 128, "A.b-c_d:9", "things.us-east-1:1699ebc0"])
def test_describe_dataset_finds_any_well_formed_name(
    client: CognitoSyncClient, identity: Identity, name: str
) -> None:
    fill(client, {**identity, "DatasetName": name}, key="value")
    dataset = client.describe_dataset(**identity, DatasetName=name)["Dataset"]
    assert dataset.get("DatasetName") == name
