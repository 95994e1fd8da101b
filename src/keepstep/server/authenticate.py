"""Who signed a request: Signature Version 4 checked against the keys of the server.

The order of checks, their codes and their texts follow the real services; what SDKs put on
the wire differently (hosts without a port, overridden methods, proxies that decode the path)
is tried as a short, fixed list of alternatives after the plain reading fails.
"""

import hashlib
import hmac
import re
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import lru_cache
from itertools import product
from typing import Final
from urllib.parse import unquote_to_bytes

import msgspec
from cryptography.hazmat.primitives.hmac import HMAC

from keepstep.domain.access import Caller
from keepstep.domain.limits import (
    DATE_LENGTH_MAX,
    MINUTE_MS,
    REGION_LENGTH_MAX,
    SIGNING_KEYS_CACHED_MAX,
)
from keepstep.interfaces.service import Clock
from keepstep.wire import sigv4
from keepstep.wire.errors import (
    IncompleteSignatureException,
    InvalidSignatureException,
    MissingAuthenticationTokenException,
    UnrecognizedClientException,
)

from .doors import Door
from .keys import KeyRing, SigningKey
from .presigned import PRESIGNED, read_presigned
from .request import Request
from .routes import METHOD_OVERRIDE
from .sessions import Session, Sessions, expired
from .settings import REGION_PATTERN

TIME_FORMAT: Final = "%Y%m%dT%H%M%SZ"
HOST: Final = b"host"
"""Always signed."""
SIGNED_IF_SENT: Final = frozenset((b"x-amz-date", b"x-amz-security-token", b"x-amz-target"))
ONCE_ONLY: Final = (b"authorization", b"x-amz-date", b"x-amz-security-token", HOST)

_TIME: Final = re.compile(r"[0-9]{8}T[0-9]{6}Z")
_NO_KEY: Final = sigv4.signing_key("x" * 40, "", "", "")
"""What an unknown key is checked with: one for all, so that strangers fill no memory."""
_MISMATCH: Final = (
    "The request signature we calculated does not match the signature you provided. Check your "
    "AWS Secret Access Key and signing method. Consult the service documentation for details."
)


class _Signed(msgspec.Struct, frozen=True):
    """What a request says about its signature; ``query`` is the signed part of the query."""

    claims: sigv4.Claims
    signature: str
    time: str
    signed_at: int
    query: bytes
    token: bytes | None
    good_for: int | None = None
    """Milliseconds; None for a signature in the header."""


