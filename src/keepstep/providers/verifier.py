"""The verifier of logins that a server runs with: its configured providers and their keys."""

from collections.abc import Collection, Iterable

from keepstep.domain.logins import (
    COGNITO_LOGIN,
    UNSUPPORTED_PROVIDER,
    LoginProvider,
    VerifiedLogin,
    user_pool_provider,
)
from keepstep.domain.openid_connect import read_id_token, verify_signature
from keepstep.interfaces.logins import LoginVerifier
from keepstep.interfaces.service import Clock
from keepstep.wire.errors import NotAuthorizedException

from .fetch import Fetcher
from .key_sets import KeySets, static_keys
from .opaque_tokens import OpaqueTokens


class LoginProviders(LoginVerifier):
    """Verifies ID tokens of OpenID Connect providers, and opaque tokens where plugged in.

    Besides the configured providers, ``auto_trust_user_pools`` has every Cognito user pool known
    by its name. ``own_issuers`` are those of the server's own tokens, which are no logins here.
    """

    def __init__(
        self,
        providers: Iterable[LoginProvider] = (),
        *,
        clock: Clock,
        own_issuers: Collection[str] = (),
        auto_trust_user_pools: bool = False,
        opaque_tokens: Iterable[OpaqueTokens] = (),
        fetcher: Fetcher | None = None,
    ) -> None:
        """Read certificates and configured key sets, and reach for nothing on the network.

        Raises ValueError, with a text for the operator, if two providers share a name or an ARN,
        or a certificate file or key set cannot be used.
        """
        self._clock = clock
        self._own_issuers = frozenset(own_issuers)
        self._auto_trust_user_pools = auto_trust_user_pools
        self._fetcher = fetcher or Fetcher()
        self._key_sets = KeySets(self._fetcher, clock)
        self._opaque = {plugin.provider_name: plugin for plugin in opaque_tokens}
        self._providers: dict[str, LoginProvider] = {}
        self._names_by_arn: dict[str, str] = {}
        for provider in providers:
            self._add(provider)

    async def verify(
        self, provider_name: str, token: str, audiences: Collection[str]
    ) -> VerifiedLogin:
        """Verify a token; nothing is fetched for one whose claims are not in order."""
        opaque = self._opaque.get(provider_name)
        if opaque is not None:
            return await opaque.verify(token, audiences, now=self._clock())
        provider = self._find(provider_name)
        if provider is None:
            raise NotAuthorizedException(UNSUPPORTED_PROVIDER)
        read = read_id_token(
            token, provider, audiences, now=self._clock(), own_issuers=self._own_issuers
        )
        keys = await self._key_sets.find(provider, read.key_id)
        return verify_signature(read, keys)

    @property
    def takes_any_provider(self) -> bool:
        """Never."""
        return False

    def find_arn(self, arn: str) -> str | None:
        """Give the name of the provider configured with an ARN."""
        return self._names_by_arn.get(arn)

    async def close(self) -> None:
        """Give up what is being fetched."""
        await self._key_sets.close()

    def _find(self, provider_name: str) -> LoginProvider | None:
        provider = self._providers.get(provider_name)
        if provider is None and self._auto_trust_user_pools:
            return user_pool_provider(provider_name)
        return provider

    def _add(self, provider: LoginProvider) -> None:
        name = provider.name
        if name in self._providers or name in self._opaque or name == COGNITO_LOGIN:
            raise ValueError(f"the login provider {name} is configured twice")
        if provider.arn is not None and provider.arn in self._names_by_arn:
            raise ValueError(f"the ARN of the login provider {name} belongs to another one")
        try:
            self._fetcher.trust(provider.ca_file)
            if provider.jwks is not None:
                static_keys(provider.jwks)
        except ValueError as error:
            raise ValueError(f"the login provider {name}: {error}") from None
        self._providers[name] = provider
        if provider.arn is not None:
            self._names_by_arn[provider.arn] = name
