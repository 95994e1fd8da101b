"""Keys are fetched when they are needed, once for all, and never more than once a minute."""

import asyncio
from typing import Any

import pytest

from keepstep.domain.logins import LoginProvider, user_pool_provider
from keepstep.providers import Fetcher, LoginProviders
from keepstep.providers.key_sets import KEY_SETS_MAX, KeySets
from keepstep.wire.errors import ExternalServiceException
from tests.openid_provider import DISCOVERY, KEYS, OpenIdProvider, openid_provider

from .conftest import (
    AUDIENCE,
    Clock,
    claims_for,
    fixed_resolver,
    outcome,
    run,
    settings_of,
    token_of,
)

OK = ("ok", "user-1")
SIGNATURE = ("NotAuthorizedException", "Invalid login token. Couldn't verify signed token.")
UNREACHABLE = ("ExternalServiceException", "Couldn't reach the login provider.")


@pytest.fixture
def verifier(provider: OpenIdProvider, clock: Clock) -> LoginProviders:
    return LoginProviders([settings_of(provider)], clock=clock)


def unknown_token(provider: OpenIdProvider, clock: Clock, number: int = 0) -> str:
    """A good token, but for a key id that nobody published."""
    return provider.sign(claims_for(provider, clock), headers={"kid": f"unknown-{number}"})


def test_after_a_rotation_new_tokens_log_in_and_old_ones_no_longer(
    provider: OpenIdProvider, verifier: LoginProviders, clock: Clock
) -> None:
    old = token_of(provider, clock)
    assert outcome(verifier, provider, old) == OK
    provider.rotate()
    new = token_of(provider, clock)
    assert outcome(verifier, provider, old) == OK
    clock.advance(minutes=1)
    assert outcome(verifier, provider, new) == OK
    assert outcome(verifier, provider, old) == SIGNATURE
    assert provider.requests() == 2


def test_a_flood_of_unknown_keys_fetches_at_most_once_a_minute(
    provider: OpenIdProvider, verifier: LoginProviders, clock: Clock
) -> None:
    tokens = [unknown_token(provider, clock, number) for number in range(30)]

    async def flood() -> list[Any]:
        attempts = [verifier.verify(provider.name, token, [AUDIENCE]) for token in tokens]
        return await asyncio.gather(*attempts, return_exceptions=True)

    for minute in range(1, 4):
        for _ in range(2):
            assert {str(error) for error in run(flood())} == {SIGNATURE[1]}
        clock.advance(milliseconds=59_999)
        run(flood())
        assert (provider.requests(), provider.requests(DISCOVERY)) == (minute, minute)
        clock.advance(milliseconds=1)


def test_logins_that_come_together_share_one_fetch(
    provider: OpenIdProvider, verifier: LoginProviders, clock: Clock
) -> None:
    token = token_of(provider, clock)

    async def together() -> None:
        attempts = [verifier.verify(provider.name, token, [AUDIENCE]) for _ in range(50)]
        assert {login.subject for login in await asyncio.gather(*attempts)} == {"user-1"}

    run(together())
    assert provider.requests() == 1


def test_one_who_stops_waiting_does_not_stop_the_others(
    provider: OpenIdProvider, verifier: LoginProviders, clock: Clock
) -> None:
    token = token_of(provider, clock)

    async def impatient() -> None:
        provider.behave("stall", path=KEYS)
        first, second = (
            asyncio.create_task(verifier.verify(provider.name, token, [AUDIENCE])) for _ in range(2)
        )
        await asyncio.to_thread(provider.await_request, KEYS)
        first.cancel()
        await asyncio.wait([first])
        provider.behave("well")
        assert (await second).subject == "user-1"
        assert first.cancelled()

    run(impatient())
    assert provider.requests() == 1