class Authenticator:
    """Checks signatures. Holds derived signing keys of known keys, good for one day each."""

    def __init__(
        self,
        keys: KeyRing,
        sessions: Sessions,
        clock: Clock,
        *,
        regions: Sequence[str],
        public_hosts: Sequence[str],
    ) -> None:
        """``regions`` narrows the regions a signature may name; empty means any."""
        self._keys = keys
        self._sessions = sessions
        self._clock = clock
        self._regions = frozenset(regions)
        self._narrowed = bool(regions)
        self._public_hosts = [host.encode() for host in public_hosts]
        self._signing_keys: dict[tuple[str, str, str, str], HMAC] = {}

    async def authenticate(
        self, request: Request, method: str, door: Door, *, presigned: bool = False
    ) -> Caller:
        """Give the caller who signed a request to a door.

        ``method`` is the one the request stands for; ``presigned`` allows the signature to stand
        in the query.

        Raises the authentication errors of ``wire.errors``, in this order: missing, incomplete,
        unknown key or token, ended credentials, time, scope, signature, revoked credentials. An
        unknown key costs the same work as a known one.
        """
        signed = _read(request, door, presigned=presigned or door.presigned)
        key = await self._find(signed)
        claims = signed.claims
        if key is None:
            self._matches(request, method, signed, _NO_KEY)
            raise _unknown()
        now = self._clock()
        session = key if isinstance(key, Session) else None
        if session is not None and session.expires_at <= now:
            raise expired()
        _check_time(signed, now, door.clock_skew_ms)
        self._check_scope(claims, door.service)
        _check_signed_headers(request, claims)
        if not self._matches(request, method, signed, self._signing_key(claims, key.secret)):
            raise InvalidSignatureException(_MISMATCH)
        if session is not None:
            await self._sessions.check_revoked(session)
        return key.caller

    async def check_again(self, request: Request, door: Door) -> None:
        """Check that the credentials of an authenticated request still hold.

        Raises UnrecognizedClientException, ExpiredTokenException or NotAuthorizedException.
        """
        key = await self._find(_read(request, door, presigned=True))
        if key is None:
            raise _unknown()
        if isinstance(key, Session):
            if key.expires_at <= self._clock():
                raise expired()
            await self._sessions.check_revoked(key)

    async def _find(self, signed: _Signed) -> SigningKey | Session | None:
        """Give the key of a request: a long-term one never goes with a session token."""
        access_key_id = signed.claims.access_key_id
        if signed.token is None:
            return await self._keys.find(access_key_id)
        return self._sessions.open(access_key_id, signed.token)

    def _check_scope(self, claims: sigv4.Claims, service: str) -> None:
        region = claims.region
        if region not in self._regions and (
            self._narrowed or len(region) > REGION_LENGTH_MAX or not _is_region(region)
        ):
            raise InvalidSignatureException(
                f"Credential should be scoped to a valid region, not '{region}'. "
            )
        if claims.service != service:
            raise InvalidSignatureException(
                f"Credential should be scoped to correct service: '{service}'. "
            )

    def _signing_key(self, claims: sigv4.Claims, secret: str) -> HMAC:
        name = (secret, claims.date, claims.region, claims.service)
        signer = self._signing_keys.get(name)
        if signer is None:
            if len(self._signing_keys) >= SIGNING_KEYS_CACHED_MAX:
                self._signing_keys.clear()
            signer = self._signing_keys[name] = sigv4.signing_key(*name)
        return signer

    def _matches(self, request: Request, method: str, given: _Signed, key: HMAC) -> bool:
        body = request.body
        digests = [hashlib.sha256(body).hexdigest() if body else sigv4.EMPTY_PAYLOAD_HASH]
        if METHOD_OVERRIDE in request.by_name:
            # Unity signs a DELETE without a body, then sends a POST with "{}".
            digests.append(sigv4.EMPTY_PAYLOAD_HASH)
        claimed = request.by_name.get(b"x-amz-content-sha256")
        if claimed is not None and claimed.decode("latin-1") not in digests:
            return False
        signed = given.claims.signed_headers
        headers = sigv4.canonical_headers(request.by_name, signed)
        if headers is None:
            return False
        path = sigv4.canonical_path(request.raw_path)
        return _holds(given, key, method, path, headers, digests[0]) or any(
            _holds(given, key, *reading)
            for reading in self._other_readings(request, method, path, headers, signed, digests)
        )

    def _other_readings(
        self,
        request: Request,
        method: str,
        path: str,
        headers: str,
        signed: Sequence[bytes],
        digests: list[str],
    ) -> Iterator[tuple[str, str, str, str]]:
        """Give what else a client may have signed that arrives as this request."""
        methods = [method]
        if method != request.method and METHOD_OVERRIDE in signed:
            methods.append(request.method)
        # What a client sent to a proxy that decodes the path before it forwards it.
        decoded = unquote_to_bytes(request.raw_path)
        sent = sigv4.canonical_path(sigv4.canonical_path(decoded).encode())
        paths = [path, sent]
        if b"%25" not in request.raw_path:  # or it would stand for another path, decoded once more
            paths.append(request.raw_path.decode("latin-1"))  # curl 7.88 signs it as it is
        with_hosts = [headers, *self._other_hosts(request, signed)]
        yield from product(methods, dict.fromkeys(paths), with_hosts, digests)

    def _other_hosts(self, request: Request, signed: Sequence[bytes]) -> Iterator[str]:
        """Give the headers with the host as iOS signs it, without a port, or as configured."""
        host = request.by_name.get(HOST, b"")
        name, colon, _ = host.rpartition(b":")
        for other in ([name] if colon else []) + self._public_hosts:
            yield sigv4.canonical_headers({**request.by_name, HOST: other}, signed) or ""


