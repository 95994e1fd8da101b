"""Signature Version 4, both ways: what a client signs and what a server recomputes.

The header form only. Whose key it is, whether the time is right and what a failure means to
the caller are decided elsewhere. Rules and their odd cases: AWS's Signature Version 4 pages and
botocore's ``auth.py``; for these services the path is encoded once more than on the wire.
"""

import hashlib
import hmac
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final
from urllib.parse import quote, unquote_to_bytes

from .errors import IncompleteSignatureException
from .rest_json import UNRESERVED

ALGORITHM: Final = "AWS4-HMAC-SHA256"
TERMINATOR: Final = "aws4_request"
EMPTY_PAYLOAD_HASH: Final = hashlib.sha256(b"").hexdigest()

_USUAL_FORM: Final = re.compile(
    r"AWS4-HMAC-SHA256 +Credential=([^\s,=]+), *SignedHeaders=([^\s,=]+), *Signature=([^\s,=]+)\Z"
)
_PATH_TO_ENCODE: Final = re.compile(rb"[^A-Za-z0-9\-_.~/%]")
_INNER_SPACE: Final = re.compile(rb"\s+")


@dataclass(frozen=True, slots=True)
class Authorization:
    """The parts of an Authorization header. ``signature`` is lower-case hexadecimal."""

    access_key_id: str
    date: str
    region: str
    service: str
    signed_headers: tuple[str, ...]
    signature: str

    @property
    def scope(self) -> str:
        """The credential scope without the access key."""
        return f"{self.date}/{self.region}/{self.service}/{TERMINATOR}"


def parse_authorization(value: str, *, dated: bool) -> Authorization:
    """Read an Authorization header; ``dated`` says whether the request carries a date header.

    Raises IncompleteSignatureException with the text of the real service, which names each
    missing part. The signature is never repeated.
    """
    usual = _USUAL_FORM.match(value)
    parts = (
        dict(zip(("Credential", "SignedHeaders", "Signature"), usual.groups(), strict=True))
        if usual
        else _split(value)
    )
    missing = [
        f"Authorization header requires '{name}' parameter."
        for name in ("Credential", "Signature", "SignedHeaders")
        if not parts.get(name)
    ]
    if not dated:
        missing.append(
            "Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header."
        )
    if missing:
        raise IncompleteSignatureException(f"{' '.join(missing)} Authorization={ALGORITHM}")
    scope = parts["Credential"].rsplit("/", 4)
    if len(scope) != 5 or scope[4] != TERMINATOR or not scope[0]:
        raise IncompleteSignatureException(
            "Credential must have exactly 5 slash-delimited elements, "
            f"e.g. keyid/date/region/service/term, got '{parts['Credential']}'"
        )
    return Authorization(
        scope[0],
        scope[1],
        scope[2],
        scope[3],
        tuple(parts["SignedHeaders"].lower().split(";")),
        parts["Signature"],
    )


def canonical_path(raw_path: bytes) -> str:
    """Encode the path as it arrived once more, so ``%3A`` is ``%253A`` and ``:`` is ``%3A``."""
    if _PATH_TO_ENCODE.search(raw_path) is None:
        return raw_path.replace(b"%", b"%25").decode("ascii")
    return quote(raw_path, safe="/" + UNRESERVED)


def canonical_query(query: bytes) -> str:
    """Decode, encode and sort the query; ``+`` means a space, as Android sends it."""
    if not query:
        return ""
    pairs = [pair.partition(b"=") for pair in query.split(b"&") if pair]
    return "&".join(
        f"{key}={value}"
        for key, value in sorted((_recode(key), _recode(value)) for key, _, value in pairs)
    )