def test_closing_gives_up_what_is_being_fetched(
    provider: OpenIdProvider, verifier: LoginProviders, clock: Clock
) -> None:
    token = token_of(provider, clock)

    async def close_early() -> None:
        provider.behave("stall")
        login = asyncio.create_task(verifier.verify(provider.name, token, [AUDIENCE]))
        await asyncio.to_thread(provider.await_request, DISCOVERY)
        await verifier.close()
        await asyncio.wait([login])
        assert login.cancelled()

    run(close_early())


@pytest.mark.parametrize(
    ("caching", "minutes"),
    [
        ({}, 5),
        ({"Cache-Control": "no-cache"}, 5),
        ({"Cache-Control": "no-store, max-age=7200"}, 5),
        ({"Cache-Control": "max-age=60"}, 5),
        ({"Cache-Control": "max-age=nonsense"}, 5),
        ({"Cache-Control": "public, max-age=3600, must-revalidate"}, 60),
        ({"Cache-Control": 'Max-Age="7200"'}, 120),
        ({"Cache-Control": "max-age=999999999"}, 24 * 60),
    ],
)
def test_keys_are_kept_as_long_as_the_provider_says_within_bounds(
    provider: OpenIdProvider,
    verifier: LoginProviders,
    clock: Clock,
    caching: dict[str, str],
    minutes: int,
) -> None:
    provider.answer(KEYS, None, headers=caching)
    token = token_of(provider, clock)
    assert outcome(verifier, provider, token) == OK
    clock.advance(minutes=minutes, milliseconds=-1)
    assert outcome(verifier, provider, token) == OK
    assert provider.requests() == 1
    clock.advance(milliseconds=1)
    assert outcome(verifier, provider, token) == OK
    assert provider.requests() == 2


@pytest.mark.parametrize("behaviour", ["hang up", "fail", "html", "list", "oversize", "redirect"])
def test_known_keys_go_on_in_an_outage_and_unknown_ones_are_not_believed(
    provider: OpenIdProvider, verifier: LoginProviders, clock: Clock, behaviour: str
) -> None:
    token = token_of(provider, clock)
    assert outcome(verifier, provider, token) == OK
    with provider.outage(behaviour):
        clock.advance(hours=1)
        assert outcome(verifier, provider, token) == OK
        assert outcome(verifier, provider, unknown_token(provider, clock)) == UNREACHABLE
        clock.advance(hours=23, minutes=4)
        assert outcome(verifier, provider, token) == OK
        clock.advance(minutes=1)
        assert outcome(verifier, provider, token) == UNREACHABLE
    clock.advance(minutes=1)
    assert outcome(verifier, provider, token) == OK
    assert outcome(verifier, provider, unknown_token(provider, clock)) == SIGNATURE


def test_a_provider_that_is_gone_is_unreachable(clock: Clock) -> None:
    with openid_provider() as provider:
        verifier = LoginProviders([settings_of(provider)], clock=clock)
        token = token_of(provider, clock)
        provider.stop()
        assert outcome(verifier, provider, token) == UNREACHABLE


def test_a_provider_that_was_down_at_first_is_asked_again_after_ten_seconds(
    provider: OpenIdProvider, verifier: LoginProviders, clock: Clock
) -> None:
    token = token_of(provider, clock)
    with provider.outage("fail"):
        assert outcome(verifier, provider, token) == UNREACHABLE
    assert outcome(verifier, provider, token) == UNREACHABLE
    assert provider.requests(DISCOVERY) == 1
    clock.advance(milliseconds=10_000)
    assert outcome(verifier, provider, token) == OK


@pytest.mark.parametrize("path", [DISCOVERY, KEYS])
def test_a_provider_that_stalls_is_given_up_in_time(
    provider: OpenIdProvider, clock: Clock, path: str
) -> None:
    fetcher = Fetcher(fetch_seconds=0.3)
    verifier = LoginProviders([settings_of(provider)], clock=clock, fetcher=fetcher)
    provider.behave("stall", path=path)
    assert outcome(verifier, provider, token_of(provider, clock)) == UNREACHABLE


