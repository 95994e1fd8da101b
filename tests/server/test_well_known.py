"""What others need to check OpenID tokens: the discovery document and the keys."""

from collections.abc import Iterator
from typing import Any

import jwt
import pytest

from keepstep.domain.limits import REVOCATION_MS, SECOND_MS, TOKEN_KEY_MS
from keepstep.testing import LocalServer, local_server
from tests.api.conftest import Clock
from tests.api.identity.keys_and_roles import open_id_token
from tests.api.identity.steps import Pool, new_pool
from tests.raw import RawAnswer, RawRequester

DISCOVERY = "/.well-known/openid-configuration"
KEYS = ("/.well-known/jwks_uri", "/.well-known/jwks.json")
COGNITO = "https://cognito-identity.amazonaws.com"
OWN = "https://sync.example.org"
ORIGIN = {"origin": "https://app.example"}


@pytest.fixture(scope="module")
def server(clean_environment: None) -> Iterator[LocalServer]:
    with local_server(insecure_logins=True) as running:
        yield running


def get(server: LocalServer, path: str, method: str = "GET", **headers: str) -> RawAnswer:
    return RawRequester(server).send(method, path, headers={**ORIGIN, **headers})


def key_set(server: LocalServer) -> list[dict[str, str]]:
    return get(server, KEYS[0]).json["keys"]


def checked(server: LocalServer, pool: Pool, token: str, issuer: str) -> dict[str, Any]:
    """Check a token as a third party does, beginning at the discovery document."""
    document = get(server, DISCOVERY).json
    path = document["jwks_uri"].removeprefix(server.endpoint_url)
    key_id = jwt.get_unverified_header(token)["kid"]
    (key,) = [key for key in get(server, path).json["keys"] if key["kid"] == key_id]
    return jwt.decode(
        token,
        jwt.PyJWK(key),
        algorithms=document["id_token_signing_alg_values_supported"],
        audience=pool.pool_id,
        issuer=issuer,
        options={"verify_exp": False, "verify_iat": False},
    )


@pytest.mark.parametrize("issuer", [COGNITO, OWN])
def test_a_third_party_can_check_a_token(clean_environment: None, issuer: str) -> None:
    with local_server(token_issuer=issuer) as running:
        pool = new_pool(running)
        identity_id = pool.guest()
        claims = checked(running, pool, open_id_token(pool, identity_id), issuer)
        assert claims["sub"] == identity_id
        assert claims["amr"] == ["unauthenticated"]


def test_the_discovery_document_names_issuer_keys_and_algorithm(server: LocalServer) -> None:
    answer = get(server, DISCOVERY)
    assert answer.status == 200
    assert answer.headers["content-type"] == "application/json"
    assert answer.json == {
        "issuer": COGNITO,
        "jwks_uri": server.endpoint_url + KEYS[0],
        "response_types_supported": ["token"],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ["RS512"],
    }


@pytest.mark.parametrize("path", KEYS)
def test_keys_are_published_with_nothing_private(server: LocalServer, path: str) -> None:
    (key,) = get(server, path).json["keys"]
    assert {name: key[name] for name in ("kty", "alg", "use", "kid", "e")} == {
        "kty": "RSA",
        "alg": "RS512",
        "use": "sig",
        "kid": "us-east-11",
        "e": "AQAB",
    }
    assert set(key) == {"kty", "alg", "use", "kid", "n", "e"}
    assert 340 <= len(key["n"]) <= 344
    assert not key["n"].startswith("AA")


@pytest.mark.parametrize("path", [DISCOVERY, *KEYS])
def test_any_page_may_read_and_keep_them(server: LocalServer, path: str) -> None:
    answer = get(server, path)
    assert answer.headers["access-control-allow-origin"] == "*"
    assert answer.headers["cache-control"] == "public, max-age=300"
    assert "set-cookie" not in answer.headers


@pytest.mark.parametrize("path", [DISCOVERY, *KEYS])
def test_a_preflight_is_answered_there_too(server: LocalServer, path: str) -> None:
    asked = {
        "access-control-request-method": "GET",
        "access-control-request-headers": "cache-control",
    }
    answer = get(server, path, "OPTIONS", **asked)
    assert answer.status == 200
    assert answer.headers["access-control-allow-origin"] == "*"
    assert answer.headers["access-control-allow-headers"] == "cache-control"


@pytest.mark.parametrize("path", [DISCOVERY, *KEYS])
@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE"])
def test_they_can_only_be_read(server: LocalServer, path: str, method: str) -> None:
    assert get(server, path, method).status == 405


def test_asking_for_keys_makes_one_once(clean_environment: None) -> None:
    with local_server() as running:
        assert key_set(running) == key_set(running)
        assert len(key_set(running)) == 1


def test_a_new_key_comes_in_time_and_the_old_one_stays_while_its_tokens_live(
    clean_environment: None,
) -> None:
    clock = Clock()
    with local_server(clock=clock, insecure_logins=True) as running:
        pool = new_pool(running)
        identity_id = pool.guest()
        old = open_id_token(pool, identity_id)
        assert [key["kid"] for key in key_set(running)] == ["us-east-11"]
        clock.now += TOKEN_KEY_MS
        new = open_id_token(pool, identity_id)
        assert [key["kid"] for key in key_set(running)] == ["us-east-12", "us-east-11"]
        assert [jwt.get_unverified_header(one)["kid"] for one in (old, new)] == [
            "us-east-11",
            "us-east-12",
        ]
        for token in (old, new):
            assert checked(running, pool, token, COGNITO)["sub"] == identity_id
        clock.now += REVOCATION_MS
        assert len(key_set(running)) == 2
        for _ in range(2):
            clock.now += TOKEN_KEY_MS
            open_id_token(pool, identity_id)
        assert [key["kid"] for key in key_set(running)] == ["us-east-14", "us-east-13"]


def test_a_rotated_key_still_proves_a_token_to_the_server(clean_environment: None) -> None:
    clock = Clock()
    with local_server(clock=clock, insecure_logins=True) as running:
        pool = new_pool(running)
        open_id_token(pool, pool.guest())
        clock.now += TOKEN_KEY_MS - SECOND_MS
        identity_id = pool.guest()
        token = open_id_token(pool, identity_id)
        clock.now += SECOND_MS
        open_id_token(pool, identity_id)
        own = {"cognito-identity.amazonaws.com": token}
        answer = pool.public.get_credentials_for_identity(IdentityId=identity_id, Logins=own)
        assert answer["IdentityId"] == identity_id
