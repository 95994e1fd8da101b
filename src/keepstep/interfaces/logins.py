"""What operations need of login providers; the docstrings are the contract."""

from collections.abc import Collection
from typing import Protocol

from keepstep.domain.logins import VerifiedLogin


class LoginVerifier(Protocol):
    """Tells whose login a provider's token is."""

    async def verify(
        self, provider_name: str, token: str, audiences: Collection[str]
    ) -> VerifiedLogin:
        """Verify a token that stands under a provider's name in Logins.

        ``audiences`` are the client ids that the identity pool has for the provider; empty if it
        has none of its own, as for a provider configured by ARN: then the server's count.

        Raises NotAuthorizedException with the texts of the real service, and
        ExternalServiceException if the provider cannot be reached and the token not be judged
        without it.
        """
        ...

    @property
    def takes_any_provider(self) -> bool:
        """Whether logins are taken of providers that a pool does not name: in development."""
        ...

    def find_arn(self, arn: str) -> str | None:
        """Give the name of the provider configured with an OpenID Connect provider ARN."""
        ...
