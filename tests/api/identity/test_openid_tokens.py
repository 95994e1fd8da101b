"""The OpenID tokens of the service: what they say, and that anybody can check them by its keys."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

from keepstep.testing import LocalServer, local_server
from tests.api.conftest import Timed
from tests.api.steps import ACCOUNT_ID
from tests.server.processes import ROOT, serving

from .signing_in import COGNITO, at_once, claims_of, enter, sts_client, timed_server
from .steps import DEVELOPER, FACEBOOK, GOOGLE, Pool, login, new_pool, not_authorized

AWS_ISSUER = "https://cognito-identity.amazonaws.com"
OWN_ISSUER = "https://sync.example.org"
USER_POOL = "cognito-idp.us-east-1.amazonaws.com/us-east-1_AbCdEf"
KEY_SETS = ("/.well-known/jwks_uri", "/.well-known/jwks.json")
ROLE = f"arn:aws:iam::{ACCOUNT_ID}:role/CognitoDefaultUnauthenticatedRole"
DAY_MS = 24 * 60 * 60 * 1000


def guest_token(pool: Pool, identity_id: str | None = None) -> str:
    """Give the token of a guest."""
    return pool.public.get_open_id_token(IdentityId=identity_id or pool.guest())["Token"]


def developer_token(pool: Pool, user: str, **arguments: Any) -> str:
    """Give the token of a developer's user."""
    logins = {DEVELOPER: user, **arguments.pop("Logins", {})}
    return pool.developer.get_open_id_token_for_developer_identity(
        IdentityPoolId=pool.pool_id, Logins=logins, **arguments
    )["Token"]


def user_token(pool: Pool, *logins: dict[str, str]) -> tuple[str, str]:
    """Give the identity and the token of somebody with public logins."""
    identity = pool.log_in(*logins)
    together = {provider: token for one in logins for provider, token in one.items()}
    return identity, pool.public.get_open_id_token(IdentityId=identity, Logins=together)["Token"]


def key_set(server: LocalServer, path: str = KEY_SETS[0]) -> list[dict[str, str]]:
    """Give the published keys."""
    return httpx.get(server.endpoint_url + path).raise_for_status().json()["keys"]


def key_id_of(token: str) -> str:
    return jwt.get_unverified_header(token)["kid"]


def verified(token: str, pool: Pool, jwks_uri: str, issuer: str = AWS_ISSUER) -> dict[str, Any]:
    """Verify a token as an outsider does who was given the address of the keys alone."""
    key = jwt.PyJWKClient(jwks_uri).get_signing_key_from_jwt(token)
    assert isinstance(key.key, RSAPublicKey)
    return jwt.decode(token, key, algorithms=["RS512"], audience=pool.pool_id, issuer=issuer)


def test_a_guests_token_says_who_it_is(pool: Pool) -> None:
    guest = pool.guest()
    token = guest_token(pool, guest)
    claims = claims_of(token)
    times = claims.pop("iat"), claims.pop("exp")
    assert times[1] - times[0] == 600
    assert all(isinstance(time, int) for time in times)
    assert claims == {
        "iss": AWS_ISSUER,
        "aud": pool.pool_id,
        "sub": guest,
        "amr": ["unauthenticated"],
        f"{AWS_ISSUER}/identity-pool-arn": (
            f"arn:aws:cognito-identity:us-east-1:{ACCOUNT_ID}:identitypool/{pool.pool_id}"
        ),
    }
    header = jwt.get_unverified_header(token)
    assert header == {"alg": "RS512", "typ": "JWS", "kid": "us-east-11"}


def test_a_developers_token_names_the_user(pool: Pool) -> None:
    claims = claims_of(developer_token(pool, "alice"))
    assert claims["amr"] == ["authenticated", DEVELOPER, f"{DEVELOPER}:{pool.pool_id}:alice"]


def test_a_users_token_names_the_providers_of_the_call_only(pool: Pool) -> None:
    identity, token = user_token(pool, login(FACEBOOK, "alice"), login(GOOGLE, "bob"))
    names = [FACEBOOK, f"{FACEBOOK}:app:alice", GOOGLE, f"{GOOGLE}:app:bob"]
    assert claims_of(token)["amr"] == ["authenticated", *names]
    same, token = user_token(pool, login(GOOGLE, "bob"))
    assert same == identity
    assert claims_of(token)["amr"] == ["authenticated", *names[2:]]


def test_a_user_pools_user_is_named_as_api_gateway_expects(pool: Pool) -> None:
    _, token = user_token(pool, login(USER_POOL, "alice"))
    assert claims_of(token)["amr"] == [
        "authenticated",
        USER_POOL,
        f"{USER_POOL}:CognitoSignIn:alice",
    ]


def test_principal_tags_travel_in_the_form_of_session_tags(pool: Pool) -> None:
    claims = claims_of(developer_token(pool, "alice", PrincipalTags={"team": "red"}))
    tags = claims["https://aws.amazon.com/tags"]
    assert tags == {"principal_tags": {"team": ["red"]}, "transitive_tag_keys": ["team"]}


@pytest.mark.parametrize("path", KEY_SETS)
def test_tokens_are_verified_with_the_published_keys(
    identity_server: LocalServer, pool: Pool, path: str
) -> None:
    for token in (guest_token(pool), developer_token(pool, "alice")):
        assert verified(token, pool, identity_server.endpoint_url + path)["aud"] == pool.pool_id


