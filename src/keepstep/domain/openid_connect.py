"""OpenID Connect ID tokens: what makes one good, and the texts of refusals. Pure.

The claims are read before the signature is checked only to choose the text of a refusal, in the
order of the real service; nothing is believed, kept or fetched for them. Texts: as quoted in
public issues, named at the checks.
"""

import math
import re
from collections.abc import Collection, Mapping, Sequence
from typing import Any, Final, Never, cast

import msgspec
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from jwt import PyJWK, PyJWS
from jwt.exceptions import PyJWTError

from keepstep.wire.errors import NotAuthorizedException

from .logins import (
    ALGORITHMS,
    COGNITO_ISSUER,
    UNSUPPORTED_PROVIDER,
    LoginProvider,
    VerifiedLogin,
)

ID_TOKEN_LENGTH_MAX: Final = 50_000
"""Characters of a token (service model, IdentityProviderToken)."""
SUBJECT_LENGTH_MAX: Final = 255
"""Characters of ``sub`` (OpenID Connect Core 1.0, section 2)."""
RSA_BITS_MIN: Final = 2048
"""Shorter RSA keys are ignored (RFC 7518, section 3.3)."""
RSA_BITS_MAX: Final = 8192
"""Longer RSA keys are ignored: no provider has them, and each check would take long."""
KEY_SET_KEYS_MAX: Final = 50
"""Keys of one key set that are looked at; real providers publish two to ten."""
TIME_MAX: Final = 2**53
"""A time in seconds that every JSON number can hold exactly."""

_SHAPE: Final = re.compile(r"[\w-]+\.[\w-]+\.[\w-]*", re.ASCII)
_SIGNATURES: Final = PyJWS(algorithms=ALGORITHMS)
_CURVE_ALGORITHMS: Final = frozenset({"ES256"})
_RSA_ALGORITHMS: Final = frozenset(ALGORITHMS) - _CURVE_ALGORITHMS


class KeySetBroken(ValueError):
    """A document is no JSON Web Key Set."""


class VerificationKey(msgspec.Struct, frozen=True):
    """A public key of a provider and the algorithms that it may verify."""

    key_id: str | None
    algorithms: frozenset[str]
    key: RSAPublicKey | EllipticCurvePublicKey


class UnverifiedToken(msgspec.Struct, frozen=True, kw_only=True):
    """A token whose claims are in order and whose signature is still to be checked."""

    token: str
    algorithm: str
    key_id: str | None
    login: VerifiedLogin

    def __repr__(self) -> str:
        """Show neither token nor claim: the text may end in a log."""
        return "UnverifiedToken()"

    def __rich_repr__(self) -> list[tuple[str, str]]:
        """Show as little in the tracebacks of rich."""
        return []


