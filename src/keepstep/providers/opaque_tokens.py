"""Logins by access tokens that only their issuer can read: Facebook and Login with Amazon.

Each login asks the issuer once. Off unless an operator configures the app; the tokens travel in
the query, as the issuers want it, so nothing here or in ``fetch.py`` may log a URL.
"""

import asyncio
from collections.abc import Collection
from typing import Any, Final, Never, Protocol, cast
from urllib.parse import urlencode

import structlog

from keepstep.domain.logins import (
    PROVIDER_UNREACHABLE,
    UNSUPPORTED_PROVIDER,
    VerifiedLogin,
)
from keepstep.domain.openid_connect import SUBJECT_LENGTH_MAX
from keepstep.wire.errors import ExternalServiceException, NotAuthorizedException

from .fetch import Answer, Destination, Fetcher, FetchFailed

FACEBOOK_LOGIN: Final = "graph.facebook.com"
AMAZON_LOGIN: Final = "www.amazon.com"
FACEBOOK_URL: Final = "https://graph.facebook.com"
AMAZON_URL: Final = "https://api.amazon.com"
OPAQUE_TOKEN_LENGTH_MAX: Final = 4096
"""Characters of an access token: it must fit into a request line (real ones have under 2,048)."""
INSPECTIONS_MAX: Final = 20
"""Tokens of one provider that are asked about at the same time."""

_ANSWERED: Final = frozenset({200, 400, 401})
_PUBLIC: Final = Destination()
_log = structlog.stdlib.get_logger()


class OpaqueTokens(Protocol):
    """A plug-in that verifies the access tokens of one provider."""

    provider_name: str
    """The key in Logins."""

    async def verify(self, token: str, audiences: Collection[str], *, now: int) -> VerifiedLogin:
        """Verify a token for one of the pool's apps; ``now`` is in milliseconds.

        Raises NotAuthorizedException and ExternalServiceException.
        """
        ...


class FacebookTokens(OpaqueTokens):
    """Access tokens of Facebook Login, by the Graph API's ``debug_token``."""

    provider_name = FACEBOOK_LOGIN

    def __init__(
        self,
        app_id: str,
        app_secret: str,
        fetcher: Fetcher,
        *,
        base_url: str = FACEBOOK_URL,
        destination: Destination = _PUBLIC,
    ) -> None:
        """Take tokens of one app, which Facebook lets ask about them by its secret."""
        self._app_id = app_id
        self._app_token = f"{app_id}|{app_secret}"
        self._inspector = _Inspector(
            FACEBOOK_LOGIN, fetcher, f"{base_url}/debug_token", destination
        )

    async def verify(self, token: str, audiences: Collection[str], *, now: int) -> VerifiedLogin:
        """Ask Facebook whose token it is."""
        if self._app_id not in audiences:
            raise NotAuthorizedException(UNSUPPORTED_PROVIDER)
        answer = await self._inspector.ask(
            token, {"input_token": token, "access_token": self._app_token}
        )
        found = answer.document.get("data")
        claims = cast("dict[str, Any]", found) if isinstance(found, dict) else {}
        if claims.get("is_valid") is not True:
            _refuse()
        if claims.get("app_id") != self._app_id:
            raise NotAuthorizedException(UNSUPPORTED_PROVIDER)
        ends = claims.get("expires_at", 0)  # 0: never
        if not isinstance(ends, int):
            _refuse()
        if ends != 0 and now // 1000 >= ends:
            _refuse(f"Token expired: {now // 1000} >= {ends}")
        return _login(FACEBOOK_LOGIN, claims.get("user_id"), self._app_id, claims)


class AmazonTokens(OpaqueTokens):
    """Access tokens of Login with Amazon, by its ``tokeninfo``."""

    provider_name = AMAZON_LOGIN

    def __init__(
        self,
        fetcher: Fetcher,
        *,
        base_url: str = AMAZON_URL,
        destination: Destination = _PUBLIC,
    ) -> None:
        """Take tokens of the apps that a pool names: by client id or by ``amzn1.application…``."""
        self._inspector = _Inspector(
            AMAZON_LOGIN, fetcher, f"{base_url}/auth/o2/tokeninfo", destination
        )

    async def verify(self, token: str, audiences: Collection[str], *, now: int) -> VerifiedLogin:
        """Ask Amazon whose token it is."""
        del now  # tokeninfo counts the seconds that remain
        answer = await self._inspector.ask(token, {"access_token": token})
        claims = answer.document
        if answer.status != 200:
            _refuse()
        wanted = [name for name in (claims.get("aud"), claims.get("app_id")) if name in audiences]
        if not wanted:
            raise NotAuthorizedException(UNSUPPORTED_PROVIDER)
        remaining = claims.get("exp")
        if not isinstance(remaining, int) or remaining <= 0:
            _refuse()
        return _login(AMAZON_LOGIN, claims.get("user_id"), str(wanted[0]), claims)


class _Inspector:
    """Asks one fixed URL about tokens, a bounded number at a time."""

    def __init__(
        self, provider_name: str, fetcher: Fetcher, url: str, destination: Destination
    ) -> None:
        self._provider_name = provider_name
        self._fetcher = fetcher
        self._url = url
        self._destination = destination
        self._free = asyncio.Semaphore(INSPECTIONS_MAX)

    async def ask(self, token: str, query: dict[str, str]) -> Answer:
        """Give what the provider says of a token."""
        if not 1 <= len(token) <= OPAQUE_TOKEN_LENGTH_MAX or not token.isascii():
            _refuse()
        url = f"{self._url}?{urlencode(query)}"
        try:
            async with self._free:
                return await self._fetcher.get(url, self._destination, statuses=_ANSWERED)
        except FetchFailed as error:
            _log.warning("login_provider_failed", provider=self._provider_name, reason=str(error))
            raise ExternalServiceException(PROVIDER_UNREACHABLE) from None


def _login(
    provider_name: str, subject: object, audience: str, claims: dict[str, Any]
) -> VerifiedLogin:
    if not isinstance(subject, str) or not 1 <= len(subject) <= SUBJECT_LENGTH_MAX:
        _refuse()
    return VerifiedLogin(
        provider_name=provider_name, subject=subject, audience=audience, claims=claims
    )


def _refuse(reason: str = "Couldn't verify signed token.") -> Never:
    raise NotAuthorizedException(f"Invalid login token. {reason}")
