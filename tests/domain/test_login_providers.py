"""The configuration of login providers: what is a safe one, and what a user pool's name means."""

from typing import Any

import msgspec
import pytest

from keepstep.domain.logins import COGNITO_LOGIN, LoginProvider, user_pool_provider

ISSUER = "https://openid.test/realm"
POOL = "cognito-idp.eu-west-1.amazonaws.com/eu-west-1_AbCdEf123"


@pytest.mark.parametrize(
    "name",
    [
        "cognito-idp.eu-west-1.amazonaws.com/us-east-1_AbCdEf123",
        "cognito-idp.eu-west-1.amazonaws.com",
        "cognito-idp.eu-west-1.amazonaws.com/",
        "cognito-idp.eu-west-1.amazonaws.com.evil.test/eu-west-1_AbC",
        "cognito-idp.evil.test/x.amazonaws.com/eu-west-1_AbC",
        "cognito-idp.EU-WEST-1.amazonaws.com/EU-WEST-1_AbC",
        POOL + "/..",
        POOL + "\n",
        "x" + POOL,
    ],
)
def test_nothing_else_has_the_name_of_a_user_pool(name: str) -> None:
    assert user_pool_provider(name) is None


@pytest.mark.parametrize(
    "members",
    [
        {"algorithms": ("HS256",)},
        {"algorithms": ("RS256", "none")},
        {"algorithms": ()},
        {"issuer": "http://openid.test"},
        {"issuer": "http://127.0.0.1:8080"},
        {"issuer": "http://openid.test", "allow_private_network": True},
        {"issuer": "openid.test"},
        {"issuer": "https://"},
        {"issuer": "https://user@openid.test"},
        {"issuer": "https://openid.test?x=y"},
        {"issuer": "https://openid.test#x"},
        {"jwks_url": "http://openid.test/keys"},
        {"jwks_url": "file:///keys"},
        {"jwks_url": "https://openid.test/keys", "jwks": "{}"},
        {"leeway_seconds": -1},
        {"leeway_seconds": 601},
        {"name": ""},
        {"name": "x" * 129},
        {"name": COGNITO_LOGIN},
    ],
)
def test_an_unsafe_provider_cannot_be_configured(members: dict[str, Any]) -> None:
    settings: dict[str, Any] = {"name": "p", "issuer": ISSUER, **members}
    with pytest.raises(ValueError, match=r".+"):
        LoginProvider(**settings)
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert(settings, LoginProvider)


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "[::1]"])
def test_plain_http_is_for_loopback_issuers_with_leave_only(host: str) -> None:
    provider = LoginProvider(name="p", issuer=f"http://{host}:1/", allow_private_network=True)
    assert provider.discovery_url == f"http://{host}:1/.well-known/openid-configuration"
