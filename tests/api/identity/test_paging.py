"""Pages of ListIdentityPools, ListIdentities and LookupDeveloperIdentity, and their tokens."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from keepstep.testing import local_server
from tests.api.conftest import Clock
from tests.api.steps import all_pages, invalid

from .steps import NOT_VALID, Pool, login, new_pool

COUNT = 7
Page = tuple[list[Any], str | None]


@dataclass(frozen=True)
class Stocked:
    """A server with seven pools, of which the first has seven identities, one with seven users.

    Of the identities and of the pools, some are of the same millisecond.
    """

    pools: list[Pool]
    person: str

    @property
    def pool(self) -> Pool:
        return self.pools[0]

    def list_pools(self, **arguments: Any) -> Page:
        answer = self.pool.developer.list_identity_pools(**arguments)
        found = [one.get("IdentityPoolId") for one in answer["IdentityPools"]]
        return found, answer.get("NextToken")

    def list_identities(self, **arguments: Any) -> Page:
        usual: dict[str, Any] = {"IdentityPoolId": self.pool.pool_id}
        answer = self.pool.developer.list_identities(**{**usual, **arguments})
        found = [(one.get("CreationDate"), one.get("IdentityId")) for one in answer["Identities"]]
        return found, answer.get("NextToken")

    def list_users(self, **arguments: Any) -> Page:
        answer = self.pool.lookup(**{"IdentityId": self.person, **arguments})
        return answer["DeveloperUserIdentifierList"], answer.get("NextToken")


LISTINGS: list[Callable[..., Page]] = [
    Stocked.list_pools,
    Stocked.list_identities,
    Stocked.list_users,
]


@pytest.fixture(scope="module")
def stocked(clean_environment: None) -> Iterator[Stocked]:
    clock = Clock()
    with local_server(clock=clock, insecure_logins=True) as server:
        pools: list[Pool] = []
        for number in range(COUNT):
            clock.now += number % 2
            pools.append(new_pool(server))
        pool = pools[0]
        users = [f"user {number}" for number in range(COUNT)]
        person = pool.developer_user(users[0])
        for user in users[1:]:
            clock.now += 1
            pool.developer_user(user)
            pool.merge(user, users[0])
        yield Stocked(pools, person)


def next_token(stocked: Stocked, listing: Callable[..., Page]) -> str:
    _, token = listing(stocked, MaxResults=1)
    assert token is not None
    return token


@pytest.mark.parametrize("listing", LISTINGS)
@pytest.mark.parametrize("size", [1, 2, COUNT - 1, COUNT, COUNT + 1, 60])
def test_pages_give_each_item_once_and_in_order(
    stocked: Stocked, listing: Callable[..., Page], size: int
) -> None:
    whole, end = listing(stocked, MaxResults=60)

    def fetch(token: str | None) -> Page:
        return listing(stocked, MaxResults=size, **({} if token is None else {"NextToken": token}))

    assert len(whole) == COUNT
    assert end is None
    assert all_pages(fetch) == [whole[start : start + size] for start in range(0, COUNT, size)]


def test_identities_are_listed_by_age_then_id(stocked: Stocked) -> None:
    listed, _ = stocked.list_identities(MaxResults=60)
    assert listed == sorted(listed)


def test_pools_are_listed_by_age_with_their_names(stocked: Stocked) -> None:
    listed, _ = stocked.list_pools(MaxResults=60)
    ids = [pool.pool_id for pool in stocked.pools]
    pairs = [sorted(ids[:1]), *(sorted(ids[n : n + 2]) for n in range(1, COUNT, 2))]
    assert listed == [pool_id for pair in pairs for pool_id in pair]
    answer = stocked.pool.developer.list_identity_pools(MaxResults=60)
    assert {one.get("IdentityPoolName") for one in answer["IdentityPools"]} == {"people"}


def test_boto3s_own_paginator_lists_every_pool(stocked: Stocked) -> None:
    paginator = stocked.pool.developer.get_paginator("list_identity_pools")
    pages = paginator.paginate(PaginationConfig={"PageSize": 3})
    listed = [one.get("IdentityPoolId") for page in pages for one in page["IdentityPools"]]
    assert listed == stocked.list_pools(MaxResults=60)[0]


def test_a_lookup_without_a_page_size_gives_every_user(stocked: Stocked) -> None:
    users, token = stocked.list_users()
    assert (len(users), token) == (COUNT, None)


@pytest.mark.parametrize("listing", LISTINGS)
@pytest.mark.parametrize("token", ["garbage", "AQAAAA==", "é", "x" * 20_000])
def test_what_is_no_token_is_refused(
    stocked: Stocked, listing: Callable[..., Page], token: str
) -> None:
    with invalid(NOT_VALID):
        listing(stocked, MaxResults=1, NextToken=token)


@pytest.mark.parametrize("listing", LISTINGS)
@pytest.mark.parametrize("other", LISTINGS)
def test_a_token_is_good_for_its_own_operation_only(
    stocked: Stocked, listing: Callable[..., Page], other: Callable[..., Page]
) -> None:
    token = next_token(stocked, other)
    if listing is other:
        assert len(listing(stocked, MaxResults=60, NextToken=token)[0]) == COUNT - 1
        return
    with invalid(NOT_VALID):
        listing(stocked, MaxResults=60, NextToken=token)


def test_a_token_is_good_for_its_own_pool_only(stocked: Stocked) -> None:
    token = next_token(stocked, Stocked.list_identities)
    elsewhere = stocked.pools[1].pool_id
    with invalid(NOT_VALID):
        stocked.list_identities(IdentityPoolId=elsewhere, MaxResults=1, NextToken=token)


def test_a_token_is_good_for_its_own_identity_only(stocked: Stocked) -> None:
    token = next_token(stocked, Stocked.list_users)
    other = stocked.list_identities(MaxResults=2)[0][1][1]
    with invalid(NOT_VALID):
        stocked.list_users(IdentityId=other, MaxResults=1, NextToken=token)


@pytest.mark.parametrize("listing", LISTINGS)
def test_a_token_of_another_server_is_refused(
    stocked: Stocked, listing: Callable[..., Page]
) -> None:
    token = next_token(stocked, listing)
    with local_server() as server:
        pool = new_pool(server)
        stranger = Stocked([pool], pool.developer_user("ann"))
        with invalid(NOT_VALID):
            listing(stranger, MaxResults=1, NextToken=token)


def test_what_is_deleted_between_two_pages_hides_nothing_else() -> None:
    with local_server(insecure_logins=True) as server:
        pool = new_pool(server)
        for number in range(6):
            pool.log_in(login("graph.facebook.com", str(number)))
        place: dict[str, Any] = {"IdentityPoolId": pool.pool_id, "MaxResults": 2}
        first = pool.developer.list_identities(**place)
        gone = [one.get("IdentityId", "") for one in first["Identities"]]
        pool.developer.delete_identities(IdentityIdsToDelete=gone)
        place["MaxResults"] = 60
        rest = pool.developer.list_identities(**place, NextToken=first.get("NextToken", ""))
        assert rest["Identities"] == pool.developer.list_identities(**place)["Identities"]
        assert len(rest["Identities"]) == 4
