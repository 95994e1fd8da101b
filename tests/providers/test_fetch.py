"""The way out: checked addresses, certificates, no redirects, small JSON objects, in time."""

import asyncio
from ipaddress import ip_address

import pytest

from keepstep.providers.addresses import all_allowed, is_public
from keepstep.providers.fetch import Answer, Destination, Fetcher, FetchFailed
from tests.openid_provider import KEYS, OpenIdProvider, openid_provider

from .conftest import fixed_resolver, run

FORBIDDEN = "has an address that is not allowed"
NOT_HTTPS = "is not an https URL"
PRIVATE_ADDRESSES = [
    "127.0.0.1",
    "127.9.9.9",
    "10.1.2.3",
    "172.16.0.1",
    "192.168.1.1",
    "169.254.169.254",
    "100.64.0.1",
    "192.0.2.1",
    "198.18.0.1",
    "::1",
    "fe80::1",
    "fe80::1%eth0",
    "fc00::1",
    "fd12:3456::1",
    "fec0::1",
    "::ffff:127.0.0.1",
    "::ffff:10.0.0.1",
    "::ffff:8.8.8.8",
    "::127.0.0.1",
    "64:ff9b::7f00:1",
    "64:ff9b::a00:1",
    "2002:7f00:1::",
    "2001:0:7f00:1::",
    "2001:db8::1",
]
NEVER_ADDRESSES = [
    "0.0.0.0",
    "255.255.255.255",
    "240.0.0.1",
    "224.0.0.1",
    "::",
    "ff02::1",
    "::ffff:0.0.0.0",
    "::ffff:224.0.0.1",
]


def leave(provider: OpenIdProvider) -> Destination:
    """What lets the tests reach a provider on a loopback address."""
    return Destination(allow_private_network=True, ca_file=provider.ca_file)


def get(fetcher: Fetcher, url: str, destination: Destination) -> Answer:
    return run(fetcher.get(url, destination))


def failure(fetcher: Fetcher, url: str, destination: Destination) -> str:
    with pytest.raises(FetchFailed) as caught:
        get(fetcher, url, destination)
    return str(caught.value)


@pytest.mark.parametrize("address", PRIVATE_ADDRESSES + NEVER_ADDRESSES)
def test_a_name_that_leads_to_an_address_that_is_not_public_is_not_followed(address: str) -> None:
    for addresses in ([address], ["1.1.1.1", address]):
        fetcher = Fetcher(resolver=fixed_resolver({"openid.test": addresses}, []))
        assert failure(fetcher, "https://openid.test/keys", Destination()) == FORBIDDEN


@pytest.mark.parametrize("address", ["1.1.1.1", "8.8.8.8", "2606:4700::1111", "64:ff9b::101:101"])
def test_public_addresses_are_allowed(address: str) -> None:
    assert is_public(ip_address(address))


@pytest.mark.parametrize("address", PRIVATE_ADDRESSES)
def test_an_operator_may_allow_addresses_of_own_networks(address: str) -> None:
    assert all_allowed([address], private=True)


@pytest.mark.parametrize("address", NEVER_ADDRESSES)
def test_nobody_may_allow_addresses_that_are_no_hosts(address: str) -> None:
    assert not all_allowed([address], private=True)


@pytest.mark.parametrize(
    "host",
    [
        "localhost",
        "127.0.0.1",
        "127.1",
        "2130706433",
        "0x7f000001",
        "[::1]",
        "[::ffff:127.0.0.1]",
    ],
)
def test_no_spelling_of_loopback_gets_through(provider: OpenIdProvider, host: str) -> None:
    url = f"https://{host}:{provider.port}{KEYS}"
    assert failure(Fetcher(), url, Destination(ca_file=provider.ca_file)) == FORBIDDEN
    assert provider.requests() == 0


@pytest.mark.parametrize("plain_addresses", [["10.0.0.1"], ["127.0.0.1", "10.0.0.1"]])
def test_plain_http_goes_to_loopback_only_and_only_with_leave(plain_addresses: list[str]) -> None:
    with openid_provider(plain=True) as provider:
        url = provider.issuer + KEYS
        assert get(Fetcher(), url, leave(provider)).document["keys"]
        assert failure(Fetcher(), url, Destination()) == NOT_HTTPS
        elsewhere = Fetcher(resolver=fixed_resolver({"127.0.0.1": plain_addresses}, []))
        assert failure(elsewhere, url, leave(provider)) == NOT_HTTPS
        assert provider.requests() == 1


