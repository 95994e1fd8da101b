"""DescribeIdentity, ListIdentities and DeleteIdentities."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from keepstep.testing import LocalServer, local_server
from tests.api.conftest import Clock
from tests.api.steps import fill, refused
from tests.conftest import Place, client_of

from .conftest import NewPool
from .steps import (
    DEVELOPER,
    FACEBOOK,
    GOOGLE,
    Pool,
    forbidden,
    login,
    new_pool,
    no_identity,
    no_pool,
    not_authorized,
    not_found,
    not_valid,
    sync_client,
)

if TYPE_CHECKING:
    from types_boto3_cognito_identity import CognitoIdentityClient

ANN, ANN_TOO = login(GOOGLE, "ann"), login(FACEBOOK, "ann")


@dataclass(frozen=True)
class TimedPool:
    """A pool of a server that lives by a clock of the test's."""

    pool: Pool
    clock: Clock

    def dates(self, identity_id: str) -> tuple[int, int]:
        """Give when an identity was made and last changed, in milliseconds."""
        described = self.pool.developer.describe_identity(IdentityId=identity_id)
        found = described["CreationDate"], described["LastModifiedDate"]
        created, modified = (round(date.timestamp() * 1000) for date in found)
        return created, modified


@pytest.fixture
def timed_pool() -> Iterator[TimedPool]:
    clock = Clock()
    with local_server(clock=clock, insecure_logins=True) as server:
        yield TimedPool(new_pool(server), clock)


def listed(pool: Pool, **arguments: Any) -> list[Any]:
    answer = pool.developer.list_identities(IdentityPoolId=pool.pool_id, MaxResults=60, **arguments)
    assert answer["IdentityPoolId"] == pool.pool_id
    assert "NextToken" not in answer
    return answer["Identities"]


def ids_of(identities: list[Any]) -> set[str]:
    return {identity["IdentityId"] for identity in identities}


def delete(pool: Pool, *identity_ids: str) -> Any:
    answer = pool.developer.delete_identities(IdentityIdsToDelete=list(identity_ids))
    return answer["UnprocessedIdentityIds"]


def test_a_guest_has_no_logins(pool: Pool) -> None:
    assert pool.providers(pool.guest()) == []


def test_an_identity_shows_its_providers_and_no_user_or_token(pool: Pool) -> None:
    person = pool.developer_user("ann", Logins={**ANN, **ANN_TOO})
    assert sorted(pool.providers(person)) == sorted([DEVELOPER, GOOGLE, FACEBOOK])


def test_a_provider_is_shown_once_however_many_users_are_linked(pool: Pool) -> None:
    person = pool.developer_user("ann")
    pool.developer_user("old ann")
    pool.merge("old ann", "ann")
    assert pool.providers(person) == [DEVELOPER]
    assert pool.users(person) == ["ann", "old ann"]


def test_an_identity_shows_when_it_was_made_and_last_linked(timed_pool: TimedPool) -> None:
    pool, clock = timed_pool.pool, timed_pool.clock
    made = clock.now
    person = pool.guest()
    assert timed_pool.dates(person) == (made, made)
    clock.now += 1234
    pool.link(person, ANN)
    assert timed_pool.dates(person) == (made, clock.now)
    linked = clock.now
    clock.now += 1
    pool.credentials(person, ANN)
    assert timed_pool.dates(person) == (made, linked)


def test_an_identity_that_does_not_exist_is_not_found(
    cognito_identity: "CognitoIdentityClient", identity_server: LocalServer
) -> None:
    person = identity_server.new_id()
    with not_found(no_identity(person)):
        cognito_identity.describe_identity(IdentityId=person)


def test_an_identity_id_that_is_none_is_refused(cognito_identity: "CognitoIdentityClient") -> None:
    pattern = r"Member must satisfy regular expression pattern: [\w-]+:[0-9a-f-]+"
    with not_valid("'ann'", "identityId", pattern):
        cognito_identity.describe_identity(IdentityId="ann")


def test_a_merged_identity_is_described_without_logins(pool: Pool) -> None:
    person = pool.log_in(ANN)
    guest = pool.guest()
    assert pool.link(guest, ANN) == person
    assert pool.providers(guest) == []
    assert pool.providers(person) == [GOOGLE]


def test_a_listing_has_the_identities_of_one_pool_as_they_are_described(
    pool: Pool, make_pool: NewPool
) -> None:
    make_pool().guest()
    people = {pool.guest(), pool.log_in(ANN), pool.developer_user("bob")}
    found = listed(pool)
    assert ids_of(found) == people
    for identity in found:
        described = dict(pool.developer.describe_identity(IdentityId=identity["IdentityId"]))
        del described["ResponseMetadata"]
        assert described == identity
    in_order = [(identity["CreationDate"], identity["IdentityId"]) for identity in found]
    assert in_order == sorted(in_order)


def test_a_listing_of_a_new_pool_is_empty(pool: Pool) -> None:
    assert listed(pool) == []


