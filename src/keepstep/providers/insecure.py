"""Logins for development: anybody can say who they are. Never for a server that others reach."""

import re
from collections.abc import Collection
from typing import Any, Final

import jwt
import structlog

from keepstep.domain.logins import COGNITO_LOGIN, VerifiedLogin
from keepstep.domain.openid_connect import ID_TOKEN_LENGTH_MAX, SUBJECT_LENGTH_MAX
from keepstep.interfaces.logins import LoginVerifier
from keepstep.wire.errors import NotAuthorizedException

TEST_PREFIX: Final = "test:"
TEST_AUDIENCE: Final = "test"
"""The audience of a test login when neither token nor pool names one."""

_ARN: Final = re.compile(r"arn:aws[\w-]*:iam::[0-9]{12}:oidc-provider/(\S{1,128})")
_log = structlog.stdlib.get_logger()


class InsecureLogins(LoginVerifier):
    """Takes unsigned tokens of any provider, and leaves signed ones to the real verifier.

    A test token is ``test:SUBJECT``, or a JWT of algorithm ``none`` whose claims are believed.
    Every provider and every OpenID Connect provider ARN is known.
    """

    def __init__(self, verifier: LoginVerifier) -> None:
        """Say loudly what this is."""
        self._verifier = verifier
        _log.warning(
            "INSECURE_LOGINS",
            reason="anybody can log in as anybody with an unsigned token; "
            "use this for development on your own machine only",
        )

    async def verify(
        self, provider_name: str, token: str, audiences: Collection[str]
    ) -> VerifiedLogin:
        """Believe a test token, or have a real one verified."""
        claims = None if provider_name == COGNITO_LOGIN else _test_claims(token)
        if claims is None:
            return await self._verifier.verify(provider_name, token, audiences)
        subject = claims.get("sub")
        if not isinstance(subject, str) or not 1 <= len(subject) <= SUBJECT_LENGTH_MAX:
            raise NotAuthorizedException("Invalid login token. Missing a required claim: sub")
        audience = claims.get("aud")
        if not isinstance(audience, str):
            audience = min(audiences, default=TEST_AUDIENCE)
        return VerifiedLogin(
            provider_name=provider_name, subject=subject, audience=audience, claims=claims
        )

    @property
    def takes_any_provider(self) -> bool:
        """Always."""
        return True

    def find_arn(self, arn: str) -> str | None:
        """Give the configured name, else the one at the end of an OpenID Connect provider ARN."""
        configured = self._verifier.find_arn(arn)
        if configured is not None:
            return configured
        named = _ARN.fullmatch(arn)
        return None if named is None else named[1]


def _test_claims(token: str) -> dict[str, Any] | None:
    if len(token) > ID_TOKEN_LENGTH_MAX:
        return None
    if token.startswith(TEST_PREFIX):
        return {"sub": token.removeprefix(TEST_PREFIX)}
    try:
        decoded = jwt.decode_complete(token, options={"verify_signature": False})
    except (jwt.PyJWTError, ValueError, RecursionError):
        return None
    return decoded["payload"] if decoded["header"].get("alg") == "none" else None
