"""Users that a developer's own backend signs in: tokens for them, and what devices do with them."""

import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest

from keepstep.testing import LocalServer
from tests.api.conftest import Timed
from tests.api.steps import contents, fill, refused

from .conftest import NewPool
from .signing_in import COGNITO, assumed, claims_of, enter, place_of, sts_client, timed_server
from .steps import (
    DEVELOPER,
    DO_NOT_MATCH,
    FACEBOOK,
    NOT_A_PUBLIC_PROVIDER,
    WRONG_DEVELOPER,
    Pool,
    forbidden,
    new_pool,
    no_identity,
    no_pool,
    not_authorized,
    not_found,
    not_valid,
    sync_client,
)

if TYPE_CHECKING:
    from types_boto3_sts import STSClient

ROLE = "arn:aws:iam::000000000000:role/CognitoDefaultAuthenticatedRole"
CANNOT_PASS = "Invalid login token. Can't pass in a Cognito token."
NOT_COGNITO = "Invalid login token. Not a Cognito token."


@pytest.fixture(scope="session")
def unsigned_sts(identity_server: LocalServer) -> "STSClient":
    return sts_client(identity_server)


@pytest.fixture
def timed_logins() -> Iterator[Timed]:
    with timed_server() as running:
        yield running


def token_for(pool: Pool, user: str = "alice", **arguments: Any) -> tuple[str, str]:
    """Give the identity id and the token of a user."""
    logins = {DEVELOPER: user, **arguments.pop("Logins", {})}
    answer = pool.developer.get_open_id_token_for_developer_identity(
        IdentityPoolId=pool.pool_id, Logins=logins, **arguments
    )
    return answer["IdentityId"], answer["Token"]


def test_a_device_gets_credentials_and_data_with_its_token(
    identity_server: LocalServer, pool: Pool
) -> None:
    identity, token = token_for(pool)
    client = sync_client(identity_server, pool.credentials(identity, {COGNITO: token}))
    place = place_of(pool, identity, "things")
    fill(client, place, k="v")
    assert contents(client, place) == {"k": "v"}


def test_a_device_assumes_a_role_with_its_token(
    identity_server: LocalServer, pool: Pool, unsigned_sts: "STSClient"
) -> None:
    identity, token = token_for(pool)
    answer = unsigned_sts.assume_role_with_web_identity(
        RoleArn=ROLE, RoleSessionName="device", WebIdentityToken=token
    )
    assert answer["SubjectFromWebIdentityToken"] == identity
    client = sync_client(identity_server, assumed(answer))
    fill(client, place_of(pool, identity, "things"), k="v")


def test_a_token_may_be_used_many_times_and_links_nothing(pool: Pool) -> None:
    identity, token = token_for(pool)
    for _ in range(2):
        answer = pool.public.get_credentials_for_identity(
            IdentityId=identity, Logins={COGNITO: token}
        )
        assert answer["IdentityId"] == identity
    assert pool.providers(identity) == [DEVELOPER]


@pytest.mark.parametrize(("duration", "seconds"), [(None, 900), (1, 1), (86_400, 86_400)])
def test_a_token_lasts_as_long_as_asked(pool: Pool, duration: int | None, seconds: int) -> None:
    arguments: dict[str, Any] = {} if duration is None else {"TokenDuration": duration}
    claims = claims_of(token_for(pool, **arguments)[1])
    assert claims["exp"] - claims["iat"] == seconds


@pytest.mark.parametrize(
    ("duration", "rule"),
    [
        (0, "Member must have value greater than or equal to 1"),
        (86_401, "Member must have value less than or equal to 86400"),
    ],
)
def test_a_token_lasts_a_second_at_least_and_a_day_at_most(
    pool: Pool, duration: int, rule: str
) -> None:
    with not_valid(f"'{duration}'", "tokenDuration", rule):
        token_for(pool, TokenDuration=duration)


def test_a_token_that_has_ended_is_refused(timed_logins: Timed) -> None:
    pool = new_pool(timed_logins.server)
    identity, token = token_for(pool, TokenDuration=1)
    expiry = claims_of(token)["exp"]
    timed_logins.clock.now += 1000
    now = timed_logins.clock.now // 1000
    with not_authorized(f"Invalid login token. Token expired: {now} >= {expiry}"):
        pool.credentials(identity, {COGNITO: token})