def _holds(given: _Signed, key: HMAC, method: str, path: str, headers: str, digest: str) -> bool:
    """Whether the signature given is that of one reading of a request."""
    claims = given.claims
    query = sigv4.canonical_query(given.query)
    text = sigv4.canonical_request(method, path, query, headers, claims.names, digest)
    computed = sigv4.signature(key, given.time, claims.scope, text)
    return hmac.compare_digest(computed.encode(), given.signature.encode("latin-1"))


def _read(request: Request, door: Door, *, presigned: bool) -> _Signed:
    headers, query = request.by_name, request.query
    value = headers.get(b"authorization")
    in_query = bool(query) and PRESIGNED in query
    if value is None:
        if presigned and in_query:
            claims, signature, date, query, token, good_for = read_presigned(query)
            return _Signed(claims, signature, *_read_time(date), query, token, good_for)
        raise MissingAuthenticationTokenException(door.unsigned)
    if len(headers) != len(request.headers):
        _refuse_repeated(request.headers)
    if in_query:
        raise IncompleteSignatureException(
            "The request is signed both in its Authorization header and in its query; sign "
            "it once, in the header."
        )
    date = headers.get(b"x-amz-date") or headers.get(b"date")
    claims, signature = sigv4.parse_authorization(value.decode("latin-1"), dated=date is not None)
    time, signed_at = _read_time((date or b"").decode("latin-1"))
    return _Signed(claims, signature, time, signed_at, query, headers.get(b"x-amz-security-token"))


def _unknown() -> UnrecognizedClientException:
    return UnrecognizedClientException("The security token included in the request is invalid.")


def _check_time(signed: _Signed, now: int, skew: int) -> None:
    time, signed_at, date = signed.time, signed.signed_at, signed.claims.date
    if time[:8] != date:
        raise InvalidSignatureException(
            "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date "
            f"from HTTP: '{date}' != '{time[:8]}', from '{time}'."
        )
    if signed_at < now - (skew if signed.good_for is None else signed.good_for):
        raise InvalidSignatureException(
            f"Signature expired: {time} is now earlier than {_format(now - skew)} "
            f"({_format(now)} - {skew // MINUTE_MS} min.)"
        )
    if signed_at > now + skew:
        raise InvalidSignatureException(
            f"Signature not yet current: {time} is still later than "
            f"{_format(now + skew)} ({_format(now)} + {skew // MINUTE_MS} min.)"
        )


def _refuse_repeated(headers: Sequence[tuple[bytes, bytes]]) -> None:
    names = [name for name, _ in headers]
    for name in ONCE_ONLY:
        if names.count(name) > 1:
            raise IncompleteSignatureException(
                f"The header {name.decode()} is given more than once; send it once."
            )


def _check_signed_headers(request: Request, claims: sigv4.Claims) -> None:
    signed = claims.signed_headers
    unsigned = SIGNED_IF_SENT.intersection(request.by_name).difference(signed)
    if unsigned or HOST not in signed:
        name = HOST if HOST not in signed else min(unsigned)
        raise InvalidSignatureException(
            f"'{name.decode()}' must be a 'SignedHeader' in the AWS Authorization."
        )


@lru_cache(maxsize=256)
def _is_region(text: str) -> bool:
    return REGION_PATTERN.fullmatch(text) is not None


@lru_cache(maxsize=1024)
def _read_time(text: str) -> tuple[str, int]:
    """Give a date header's time as ``YYYYMMDDTHHMMSSZ`` and in milliseconds since the epoch."""
    if len(text) > DATE_LENGTH_MAX:
        raise _bad_time(text)
    try:
        if _TIME.fullmatch(text):
            moment = datetime.strptime(text, TIME_FORMAT).replace(tzinfo=UTC)
        else:
            moment = parsedate_to_datetime(text).astimezone(UTC)
    except (ValueError, OverflowError):
        raise _bad_time(text) from None
    return moment.strftime(TIME_FORMAT), int(moment.timestamp()) * 1000


def _bad_time(text: str) -> IncompleteSignatureException:
    return IncompleteSignatureException(
        f"Date must be in ISO-8601 'basic format'. Got '{text[:64]}'. "
        "See http://en.wikipedia.org/wiki/ISO_8601"
    )


def _format(milliseconds: int) -> str:
    return datetime.fromtimestamp(milliseconds / 1000, UTC).strftime(TIME_FORMAT)
