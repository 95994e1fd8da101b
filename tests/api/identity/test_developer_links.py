"""LookupDeveloperIdentity and MergeDeveloperIdentities."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from keepstep.testing import LocalServer
from tests.api.steps import contents, fill, invalid, refused
from tests.conftest import Place, client_of

from .conftest import NewPool
from .steps import (
    DEVELOPER,
    FACEBOOK,
    GOOGLE,
    MISMATCH,
    WRONG_DEVELOPER,
    Pool,
    forbidden,
    login,
    no_identity,
    no_pool,
    not_authorized,
    not_found,
    not_valid,
)

NO_USER = "Developer user identifier not found."


def found(answer: Any) -> tuple[str, list[str]]:
    assert "NextToken" not in answer
    return answer["IdentityId"], answer["DeveloperUserIdentifierList"]


def test_a_user_is_looked_up_by_either_id_or_by_both(pool: Pool) -> None:
    person = pool.developer_user("ann")
    expected = (person, ["ann"])
    assert found(pool.lookup(DeveloperUserIdentifier="ann")) == expected
    assert found(pool.lookup(IdentityId=person)) == expected
    assert found(pool.lookup(IdentityId=person, DeveloperUserIdentifier="ann")) == expected


def test_a_lookup_by_one_id_gives_all_users_of_the_identity_and_by_both_the_pair(
    pool: Pool,
) -> None:
    person = pool.developer_user("one")
    for other in ("two", "three", "ëlse"):
        pool.developer_user(other)
        pool.merge(other, "one")
    everyone = (person, ["one", "three", "two", "ëlse"])
    assert found(pool.lookup(IdentityId=person)) == everyone
    assert found(pool.lookup(DeveloperUserIdentifier="two")) == everyone
    both = pool.lookup(IdentityId=person, DeveloperUserIdentifier="two")
    assert found(both) == (person, ["two"])


def test_a_lookup_of_an_identity_without_such_users_has_an_empty_list(pool: Pool) -> None:
    for person in (pool.guest(), pool.log_in(login(GOOGLE, "ann"))):
        assert found(pool.lookup(IdentityId=person)) == (person, [])


def test_two_ids_that_do_not_belong_together_are_a_conflict(pool: Pool) -> None:
    ann, guest = pool.developer_user("ann"), pool.guest()
    pool.developer_user("bob")
    for person, user in ((ann, "bob"), (ann, "nobody"), (guest, "ann")):
        with refused("ResourceConflictException", 400, MISMATCH):
            pool.lookup(IdentityId=person, DeveloperUserIdentifier=user)


def test_a_lookup_needs_an_id(pool: Pool) -> None:
    with invalid("Either IdentityId or DeveloperUserIdentifier must be provided."):
        pool.lookup()


def test_a_user_nobody_signed_in_is_not_found(pool: Pool, make_pool: NewPool) -> None:
    make_pool().developer_user("ann")
    pool.log_in(login(GOOGLE, "ann"))
    with not_found(NO_USER):
        pool.lookup(DeveloperUserIdentifier="ann")


def test_an_identity_of_another_pool_is_not_found(pool: Pool, make_pool: NewPool) -> None:
    stranger = make_pool().developer_user("ann")
    with not_found(no_identity(stranger)):
        pool.lookup(IdentityId=stranger)


def test_a_pool_without_a_developer_provider_has_no_such_users(make_pool: NewPool) -> None:
    pool = make_pool()
    bare = pool.developer.create_identity_pool(
        IdentityPoolName="bare", AllowUnauthenticatedIdentities=True
    )["IdentityPoolId"]
    with not_found(NO_USER):
        pool.developer.lookup_developer_identity(IdentityPoolId=bare, DeveloperUserIdentifier="ann")
    with not_authorized(WRONG_DEVELOPER):
        pool.merge("ann", "bob", IdentityPoolId=bare)


def test_lookups_and_merges_in_a_pool_that_does_not_exist_are_not_found(
    pool: Pool, identity_server: LocalServer
) -> None:
    pool_id = identity_server.new_id()
    with not_found(no_pool(pool_id)):
        pool.developer.lookup_developer_identity(
            IdentityPoolId=pool_id, DeveloperUserIdentifier="ann"
        )
    with not_found(no_pool(pool_id)):
        pool.merge("ann", "bob", IdentityPoolId=pool_id)


def test_a_merge_leaves_the_destinations_identity_with_the_logins_of_both(pool: Pool) -> None:
    source = pool.developer_user("old", Logins=login(GOOGLE, "ann"))
    destination = pool.developer_user("new", Logins=login(FACEBOOK, "ann"))
    assert pool.merge("old", "new") == destination
    assert pool.users(destination) == ["new", "old"]
    assert sorted(pool.providers(destination)) == sorted([DEVELOPER, GOOGLE, FACEBOOK])
    assert pool.developer_user("old") == pool.log_in(login(GOOGLE, "ann")) == destination
    assert pool.providers(source) == []
    with not_authorized(forbidden(source)):
        pool.credentials(source)


def test_a_device_with_the_merged_id_comes_to_the_identity_that_goes_on(pool: Pool) -> None:
    source = pool.developer_user("old")
    destination = pool.developer_user("new")
    pool.merge("old", "new")
    assert pool.developer_user("old", IdentityId=source) == destination


def test_a_merge_keeps_the_data_of_both(pool: Pool, identity_server: LocalServer) -> None:
    client = client_of(identity_server)
    people = {user: pool.developer_user(user) for user in ("old", "new")}
    for user, person in people.items():
        place: Place = {
            "IdentityPoolId": pool.pool_id,
            "IdentityId": person,
            "DatasetName": "things",
        }
        fill(client, place, of=user)
    pool.merge("old", "new")
    kept: Place = {
        "IdentityPoolId": pool.pool_id,
        "IdentityId": people["new"],
        "DatasetName": "things",
    }
    assert contents(client, kept) == {"of": "new"}
    moved = f"things.{people['old']}"
    assert client.list_records(**kept)["MergedDatasetNames"] == [moved]
    assert contents(client, {**kept, "DatasetName": moved}) == {"of": "old"}
    assert (
        client.list_datasets(IdentityPoolId=pool.pool_id, IdentityId=people["old"])["Datasets"]
        == []
    )


def test_merging_users_of_one_identity_changes_nothing(pool: Pool) -> None:
    person = pool.developer_user("one")
    pool.developer_user("two")
    for source, destination in (("two", "one"), ("two", "one"), ("one", "two"), ("one", "one")):
        assert pool.merge(source, destination) == person
    assert pool.users(person) == ["one", "two"]


@pytest.mark.parametrize(("source", "destination"), [("ann", "nobody"), ("nobody", "ann")])
def test_a_merge_with_a_user_nobody_signed_in_is_not_found(
    pool: Pool, source: str, destination: str
) -> None:
    pool.developer_user("ann")
    with not_found(NO_USER):
        pool.merge(source, destination)


def test_a_merge_under_another_developer_provider_is_refused(pool: Pool) -> None:
    pool.developer_user("one")
    pool.developer_user("two")
    for name in ("another.example", GOOGLE):
        with not_authorized(WRONG_DEVELOPER):
            pool.merge("one", "two", DeveloperProviderName=name)


def test_a_merge_that_would_give_two_logins_of_one_provider_changes_nothing(pool: Pool) -> None:
    people = {
        user: pool.developer_user(user, Logins=login(GOOGLE, user)) for user in ("one", "two")
    }
    with refused("ResourceConflictException", 400):
        pool.merge("one", "two")
    for user, person in people.items():
        assert found(pool.lookup(DeveloperUserIdentifier=user)) == (person, [user])
        assert pool.log_in(login(GOOGLE, user)) == person


def test_a_merge_to_more_than_20_logins_changes_nothing(pool: Pool) -> None:
    users = [f"user{n:02}" for n in range(21)]
    person = pool.developer_user(users[0])
    for user in users[1:20]:
        pool.developer_user(user)
        assert pool.merge(user, users[0]) == person
    last = pool.developer_user(users[20])
    with invalid("An identity may have 20 logins; unlink some first."):
        pool.merge(users[20], users[0])
    assert pool.users(person) == users[:20]
    assert pool.users(last) == users[20:]


def test_merges_in_both_directions_at_once_leave_one_identity(pool: Pool) -> None:
    people = [pool.developer_user(user) for user in ("one", "two")]

    def merge(users: tuple[str, str]) -> str:
        return pool.merge(*users)

    with ThreadPoolExecutor(2) as threads:
        survivors = set(threads.map(merge, [("one", "two"), ("two", "one")]))
    assert len(survivors) == 1
    (survivor,) = survivors
    assert survivor in people
    assert pool.users(survivor) == ["one", "two"]


@pytest.mark.parametrize(
    ("member", "value", "rule"),
    [
        ("SourceUserIdentifier", "", "Member must have length greater than or equal to 1"),
        (
            "DeveloperProviderName",
            "a b",
            r"Member must satisfy regular expression pattern: [\w._-]+",
        ),
    ],
)
def test_a_merge_that_breaks_a_constraint_is_refused(
    pool: Pool, member: str, value: str, rule: str
) -> None:
    with not_valid(f"'{value}'", member[0].lower() + member[1:], rule):
        pool.merge("one", "two", **{member: value})
