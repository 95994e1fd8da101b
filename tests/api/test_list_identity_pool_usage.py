"""ListIdentityPoolUsage: every pool of a server of its own, by id."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from keepstep.testing import local_server
from tests.conftest import client_of
from tests.raw import RawRequester

from .steps import all_pages, fill

PERSON = "us-east-1:aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee"
POOLS = [f"{region}:{n}" for region in ("ap-south-1", "eu-west-1", "us-east-1") for n in range(3)]


@dataclass(frozen=True)
class Stocked:
    """A server with nine pools, one of which stores something."""

    raw: RawRequester

    def usage(self, query: str = "") -> Any:
        return self.raw.call("GET", f"/identitypools{query}")


@pytest.fixture(scope="module")
def stocked(clean_environment: None) -> Iterator[Stocked]:
    with local_server() as server:
        client = client_of(server)
        for pool in reversed(POOLS):
            client.list_datasets(IdentityPoolId=pool, IdentityId=PERSON)
        place = {"IdentityPoolId": POOLS[4], "IdentityId": PERSON, "DatasetName": "things"}
        fill(client, place, key="value")  # pyright: ignore[reportArgumentType] -- a plain dict
        yield Stocked(RawRequester(server))


def test_list_identity_pool_usage_of_an_empty_server_is_empty() -> None:
    with local_server() as server:
        answer = RawRequester(server).call("GET", "/identitypools")
        listed = client_of(server).list_identity_pool_usage(MaxResults=1000)
    assert answer.status == 200
    assert answer.json == {
        "IdentityPoolUsages": [],
        "MaxResults": 1000,
        "Count": 0,
        "NextToken": None,
    }
    assert listed["Count"] == 0


def test_list_identity_pool_usage_gives_all_pools_by_id_the_empty_ones_too(
    stocked: Stocked,
) -> None:
    answer = stocked.usage().json
    assert [usage["IdentityPoolId"] for usage in answer["IdentityPoolUsages"]] == POOLS
    assert [usage["DataStorage"] for usage in answer["IdentityPoolUsages"]] == [0] * 4 + [8] + [
        0
    ] * 4
    assert all(usage["LastModifiedDate"] > 0 for usage in answer["IdentityPoolUsages"])
    assert (answer["Count"], answer["NextToken"]) == (9, None)


@pytest.mark.parametrize("size", [1, 2, 8, 9, 10])
def test_list_identity_pool_usage_pages_give_each_pool_once(stocked: Stocked, size: int) -> None:
    def fetch(token: str | None) -> tuple[list[str], str | None]:
        query = f"?maxResults={size}" + ("" if token is None else f"&nextToken={token}")
        answer = stocked.usage(query).json
        assert answer["MaxResults"] == size
        assert answer["Count"] == len(answer["IdentityPoolUsages"])
        return [usage["IdentityPoolId"] for usage in answer["IdentityPoolUsages"]], answer[
            "NextToken"
        ]

    assert all_pages(fetch) == [POOLS[i : i + size] for i in range(0, 9, size)]


@pytest.mark.parametrize("size", [1001, 2**31, 2**63 - 1])
def test_list_identity_pool_usage_caps_the_page_size_at_1000(stocked: Stocked, size: int) -> None:
    assert stocked.usage(f"?maxResults={size}").json["MaxResults"] == 1000


@pytest.mark.parametrize(
    "query", ["maxResults=0", "maxResults=-1", "maxResults=x", "nextToken=", "nextToken=garbage"]
)
def test_list_identity_pool_usage_refuses_bad_parameters(stocked: Stocked, query: str) -> None:
    answer = stocked.usage(f"?{query}")
    assert (answer.status, answer.error_type) == (400, "InvalidParameterException")


def test_list_identity_pool_usage_refuses_the_token_of_another_server(stocked: Stocked) -> None:
    token = stocked.usage("?maxResults=1").json["NextToken"]
    with local_server() as other:
        answer = RawRequester(other).call("GET", f"/identitypools?nextToken={token}")
    assert (answer.status, answer.error_type) == (400, "InvalidParameterException")
