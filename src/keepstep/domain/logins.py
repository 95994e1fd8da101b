"""Login providers: whose tokens prove who a user is, and what a proved login is.

How a token is verified is in ``openid_connect.py``; where a provider's keys come from is the
business of the packages above.
"""

import ipaddress
import re
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import SplitResult, urlsplit

import msgspec

COGNITO_LOGIN: Final = "cognito-identity.amazonaws.com"
"""The key in Logins under which the service takes back its own tokens."""
COGNITO_ISSUER: Final = f"https://{COGNITO_LOGIN}"
"""The issuer that the real service writes into its tokens."""
GOOGLE_ISSUER: Final = "https://accounts.google.com"
"""The one issuer that also appears without its scheme in tokens (Google's OpenID Connect page)."""
GOOGLE_ISSUERS: Final = (GOOGLE_ISSUER, "https://securetoken.google.com/")
GOOGLE_KEY_HOST: Final = "www.googleapis.com"
"""Where the discovery documents of Google's issuers say the keys are."""

ALGORITHMS: Final = ("RS256", "RS384", "RS512", "ES256")
"""What a provider may sign with. Real identity pools take RSA only; ES256 is an addition."""
LEEWAY_SECONDS: Final = 300
"""Grace for expiry and clock differences (Cognito Developer Guide, "Open ID Connect providers")."""
LEEWAY_SECONDS_MAX: Final = 600
"""The longest grace that an operator may set; above it an expiry means little."""
PROVIDER_NAME_LENGTH_MAX: Final = 128
"""Characters of a provider's name (service model, IdentityProviderName)."""

UNSUPPORTED_PROVIDER: Final = "Token is not from a supported provider of this identity pool."
"""Text of NotAuthorizedException, seen in amazon-cognito-identity-js issues 7, 153 and 371."""
PROVIDER_UNREACHABLE: Final = "Couldn't reach the login provider."
"""Text of ExternalServiceException; no published one, and no detail of a network belongs in it."""

_USER_POOL: Final = re.compile(
    r"cognito-idp\.([a-z]{2}(?:-[a-z]+)+-[0-9]{1,2})\.amazonaws\.com/\1_[0-9A-Za-z]{1,45}"
)


class LoginProvider(msgspec.Struct, frozen=True, kw_only=True):
    """The server's configuration of one OpenID Connect provider.

    ``name`` is the key in Logins. ``audiences``, if any, are the only client ids whose tokens
    are taken; without them, those of the identity pool. Keys come from ``jwks`` (a JSON text),
    else from ``jwks_url``, else from where the issuer's discovery document says, which must be
    the issuer's own host or one of ``jwks_hosts``. Only with ``allow_private_network`` may the
    issuer's host have an address that is not public, and may a loopback issuer use plain HTTP.

    Raises ValueError, with a text for the operator, if the members make no safe provider.
    """

    name: str
    issuer: str
    issuer_aliases: tuple[str, ...] = ()
    audiences: tuple[str, ...] = ()
    algorithms: tuple[str, ...] = ("RS256",)
    jwks_url: str | None = None
    jwks: str | None = None
    jwks_hosts: tuple[str, ...] = ()
    required_claims: Mapping[str, str] = msgspec.field(default_factory=dict[str, str])
    allow_private_network: bool = False
    ca_file: str | None = None
    arn: str | None = None
    leeway_seconds: int = LEEWAY_SECONDS

    def __post_init__(self) -> None:
        """Refuse what could not be verified safely."""
        if not 1 <= len(self.name) <= PROVIDER_NAME_LENGTH_MAX or self.name == COGNITO_LOGIN:
            raise ValueError(f"{self.name!r} cannot be the name of a login provider")
        if not self.algorithms or not set(self.algorithms) <= set(ALGORITHMS):
            raise ValueError(f"{self.name}: algorithms are some of {', '.join(ALGORITHMS)}")
        if self.jwks is not None and self.jwks_url is not None:
            raise ValueError(f"{self.name}: give jwks or jwks_url, not both")
        if not 0 <= self.leeway_seconds <= LEEWAY_SECONDS_MAX:
            raise ValueError(f"{self.name}: leeway_seconds is 0 to {LEEWAY_SECONDS_MAX}")
        self._check_url("issuer", self.issuer)
        if self.jwks_url is not None:
            self._check_url("jwks_url", self.jwks_url)

    @property
    def issuers(self) -> tuple[str, ...]:
        """Every ``iss`` that the provider's tokens may carry."""
        google = (GOOGLE_ISSUER.removeprefix("https://"),) if self.issuer == GOOGLE_ISSUER else ()
        return (self.issuer, *self.issuer_aliases, *google)

    @property
    def key_hosts(self) -> frozenset[str]:
        """The hosts from which a discovery document may have the keys fetched."""
        google = (GOOGLE_KEY_HOST,) if self.issuer.startswith(GOOGLE_ISSUERS) else ()
        own = urlsplit(self.issuer).hostname or ""
        return frozenset({own, *(host.lower() for host in self.jwks_hosts), *google})

    @property
    def discovery_url(self) -> str:
        """Where the issuer's discovery document is (OpenID Connect Discovery 1.0, section 4)."""
        return self.issuer.removesuffix("/") + "/.well-known/openid-configuration"

    def _check_url(self, member: str, url: str) -> None:
        parts = urlsplit(url)
        plain = self.allow_private_network and parts.scheme == "http" and _is_loopback(parts)
        if not (parts.scheme == "https" or plain) or not parts.hostname:
            raise ValueError(f"{self.name}: {member} begins with https://")
        if parts.username is not None or parts.fragment:
            raise ValueError(f"{self.name}: {member} has no user name and no fragment")
        if member == "issuer" and parts.query:
            raise ValueError(f"{self.name}: issuer has no query")


class VerifiedLogin(msgspec.Struct, frozen=True, kw_only=True):
    """A login whose token was verified: who the user is for which client of which provider.

    ``audience`` is the configured client id that the token matched. What is printed of it names
    the provider alone.
    """

    provider_name: str
    subject: str
    audience: str
    claims: Mapping[str, Any]

    def __repr__(self) -> str:
        """Show no claim: the text may end in a log."""
        return f"VerifiedLogin(provider_name={self.provider_name!r})"

    def __rich_repr__(self) -> list[tuple[str, str]]:
        """Show as little in the tracebacks of rich."""
        return [("provider_name", self.provider_name)]


def user_pool_provider(provider_name: str) -> LoginProvider | None:
    """Give the provider of a Cognito user pool from its name in Logins, or None.

    The name is ``cognito-idp.REGION.amazonaws.com/POOL`` with POOL's own region, exactly. Only
    ID tokens are taken, since access tokens say ``token_use`` ``access``.
    """
    if _USER_POOL.fullmatch(provider_name) is None:
        return None
    issuer = f"https://{provider_name}"
    return LoginProvider(
        name=provider_name,
        issuer=issuer,
        jwks_url=f"{issuer}/.well-known/jwks.json",
        required_claims={"token_use": "id"},
    )


def _is_loopback(url: SplitResult) -> bool:
    if url.hostname == "localhost":
        return True
    try:
        return ipaddress.ip_address(url.hostname or "").is_loopback
    except ValueError:
        return False
