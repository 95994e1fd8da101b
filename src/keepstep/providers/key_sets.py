"""The providers' public keys, held in memory and fetched when needed, never more often.

Nobody without a provider's key can make the server fetch more than once a minute; while a
provider cannot be reached its known keys go on.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final
from urllib.parse import urlsplit

import msgspec
import structlog

from keepstep.domain.limits import HOUR_MS, MINUTE_MS, SECOND_MS
from keepstep.domain.logins import PROVIDER_UNREACHABLE, LoginProvider
from keepstep.domain.openid_connect import (
    KeySetBroken,
    VerificationKey,
    matching_keys,
    read_keys,
)
from keepstep.interfaces.service import Clock
from keepstep.wire.errors import ExternalServiceException

from .fetch import Answer, Destination, Fetcher, FetchFailed

FRESH_MS_MIN: Final = 5 * MINUTE_MS
"""How long keys are kept at least, whatever Cache-Control says (many providers say 0)."""
FRESH_MS_MAX: Final = 24 * HOUR_MS
"""How long keys are kept at most: a key that was withdrawn must not live on for days."""
STALE_MS: Final = 24 * HOUR_MS
"""How long keys go on past their freshness while their provider cannot be reached."""
REFETCH_PAUSE_MS: Final = MINUTE_MS
"""Between two fetches for one provider whose keys are known."""
RETRY_PAUSE_MS: Final = 10 * SECOND_MS
"""Between two fetches for one provider of which no key is known yet."""
KEY_SETS_MAX: Final = 1000
"""Providers whose keys are held; user pools trusted by their name could be any number."""

_log = structlog.stdlib.get_logger()


@dataclass(slots=True, eq=False)
class _KeySet:
    keys: tuple[VerificationKey, ...] = ()
    fresh_until: int = 0
    usable_until: int = 0
    tried_at: int | None = None
    failed: bool = False
    loading: asyncio.Task[None] | None = None

    def serves(self, key_id: str | None, now: int) -> bool:
        """Whether a token can be judged without a fetch."""
        return now < self.fresh_until and bool(matching_keys(self.keys, key_id))


class KeySets:
    """The keys of any number of providers, by the provider's name."""

    def __init__(self, fetcher: Fetcher, clock: Clock) -> None:
        """Nothing is fetched before it is needed."""
        self._fetcher = fetcher
        self._clock = clock
        self._sets: dict[str, _KeySet] = {}

    async def find(self, provider: LoginProvider, key_id: str | None) -> Sequence[VerificationKey]:
        """Give the keys with which to judge a token that names the key ``key_id``.

        A provider whose key set is part of its configuration is never asked.

        Raises ExternalServiceException if the keys are not known, or this one is not, and the
        provider cannot be reached.
        """
        if provider.jwks is not None:
            return static_keys(provider.jwks)
        held = self._held(provider)
        if not held.serves(key_id, self._clock()):
            await self._refresh(provider, held)
        known = bool(matching_keys(held.keys, key_id))
        if self._clock() < held.usable_until and (known or not held.failed):
            return held.keys
        raise ExternalServiceException(PROVIDER_UNREACHABLE)

    async def close(self) -> None:
        """Give up the fetches under way."""
        tasks = [held.loading for held in self._sets.values() if held.loading is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _held(self, provider: LoginProvider) -> _KeySet:
        held = self._sets.get(provider.name)
        if held is None:
            if len(self._sets) >= KEY_SETS_MAX:
                del self._sets[next(iter(self._sets))]
            held = self._sets[provider.name] = _KeySet()
        return held

    async def _refresh(self, provider: LoginProvider, held: _KeySet) -> None:
        """Fetch once for all who wait, unless it was tried a short while ago."""
        if held.loading is None:
            now = self._clock()
            pause = REFETCH_PAUSE_MS if now < held.usable_until else RETRY_PAUSE_MS
            if held.tried_at is not None and 0 <= now - held.tried_at < pause:
                return
            held.tried_at = now
            held.loading = asyncio.create_task(self._load(provider, held))
        await asyncio.shield(held.loading)  # one who stops waiting must not stop the others

    async def _load(self, provider: LoginProvider, held: _KeySet) -> None:
        try:
            async with self._fetcher.in_time():
                answer = await self._fetch(provider)
            keys = read_keys(answer.document)
        except (FetchFailed, KeySetBroken) as error:
            held.failed = True
            _log.warning("login_provider_failed", provider=provider.name, reason=str(error))
        else:
            age = (answer.max_age_seconds or 0) * SECOND_MS
            held.keys, held.failed = keys, False
            held.fresh_until = self._clock() + min(max(age, FRESH_MS_MIN), FRESH_MS_MAX)
            held.usable_until = held.fresh_until + STALE_MS
            if not keys:
                _log.warning("login_provider_without_keys", provider=provider.name)
        finally:
            held.loading = None

    async def _fetch(self, provider: LoginProvider) -> Answer:
        """Get the key set, by way of the discovery document unless its URL is configured."""
        destination = Destination(
            allow_private_network=provider.allow_private_network, ca_file=provider.ca_file
        )
        url = provider.jwks_url
        if url is None:
            found = await self._fetcher.get(provider.discovery_url, destination)
            url = found.document.get("jwks_uri")
            if found.document.get("issuer") != provider.issuer:
                raise FetchFailed("has a discovery document of another issuer")
            if not isinstance(url, str) or _host(url) not in provider.key_hosts:
                raise FetchFailed("has its keys on a host that is not listed in jwks_hosts")
        return await self._fetcher.get(url, destination)


@lru_cache(maxsize=KEY_SETS_MAX)
def static_keys(document: str) -> Sequence[VerificationKey]:
    """Read a key set out of a configuration. Raises ValueError if no key of it can be used."""
    try:
        keys = read_keys(msgspec.json.decode(document, type=dict[str, object]))
    except RecursionError:
        raise ValueError("jwks is nested too deep") from None
    if not keys:
        raise ValueError("jwks holds no key that can be used")
    return keys


def _host(url: str) -> str | None:
    try:
        return urlsplit(url).hostname
    except ValueError:
        return None
