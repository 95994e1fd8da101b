"""Guests: whoever knows their id may use it, for as long as it is a guest's and guests may come."""

from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from botocore.exceptions import ClientError

from keepstep.domain.limits import SECOND_MS
from keepstep.testing import LocalServer, local_server
from tests.api.conftest import Clock

from .keys_and_roles import App, arn_of_role, assume, enhanced, open_id_token
from .signing_in import COGNITO
from .steps import (
    DEVELOPER,
    FACEBOOK,
    Pool,
    forbidden,
    login,
    new_pool,
    not_authorized,
)

NO_GUESTS = "Unauthenticated access is not supported for this identity pool."
ADA = login(FACEBOOK, "ada")


def turn_guests_off(pool: Pool) -> None:
    pool.developer.update_identity_pool(
        IdentityPoolId=pool.pool_id,
        IdentityPoolName="people",
        AllowUnauthenticatedIdentities=False,
        SupportedLoginProviders={FACEBOOK: "app"},
    )


def test_whoever_knows_a_guests_id_may_use_it(identity_server: LocalServer, pool: Pool) -> None:
    guest = pool.guest()
    for _ in range(2):
        assert App(identity_server, pool, guest, enhanced(pool, guest)).may_use("notes")


def test_guests_that_were_turned_off_get_nothing_any_more(pool: Pool) -> None:
    guest = pool.guest()
    turn_guests_off(pool)
    for call in (pool.guest, lambda: enhanced(pool, guest), lambda: open_id_token(pool, guest)):
        with not_authorized(NO_GUESTS):
            call()


def test_a_guests_token_is_worth_nothing_once_guests_are_turned_off(pool: Pool) -> None:
    guest = pool.guest()
    token = {COGNITO: open_id_token(pool, guest)}
    enhanced(pool, guest, token)
    turn_guests_off(pool)
    with not_authorized(NO_GUESTS):
        enhanced(pool, guest, token)


def test_a_guest_of_before_can_log_in_after_guests_were_turned_off(pool: Pool) -> None:
    guest = pool.guest()
    turn_guests_off(pool)
    assert pool.link(guest, ADA) == guest


def test_users_and_developers_users_come_in_without_guests(pool: Pool) -> None:
    turn_guests_off(pool)
    user = pool.log_in(ADA)
    enhanced(pool, user, ADA)
    answer = pool.developer.get_open_id_token_for_developer_identity(
        IdentityPoolId=pool.pool_id, Logins={DEVELOPER: "bob"}
    )
    enhanced(pool, answer["IdentityId"], {COGNITO: answer["Token"]})


def test_an_id_is_no_guests_any_more_once_it_has_a_login(pool: Pool) -> None:
    guest = pool.guest()
    pool.link(guest, ADA)
    for call in (lambda: enhanced(pool, guest), lambda: open_id_token(pool, guest)):
        with not_authorized(forbidden(guest)):
            call()


@dataclass(frozen=True)
class Moment:
    """A server whose clock stands at the beginning of a second until a test moves it."""

    server: LocalServer
    clock: Clock
    pool: Pool


@pytest.fixture
def moment(clean_environment: None) -> Iterator[Moment]:
    clock = Clock()
    clock.now -= clock.now % SECOND_MS
    with local_server(insecure_logins=True, clock=clock) as server:
        yield Moment(server, clock, new_pool(server))


LATER_MS = [0, 1, 500, SECOND_MS - 1, SECOND_MS, 60 * SECOND_MS]
"""Whoever was handed a guest's id may have asked for credentials up to the very login."""
GUESTS, USERS = (
    arn_of_role(f"CognitoDefault{kind}Role") for kind in ("Unauthenticated", "Authenticated")
)


@pytest.mark.parametrize("later", LATER_MS)
def test_what_a_guest_was_granted_ends_at_the_first_login_and_what_the_login_gives_is_good(
    moment: Moment, later: int
) -> None:
    server, pool = moment.server, moment.pool
    guest = pool.guest()
    token = open_id_token(pool, guest)
    before = [enhanced(pool, guest), assume(server, token, GUESTS)]
    moment.clock.now += later
    after = [enhanced(pool, guest, ADA)]
    after.append(assume(server, open_id_token(pool, guest, ADA), USERS))
    assert [App(server, pool, guest, keys).may_use("notes") for keys in after] == [True, True]
    assert [App(server, pool, guest, keys).may_use("notes") for keys in before] == [False, False]
    for call in (
        lambda: assume(server, token, GUESTS),
        lambda: enhanced(pool, guest, {COGNITO: token}),
    ):
        with pytest.raises(ClientError):
            call()


@pytest.mark.parametrize("later", LATER_MS)
def test_a_developers_user_takes_a_guest_over_in_the_same_way(moment: Moment, later: int) -> None:
    server, pool = moment.server, moment.pool
    guest = pool.guest()
    before = enhanced(pool, guest)
    moment.clock.now += later
    answer = pool.developer.get_open_id_token_for_developer_identity(
        IdentityPoolId=pool.pool_id, IdentityId=guest, Logins={DEVELOPER: "ada"}
    )
    after = enhanced(pool, guest, {COGNITO: answer["Token"]})
    assert App(server, pool, guest, after).may_use("notes")
    assert not App(server, pool, guest, before).may_use("notes")


def test_ids_of_guests_cannot_be_guessed(clean_environment: None) -> None:
    with local_server(insecure_logins=True) as server:
        pool = new_pool(server)
        ids = {pool.guest() for _ in range(50)}
        assert len(ids) == 50
        assert len({identity_id[-17:] for identity_id in ids}) == 50
        assert {identity_id[24] for identity_id in ids} == {"4"}