def read_id_token(
    token: str,
    provider: LoginProvider,
    audiences: Collection[str],
    *,
    now: int,
    own_issuers: Collection[str] = (),
) -> UnverifiedToken:
    """Check all of a token but its signature.

    ``audiences`` are the client ids of the identity pool; if the provider has its own as well, a
    token must be for one that both name. ``now`` is in milliseconds. ``own_issuers`` are those
    of the server's own tokens, which are no logins.

    Raises NotAuthorizedException with the text of the first check that fails, in this order:
    form, own token, issuer, audience, other claims, expiry, time of issue, algorithm.
    """
    header, claims = _decode(token)
    issuer = claims.get("iss")
    if issuer == COGNITO_ISSUER or issuer in own_issuers:
        _refuse("Can't pass in a Cognito token.")  # aws-sdk-net issue 420
    if "iss" not in claims:
        _refuse("Missing a required claim: iss")
    if issuer not in provider.issuers:
        _refuse("Issuer doesn't match providerName")  # amazon-cognito-identity-js issue 40
    audience = _check_audience(claims, _allowed_audiences(provider, audiences))
    subject = _check_identity(claims, provider)
    _check_times(claims, now // 1000, provider.leeway_seconds)
    algorithm = header.get("alg")
    if not isinstance(algorithm, str) or algorithm not in provider.algorithms:
        _refuse_signature()
    return UnverifiedToken(
        token=token,
        algorithm=algorithm,
        key_id=header.get("kid"),
        login=VerifiedLogin(
            provider_name=provider.name, subject=subject, audience=audience, claims=claims
        ),
    )


def verify_signature(read: UnverifiedToken, keys: Sequence[VerificationKey]) -> VerifiedLogin:
    """Check a token's signature with those of a provider's keys that it may be made with.

    Raises NotAuthorizedException.
    """
    for key in matching_keys(keys, read.key_id):
        if read.algorithm in key.algorithms:
            try:
                _SIGNATURES.decode_complete(read.token, key.key, algorithms=[read.algorithm])
            except PyJWTError:
                continue
            return read.login
    return _refuse_signature()


def matching_keys(
    keys: Sequence[VerificationKey], key_id: str | None
) -> tuple[VerificationKey, ...]:
    """Give the keys that a token's ``kid`` may mean; a key or a token without one means any."""
    return tuple(
        [key for key in keys if key_id is None or key.key_id is None or key.key_id == key_id]
    )


def read_keys(document: Mapping[str, Any]) -> tuple[VerificationKey, ...]:
    """Give the keys of a key set that may verify a token.

    Passed over are keys that are broken, private, symmetric, for another use, too short or of an
    unknown kind, and all behind the fiftieth.

    Raises KeySetBroken if the document is no key set at all.
    """
    listed = document.get("keys")
    if not isinstance(listed, list):
        raise KeySetBroken("holds no list of keys")
    entries = cast("list[Any]", listed)[:KEY_SET_KEYS_MAX]
    found = [_read_key(cast("dict[str, Any]", entry)) for entry in entries if _is_object(entry)]
    return tuple([key for key in found if key is not None])


def _read_key(entry: dict[str, Any]) -> VerificationKey | None:
    operations = entry.get("key_ops", ["verify"])
    if entry.get("use", "sig") != "sig" or "d" in entry or "k" in entry:
        return None
    if not isinstance(operations, list) or "verify" not in operations:
        return None
    family, algorithms = entry.get("kty"), frozenset[str]()
    if family == "RSA":
        algorithms = _RSA_ALGORITHMS
    elif family == "EC" and entry.get("crv") == "P-256":
        algorithms = _CURVE_ALGORITHMS
    if "alg" in entry:
        algorithms &= {str(entry["alg"])}
    key_id = entry.get("kid")
    if not algorithms or not (key_id is None or isinstance(key_id, str)):
        return None
    try:
        key = PyJWK(entry, algorithm=min(algorithms)).key
    except (PyJWTError, ValueError, TypeError, OverflowError):
        return None
    if not _is_strong(key):
        return None
    return VerificationKey(key_id, algorithms, key)


def _is_strong(key: object) -> bool:
    if isinstance(key, RSAPublicKey):
        return RSA_BITS_MIN <= key.key_size <= RSA_BITS_MAX
    return isinstance(key, EllipticCurvePublicKey) and isinstance(key.curve, SECP256R1)


def _is_object(value: object) -> bool:
    return isinstance(value, dict)


def _decode(token: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Give header and claims of a token in canonical form, so that no two texts are one token."""
    if len(token) > ID_TOKEN_LENGTH_MAX or _SHAPE.fullmatch(token) is None:
        _refuse_form()
    try:
        decoded = _SIGNATURES.decode_complete(token, options={"verify_signature": False})
        claims = msgspec.json.decode(decoded["payload"], type=dict[str, Any])
    except (PyJWTError, ValueError, RecursionError):
        _refuse_form()
    header: dict[str, Any] = decoded["header"]
    kind = header.get("typ", "JWT")
    # RFC 8725, section 3.11: a typed token such as an access token (at+jwt) is no ID token.
    if "crit" in header or not isinstance(kind, str) or kind.lower().endswith("+jwt"):
        _refuse_form()
    return header, claims


def _allowed_audiences(provider: LoginProvider, audiences: Collection[str]) -> frozenset[str]:
    if not provider.audiences:
        return frozenset(audiences)
    if not audiences:
        return frozenset(provider.audiences)
    return frozenset(provider.audiences) & frozenset(audiences)


def _check_audience(claims: Mapping[str, Any], allowed: frozenset[str]) -> str:
    """Give the configured client id that a token is for.

    ``azp``, if there, decides instead of ``aud`` (Cognito Developer Guide, "Open ID Connect
    providers"). Of several audiences one must be configured and ``azp`` must be, too (OpenID
    Connect Core 1.0, section 3.1.3.7).
    """
    audiences = _strings(claims.get("aud"))
    if not audiences:
        _refuse("Missing a required claim: aud")  # amazon-cognito-identity-js issue 7
    wanted = [audience for audience in audiences if audience in allowed]
    if len(audiences) > 1 and (not wanted or "azp" not in claims):
        raise NotAuthorizedException(UNSUPPORTED_PROVIDER)
    if "azp" in claims:
        wanted = [party for party in _strings(claims["azp"]) if party in allowed]
    if not wanted:
        raise NotAuthorizedException(UNSUPPORTED_PROVIDER)
    return wanted[0]


def _check_identity(claims: Mapping[str, Any], provider: LoginProvider) -> str:
    for name in ("sub", "exp", *provider.required_claims):
        if name not in claims:
            _refuse(f"Missing a required claim: {name}")
    subject = claims["sub"]
    if not isinstance(subject, str) or not 1 <= len(subject) <= SUBJECT_LENGTH_MAX:
        _refuse_form()
    if min(subject) < " ":  # control characters, of which stores refuse some
        _refuse_form()
    if any(claims[name] != value for name, value in provider.required_claims.items()):
        _refuse_form()
    return subject


def _check_times(claims: Mapping[str, Any], now: int, leeway: int) -> None:
    ends = _seconds(claims["exp"]) + leeway
    if now >= ends:
        _refuse(f"Token expired: {now} >= {ends}")  # aws-sdk-ios issue 2570
    for name in ("iat", "nbf"):
        if name in claims and (begins := _seconds(claims[name]) - leeway) > now:
            _refuse(f"Token is not valid yet: {now} < {begins}")


def _seconds(value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int | float):
        _refuse_form()
    if not math.isfinite(value) or abs(value) > TIME_MAX:
        _refuse_form()
    return int(value)


def _strings(value: object) -> list[str]:
    """Give a claim that is a string, or a list of strings, as a list; [] for anything else."""
    values = cast("list[object]", value) if isinstance(value, list) else [value]
    strings = [item for item in values if isinstance(item, str) and item]
    return strings if len(strings) == len(values) else []


def _refuse(reason: str) -> Never:
    raise NotAuthorizedException(f"Invalid login token. {reason}")


def _refuse_form() -> Never:
    _refuse("Not a valid OpenId Connect identity token.")  # passport-google-oauth2 issue 20


def _refuse_signature() -> Never:
    _refuse("Couldn't verify signed token.")  # amazon-cognito-identity-js issue 91
