"""The OpenID tokens that keepstep issues: made, checked, and published for others to check.

Header and claims are those of the real tokens (seen in aws-sdk-net issue 420, and in public
talks): RS512, type JWS, a key id of the region and a number.
"""

import base64
from collections.abc import Mapping, Sequence
from typing import Any, Final

import jwt
import msgspec
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_der_private_key,
)

from .limits import SECOND_MS

ALGORITHM: Final = "RS512"
RSA_BITS: Final = 2048
PUBLISHED_PATH: Final = "/.well-known/jwks_uri"
"""Where the real service publishes its keys; the path does end so."""

_POOL_ARN = "https://cognito-identity.amazonaws.com/identity-pool-arn"
_TAGS = "https://aws.amazon.com/tags"


class TokenInvalid(Exception):
    """The token is not one of this server's."""


class TokenExpired(Exception):
    """The token was one of this server's, and has ended.

    ``now`` and ``expiry`` are seconds since the epoch.
    """

    def __init__(self, now: int, expiry: int) -> None:
        super().__init__(f"{now} >= {expiry}")
        self.now = now
        self.expiry = expiry


class OpenIdToken(msgspec.Struct, frozen=True, kw_only=True):
    """What a token says: which identity of which pool signed in, and how."""

    identity_id: str
    identity_pool_id: str
    amr: tuple[str, ...]
    principal_tags: Mapping[str, str] = {}
    issued_at: int = 0
    """Milliseconds since the epoch, in whole seconds; given by ``verify``."""


class TokenSigningKey(msgspec.Struct, frozen=True):
    """A private key and its id."""

    key_id: str
    private: rsa.RSAPrivateKey

    def __repr__(self) -> str:
        return f"TokenSigningKey({self.key_id!r})"


def new_private_key() -> bytes:
    """Make a key, in DER. Takes a tenth of a second or so of one core."""
    private = rsa.generate_private_key(public_exponent=65537, key_size=RSA_BITS)
    return private.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())


def load_signing_key(region: str, number: int, der: bytes) -> TokenSigningKey:
    """Give a key made by ``new_private_key``."""
    private = load_der_private_key(der, password=None)
    assert isinstance(private, rsa.RSAPrivateKey)
    return TokenSigningKey(f"{region}{number}", private)


def issue(
    token: OpenIdToken,
    key: TokenSigningKey,
    *,
    issuer: str,
    region: str,
    account_id: str,
    now: int,
    life: int,
) -> str:
    """Sign a token that ends ``life`` milliseconds from now."""
    issued_at = now // SECOND_MS
    pool = token.identity_pool_id
    claims: dict[str, Any] = {
        "sub": token.identity_id,
        "aud": pool,
        "amr": list(token.amr),
        "iss": issuer,
        _POOL_ARN: f"arn:aws:cognito-identity:{region}:{account_id}:identitypool/{pool}",
        "exp": issued_at + life // SECOND_MS,
        "iat": issued_at,
    }
    if token.principal_tags:
        tags = {name: [value] for name, value in token.principal_tags.items()}
        claims[_TAGS] = {"principal_tags": tags, "transitive_tag_keys": list(tags)}
    headers = {"kid": key.key_id, "typ": "JWS"}
    return jwt.encode(claims, key.private, algorithm=ALGORITHM, headers=headers)


def verify(token: str, keys: Sequence[TokenSigningKey], *, issuer: str, now: int) -> OpenIdToken:
    """Give what a token of this server says.

    Raises TokenInvalid, and TokenExpired.
    """
    try:
        key_id = jwt.get_unverified_header(token).get("kid")
        key = next(key for key in keys if key.key_id == key_id)
        claims: dict[str, Any] = jwt.decode(
            token,
            key.private.public_key(),
            algorithms=[ALGORITHM],
            issuer=issuer,
            options={
                "require": ["exp", "iat", "iss", "sub", "aud", "amr"],
                # By the clock that is passed in, below; the pool is for the caller to compare.
                "verify_exp": False,
                "verify_iat": False,
                "verify_nbf": False,
                "verify_aud": False,
            },
        )
        expiry = int(claims["exp"])
        tags = claims.get(_TAGS, {}).get("principal_tags", {})
        opened = OpenIdToken(
            identity_id=claims["sub"],
            identity_pool_id=claims["aud"],
            amr=tuple(claims["amr"]),
            principal_tags={name: values[0] for name, values in tags.items()},
            issued_at=int(claims["iat"]) * SECOND_MS,
        )
    except (jwt.PyJWTError, StopIteration, ValueError, TypeError):
        raise TokenInvalid from None
    if expiry <= now // SECOND_MS:
        raise TokenExpired(now // SECOND_MS, expiry)
    return opened


def is_own(token: str, issuer: str) -> bool:
    """Whether a token says it is this server's; for the choice of a message only."""
    try:
        claims: dict[str, Any] = jwt.decode(token, options={"verify_signature": False})
    except jwt.PyJWTError:
        return False
    return claims.get("iss") == issuer


def published(keys: Sequence[TokenSigningKey]) -> dict[str, list[dict[str, str]]]:
    """Give the key set that others check tokens with."""
    return {"keys": [_public(key) for key in keys]}


def _public(key: TokenSigningKey) -> dict[str, str]:
    numbers = key.private.public_key().public_numbers()
    return {
        "kty": "RSA",
        "alg": ALGORITHM,
        "use": "sig",
        "kid": key.key_id,
        "n": _number(numbers.n),
        "e": _number(numbers.e),
    }


def _number(value: int) -> str:
    raw = value.to_bytes((value.bit_length() + 7) // 8, "big")
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode("ascii")