@pytest.mark.parametrize(
    "url",
    [
        "ftp://openid.test/",
        "file:///etc/hostname",
        "openid.test",
        "",
        "https:///keys",
        "https://0177.0.0.1/",
        "https://openid.test:99999/",
        "https://openid.test/\n",
    ],
)
def test_other_urls_are_refused(url: str) -> None:
    with pytest.raises(FetchFailed):
        get(Fetcher(), url, Destination(allow_private_network=True))


def test_a_url_with_a_user_name_is_refused(provider: OpenIdProvider) -> None:
    url = f"https://localhost@localhost:{provider.port}{KEYS}"
    assert failure(Fetcher(), url, leave(provider)) == "has a URL that is not allowed"


def test_the_connection_goes_to_the_address_that_was_checked(provider: OpenIdProvider) -> None:
    asked: list[str] = []
    fetcher = Fetcher(resolver=fixed_resolver({"openid.test": ["127.0.0.1"]}, asked))
    answer = get(fetcher, f"https://openid.test:{provider.port}{KEYS}", leave(provider))
    assert answer.document["keys"]
    assert asked == ["openid.test"]
    assert provider.last_host() == f"openid.test:{provider.port}"


def test_an_address_that_does_not_answer_leaves_the_next_one(provider: OpenIdProvider) -> None:
    addresses = {"localhost": ["127.0.0.2", "127.0.0.1"]}
    fetcher = Fetcher(resolver=fixed_resolver(addresses, []))
    assert get(fetcher, provider.issuer + KEYS, leave(provider)).document["keys"]


def test_a_certificate_must_be_for_the_name_and_by_a_trusted_authority(
    provider: OpenIdProvider,
) -> None:
    fetcher = Fetcher(resolver=fixed_resolver({"other.test": ["127.0.0.1"]}, []))
    untrusted = "has a certificate that is not trusted; ca_file can name its authority"
    other_name = f"https://other.test:{provider.port}{KEYS}"
    assert failure(fetcher, other_name, leave(provider)) == untrusted
    public_authorities = Destination(allow_private_network=True)
    assert failure(Fetcher(), provider.issuer + KEYS, public_authorities) == untrusted
    assert provider.requests() == 0


def test_redirects_are_not_followed(provider: OpenIdProvider) -> None:
    provider.behave("redirect", path=KEYS, location=f"{provider.issuer}/elsewhere")
    url = provider.issuer + KEYS
    assert failure(Fetcher(), url, leave(provider)) == "answered status 302"
    assert provider.requests("/elsewhere") == 0


@pytest.mark.parametrize(
    ("behaviour", "reason"),
    [
        ("fail", "answered status 503"),
        ("oversize", "answered over 262144 bytes"),
        ("html", "answered something that is not a JSON object"),
        ("list", "answered something that is not a JSON object"),
        ("nested", "answered something that is not a JSON object"),
        ("hang up", "could not be reached (RemoteProtocolError)"),
        ("stall", "took over 0.3 seconds"),
    ],
)
def test_an_answer_that_is_no_small_json_object_is_not_used(
    provider: OpenIdProvider, behaviour: str, reason: str
) -> None:
    provider.behave(behaviour)
    fetcher = Fetcher(fetch_seconds=5 if behaviour != "stall" else 0.3)
    assert failure(fetcher, provider.issuer + KEYS, leave(provider)) == reason


def test_a_compressed_answer_is_not_unpacked(provider: OpenIdProvider) -> None:
    provider.answer(KEYS, None, headers={"Content-Encoding": "gzip"})
    reason = "answered in an encoding that was not asked for"
    assert failure(Fetcher(), provider.issuer + KEYS, leave(provider)) == reason


def test_a_resolver_that_takes_its_time_is_given_up() -> None:
    async def never(host: str, port: int) -> list[str]:
        await asyncio.Event().wait()
        return []

    fetcher = Fetcher(resolver=never, fetch_seconds=0.1)
    assert failure(fetcher, "https://openid.test/", Destination()) == "took over 0.1 seconds"


def test_a_host_without_addresses_is_not_fetched_from() -> None:
    fetcher = Fetcher(resolver=fixed_resolver({"openid.test": []}, []))
    assert failure(fetcher, "https://openid.test/", Destination()) == FORBIDDEN
    unknown = "could not be reached (OSError)"
    assert failure(fetcher, "https://unknown.test/", Destination()) == unknown


def test_no_environment_variable_leads_requests_through_a_proxy(
    provider: OpenIdProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HTTPS_PROXY", "HTTP_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    assert get(Fetcher(), provider.issuer + KEYS, leave(provider)).document["keys"]
