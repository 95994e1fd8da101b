"""Logins against a real provider: which tokens prove one, and which must never."""

import logging
from typing import Any

import pytest
from structlog.testing import capture_logs

from keepstep.domain.logins import LoginProvider
from keepstep.providers import Fetcher, LoginProviders
from keepstep.wire.errors import NotAuthorizedException
from tests.openid_provider import OpenIdProvider
from tests.tokens import shared_secret_token, unsigned_token

from .conftest import (
    AUDIENCE,
    NOW,
    Clock,
    claims_for,
    fixed_resolver,
    log_in,
    outcome,
    run,
    settings_of,
    token_of,
)

NOT_AUTHORIZED = "NotAuthorizedException"
SIGNATURE = (NOT_AUTHORIZED, "Invalid login token. Couldn't verify signed token.")
UNSUPPORTED = (
    NOT_AUTHORIZED,
    "Token is not from a supported provider of this identity pool.",
)
UNREACHABLE = ("ExternalServiceException", "Couldn't reach the login provider.")
ARN = "arn:aws:iam::000000000000:oidc-provider/openid.test"
POOL = "cognito-idp.eu-west-1.amazonaws.com/eu-west-1_AbCdEf123"


def verifier_of(provider: OpenIdProvider, clock: Clock, **members: Any) -> LoginProviders:
    return LoginProviders([settings_of(provider, **members)], clock=clock)


def invalid(reason: str) -> tuple[str, str]:
    return NOT_AUTHORIZED, f"Invalid login token. {reason}"


def test_a_token_of_the_provider_logs_in(provider: OpenIdProvider, clock: Clock) -> None:
    token = token_of(provider, clock, email="a@b.c")
    login = log_in(verifier_of(provider, clock), provider, token)
    assert (login.provider_name, login.subject) == (provider.name, "user-1")
    assert (login.audience, login.claims["email"]) == (AUDIENCE, "a@b.c")


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"exp": NOW - 240}, ("ok", "user-1")),
        ({"exp": NOW - 360}, invalid(f"Token expired: {NOW} >= {NOW - 60}")),
        ({"aud": None}, invalid("Missing a required claim: aud")),
        ({"aud": "someone-else"}, UNSUPPORTED),
        ({"azp": "someone-else"}, UNSUPPORTED),
        ({"aud": [AUDIENCE, "other"]}, UNSUPPORTED),
        ({"aud": [AUDIENCE, "other"], "azp": AUDIENCE}, ("ok", "user-1")),
        ({"iss": "https://other.test"}, invalid("Issuer doesn't match providerName")),
        ({"iss": "https://own.test"}, invalid("Can't pass in a Cognito token.")),
    ],
)
def test_claims_decide(
    provider: OpenIdProvider,
    clock: Clock,
    changes: dict[str, Any],
    expected: tuple[str, str],
) -> None:
    verifier = LoginProviders(
        [settings_of(provider)], clock=clock, own_issuers=["https://own.test"]
    )
    token = token_of(provider, clock, **changes)
    assert outcome(verifier, provider, token) == expected


def test_a_token_is_never_verified_by_what_anybody_can_know(
    provider: OpenIdProvider, clock: Clock
) -> None:
    """Algorithm none, the public key as a secret, keys that are weak, foreign or misnamed."""
    claims = claims_for(provider, clock)
    rsa, elliptic = provider.key_ids()
    verifier = verifier_of(provider, clock, algorithms=("RS256", "RS384", "RS512", "ES256"))
    good = provider.sign(claims)
    tokens = {
        "none": unsigned_token(claims, kid=rsa),
        "none with a signature": unsigned_token(claims) + good.rpartition(".")[2],
        "public key for a secret": shared_secret_token(claims, provider.public_key(), kid=rsa),
        "key set for a secret": shared_secret_token(claims, provider.key_set(), kid=rsa),
        "RSA of 1024 bits": provider.sign(claims, key="weak"),
        "RSA of 1024 bits, other name": provider.sign(claims, key="weak", headers={"kid": rsa}),
        "unpublished key": provider.sign(claims, key="foreign", headers={"kid": rsa}),
        "unpublished key, no name": provider.sign(claims, key="foreign", headers={"kid": None}),
        "unknown name": provider.sign(claims, headers={"kid": "unknown"}),
        "name of another key": provider.sign(claims, headers={"kid": elliptic}),
    }
    outcomes = {name: outcome(verifier, provider, token) for name, token in tokens.items()}
    assert outcomes == dict.fromkeys(tokens, SIGNATURE)
    assert outcome(verifier, provider, good) == ("ok", "user-1")


def test_elliptic_curve_keys_verify_where_they_are_allowed(
    provider: OpenIdProvider, clock: Clock
) -> None:
    token = provider.sign(claims_for(provider, clock), key="ec")
    allowing = verifier_of(provider, clock, algorithms=("ES256",))
    assert outcome(allowing, provider, token) == ("ok", "user-1")
    assert outcome(verifier_of(provider, clock), provider, token) == SIGNATURE