def test_published_keys_are_of_the_known_form_and_hold_no_secret(
    identity_server: LocalServer,
) -> None:
    answer = httpx.get(identity_server.endpoint_url + KEY_SETS[0])
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    assert answer.headers["Cache-Control"].startswith("public, max-age=")
    for key in answer.json()["keys"]:
        assert key.keys() == {"kty", "alg", "use", "kid", "n", "e"}
        assert (key["kty"], key["alg"], key["use"], key["e"]) == ("RSA", "RS512", "sig", "AQAB")
        assert jwt.PyJWK(key).key.key_size >= 2048


@pytest.fixture(scope="module")
def issuing_server(clean_environment: None) -> Iterator[LocalServer]:
    """A server whose tokens have an issuer of its own."""
    with local_server(
        open_pools=False, insecure_logins=True, token_issuer=OWN_ISSUER, region="eu-west-1"
    ) as running:
        yield running


def test_the_discovery_document_leads_to_the_keys(issuing_server: LocalServer) -> None:
    pool = new_pool(issuing_server)
    discovery = f"{issuing_server.endpoint_url}/.well-known/openid-configuration"
    document = httpx.get(discovery).raise_for_status().json()
    assert document["issuer"] == OWN_ISSUER
    assert document["id_token_signing_alg_values_supported"] == ["RS512"]
    assert document["subject_types_supported"] == ["public"]
    assert document["response_types_supported"]
    token = guest_token(pool)
    assert verified(token, pool, document["jwks_uri"], document["issuer"])["aud"] == pool.pool_id
    assert key_id_of(token) == "eu-west-11"


def test_an_issuer_of_ones_own_is_accepted_by_the_service_itself(
    issuing_server: LocalServer,
) -> None:
    pool = new_pool(issuing_server)
    token = developer_token(pool, "alice")
    assert claims_of(token)["iss"] == OWN_ISSUER
    pool.credentials(claims_of(token)["sub"], {COGNITO: token})
    assume(issuing_server, guest_token(pool))
    with not_authorized("Invalid login token. Can't pass in a Cognito token."):
        pool.log_in({FACEBOOK: token})


def test_a_token_of_another_server_is_not_accepted(
    identity_server: LocalServer, issuing_server: LocalServer, pool: Pool
) -> None:
    identity = pool.developer_user("alice")
    foreign = developer_token(new_pool(issuing_server), "alice")
    with not_authorized("Invalid login token. Not a Cognito token."):
        pool.credentials(identity, {COGNITO: foreign})


@pytest.fixture
def timed_logins() -> Iterator[Timed]:
    with timed_server() as running:
        yield running


def assume(server: LocalServer, token: str) -> None:
    """Use a guest's token for what it is for."""
    sts_client(server).assume_role_with_web_identity(
        RoleArn=ROLE, RoleSessionName="device", WebIdentityToken=token
    )


def test_keys_are_replaced_in_time_and_published_while_their_tokens_live(
    timed_logins: Timed,
) -> None:
    server, clock = timed_logins.server, timed_logins.clock
    pool, today = new_pool(server), clock.now
    first = key_id_of(guest_token(pool))
    clock.now = today + 30 * DAY_MS - 1
    old = guest_token(pool)
    assert key_id_of(old) == first
    clock.now += 1
    second = key_id_of(guest_token(pool))
    assert second != first
    assert [key["kid"] for key in key_set(server)] == [second, first]
    clock.now += 599_000
    assume(server, old)
    assert key_id_of(guest_token(pool)) == second


def test_the_longest_token_outlives_the_replacement_of_its_key(timed_logins: Timed) -> None:
    server, clock = timed_logins.server, timed_logins.clock
    pool, today = new_pool(server), clock.now
    clock.now = today - 30 * DAY_MS + 1000
    first = key_id_of(guest_token(pool))
    clock.now = today
    token = developer_token(pool, "alice", TokenDuration=86_400)
    assert key_id_of(token) == first
    clock.now += 1000
    assert key_id_of(guest_token(pool)) != first
    clock.now = claims_of(token)["exp"] * 1000 - 1
    pool.credentials(claims_of(token)["sub"], {COGNITO: token})
    verified_key = {key["kid"] for key in key_set(server)}
    assert first in verified_key


def test_a_key_without_living_tokens_is_published_no_more(timed_logins: Timed) -> None:
    server, clock = timed_logins.server, timed_logins.clock
    pool = new_pool(server)
    ids = [key_id_of(guest_token(pool))]
    for _ in range(3):
        clock.now += 30 * DAY_MS
        ids.append(key_id_of(guest_token(pool)))
    assert [key["kid"] for key in key_set(server)] == [ids[3], ids[2]]


def test_processes_of_one_store_sign_with_one_key(tmp_path: Path) -> None:
    environment = {
        **ROOT,
        "KEEPSTEP_INSECURE_LOGINS": "true",
        "KEEPSTEP_LOG_REQUESTS": "false",
    }
    with (
        serving(tmp_path, environment=environment) as one,
        serving(tmp_path, environment=environment) as other,
    ):
        servers = [one.server, other.server]
        pool = new_pool(servers[0])
        pools = [pool, Pool(pool.pool_id, pool.developer, new_pool(servers[1]).public)]
        tokens = at_once([lambda pool=pool: guest_token(pool) for pool in pools])
        assert {key_id_of(token) for token in tokens} == {"us-east-11"}
        assert key_set(servers[0]) == key_set(servers[1])
        for server in servers:
            for token in tokens:
                assume(server, token)
        alice = login(FACEBOOK, "alice")
        identity = pools[0].log_in(alice)
        assert enter(pools[1], "GetCredentialsForIdentity", identity, alice) == identity
