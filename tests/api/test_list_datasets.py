"""ListDatasets: what it lists, in what order, by what pages, and what it refuses."""

from typing import Any

import pytest
from types_boto3_cognito_sync import CognitoSyncClient

from keepstep.testing import local_server
from tests.conftest import Identity, Place, client_of
from tests.raw import RawRequester

from .conftest import Timed
from .steps import all_pages, begin, fill, identity_target, invalid, refused

NAMES_IN_BYTE_ORDER = ["-b", ".c", "0", "9", "A", "Z", "_a", "a", "a.b", "a:b", "z"]
PATTERN = r"[\w-]+:[0-9a-f-]+"


def create(client: CognitoSyncClient, identity: Identity, *names: str) -> None:
    for name in names:
        fill(client, {**identity, "DatasetName": name}, key="value")


def names_of(answer: Any) -> list[str]:
    return [dataset["DatasetName"] for dataset in answer["Datasets"]]


@pytest.fixture
def stocked(client: CognitoSyncClient, identity: Identity) -> Identity:
    create(client, identity, *reversed(NAMES_IN_BYTE_ORDER))
    return identity


def test_list_datasets_of_an_unknown_identity_is_empty(
    raw: RawRequester, identity: Identity
) -> None:
    answer = raw.call("GET", identity_target(identity, "/datasets"))
    assert answer.status == 200
    assert answer.headers["content-type"] == "application/json"
    assert answer.json == {"Datasets": [], "Count": 0, "NextToken": None}


def test_list_datasets_gives_every_member_and_null_for_none(
    timed: Timed, identity: Identity
) -> None:
    create(timed.client, identity, "things")
    seconds = timed.clock.now / 1000
    assert timed.raw.call("GET", identity_target(identity, "/datasets")).json == {
        "Datasets": [
            {
                "IdentityId": identity["IdentityId"],
                "DatasetName": "things",
                "CreationDate": seconds,
                "LastModifiedDate": seconds,
                "LastModifiedBy": "000000000000",
                "DataStorage": 8,
                "NumRecords": 1,
            }
        ],
        "Count": 1,
        "NextToken": None,
    }


def test_list_datasets_keeps_the_creation_date_and_moves_the_date_of_the_last_change(
    timed: Timed, place: Place, identity: Identity
) -> None:
    fill(timed.client, place, key="value")
    created = timed.clock.now
    timed.clock.now += 93
    fill(timed.client, place, key="other")
    (dataset,) = timed.raw.call("GET", identity_target(identity, "/datasets")).json["Datasets"]
    assert dataset["CreationDate"] == created / 1000
    assert dataset["LastModifiedDate"] == (created + 93) / 1000


def test_list_datasets_orders_names_by_bytes(client: CognitoSyncClient, stocked: Identity) -> None:
    answer = client.list_datasets(**stocked)
    assert names_of(answer) == NAMES_IN_BYTE_ORDER
    assert answer["Count"] == len(NAMES_IN_BYTE_ORDER)


@pytest.mark.parametrize("size", [1, 2, 4, 10, 11, 12])
def test_list_datasets_pages_give_each_name_once_and_no_token_at_the_end(
    raw: RawRequester, stocked: Identity, size: int
) -> None:
    def fetch(token: str | None) -> tuple[list[str], str | None]:
        query: dict[str, object] = {} if token is None else {"nextToken": token}
        answer = raw.call("GET", identity_target(stocked, "/datasets", maxResults=size, **query))
        assert answer.json["Count"] == len(answer.json["Datasets"])
        assert answer.json["NextToken"] != ""
        return names_of(answer.json), answer.json["NextToken"]

    expected = [NAMES_IN_BYTE_ORDER[i : i + size] for i in range(0, 11, size)]
    assert all_pages(fetch) == expected


def test_list_datasets_goes_on_behind_a_name_deleted_between_pages(
    client: CognitoSyncClient, stocked: Identity
) -> None:
    first = client.list_datasets(**stocked, MaxResults=3)
    for name in first["Datasets"]:
        client.delete_dataset(**stocked, DatasetName=name.get("DatasetName", ""))
    create(client, stocked, "00", "-a")
    second = client.list_datasets(**stocked, NextToken=first.get("NextToken", ""))
    assert names_of(second) == ["00", *NAMES_IN_BYTE_ORDER[3:]]


def test_list_datasets_may_change_the_page_size_between_pages(
    client: CognitoSyncClient, stocked: Identity
) -> None:
    token = client.list_datasets(**stocked, MaxResults=2).get("NextToken", "")
    answer = client.list_datasets(**stocked, MaxResults=5, NextToken=token)
    assert names_of(answer) == NAMES_IN_BYTE_ORDER[2:7]


def test_list_datasets_without_a_page_size_gives_more_than_the_default_twenty_at_once(
    identity: Identity,
) -> None:
    with local_server(datasets_per_identity=50) as server:
        client = client_of(server)
        create(client, identity, *(f"name{number:02}" for number in range(40)))
        answer = client.list_datasets(**identity)
    assert answer["Count"] == 40
    assert "NextToken" not in answer


@pytest.mark.parametrize("size", [1, 64, 1000, 1001, 2**31, 2**63 - 1])
def test_list_datasets_takes_any_positive_page_size(
    client: CognitoSyncClient, identity: Identity, size: int
) -> None:
    create(client, identity, "things")
    assert client.list_datasets(**identity, MaxResults=size)["Count"] == 1


