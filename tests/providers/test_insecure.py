"""Insecure logins: unsigned test tokens for development, loudly, and real ones as ever."""

from collections.abc import Collection

import pytest
from structlog.testing import capture_logs

from keepstep.domain.logins import COGNITO_LOGIN
from keepstep.providers import InsecureLogins, LoginProviders
from keepstep.wire.errors import NotAuthorizedException
from tests.openid_provider import OpenIdProvider
from tests.tokens import shared_secret_token, unsigned_token

from .conftest import AUDIENCE, Clock, run, settings_of, token_of

ANY = "some.provider.test"
ARN = f"arn:aws:iam::000000000000:oidc-provider/{ANY}/path"


@pytest.fixture
def insecure(provider: OpenIdProvider, clock: Clock) -> InsecureLogins:
    configured = settings_of(provider, arn=ARN)
    return InsecureLogins(LoginProviders([configured], clock=clock))


def test_making_them_is_logged_as_a_warning(clock: Clock) -> None:
    with capture_logs() as lines:
        InsecureLogins(LoginProviders(clock=clock))
    assert [(line["log_level"], line["event"]) for line in lines] == [
        ("warning", "INSECURE_LOGINS")
    ]


@pytest.mark.parametrize(
    ("token", "audiences", "expected"),
    [
        ("test:alice", [], ("alice", "test")),
        ("test:alice", ["b", "a"], ("alice", "a")),
        (unsigned_token({"sub": "bob"}), [], ("bob", "test")),
        (unsigned_token({"sub": "bob", "aud": "own", "exp": 1}), ["a"], ("bob", "own")),
    ],
)
def test_test_tokens_of_any_provider_log_in(
    insecure: InsecureLogins, token: str, audiences: Collection[str], expected: tuple[str, str]
) -> None:
    login = run(insecure.verify(ANY, token, audiences))
    assert (login.provider_name, login.subject, login.audience) == (ANY, *expected)
    assert login.claims["sub"] == login.subject


@pytest.mark.parametrize(
    "token", ["test:", "test:" + "x" * 256, unsigned_token({"sub": 7}), unsigned_token({})]
)
def test_a_test_token_needs_a_subject(insecure: InsecureLogins, token: str) -> None:
    with pytest.raises(NotAuthorizedException):
        run(insecure.verify(ANY, token, []))


def test_real_tokens_are_verified_as_ever(
    insecure: InsecureLogins, provider: OpenIdProvider, clock: Clock
) -> None:
    good = token_of(provider, clock)
    assert run(insecure.verify(provider.name, good, [AUDIENCE])).subject == "user-1"
    forged = (good[:-6], shared_secret_token({"sub": "x"}, "secret"), "opaque", "x" * 60_000)
    for token in forged:
        with pytest.raises(NotAuthorizedException):
            run(insecure.verify(provider.name, token, [AUDIENCE]))


def test_the_services_own_tokens_are_not_among_them(insecure: InsecureLogins) -> None:
    assert insecure.takes_any_provider
    with pytest.raises(NotAuthorizedException):
        run(insecure.verify(COGNITO_LOGIN, "test:alice", []))


def test_every_provider_arn_has_a_name(insecure: InsecureLogins, provider: OpenIdProvider) -> None:
    assert insecure.find_arn(ARN) == provider.name
    assert insecure.find_arn(ARN + "/2") == f"{ANY}/path/2"
    assert insecure.find_arn("arn:aws:iam::000000000000:saml-provider/x") is None
