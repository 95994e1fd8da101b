"""The acceptance list of sign-in, point 9: what a call's logins do to identities, row by row.

The rows are those of the table of linking and merging, in short;
``tests/api/identity/test_linking`` and ``test_linking_races`` have each at length.
"""

from collections.abc import Callable, Iterator
from typing import Final

import pytest

from keepstep.testing import LocalServer
from tests.api.identity.signing_in import at_once, disabled, living, nothing_changes
from tests.api.identity.steps import (
    AMAZON,
    DEVELOPER,
    DO_NOT_MATCH,
    FACEBOOK,
    GOOGLE,
    Pool,
    forbidden,
    login,
    new_pool,
    not_authorized,
)
from tests.api.steps import refused

from .stores import stored_server

ADA: Final = login(FACEBOOK, "ada")
ADA_TOO: Final = login(GOOGLE, "ada")
ADA_AS_WELL: Final = login(AMAZON, "ada")
BOB: Final = login(FACEBOOK, "bob")
DEVICES: Final = 6


@pytest.fixture(scope="module")
def server(clean_environment: None) -> Iterator[LocalServer]:
    with stored_server(open_pools=False, insecure_logins=True) as running:
        yield running


@pytest.fixture
def pool(server: LocalServer) -> Pool:
    return new_pool(server)


def row_01(pool: Pool) -> None:
    assert pool.guest() != pool.guest()


def row_02(pool: Pool) -> None:
    user = pool.log_in(ADA)
    assert living(pool) == {user: [FACEBOOK]}


def row_03(pool: Pool) -> None:
    assert pool.log_in(ADA) == pool.log_in(ADA)


def row_04(pool: Pool) -> None:
    both = pool.log_in(ADA, ADA_TOO)
    assert pool.log_in(ADA) == pool.log_in(ADA_TOO) == both


def row_05(pool: Pool) -> None:
    known = pool.log_in(ADA)
    assert pool.log_in(ADA, ADA_TOO) == pool.log_in(ADA_TOO) == known


def row_06(pool: Pool) -> None:
    older, younger = pool.log_in(ADA), pool.log_in(ADA_TOO)
    assert pool.log_in(ADA_TOO, ADA) == older
    assert disabled(pool) == {younger}


def row_07(pool: Pool) -> None:
    guest = pool.guest()
    assert pool.link(guest, ADA) == pool.log_in(ADA) == guest
    with not_authorized(forbidden(guest)):
        pool.link(guest)


def row_08(pool: Pool) -> None:
    guest, user = pool.guest(), pool.log_in(ADA)
    assert pool.link(guest, ADA) == user
    assert disabled(pool) == {guest}


def row_09(pool: Pool) -> None:
    user = pool.log_in(ADA, ADA_TOO)
    with nothing_changes(pool), refused("ResourceConflictException", 400):
        pool.log_in(ADA_TOO, BOB)
    assert pool.log_in(ADA) == user


def row_10(pool: Pool) -> None:
    user = pool.log_in(ADA)
    with nothing_changes(pool), not_authorized(DO_NOT_MATCH):
        pool.link(user, ADA_TOO)


def row_11(pool: Pool) -> None:
    user = pool.log_in(ADA)
    assert pool.link(user, ADA, ADA_TOO) == pool.log_in(ADA_TOO) == user


def row_12(pool: Pool) -> None:
    older, younger = pool.log_in(ADA), pool.log_in(ADA_TOO)
    assert pool.link(younger, ADA, ADA_TOO) == younger
    assert disabled(pool) == {older}


def row_13(pool: Pool) -> None:
    guest, user = pool.guest(), pool.log_in(ADA)
    pool.link(guest, ADA)
    for nobody in ((), (BOB,)):
        with not_authorized(forbidden(guest)):
            pool.link(guest, *nobody)
    assert pool.link(guest, ADA) == user


def row_14(pool: Pool) -> None:
    assert pool.developer_user("ada") == pool.developer_user("ada") != pool.developer_user("bob")


def row_15(pool: Pool) -> None:
    guest = pool.guest()
    assert pool.developer_user("ada", IdentityId=guest) == pool.developer_user("ada") == guest


def row_16(pool: Pool) -> None:
    user = pool.log_in(ADA)
    with nothing_changes(pool), not_authorized(DO_NOT_MATCH):
        pool.developer_user("ada", IdentityId=user)


def row_17(pool: Pool) -> None:
    pool.developer_user("ada")
    for other in (pool.guest(), pool.developer_user("bob")):
        with nothing_changes(pool), refused("DeveloperUserAlreadyRegisteredException", 400):
            pool.developer_user("ada", IdentityId=other)


def row_18(pool: Pool) -> None:
    user = pool.developer_user("ada", Logins=ADA)
    assert pool.log_in(ADA) == user
    younger = pool.log_in(ADA_TOO)
    assert pool.developer_user("ada", Logins=ADA_TOO) == user
    assert disabled(pool) == {younger}


def row_19(pool: Pool) -> None:
    for logins in ({DEVELOPER: "ada", "login.another.app": "ada"}, ADA, {}):
        with pytest.raises(pool.developer.exceptions.ClientError) as caught:
            pool.developer.get_open_id_token_for_developer_identity(
                IdentityPoolId=pool.pool_id, Logins=logins
            )
        code = caught.value.response.get("Error", {}).get("Code")
        assert code in {"InvalidParameterException", "NotAuthorizedException"}
    assert living(pool) == {}


ROWS: Final[tuple[Callable[[Pool], None], ...]] = (
    *(row_01, row_02, row_03, row_04, row_05, row_06, row_07, row_08, row_09, row_10),
    *(row_11, row_12, row_13, row_14, row_15, row_16, row_17, row_18, row_19),
)


@pytest.mark.parametrize("row", ROWS, ids=[row.__name__ for row in ROWS])
def test_acceptance_09_logins_link_and_merge_as_the_table_says(
    pool: Pool, row: Callable[[Pool], None]
) -> None:
    row(pool)


def test_acceptance_09_guests_that_log_in_at_once_as_a_new_user_become_one(pool: Pool) -> None:
    guests = [pool.guest() for _ in range(DEVICES)]
    at_once([lambda guest=guest: pool.link(guest, ADA) for guest in guests])
    (survivor,) = living(pool)
    assert survivor in guests
    assert {pool.link(guest, ADA) for guest in guests} == {survivor}


def test_acceptance_09_guests_that_log_in_at_once_as_a_known_user_become_that_one(
    pool: Pool,
) -> None:
    user = pool.log_in(ADA)
    guests = [pool.guest() for _ in range(DEVICES)]
    assert set(at_once([lambda guest=guest: pool.link(guest, ADA) for guest in guests])) == {user}
    assert set(living(pool)) == {user}
    assert disabled(pool) == set(guests)


def test_acceptance_09_users_that_take_each_other_in_at_once_become_one(pool: Pool) -> None:
    logins = (ADA, ADA_TOO, ADA_AS_WELL)
    users = [pool.log_in(one) for one in logins]
    at_once([lambda user=user: pool.link(user, *logins) for user in users])
    (survivor,) = living(pool)
    assert survivor in users
    assert {pool.log_in(one) for one in logins} == {survivor}
