"""UnlinkIdentity, which anybody may call with a proof, and UnlinkDeveloperIdentity."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from keepstep.testing import LocalServer
from tests.api.steps import invalid, refused

from .conftest import NewPool
from .steps import (
    AMAZON,
    DEVELOPER,
    DO_NOT_MATCH,
    FACEBOOK,
    GOOGLE,
    MISMATCH,
    NOT_A_PUBLIC_PROVIDER,
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

ANN, ANN_TOO, BOB = login(GOOGLE, "ann"), login(FACEBOOK, "ann"), login(GOOGLE, "bob")


def unlink(pool: Pool, identity_id: str, logins: dict[str, str], *names: str) -> None:
    pool.public.unlink_identity(IdentityId=identity_id, Logins=logins, LoginsToRemove=list(names))


def unlink_user(pool: Pool, identity_id: str, user: str, **arguments: Any) -> None:
    usual: dict[str, Any] = {
        "IdentityPoolId": pool.pool_id,
        "IdentityId": identity_id,
        "DeveloperProviderName": DEVELOPER,
        "DeveloperUserIdentifier": user,
    }
    pool.developer.unlink_developer_identity(**{**usual, **arguments})


@pytest.mark.parametrize("proof", [ANN, ANN_TOO])
def test_a_login_that_was_unlinked_is_new_the_next_time(pool: Pool, proof: dict[str, str]) -> None:
    person = pool.log_in(ANN, ANN_TOO)
    unlink(pool, person, proof, GOOGLE)
    assert pool.providers(person) == [FACEBOOK]
    assert pool.log_in(ANN_TOO) == person
    assert pool.log_in(ANN) != person


def test_several_logins_are_unlinked_in_one_step(pool: Pool) -> None:
    person = pool.log_in(ANN, ANN_TOO, login(AMAZON, "ann"))
    unlink(pool, person, ANN, FACEBOOK, AMAZON, FACEBOOK)
    assert pool.providers(person) == [GOOGLE]


def test_removing_nothing_changes_nothing(pool: Pool) -> None:
    person = pool.log_in(ANN)
    before = pool.developer.describe_identity(IdentityId=person)
    unlink(pool, person, ANN)
    after = pool.developer.describe_identity(IdentityId=person)
    assert before.get("LastModifiedDate") == after.get("LastModifiedDate")
    assert pool.log_in(ANN) == person


def test_an_identity_without_its_last_login_is_out_of_everybodys_reach(pool: Pool) -> None:
    person = pool.log_in(ANN)
    unlink(pool, person, ANN, GOOGLE)
    for logins in ({}, ANN, BOB):
        with not_authorized(forbidden(person)):
            pool.credentials(person, logins)
    with not_authorized(forbidden(person)):
        pool.developer_user("ann", IdentityId=person)
    with not_authorized(forbidden(person)):
        unlink(pool, person, ANN, GOOGLE)
    assert pool.log_in(ANN) != person
    assert pool.providers(person) == []


@pytest.mark.parametrize(
    ("proof", "names"),
    [
        (BOB, [GOOGLE]),
        ({}, [GOOGLE]),
        (ANN, [FACEBOOK]),
        (ANN, [GOOGLE, FACEBOOK]),
        (ANN_TOO, [FACEBOOK]),
        (BOB, []),
    ],
)
def test_without_a_proof_or_for_a_provider_that_is_not_linked_nothing_is_unlinked(
    pool: Pool, proof: dict[str, str], names: list[str]
) -> None:
    person = pool.log_in(ANN)
    pool.log_in(BOB)
    with not_authorized(DO_NOT_MATCH):
        unlink(pool, person, proof, *names)
    assert pool.providers(person) == [GOOGLE]


def test_nothing_can_be_unlinked_from_a_guest(pool: Pool) -> None:
    with not_authorized(DO_NOT_MATCH):
        unlink(pool, pool.guest(), ANN, GOOGLE)


def test_nothing_can_be_unlinked_from_an_identity_that_was_merged_away(pool: Pool) -> None:
    person, guest = pool.log_in(ANN), pool.guest()
    pool.link(guest, ANN)
    with not_authorized(forbidden(guest)):
        unlink(pool, guest, ANN, GOOGLE)
    assert pool.providers(person) == [GOOGLE]


def test_one_bad_token_fails_the_whole_call(pool: Pool) -> None:
    person = pool.log_in(ANN, ANN_TOO)
    with not_authorized("Invalid login token. Not a valid OpenId Connect identity token."):
        unlink(pool, person, {**ANN_TOO, GOOGLE: "ann"}, FACEBOOK)
    assert sorted(pool.providers(person)) == sorted([GOOGLE, FACEBOOK])


@pytest.mark.parametrize(
    ("logins", "names"), [(ANN, [DEVELOPER]), ({**ANN, DEVELOPER: "ann"}, [GOOGLE])]
)
def test_a_developers_user_is_no_public_login(
    pool: Pool, logins: dict[str, str], names: list[str]
) -> None:
    person = pool.developer_user("ann", Logins=ANN)
    with invalid(NOT_A_PUBLIC_PROVIDER):
        unlink(pool, person, logins, *names)
    assert sorted(pool.providers(person)) == sorted([DEVELOPER, GOOGLE])


def test_an_identity_that_does_not_exist_is_not_found(
    pool: Pool, identity_server: LocalServer
) -> None:
    person = identity_server.new_id()
    with not_found(no_identity(person)):
        unlink(pool, person, ANN, GOOGLE)
    with not_found(no_identity(person)):
        unlink_user(pool, person, "ann")


def test_what_is_to_be_unlinked_must_be_named(pool: Pool) -> None:
    with not_valid("null", "loginsToRemove", "Member must not be null"):
        pool.public.unlink_identity(IdentityId=pool.guest(), Logins=ANN)  # pyright: ignore[reportCallIssue] -- what is tested


def test_logins_unlinked_at_once_are_all_gone(pool: Pool) -> None:
    person = pool.log_in(ANN, ANN_TOO, login(AMAZON, "ann"))

    def remove(provider: str) -> None:
        unlink(pool, person, ANN, provider)

    with ThreadPoolExecutor(2) as threads:
        list(threads.map(remove, [FACEBOOK, AMAZON]))
    assert pool.providers(person) == [GOOGLE]


def test_a_developers_user_that_was_unlinked_is_new_the_next_time(pool: Pool) -> None:
    person = pool.developer_user("one")
    pool.developer_user("two")
    pool.merge("two", "one")
    unlink_user(pool, person, "two")
    assert pool.users(person) == ["one"]
    assert pool.developer_user("one") == person
    assert pool.developer_user("two") != person


def test_an_identity_without_its_last_developers_user_is_out_of_everybodys_reach(
    pool: Pool,
) -> None:
    person = pool.developer_user("ann")
    unlink_user(pool, person, "ann")
    with not_authorized(forbidden(person)):
        pool.credentials(person)
    with not_authorized(forbidden(person)):
        pool.developer_user("ann", IdentityId=person)
    assert pool.developer_user("ann") != person


def test_a_public_login_keeps_an_identity_without_developers_users_in_reach(pool: Pool) -> None:
    person = pool.developer_user("ann", Logins=ANN)
    unlink_user(pool, person, "ann")
    assert pool.log_in(ANN) == person
    assert pool.providers(person) == [GOOGLE]


def test_a_user_of_another_identity_or_of_none_is_a_conflict(pool: Pool) -> None:
    ann, bob = pool.developer_user("ann"), pool.developer_user("bob")
    for person, user in ((ann, "bob"), (bob, "nobody"), (pool.guest(), "ann")):
        with refused("ResourceConflictException", 400, MISMATCH):
            unlink_user(pool, person, user)
    assert (pool.users(ann), pool.users(bob)) == (["ann"], ["bob"])


@pytest.mark.parametrize("name", ["another.example", GOOGLE])
def test_a_user_of_another_developer_provider_is_refused(pool: Pool, name: str) -> None:
    person = pool.developer_user("ann", Logins=login(GOOGLE, "ann"))
    with not_authorized(WRONG_DEVELOPER):
        unlink_user(pool, person, "ann", DeveloperProviderName=name)


def test_a_user_is_unlinked_in_the_identitys_own_pool_only(
    pool: Pool, make_pool: NewPool, identity_server: LocalServer
) -> None:
    person = pool.developer_user("ann")
    with not_found(no_identity(person)):
        unlink_user(make_pool(), person, "ann")
    nowhere = identity_server.new_id()
    with not_found(no_pool(nowhere)):
        unlink_user(pool, person, "ann", IdentityPoolId=nowhere)
    assert pool.users(person) == ["ann"]