def canonical_headers(headers: Iterable[tuple[bytes, bytes]], signed: Sequence[str]) -> str | None:
    """Give the signed headers in canonical form, or None if one of them did not arrive.

    ``headers`` are as they arrived, with lower-case names; repeated ones are joined in order.
    """
    wanted = {name.encode("latin-1"): b"" for name in signed}
    seen: set[bytes] = set()
    for name, value in headers:
        if name in wanted:
            trimmed = value.strip()
            if b"  " in trimmed or b"\t" in trimmed:
                trimmed = _INNER_SPACE.sub(b" ", trimmed)
            wanted[name] = wanted[name] + b"," + trimmed if name in seen else trimmed
            seen.add(name)
    if len(seen) != len(wanted):
        return None
    return b"".join(b"%b:%b\n" % item for item in wanted.items()).decode("latin-1")


def canonical_request(
    method: str, path: str, query: str, headers: str, signed: Sequence[str], payload_hash: str
) -> str:
    """Join the canonical parts into the text whose digest is signed."""
    return f"{method}\n{path}\n{query}\n{headers}\n{';'.join(signed)}\n{payload_hash}"


def signing_key(secret: str, date: str, region: str, service: str) -> bytes:
    """Derive the key that signs for one day, region and service."""
    key = f"AWS4{secret}".encode()
    for part in (date, region, service, TERMINATOR):
        key = hmac.digest(key, part.encode(), "sha256")
    return key


def signature(key: bytes, time: str, scope: str, request: str) -> str:
    """Sign a canonical request made at ``time`` (``YYYYMMDDTHHMMSSZ``); lower-case hexadecimal."""
    digest = hashlib.sha256(request.encode("latin-1")).hexdigest()
    text = f"{ALGORITHM}\n{time}\n{scope}\n{digest}"
    return hmac.digest(key, text.encode(), "sha256").hex()


@dataclass(frozen=True, slots=True)
class Credentials:
    """What a client signs with; ``session_token`` goes with temporary keys only."""

    access_key_id: str
    secret_access_key: str
    session_token: str | None = None


def sign(
    method: str,
    target: str,
    headers: Mapping[str, str],
    body: bytes,
    *,
    credentials: Credentials,
    time: str,
    region: str,
    service: str,
) -> dict[str, str]:
    """Give the headers of a request with those that sign it added.

    ``headers`` must hold Host; ``time`` is ``YYYYMMDDTHHMMSSZ``; every header given is signed.
    """
    signed = {name.lower(): value for name, value in headers.items()}
    signed["x-amz-date"] = time
    if credentials.session_token is not None:
        signed["x-amz-security-token"] = credentials.session_token
    names = sorted(signed)
    path, _, query = target.encode("latin-1").partition(b"?")
    pairs = [(name.encode(), signed[name].encode("latin-1")) for name in names]
    request = canonical_request(
        method,
        canonical_path(path),
        canonical_query(query),
        canonical_headers(pairs, names) or "",
        names,
        hashlib.sha256(body).hexdigest(),
    )
    date = time[:8]
    scope = f"{date}/{region}/{service}/{TERMINATOR}"
    key = signing_key(credentials.secret_access_key, date, region, service)
    signed["authorization"] = (
        f"{ALGORITHM} Credential={credentials.access_key_id}/{scope}, "
        f"SignedHeaders={';'.join(names)}, Signature={signature(key, time, scope, request)}"
    )
    return signed


def _split(value: str) -> dict[str, str]:
    algorithm, _, rest = value.strip().partition(" ")
    if algorithm != ALGORITHM:
        raise IncompleteSignatureException(
            f"Authorization header requires the algorithm {ALGORITHM}."
        )
    parts: dict[str, str] = {}
    for part in rest.split(",") if rest.strip() else ():
        name, equals, content = part.strip().partition("=")
        if not equals or name in parts:
            raise IncompleteSignatureException(
                f"'{name}' not a valid key=value pair (missing equal-sign) in Authorization "
                f"header: '{ALGORITHM}'."
                if not equals
                else f"Authorization header gives '{name}' more than once."
            )
        parts[name] = content
    return parts


def _recode(part: bytes) -> str:
    return quote(unquote_to_bytes(part.replace(b"+", b" ")), safe=UNRESERVED)