@pytest.mark.parametrize(
    "members",
    [
        {"issuer": "https://someone-else.test"},
        {"issuer": None},
        {"jwks_uri": None},
        {"jwks_uri": 7},
        {"jwks_uri": "https://someone-else.test/keys"},
        {"jwks_uri": "https://[broken/keys"},
        {"jwks_uri": "file:///etc/hostname"},
        {"jwks_uri": "http://localhost.someone-else.test/keys"},
    ],
)
def test_a_discovery_document_that_is_not_the_issuers_own_is_not_followed(
    provider: OpenIdProvider, verifier: LoginProviders, clock: Clock, members: dict[str, Any]
) -> None:
    provider.discovery(**members)
    assert outcome(verifier, provider, token_of(provider, clock)) == UNREACHABLE
    assert provider.requests() == 0


@pytest.mark.parametrize(
    ("members", "expected"), [({}, UNREACHABLE), ({"jwks_hosts": ("OpenID.test",)}, OK)]
)
def test_keys_on_another_host_need_that_host_to_be_listed(
    provider: OpenIdProvider, clock: Clock, members: dict[str, Any], expected: tuple[str, str]
) -> None:
    hosts = {"localhost": ["127.0.0.1"], "openid.test": ["127.0.0.1"]}
    verifier = LoginProviders(
        [settings_of(provider, **members)],
        clock=clock,
        fetcher=Fetcher(resolver=fixed_resolver(hosts, [])),
    )
    provider.discovery(jwks_uri=f"https://openid.test:{provider.port}{KEYS}")
    assert outcome(verifier, provider, token_of(provider, clock)) == expected


def test_a_configured_key_url_is_used_without_discovery(
    provider: OpenIdProvider, clock: Clock
) -> None:
    configured = settings_of(provider, jwks_url=provider.issuer + KEYS)
    verifier = LoginProviders([configured], clock=clock)
    assert outcome(verifier, provider, token_of(provider, clock)) == OK
    assert (provider.requests(DISCOVERY), provider.requests()) == (0, 1)


@pytest.mark.parametrize("document", [{"other": []}, {"keys": "none"}])
def test_a_document_that_is_no_key_set_does_not_take_the_known_keys_away(
    provider: OpenIdProvider, verifier: LoginProviders, clock: Clock, document: dict[str, Any]
) -> None:
    token = token_of(provider, clock)
    assert outcome(verifier, provider, token) == OK
    provider.answer(KEYS, document)
    clock.advance(hours=1)
    assert outcome(verifier, provider, token) == OK
    assert outcome(verifier, provider, unknown_token(provider, clock)) == UNREACHABLE


def test_an_empty_key_set_withdraws_every_key(
    provider: OpenIdProvider, verifier: LoginProviders, clock: Clock
) -> None:
    token = token_of(provider, clock)
    assert outcome(verifier, provider, token) == OK
    provider.answer(KEYS, {"keys": []})
    clock.advance(hours=1)
    for _ in range(5):
        assert outcome(verifier, provider, token) == SIGNATURE
    assert provider.requests() == 2


@pytest.mark.parametrize(
    "issuer", ["https://accounts.google.com", "https://securetoken.google.com/p"]
)
def test_googles_keys_are_where_google_has_them(issuer: str) -> None:
    provider = LoginProvider(name="google", issuer=issuer)
    assert "www.googleapis.com" in provider.key_hosts


def test_keys_of_a_bounded_number_of_providers_are_held(clock: Clock) -> None:
    asked: list[str] = []
    key_sets = KeySets(Fetcher(resolver=fixed_resolver({}, asked)), clock)
    pools = [
        user_pool_provider(f"cognito-idp.eu-west-1.amazonaws.com/eu-west-1_{number}")
        for number in range(KEY_SETS_MAX + 1)
    ]

    async def ask(pool: LoginProvider | None) -> None:
        assert pool is not None
        with pytest.raises(ExternalServiceException):
            await key_sets.find(pool, "kid")

    async def ask_all() -> None:
        for pool in (*pools, pools[-1], pools[0]):
            await ask(pool)

    run(ask_all())
    assert len(asked) == KEY_SETS_MAX + 2