def test_a_token_is_good_for_its_own_identity_only(pool: Pool, make_pool: NewPool) -> None:
    _, token = token_for(pool)
    for other in (pool.developer_user("bob"), pool.guest()):
        with not_authorized(DO_NOT_MATCH):
            pool.credentials(other, {COGNITO: token})
    with not_authorized(NOT_COGNITO):
        pool.credentials(make_pool().developer_user("alice"), {COGNITO: token})


def test_a_token_of_an_identity_that_was_merged_or_deleted_is_refused(pool: Pool) -> None:
    bob, token = token_for(pool, "bob")
    pool.developer_user("alice")
    pool.merge("bob", "alice")
    with refused("NotAuthorizedException", 400):
        pool.credentials(bob, {COGNITO: token})
    carol, token = token_for(pool, "carol")
    pool.developer.delete_identities(IdentityIdsToDelete=[carol])
    with not_found(no_identity(carol)):
        pool.credentials(carol, {COGNITO: token})


@pytest.mark.parametrize("token", ["", "no.token.at-all", "test:alice"])
def test_what_is_no_token_of_ours_is_refused(pool: Pool, token: str) -> None:
    identity = pool.developer_user("alice")
    code = "ValidationException" if token == "" else "NotAuthorizedException"
    with refused(code, 400, None if token == "" else NOT_COGNITO):
        pool.credentials(identity, {COGNITO: token})


def test_a_token_is_a_login_of_the_service_itself_only(pool: Pool) -> None:
    identity, token = token_for(pool)
    misplaced: list[dict[str, str]] = [
        {FACEBOOK: token},
        {COGNITO: token, FACEBOOK: "test:alice"},
    ]
    for logins in misplaced:
        with not_authorized(CANNOT_PASS):
            pool.credentials(identity, logins)
    for logins in ({COGNITO: token}, {FACEBOOK: token}):
        with not_authorized(CANNOT_PASS):
            pool.log_in(logins)
        with not_authorized(CANNOT_PASS):
            enter(pool, "GetOpenIdToken", identity, logins)
    with not_authorized(CANNOT_PASS):
        token_for(pool, Logins={COGNITO: token})


def test_public_operations_do_not_take_the_developer_provider(pool: Pool) -> None:
    identity = pool.developer_user("alice")
    logins = {DEVELOPER: "alice"}
    for call in (
        lambda: pool.log_in(logins),
        lambda: pool.credentials(identity, logins),
        lambda: enter(pool, "GetOpenIdToken", identity, logins),
    ):
        with refused("InvalidParameterException", 400, NOT_A_PUBLIC_PROVIDER):
            call()


def test_an_identity_with_a_developers_user_is_no_guests(pool: Pool) -> None:
    identity = pool.developer_user("alice")
    for entrance in ("GetOpenIdToken", "GetCredentialsForIdentity"):
        with not_authorized(forbidden(identity)):
            enter(pool, entrance, identity)


def test_a_pool_without_a_developer_provider_has_no_developers_users(make_pool: NewPool) -> None:
    pool = make_pool(DeveloperProviderName=None)
    with not_authorized(WRONG_DEVELOPER):
        pool.developer_user("alice")


def test_pools_and_identities_must_exist(pool: Pool, identity_server: LocalServer) -> None:
    nowhere, nobody = identity_server.new_id(), identity_server.new_id()
    with not_found(no_pool(nowhere)):
        Pool(nowhere, pool.developer, pool.public).developer_user("alice")
    with not_found(no_identity(nobody)):
        pool.developer_user("alice", IdentityId=nobody)


def test_an_identity_of_another_pool_is_not_found(pool: Pool, make_pool: NewPool) -> None:
    elsewhere = make_pool().guest()
    with not_found(no_identity(elsewhere)):
        pool.developer_user("alice", IdentityId=elsewhere)


def test_the_call_needs_a_developers_signature(identity_server: LocalServer, pool: Pool) -> None:
    arguments: Any = {"IdentityPoolId": pool.pool_id, "Logins": {DEVELOPER: "alice"}}
    with refused("MissingAuthenticationTokenException", 400):
        pool.public.get_open_id_token_for_developer_identity(**arguments)


def test_a_token_tells_when_it_was_made(pool: Pool) -> None:
    before = int(time.time())
    _, token = token_for(pool)
    assert before <= claims_of(token)["iat"] <= time.time()
