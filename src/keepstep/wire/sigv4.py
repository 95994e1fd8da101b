"""Signature Version 4, both ways: what a client signs and what a server recomputes.

The header form only. Whose key it is, whether the time is right and what a failure means to
the caller are decided elsewhere. Rules and their odd cases: AWS's Signature Version 4 pages and
botocore's ``auth.py``; for these services the path is encoded once more than on the wire.
"""

import hashlib
import hmac
import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Final
from urllib.parse import quote, unquote_to_bytes

import msgspec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.hmac import HMAC

from .errors import IncompleteSignatureException
from .rest_json import UNRESERVED

ALGORITHM: Final = "AWS4-HMAC-SHA256"
TERMINATOR: Final = "aws4_request"
PARSED_CACHED_MAX: Final = 10_000
"""Short Authorization headers whose claims are kept."""
CLAIMS_CACHED_LENGTH_MAX: Final = 512
"""Characters of such a header; those of SDKs have some 300."""
PART_SHOWN_MAX: Final = 32
"""Characters of a part of the header that a message repeats."""
EMPTY_PAYLOAD_HASH: Final = hashlib.sha256(b"").hexdigest()

_USUAL_CLAIMS: Final = re.compile(
    r"AWS4-HMAC-SHA256 +Credential=([^\s,=]+), *SignedHeaders=([^\s,=]+)\Z"
)
_PATH_TO_ENCODE: Final = re.compile(rb"[^A-Za-z0-9\-_.~/%]")
_INNER_SPACE: Final = re.compile(rb"\s+")


class Claims(msgspec.Struct, frozen=True):
    """An Authorization header without its signature: the same all day for a client.

    ``scope`` is the credential scope without the access key, ``names`` the signed headers as
    they were listed.
    """

    access_key_id: str
    date: str
    region: str
    service: str
    scope: str
    names: str
    signed_headers: tuple[bytes, ...]


def parse_authorization(value: str, *, dated: bool) -> tuple[Claims, str]:
    """Read the claims and the signature of an Authorization header.

    ``dated`` says whether the request carries a date header.

    Raises IncompleteSignatureException with the text of the real service, which names each
    missing part. The signature is never repeated.
    """
    claims, mark, given = value.partition(", Signature=")
    usable = mark and dated and given.isalnum() and len(claims) <= CLAIMS_CACHED_LENGTH_MAX
    usual = _usual_claims(claims) if usable else None
    if usual is not None:
        return usual, given
    credential, names, given = _unusual_form(value, dated=dated)
    return _claims(credential, names), given


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


def canonical_headers(headers: Mapping[bytes, bytes], signed: Sequence[bytes]) -> str | None:
    """Give the signed headers in canonical form, or None if one of them did not arrive.

    ``headers`` are by lower-case name; repeated ones are joined with commas in order of arrival.
    """
    try:
        lines = [b"%b:%b\n" % (name, headers[name].strip()) for name in signed]
    except KeyError:
        return None
    whole = b"".join(lines)
    if b"  " in whole or b"\t" in whole:
        whole = b"".join([_INNER_SPACE.sub(b" ", line[:-1]) + b"\n" for line in lines])
    return whole.decode("latin-1")


def canonical_request(
    method: str, path: str, query: str, headers: str, names: str, payload_hash: str
) -> str:
    """Join the canonical parts into the text whose digest is signed."""
    return f"{method}\n{path}\n{query}\n{headers}\n{names}\n{payload_hash}"


def signing_key(secret: str, date: str, region: str, service: str) -> HMAC:
    """Derive the key for one day, region and service, set up to sign any number of requests."""
    key = f"AWS4{secret}".encode()
    for part in (date, region, service, TERMINATOR):
        key = hmac.digest(key, part.encode(), "sha256")
    return HMAC(key, SHA256())


def signature(key: HMAC, time: str, scope: str, request: str) -> str:
    """Sign a canonical request made at ``time`` (``YYYYMMDDTHHMMSSZ``); lower-case hexadecimal."""
    digest = hashlib.sha256(request.encode("latin-1")).hexdigest()
    signing = key.copy()  # cheaper than starting from the key
    signing.update(f"{ALGORITHM}\n{time}\n{scope}\n{digest}".encode())
    return signing.finalize().hex()


class Credentials(msgspec.Struct, frozen=True):
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
    listed = sorted(signed)
    names = ";".join(listed)
    path, _, query = target.encode("latin-1").partition(b"?")
    arriving = {name.encode(): value.encode("latin-1") for name, value in signed.items()}
    request = canonical_request(
        method,
        canonical_path(path),
        canonical_query(query),
        canonical_headers(arriving, [name.encode() for name in listed]) or "",
        names,
        hashlib.sha256(body).hexdigest(),
    )
    date = time[:8]
    scope = f"{date}/{region}/{service}/{TERMINATOR}"
    key = signing_key(credentials.secret_access_key, date, region, service)
    signed["authorization"] = (
        f"{ALGORITHM} Credential={credentials.access_key_id}/{scope}, "
        f"SignedHeaders={names}, Signature={signature(key, time, scope, request)}"
    )
    return signed


@lru_cache(maxsize=PARSED_CACHED_MAX)
def _usual_claims(text: str) -> Claims | None:
    """Read what stands before the signature as SDKs write it; a client repeats it all day."""
    usual = _USUAL_CLAIMS.match(text)
    if usual is None:
        return None
    return _claims(usual[1], usual[2])


def _claims(credential: str, names: str) -> Claims:
    access_key_id, date, region, service = _split_credential(credential)
    scope = f"{date}/{region}/{service}/{TERMINATOR}"
    names = names.lower()
    signed = tuple(name.encode() for name in names.split(";"))
    return Claims(access_key_id, date, region, service, scope, names, signed)


def _unusual_form(value: str, *, dated: bool) -> tuple[str, str, str]:
    parts = _split(value)
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
    return parts["Credential"], parts["SignedHeaders"], parts["Signature"]


def _split(value: str) -> dict[str, str]:
    algorithm, _, rest = value.strip().partition(" ")
    if algorithm != ALGORITHM:
        raise IncompleteSignatureException(
            f"Authorization header requires the algorithm {ALGORITHM}."
        )
    parts: dict[str, str] = {}
    for part in rest.split(",") if rest.strip() else ():
        name, equals, content = part.strip().partition("=")
        if not equals:
            shown = name[:PART_SHOWN_MAX]  # shorter than a signature, which is not to be repeated
            raise IncompleteSignatureException(
                f"'{shown}' not a valid key=value pair (missing equal-sign) in Authorization "
                f"header: '{ALGORITHM}'."
            )
        if name in parts:
            raise IncompleteSignatureException(
                f"Authorization header gives '{name[:PART_SHOWN_MAX]}' more than once."
            )
        parts[name] = content
    return parts


def _split_credential(credential: str) -> tuple[str, str, str, str]:
    access_key_id, *scope = credential.rsplit("/", 4)
    if len(scope) != 4 or scope[3] != TERMINATOR or not access_key_id:
        raise IncompleteSignatureException(
            "Credential must have exactly 5 slash-delimited elements, "
            f"e.g. keyid/date/region/service/term, got '{credential.split(maxsplit=1)[0]}'"
        )
    return access_key_id, scope[0], scope[1], scope[2]


def _recode(part: bytes) -> str:
    return quote(unquote_to_bytes(part.replace(b"+", b" ")), safe=UNRESERVED)
