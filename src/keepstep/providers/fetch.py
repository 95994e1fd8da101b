"""The one way out to login providers: a small JSON document from a checked address, in time.

HTTPS only, with a certificate for the name that was asked for. The name is resolved once, every
address is judged, and the connection goes to an address that was judged, so that no answer of
DNS in between can lead elsewhere. No redirects, no proxies, no cookies.
"""

import asyncio
import re
import socket
import ssl
from collections.abc import AsyncGenerator, Awaitable, Callable, Collection, Sequence
from contextlib import asynccontextmanager
from typing import Any, Final

import httpx
import msgspec

from keepstep.domain.limits import KIB

from .addresses import all_allowed, all_loopback

FETCH_SECONDS: Final = 5.0
"""From the first look-up to the last byte: a login waits for it, and its client not for long."""
CONNECT_SECONDS: Final = 2.0
"""For one address, so that one that does not answer leaves time for the next."""
ANSWER_BYTES_MAX: Final = 256 * KIB
"""Bytes of a document; key sets of real providers are 1 to 20 KiB."""
ADDRESSES_MAX: Final = 4
"""Addresses of a host that are tried."""
OK: Final = frozenset({200})

_MAX_AGE: Final = re.compile(r"(?:^|[\s,])max-age\s*=\s*\"?([0-9]{1,9})", re.IGNORECASE)
_NOT_TO_CACHE: Final = re.compile(r"(?:^|[\s,])no-(?:store|cache)\b", re.IGNORECASE)

Resolver = Callable[[str, int], Awaitable[Sequence[str]]]
"""Gives the addresses of a host; raises OSError."""


class FetchFailed(Exception):
    """Nothing usable came. The text is for the operator; it holds no address and no content."""


class Answer(msgspec.Struct, frozen=True):
    """A JSON object that came, and for how many seconds it may be kept (None: not said)."""

    status: int
    document: dict[str, Any]
    max_age_seconds: int | None


class Destination(msgspec.Struct, frozen=True, kw_only=True):
    """What an operator allows for one provider beyond public addresses and public authorities."""

    allow_private_network: bool = False
    ca_file: str | None = None


async def resolve(host: str, port: int) -> Sequence[str]:
    """Ask the system for the addresses of a host."""
    loop = asyncio.get_running_loop()
    found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


