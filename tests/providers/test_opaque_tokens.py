"""Access tokens of Facebook and Amazon: their issuers are asked, and only the right app counts."""

import logging
from collections.abc import Collection
from typing import Any
from urllib.parse import parse_qs

import pytest
from structlog.testing import capture_logs

from keepstep.providers import (
    AmazonTokens,
    Destination,
    FacebookTokens,
    Fetcher,
    LoginProviders,
    OpaqueTokens,
)
from keepstep.wire.errors import NotAuthorizedException, ServiceError
from tests.openid_provider import OpenIdProvider

from .conftest import NOW, Clock, run

FACEBOOK = "graph.facebook.com"
AMAZON = "www.amazon.com"
FACEBOOK_PATH = "/debug_token"
AMAZON_PATH = "/auth/o2/tokeninfo"
TOKEN = "EAAB secret&token=1"
GOOD_FACEBOOK = {"is_valid": True, "app_id": "1234", "user_id": "99", "expires_at": NOW + 60}
GOOD_AMAZON: dict[str, Any] = {
    "aud": "amzn1.application-oa2-client.one",
    "app_id": "amzn1.application.one",
    "user_id": "amzn1.account.99",
    "exp": 3600,
}
SIGNATURE = "Invalid login token. Couldn't verify signed token."
UNSUPPORTED = "Token is not from a supported provider of this identity pool."


def verifier_of(provider: OpenIdProvider, clock: Clock) -> LoginProviders:
    destination = Destination(allow_private_network=True, ca_file=provider.ca_file)
    fetcher, issuer = Fetcher(), provider.issuer
    plugins: list[OpaqueTokens] = [
        FacebookTokens("1234", "app-secret", fetcher, base_url=issuer, destination=destination),
        AmazonTokens(fetcher, base_url=issuer, destination=destination),
    ]
    return LoginProviders(clock=clock, opaque_tokens=plugins)


def outcome(
    provider: OpenIdProvider,
    clock: Clock,
    name: str,
    audiences: Collection[str],
    token: str = TOKEN,
) -> str:
    """Give who logged in for which app, or the text of the refusal."""
    try:
        login = run(verifier_of(provider, clock).verify(name, token, audiences))
    except ServiceError as error:
        return error.message
    return f"{login.subject} for {login.audience} by {login.provider_name}"


def test_opaque_tokens_are_off_unless_configured(clock: Clock) -> None:
    verifier = LoginProviders(clock=clock)
    for name in (FACEBOOK, AMAZON):
        with pytest.raises(NotAuthorizedException, match=UNSUPPORTED):
            run(verifier.verify(name, TOKEN, ["1234"]))


def test_facebook_is_asked_about_the_token_with_the_apps_own(
    provider: OpenIdProvider, clock: Clock
) -> None:
    provider.answer(FACEBOOK_PATH, {"data": GOOD_FACEBOOK})
    assert outcome(provider, clock, FACEBOOK, ["1234"]) == f"99 for 1234 by {FACEBOOK}"
    query = parse_qs(provider.last_target().partition("?")[2])
    assert query == {"input_token": [TOKEN], "access_token": ["1234|app-secret"]}


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"is_valid": False}, SIGNATURE),
        ({"is_valid": "true"}, SIGNATURE),
        ({"app_id": "5678"}, UNSUPPORTED),
        ({"user_id": None}, SIGNATURE),
        ({"user_id": ""}, SIGNATURE),
        ({"expires_at": NOW}, f"Invalid login token. Token expired: {NOW} >= {NOW}"),
        ({"expires_at": "never"}, SIGNATURE),
        ({"expires_at": 0}, f"99 for 1234 by {FACEBOOK}"),
    ],
)
def test_what_facebook_says_decides(
    provider: OpenIdProvider, clock: Clock, changes: dict[str, Any], text: str
) -> None:
    provider.answer(FACEBOOK_PATH, {"data": {**GOOD_FACEBOOK, **changes}})
    assert outcome(provider, clock, FACEBOOK, ["1234"]) == text


def test_another_facebook_app_of_the_pool_is_not_asked_about(
    provider: OpenIdProvider, clock: Clock
) -> None:
    assert outcome(provider, clock, FACEBOOK, ["5678"]) == UNSUPPORTED
    assert provider.requests(FACEBOOK_PATH) == 0


@pytest.mark.parametrize("member", ["aud", "app_id"])
def test_amazon_is_asked_about_the_token(
    provider: OpenIdProvider, clock: Clock, member: str
) -> None:
    audience = GOOD_AMAZON[member]
    provider.answer(AMAZON_PATH, GOOD_AMAZON)
    expected = f"amzn1.account.99 for {audience} by {AMAZON}"
    assert outcome(provider, clock, AMAZON, [audience]) == expected
    assert parse_qs(provider.last_target().partition("?")[2]) == {"access_token": [TOKEN]}


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"aud": "other", "app_id": "other"}, UNSUPPORTED),
        ({"aud": ["amzn1.application.one"], "app_id": None}, UNSUPPORTED),
        ({"exp": 0}, SIGNATURE),
        ({"exp": None}, SIGNATURE),
        ({"user_id": 7}, SIGNATURE),
    ],
)
def test_what_amazon_says_decides(
    provider: OpenIdProvider, clock: Clock, changes: dict[str, Any], text: str
) -> None:
    provider.answer(AMAZON_PATH, {**GOOD_AMAZON, **changes})
    assert outcome(provider, clock, AMAZON, [GOOD_AMAZON["app_id"]]) == text


@pytest.mark.parametrize(("name", "path"), [(FACEBOOK, FACEBOOK_PATH), (AMAZON, AMAZON_PATH)])
def test_a_token_that_the_issuer_refuses_is_refused(
    provider: OpenIdProvider, clock: Clock, name: str, path: str
) -> None:
    provider.answer(path, {"error": "invalid_token", **GOOD_AMAZON}, status=400)
    assert outcome(provider, clock, name, ["1234", GOOD_AMAZON["app_id"]]) == SIGNATURE


@pytest.mark.parametrize("token", ["", "x" * 4097, "ümlaut"])
def test_what_cannot_be_an_access_token_is_not_asked_about(
    provider: OpenIdProvider, clock: Clock, token: str
) -> None:
    assert outcome(provider, clock, AMAZON, ["a"], token) == SIGNATURE
    assert provider.requests(AMAZON_PATH) == 0


def test_an_issuer_out_of_order_is_unreachable_and_no_log_holds_the_token(
    provider: OpenIdProvider, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG), capture_logs() as lines:
        for name, path in ((FACEBOOK, FACEBOOK_PATH), (AMAZON, AMAZON_PATH)):
            provider.behave("fail", path=path)
            text = outcome(provider, clock, name, ["1234"], "opaque-token")
            assert text == "Couldn't reach the login provider."
    assert [line["provider"] for line in lines] == [FACEBOOK, AMAZON]
    told = caplog.text + repr(lines)
    assert "opaque-token" not in told
    assert "app-secret" not in told
