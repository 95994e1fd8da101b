"""What the tests of login providers share: a real provider, a clock, and logging in."""

import asyncio
from collections.abc import Coroutine, Iterator, Mapping, Sequence
from typing import Any, TypeVar

import pytest

from keepstep.domain.logins import LoginProvider, VerifiedLogin
from keepstep.providers import LoginProviders
from keepstep.providers.fetch import Resolver
from keepstep.wire.errors import ServiceError
from tests.openid_provider import OpenIdProvider, openid_provider

CASE_SECONDS = 30
NOW = 1_800_000_000
AUDIENCE = "app"

T = TypeVar("T")


class Clock:
    """A clock that stands still until it is moved."""

    def __init__(self) -> None:
        self.now = NOW * 1000

    def __call__(self) -> int:
        return self.now

    @property
    def seconds(self) -> int:
        return self.now // 1000

    def advance(self, *, hours: int = 0, minutes: int = 0, milliseconds: int = 0) -> None:
        self.now += (hours * 60 + minutes) * 60_000 + milliseconds


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture(scope="session")
def running_provider() -> Iterator[OpenIdProvider]:
    with openid_provider() as running:
        yield running


@pytest.fixture
def provider(running_provider: OpenIdProvider) -> OpenIdProvider:
    """A provider that behaves well until the test says otherwise."""
    running_provider.reset()
    return running_provider


def run(work: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine to its end, within a deadline."""

    async def within_time() -> T:
        async with asyncio.timeout(CASE_SECONDS):
            return await work

    return asyncio.run(within_time())


def settings_of(provider: OpenIdProvider, **members: Any) -> LoginProvider:
    """Give the server's configuration of a provider, on a loopback address."""
    usual: dict[str, Any] = {
        "name": provider.name,
        "issuer": provider.issuer,
        "ca_file": provider.ca_file,
        "allow_private_network": True,
    }
    return LoginProvider(**{**usual, **members})


def claims_for(provider: OpenIdProvider, clock: Clock, **changes: Any) -> dict[str, Any]:
    """Give good claims with changes; None leaves a claim out."""
    usual = {
        "iss": provider.issuer,
        "sub": "user-1",
        "aud": AUDIENCE,
        "iat": clock.seconds,
        "exp": clock.seconds + 7 * 24 * 3600,
    }
    return {name: value for name, value in {**usual, **changes}.items() if value is not None}


def token_of(provider: OpenIdProvider, clock: Clock, **changes: Any) -> str:
    """Have good claims, with changes, signed by the provider's current RSA key."""
    return provider.sign(claims_for(provider, clock, **changes))


def log_in(
    verifier: LoginProviders, provider: OpenIdProvider, token: str, *audiences: str
) -> VerifiedLogin:
    """Verify one token."""
    return run(verifier.verify(provider.name, token, audiences or (AUDIENCE,)))


def outcome(
    verifier: LoginProviders, provider: OpenIdProvider, token: str, *audiences: str
) -> tuple[str, str]:
    """Verify one token and give ("ok", subject), or the code and text of the refusal."""
    try:
        return "ok", log_in(verifier, provider, token, *audiences).subject
    except ServiceError as error:
        return error.code, error.message


def fixed_resolver(hosts: Mapping[str, Sequence[str]], asked: list[str]) -> Resolver:
    """Give a resolver that knows these hosts, and notes what it is asked."""

    async def resolve(host: str, port: int) -> Sequence[str]:
        asked.append(host)
        if host not in hosts:
            raise OSError("unknown host")
        return hosts[host]

    return resolve