@pytest.mark.parametrize(("hide", "shown"), [(None, True), (False, True), (True, False)])
def test_a_merged_identity_is_listed_unless_it_is_to_be_hidden(
    pool: Pool, hide: bool | None, shown: bool
) -> None:
    person, guest = pool.log_in(ANN), pool.guest()
    pool.link(guest, ANN)
    found = listed(pool) if hide is None else listed(pool, HideDisabled=hide)
    logins = {identity["IdentityId"]: identity["Logins"] for identity in found}
    assert logins == {person: [GOOGLE], **({guest: []} if shown else {})}


def test_identities_of_a_pool_that_does_not_exist_are_not_found(
    cognito_identity: "CognitoIdentityClient", identity_server: LocalServer
) -> None:
    pool_id = identity_server.new_id()
    with not_found(no_pool(pool_id)):
        cognito_identity.list_identities(IdentityPoolId=pool_id, MaxResults=1)


@pytest.mark.parametrize(
    ("size", "rule"),
    [
        (0, "Member must have value greater than or equal to 1"),
        (61, "Member must have value less than or equal to 60"),
    ],
)
def test_a_page_has_1_to_60_items(pool: Pool, size: int, rule: str) -> None:
    place: dict[str, Any] = {"IdentityPoolId": pool.pool_id}
    with not_valid(f"'{size}'", "maxResults", rule):
        pool.developer.list_identities(**place, MaxResults=size)
    with not_valid(f"'{size}'", "maxResults", rule):
        pool.developer.list_identity_pools(MaxResults=size)
    with not_valid(f"'{size}'", "maxResults", rule):
        pool.developer.lookup_developer_identity(**place, MaxResults=size)


def test_the_size_of_a_page_must_be_given(pool: Pool) -> None:
    with not_valid("null", "maxResults", "Member must not be null"):
        pool.developer.list_identities(IdentityPoolId=pool.pool_id)  # pyright: ignore[reportCallIssue] -- what is tested


def test_a_deleted_identity_is_gone_for_everybody(pool: Pool) -> None:
    person, other = pool.log_in(ANN), pool.guest()
    assert delete(pool, person) == []
    assert ids_of(listed(pool)) == {other}
    with not_found(no_identity(person)):
        pool.developer.describe_identity(IdentityId=person)
    with not_found(no_identity(person)):
        pool.credentials(person, ANN)
    with not_found(no_identity(person)):
        pool.public.get_open_id_token(IdentityId=person, Logins=ANN)


def test_a_login_of_a_deleted_identity_is_new_the_next_time(pool: Pool) -> None:
    person = pool.log_in(ANN)
    delete(pool, person)
    again = pool.log_in(ANN)
    assert again != person
    assert pool.log_in(ANN) == again


def test_the_data_of_a_deleted_identity_is_gone(pool: Pool, identity_server: LocalServer) -> None:
    person = pool.guest()
    place: Place = {"IdentityPoolId": pool.pool_id, "IdentityId": person, "DatasetName": "things"}
    client = client_of(identity_server)
    fill(client, place, key="value")
    delete(pool, person)
    assert client.list_records(**place)["Records"] == []
    usage = client.describe_identity_pool_usage(IdentityPoolId=pool.pool_id)["IdentityPoolUsage"]
    assert usage.get("DataStorage") == 0


def test_credentials_of_a_deleted_identity_are_refused(
    pool: Pool, identity_server: LocalServer
) -> None:
    person = pool.guest()
    client = sync_client(identity_server, pool.credentials(person))
    delete(pool, person)
    with refused("NotAuthorizedException", 403, forbidden(person)):
        client.list_datasets(IdentityPoolId=pool.pool_id, IdentityId=person)


def test_deleting_takes_many_some_of_them_twice_or_unknown(
    pool: Pool, identity_server: LocalServer
) -> None:
    people = [pool.guest() for _ in range(3)]
    assert delete(pool, *people, people[0], identity_server.new_id()) == []
    assert listed(pool) == []
    assert delete(pool, *people) == []


def test_deleting_the_identity_that_others_were_merged_into_leaves_them_out_of_reach(
    pool: Pool,
) -> None:
    person, guest = pool.log_in(ANN), pool.guest()
    pool.link(guest, ANN)
    delete(pool, person)
    with not_authorized(forbidden(guest)):
        pool.credentials(guest)
    assert pool.log_in(ANN) not in {person, guest}


@pytest.mark.parametrize(
    ("count", "rule"),
    [
        (0, "Member must have length greater than or equal to 1"),
        (61, "Member must have length less than or equal to 60"),
    ],
)
def test_deleting_takes_1_to_60_identities(
    cognito_identity: "CognitoIdentityClient", count: int, rule: str
) -> None:
    ids = ["us-east-1:1"] * count
    shown = repr(ids) if count == 0 else f"{repr(ids)[:128]}…"
    with not_valid(f"'{shown}'", "identityIdsToDelete", rule):
        cognito_identity.delete_identities(IdentityIdsToDelete=ids)
