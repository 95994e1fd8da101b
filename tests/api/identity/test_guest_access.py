"""Guests: whoever knows their id may use it, for as long as it is a guest's and guests may come."""

from keepstep.testing import LocalServer, local_server

from .keys_and_roles import App, enhanced, open_id_token
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


def test_ids_of_guests_cannot_be_guessed(clean_environment: None) -> None:
    with local_server(insecure_logins=True) as server:
        pool = new_pool(server)
        ids = {pool.guest() for _ in range(50)}
        assert len(ids) == 50
        assert len({identity_id[-17:] for identity_id in ids}) == 50
        assert {identity_id[24] for identity_id in ids} == {"4"}