@pytest.mark.parametrize(
    "text", ["0", "-1", "abc", "", "1.0", "1e3", "0x10", "%2B5", "+5", "5%20", "%D9%A3", "2" * 20]
)
def test_list_datasets_refuses_a_page_size_that_is_not_a_positive_number(
    raw: RawRequester, identity: Identity, text: str
) -> None:
    answer = raw.call("GET", identity_target(identity, "/datasets") + f"?maxResults={text}")
    assert (answer.status, answer.error_type) == (400, "InvalidParameterException")
    assert "at 'maxResults' failed to satisfy constraint" in answer.message


@pytest.mark.parametrize("token", ["", "garbage", "AAAA", "dGhpbmdz", "ä", "x" * 20_000])
def test_list_datasets_refuses_a_token_it_never_gave(
    client: CognitoSyncClient, identity: Identity, token: str
) -> None:
    with invalid():
        client.list_datasets(**identity, NextToken=token)


def test_list_datasets_refuses_an_altered_token(
    client: CognitoSyncClient, stocked: Identity
) -> None:
    token = client.list_datasets(**stocked, MaxResults=1).get("NextToken", "")
    altered = token[:30] + ("A" if token[30] != "A" else "B") + token[31:]
    for wrong in (altered, token[:-4], token + token):
        with invalid():
            client.list_datasets(**stocked, NextToken=wrong)


def test_list_datasets_refuses_the_token_of_another_identity_or_pool(
    client: CognitoSyncClient, stocked: Identity, identity: Identity
) -> None:
    token = client.list_datasets(**stocked, MaxResults=1).get("NextToken", "")
    other = stocked["IdentityPoolId"].replace("us-east-1", "eu-west-1")
    with invalid():
        client.list_datasets(
            IdentityPoolId=identity["IdentityPoolId"], IdentityId=other, NextToken=token
        )
    with invalid():
        client.list_datasets(
            IdentityPoolId=other, IdentityId=identity["IdentityId"], NextToken=token
        )


def test_list_datasets_refuses_the_tokens_of_other_operations(
    client: CognitoSyncClient, place: Place, identity: Identity
) -> None:
    fill(client, place, one="1", two="2")
    page = client.list_records(**place, MaxResults=1)
    for token in (page.get("NextToken", ""), page["SyncSessionToken"]):
        with invalid():
            client.list_datasets(**identity, NextToken=token)


def test_list_datasets_does_not_reveal_whether_a_pool_exists(
    closed_client: CognitoSyncClient, identity: Identity
) -> None:
    with refused("NotAuthorizedException", 403):
        closed_client.list_datasets(**identity)


def test_list_datasets_names_all_malformed_ids_at_once(client: CognitoSyncClient) -> None:
    constraint = (
        "failed to satisfy constraint: Member must satisfy regular expression pattern: " + PATTERN
    )
    text = (
        f"2 validation errors detected: Value 'INVALID' at 'identityPoolId' {constraint}; "
        f"Value 'A:B:C' at 'identityId' {constraint}"
    )
    with invalid(text):
        client.list_datasets(IdentityPoolId="INVALID", IdentityId="A:B:C")


@pytest.mark.parametrize(
    "identity_id",
    ["us-east-1", "us-east-1:ABC", "us-east-1:abc\n", "us east:abc", "x:" + "a" * 54, "ä:a", ":a"],
)
def test_list_datasets_refuses_a_malformed_identity_id(
    client: CognitoSyncClient, identity: Identity, identity_id: str
) -> None:
    with invalid():
        client.list_datasets(IdentityPoolId=identity["IdentityPoolId"], IdentityId=identity_id)


def test_list_datasets_without_a_pool_id_answers_as_seen_in_aws_sdk_ios_issue_2909(
    raw: RawRequester, identity: Identity
) -> None:
    answer = raw.call("GET", f"/identitypools//identities/{identity['IdentityId']}/datasets")
    assert answer.status == 400
    assert answer.json == {
        "code": "BadRequest",
        "message": "Identity pool id is missing or incorrect in the request URI.",
        "type": "client",
    }


def test_list_datasets_leaves_out_deleted_and_merely_read_datasets(
    client: CognitoSyncClient, identity: Identity
) -> None:
    create(client, identity, "kept", "deleted")
    client.delete_dataset(**identity, DatasetName="deleted")
    begin(client, {**identity, "DatasetName": "read"})
    assert names_of(client.list_datasets(**identity)) == ["kept"]


def test_list_datasets_shows_a_dataset_again_that_was_created_again(
    client: CognitoSyncClient, identity: Identity
) -> None:
    create(client, identity, "things")
    client.delete_dataset(**identity, DatasetName="things")
    create(client, identity, "things")
    assert names_of(client.list_datasets(**identity)) == ["things"]


def test_list_datasets_shows_each_write_at_once(
    client: CognitoSyncClient, identity: Identity
) -> None:
    for number in range(1, 6):
        create(client, identity, f"name{number}")
        assert client.list_datasets(**identity)["Count"] == number


def test_list_datasets_keeps_identities_and_pools_apart(
    client: CognitoSyncClient, identity: Identity
) -> None:
    create(client, identity, "mine")
    swapped: Identity = {
        "IdentityPoolId": identity["IdentityId"],
        "IdentityId": identity["IdentityPoolId"],
    }
    elsewhere: Identity = {**identity, "IdentityPoolId": swapped["IdentityPoolId"]}
    for other in (swapped, elsewhere):
        assert client.list_datasets(**other)["Datasets"] == []
