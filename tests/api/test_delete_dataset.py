"""DeleteDataset: what it answers, what it erases, what it keeps."""

import pytest
from types_boto3_cognito_sync import CognitoSyncClient

from tests.conftest import Identity, Place
from tests.raw import RawRequester

from .conftest import Timed
from .steps import begin, contents, dataset_target, fill, invalid, refused, remove, replace, write


def test_delete_dataset_answers_the_dataset_as_it_was(timed: Timed, place: Place) -> None:
    fill(timed.client, place, key="value")
    described = timed.raw.call("GET", dataset_target(place)).json
    timed.clock.now += 1000
    answer = timed.raw.call("DELETE", dataset_target(place))
    assert answer.status == 200
    assert answer.json == described


def test_delete_dataset_erases_records_and_tombstones(
    client: CognitoSyncClient, place: Place
) -> None:
    fill(client, place, live="value", removed="value")
    write(client, place, remove("removed", 1))
    client.delete_dataset(**place)
    assert contents(client, place) == {}
    fill(client, place, new="value")
    assert contents(client, place) == {"new": "value"}


def test_delete_dataset_consumes_one_count(client: CognitoSyncClient, place: Place) -> None:
    fill(client, place, key="value")
    client.delete_dataset(**place)
    assert client.list_records(**place, LastSyncCount=1)["DatasetSyncCount"] == 2
    assert fill(client, place, key="value") == 3


def test_delete_dataset_leaves_other_datasets_alone(
    client: CognitoSyncClient, place: Place
) -> None:
    other: Place = {**place, "DatasetName": "things2"}
    child: Place = {**place, "DatasetName": "things.us-east-1:1699ebc0"}
    for each in (place, other, child):
        fill(client, each, key="value")
    client.delete_dataset(**place)
    assert contents(client, other) == contents(client, child) == {"key": "value"}


def test_delete_dataset_twice_is_not_found(client: CognitoSyncClient, place: Place) -> None:
    fill(client, place, key="value")
    client.delete_dataset(**place)
    with refused("ResourceNotFoundException", 404, "Dataset things doesn't exist"):
        client.delete_dataset(**place)
    assert client.list_records(**place, LastSyncCount=1)["DatasetSyncCount"] == 2


def test_delete_dataset_refuses_one_that_never_existed(
    client: CognitoSyncClient, place: Place
) -> None:
    begin(client, place)
    with refused("ResourceNotFoundException", 404):
        client.delete_dataset(**place)


def test_delete_dataset_refuses_an_unknown_pool(
    closed_client: CognitoSyncClient, place: Place
) -> None:
    with refused("ResourceNotFoundException", 404):
        closed_client.delete_dataset(**place)


def test_delete_dataset_refuses_a_malformed_name(
    client: CognitoSyncClient, identity: Identity
) -> None:
    with invalid():
        client.delete_dataset(**identity, DatasetName="no spaces")


def test_delete_dataset_leaves_session_tokens_usable(
    client: CognitoSyncClient, place: Place
) -> None:
    fill(client, place, key="value")
    token = begin(client, place)
    client.delete_dataset(**place)
    client.list_records(**place, SyncSessionToken=token)
    patches = [replace("key", "new")]
    client.update_records(**place, SyncSessionToken=token, RecordPatches=patches)
    assert contents(client, place) == {"key": "new"}


@pytest.mark.parametrize("body", [b"", b"{}", b'{"Unknown": 1}', b"not JSON"])
def test_delete_dataset_reads_no_body(
    client: CognitoSyncClient, raw: RawRequester, place: Place, body: bytes
) -> None:
    fill(client, place, key="value")
    assert raw.call("DELETE", dataset_target(place), body).status == 200


def test_delete_dataset_frees_its_place_among_the_identitys_datasets(
    client: CognitoSyncClient, identity: Identity
) -> None:
    places: list[Place] = [{**identity, "DatasetName": f"name{n}"} for n in range(21)]
    for place in places[:20]:
        fill(client, place, key="value")
    with refused("LimitExceededException", 400):
        fill(client, places[20], key="value")
    client.delete_dataset(**places[7])
    fill(client, places[20], key="value")
    assert client.list_datasets(**identity)["Count"] == 20