class Fetcher:
    """Fetches documents of login providers; holds trusted authorities and no connection."""

    def __init__(
        self,
        *,
        resolver: Resolver = resolve,
        fetch_seconds: float = FETCH_SECONDS,
        connect_seconds: float = CONNECT_SECONDS,
    ) -> None:
        """Times in seconds."""
        self._resolve = resolver
        self._fetch_seconds = fetch_seconds
        self._connect_seconds = connect_seconds
        self._trusts: dict[str | None, ssl.SSLContext] = {}

    def trust(self, ca_file: str | None) -> ssl.SSLContext:
        """Give what checks certificates: authorities from a file, or the public ones.

        A file is read once. Raises ValueError if it cannot be used.
        """
        trust = self._trusts.get(ca_file)
        if trust is None:
            try:
                trust = httpx.create_ssl_context(trust_env=False)
                if ca_file is not None:
                    trust = ssl.create_default_context(cafile=ca_file)
            except OSError:
                raise ValueError(f"the certificates in {ca_file} cannot be read") from None
            self._trusts[ca_file] = trust
        return trust

    @asynccontextmanager
    async def in_time(self) -> AsyncGenerator[None]:
        """Bound everything that a block fetches. Raises FetchFailed."""
        try:
            async with asyncio.timeout(self._fetch_seconds):
                yield
        except TimeoutError:
            raise FetchFailed(f"took over {self._fetch_seconds:g} seconds") from None

    async def get(
        self, url: str, destination: Destination, *, statuses: Collection[int] = OK
    ) -> Answer:
        """Get the JSON object at a URL, if the answer has one of the statuses.

        What a document is, its body tells: many hosts give none of these the right type.

        Raises FetchFailed.
        """
        async with self.in_time():
            try:
                return await self._get(httpx.URL(url), destination, statuses)
            except (httpx.HTTPError, httpx.InvalidURL, OSError, ValueError) as error:
                # from None: errors of libraries repeat addresses, and URLs with what is in them
                raise FetchFailed(_reason(error)) from None

    async def _get(
        self, url: httpx.URL, destination: Destination, statuses: Collection[int]
    ) -> Answer:
        addresses = await self._addresses(url, destination)
        trust = self.trust(destination.ca_file)
        async with httpx.AsyncHTTPTransport(verify=trust, trust_env=False) as transport:
            response = await self._connect(transport, url, addresses)
            try:
                return await _read(response, statuses)
            finally:
                await response.aclose()

    async def _addresses(self, url: httpx.URL, destination: Destination) -> Sequence[str]:
        """Resolve a URL's host and give its addresses if all of them are allowed."""
        private = destination.allow_private_network
        if url.scheme != "https" and not (url.scheme == "http" and private):
            raise FetchFailed("is not an https URL")
        if url.userinfo or not url.host:
            raise FetchFailed("has a URL that is not allowed")
        host = url.raw_host.decode("ascii").strip("[]")
        addresses = await self._resolve(host, url.port or (443 if url.scheme == "https" else 80))
        if not addresses or not all_allowed(addresses, private=private):
            raise FetchFailed("has an address that is not allowed")
        if url.scheme == "http" and not all_loopback(addresses):
            raise FetchFailed("is not an https URL")
        return addresses[:ADDRESSES_MAX]

    async def _connect(
        self, transport: httpx.AsyncHTTPTransport, url: httpx.URL, addresses: Sequence[str]
    ) -> httpx.Response:
        """Send the request to the first address that takes it.

        By the transport itself: a client of httpx would log the URL.
        """
        failure: httpx.HTTPError | None = None
        for address in addresses:
            request = httpx.Request(
                "GET",
                url.copy_with(host=address.partition("%")[0]),
                headers={
                    "Host": url.netloc.decode("ascii"),
                    "Accept": "application/json",
                    "Accept-Encoding": "identity",
                    "User-Agent": "keepstep",
                },
                extensions={
                    "sni_hostname": url.raw_host.decode("ascii").strip("[]"),
                    "timeout": httpx.Timeout(
                        self._fetch_seconds, connect=self._connect_seconds
                    ).as_dict(),
                },
            )
            try:
                return await transport.handle_async_request(request)
            except (httpx.ConnectError, httpx.ConnectTimeout) as error:
                failure = error
        raise failure or FetchFailed("has no address")


async def _read(response: httpx.Response, statuses: Collection[int]) -> Answer:
    if response.status_code not in statuses:
        raise FetchFailed(f"answered status {response.status_code}")
    if response.headers.get("content-encoding", "identity") != "identity":
        raise FetchFailed("answered in an encoding that was not asked for")
    body = bytearray()
    async for chunk in response.aiter_raw():
        body += chunk
        if len(body) > ANSWER_BYTES_MAX:
            raise FetchFailed(f"answered over {ANSWER_BYTES_MAX} bytes")
    try:
        document = msgspec.json.decode(body, type=dict[str, Any])
    except (ValueError, RecursionError):
        raise FetchFailed("answered something that is not a JSON object") from None
    caching = response.headers.get("cache-control", "")
    return Answer(response.status_code, document, _max_age(caching))


def _reason(error: BaseException) -> str:
    """Say what kind of thing went wrong, in words of our own."""
    if isinstance(error, httpx.InvalidURL):
        return "has a URL that is not allowed"
    if isinstance(error, socket.gaierror):
        return "has a host name that cannot be resolved"
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, ssl.SSLCertVerificationError):
            return "has a certificate that is not trusted; ca_file can name its authority"
        cause = cause.__cause__ or cause.__context__
    return f"could not be reached ({type(error).__name__})"


def _max_age(caching: str) -> int | None:
    if _NOT_TO_CACHE.search(caching) is not None:
        return 0
    age = _MAX_AGE.search(caching)
    return None if age is None else int(age[1])