def test_nothing_is_fetched_for_a_token_whose_claims_are_not_in_order(
    provider: OpenIdProvider, clock: Clock
) -> None:
    verifier = verifier_of(provider, clock)
    for token in ("x", token_of(provider, clock, aud="other"), token_of(provider, clock, exp=1)):
        assert outcome(verifier, provider, token)[0] == NOT_AUTHORIZED
    assert provider.requests() == 0


def test_a_key_set_in_the_configuration_needs_no_network(
    provider: OpenIdProvider, clock: Clock
) -> None:
    asked: list[str] = []
    configured = settings_of(provider, jwks=provider.key_set())
    fetcher = Fetcher(resolver=fixed_resolver({}, asked))
    verifier = LoginProviders([configured], clock=clock, fetcher=fetcher)
    token = token_of(provider, clock)
    assert outcome(verifier, provider, token) == ("ok", "user-1")
    unknown = provider.sign(claims_for(provider, clock), headers={"kid": "unknown"})
    assert outcome(verifier, provider, unknown) == SIGNATURE
    assert asked == []


def test_a_provider_that_is_not_configured_is_not_supported(
    provider: OpenIdProvider, clock: Clock
) -> None:
    verifier = LoginProviders(clock=clock)
    token = token_of(provider, clock)
    assert outcome(verifier, provider, token) == UNSUPPORTED
    with pytest.raises(NotAuthorizedException, match=UNSUPPORTED[1]):
        run(verifier.verify(POOL, token, [AUDIENCE]))


def test_a_configured_provider_is_known_by_its_arn(clock: Clock) -> None:
    configured = LoginProvider(name="openid.test", issuer="https://openid.test", arn=ARN)
    verifier = LoginProviders([configured], clock=clock)
    assert not verifier.takes_any_provider
    assert verifier.find_arn(ARN) == "openid.test"
    assert verifier.find_arn(ARN + "/other") is None


def test_user_pools_are_trusted_by_name_only_if_asked_for_and_asked_at_their_own_host(
    provider: OpenIdProvider, clock: Clock
) -> None:
    asked: list[str] = []
    verifier = LoginProviders(
        clock=clock,
        auto_trust_user_pools=True,
        fetcher=Fetcher(resolver=fixed_resolver({}, asked)),
    )
    claims = claims_for(provider, clock, iss=f"https://{POOL}", token_use="id")
    with pytest.raises(NotAuthorizedException, match=UNSUPPORTED[1]):
        run(verifier.verify("evil.test/eu-west-1_AbCdEf123", provider.sign(claims), [AUDIENCE]))
    with pytest.raises(Exception, match=r"Couldn't reach the login provider\."):
        run(verifier.verify(POOL, provider.sign(claims), [AUDIENCE]))
    assert asked == ["cognito-idp.eu-west-1.amazonaws.com"]


@pytest.mark.parametrize(
    ("members", "problem"),
    [
        ({"ca_file": "no-such-file.pem"}, "cannot be read"),
        ({"jwks": "{}"}, "no list of keys"),
        ({"jwks": '{"keys": []}'}, "no key that can be used"),
        ({"jwks": '{"keys": ' + "[" * 50_000}, "nested too deep"),
        ({"jwks": "keys"}, "malformed"),
    ],
)
def test_a_provider_that_could_never_verify_is_refused_at_start(
    clock: Clock, members: dict[str, Any], problem: str
) -> None:
    configured = LoginProvider(name="openid.test", issuer="https://openid.test", **members)
    with pytest.raises(ValueError, match=f"openid.test: .*{problem}"):
        LoginProviders([configured], clock=clock)


@pytest.mark.parametrize("second", ["openid.test", "other.test"])
def test_names_and_arns_belong_to_one_provider(clock: Clock, second: str) -> None:
    providers = [
        LoginProvider(name=name, issuer="https://openid.test", arn=ARN)
        for name in ("openid.test", second)
    ]
    with pytest.raises(ValueError, match=second):
        LoginProviders(providers, clock=clock)


def test_logs_hold_neither_tokens_nor_claims_nor_addresses(
    provider: OpenIdProvider, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    good = token_of(provider, clock, email="person@home.test")
    bad = provider.sign(claims_for(provider, clock, sub="person"), headers={"kid": "unknown"})
    with caplog.at_level(logging.DEBUG), capture_logs() as lines:
        verifier = verifier_of(provider, clock)
        assert outcome(verifier, provider, good)[0] == "ok"
        assert outcome(verifier, provider, bad) == SIGNATURE
        provider.behave("fail")
        assert outcome(verifier_of(provider, clock), provider, good) == UNREACHABLE
    assert [line["event"] for line in lines] == ["login_provider_failed"]
    assert lines[0]["provider"] == provider.name
    told = caplog.text + repr([line["reason"] for line in lines])
    secrets = (*good.split("."), *bad.split("."), "person", "user-1", "https://")
    assert [secret for secret in secrets if secret in told] == []
