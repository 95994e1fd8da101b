"""ID tokens: what verifies, what is refused, with which text and in which order."""

import json
from collections.abc import Collection, Sequence
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from hypothesis import given
from hypothesis import strategies as st
from jwt.algorithms import ECAlgorithm, RSAAlgorithm

from keepstep.domain.logins import (
    COGNITO_ISSUER,
    LoginProvider,
    VerifiedLogin,
    user_pool_provider,
)
from keepstep.domain.openid_connect import (
    ID_TOKEN_LENGTH_MAX,
    KEY_SET_KEYS_MAX,
    KeySetBroken,
    VerificationKey,
    read_id_token,
    read_keys,
    verify_signature,
)
from keepstep.wire.errors import NotAuthorizedException
from tests.tokens import encode_part, shared_secret_token, unsigned_token

NOW = 1_800_000_000
ISSUER = "https://openid.test/realm"
GOOGLE = "https://accounts.google.com"
PROVIDER = LoginProvider(name="openid.test/realm", issuer=ISSUER)
POOL = "cognito-idp.eu-west-1.amazonaws.com/eu-west-1_AbCdEf123"
CLAIMS: dict[str, Any] = {
    "iss": ISSUER,
    "sub": "user-1",
    "aud": "app",
    "iat": NOW - 60,
    "exp": NOW + 600,
}
RSA_KEY = rsa.generate_private_key(65537, 2048)
EC_KEY = ec.generate_private_key(ec.SECP256R1())
RSA_JWK = {**RSAAlgorithm.to_jwk(RSA_KEY.public_key(), as_dict=True), "kid": "rsa", "use": "sig"}
EC_JWK = {**ECAlgorithm.to_jwk(EC_KEY.public_key(), as_dict=True), "kid": "ec"}
KEYS = read_keys({"keys": [RSA_JWK, EC_JWK]})

FORM = "Invalid login token. Not a valid OpenId Connect identity token."
SIGNATURE = "Invalid login token. Couldn't verify signed token."
UNSUPPORTED = "Token is not from a supported provider of this identity pool."
COGNITO_TOKEN = "Invalid login token. Can't pass in a Cognito token."
OTHER_ISSUER = "Invalid login token. Issuer doesn't match providerName"


def missing(claim: str) -> str:
    return f"Invalid login token. Missing a required claim: {claim}"


def signed(
    changes: dict[str, Any] | None = None,
    *,
    algorithm: str = "RS256",
    headers: dict[str, Any] | None = None,
) -> str:
    """Sign the usual claims with changes; None leaves a claim out."""
    claims = {k: v for k, v in {**CLAIMS, **(changes or {})}.items() if v is not None}
    key, key_id = (EC_KEY, "ec") if algorithm == "ES256" else (RSA_KEY, "rsa")
    text = json.dumps(claims).encode()
    return jwt.api_jws.encode(text, key, algorithm, {"kid": key_id, **(headers or {})})


def with_header(header: dict[str, Any]) -> str:
    """Sign a header as it is, over the usual one."""
    text = f"{encode_part({'alg': 'RS256', 'kid': 'rsa', **header})}.{encode_part(CLAIMS)}"
    signer = jwt.get_algorithm_by_name("RS256")
    return f"{text}.{encode_part(signer.sign(text.encode(), RSA_KEY))}"


def with_payload(payload: bytes) -> str:
    """Sign bytes that may be no claims at all."""
    return jwt.api_jws.encode(payload, RSA_KEY, "RS256", {"kid": "rsa"})


def verify(token: str, provider: LoginProvider = PROVIDER, *audiences: str) -> VerifiedLogin:
    return verify_for(token, provider, audiences or ("app",))


def verify_for(
    token: str,
    provider: LoginProvider,
    audiences: Collection[str],
    keys: Sequence[VerificationKey] = KEYS,
) -> VerifiedLogin:
    """Verify as the server does, which finds the keys of a provider between the two steps."""
    read = read_id_token(token, provider, audiences, now=NOW * 1000, own_issuers=("https://own",))
    return verify_signature(read, keys)


def refusal(token: str, provider: LoginProvider = PROVIDER, *audiences: str) -> str:
    with pytest.raises(NotAuthorizedException) as caught:
        verify(token, provider, *audiences)
    return caught.value.message


def test_a_good_token_gives_who_the_user_is() -> None:
    login = verify(signed({"email": "a@b.c"}))
    assert (login.provider_name, login.subject, login.audience) == (PROVIDER.name, "user-1", "app")
    assert login.claims["email"] == "a@b.c"


def test_what_is_printed_of_a_login_or_a_token_holds_no_claim() -> None:
    token = signed({"email": "a@b.c"})
    read = read_id_token(token, PROVIDER, ["app"], now=NOW * 1000)
    for printed in (
        repr(read),
        repr([*read.__rich_repr__()]),
        repr(verify(token)),
        repr([*verify(token).__rich_repr__()]),
    ):
        assert "user-1" not in printed
        assert "a@b.c" not in printed
        assert token not in printed


NO_ID_TOKENS: dict[str, str] = {
    "nothing": "",
    "opaque": "opaque",
    "two parts": "a.b",
    "five parts": "a.b.c.d.e",
    "empty parts": "...",
    "no base64": "not json.not json.not json",
    "not ASCII": "ümlaut.x.y",
    "padding": signed() + "=",
    "too long": "x" * (ID_TOKEN_LENGTH_MAX + 1),
    "header a list": f"{encode_part(b'[1]')}.{encode_part(CLAIMS)}.c2ln",
    "header too deep": f"{encode_part(b'[' * 30_000)}.{encode_part(CLAIMS)}.c2ln",
    "claims too deep": with_payload(b'{"iss": ' + b"[" * 30_000),
    "claims a list": with_payload(b"[]"),
    "claims no JSON": with_payload(b'{"iss": NaN}'),
    "claims no UTF-8": with_payload(b'{"iss": "\xff"}'),
    "half a surrogate pair": with_payload(b'{"iss": "\\ud800"}'),
    "empty subject": signed({"sub": ""}),
    "long subject": signed({"sub": "x" * 256}),
    "number for a subject": signed({"sub": 7}),
    "control character": signed({"sub": "nul\0"}),
    "text for a time": signed({"exp": "soon"}),
    "truth for a time": signed({"exp": True}),
    "unreal time": signed({"exp": 1e300}),
    "list for a time": signed({"nbf": []}),
    "known critical header": signed(headers={"crit": ["b64"], "b64": True}),
    "unknown critical header": with_header({"crit": ["other"], "other": 1}),
    "number for a key id": with_header({"kid": 7}),
    "access token": signed(headers={"typ": "at+jwt"}),
    "media type of an access token": signed(headers={"typ": "application/at+JWT"}),
}


@pytest.mark.parametrize("name", NO_ID_TOKENS)
def test_what_is_no_id_token_is_refused_as_that(name: str) -> None:
    assert refusal(NO_ID_TOKENS[name]) == FORM


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"iss": COGNITO_ISSUER}, COGNITO_TOKEN),
        ({"iss": "https://own"}, COGNITO_TOKEN),
        ({"iss": None}, missing("iss")),
        ({"iss": "https://other.test"}, OTHER_ISSUER),
        ({"iss": ISSUER + "/"}, OTHER_ISSUER),
        ({"iss": ISSUER.upper()}, OTHER_ISSUER),
        ({"iss": [ISSUER]}, OTHER_ISSUER),
        ({"aud": None}, missing("aud")),
        ({"aud": []}, missing("aud")),
        ({"aud": 7}, missing("aud")),
        ({"aud": ["app", 7]}, missing("aud")),
        ({"aud": "App"}, UNSUPPORTED),
        ({"sub": None}, missing("sub")),
        ({"exp": None}, missing("exp")),
        ({"exp": NOW - 300}, f"Invalid login token. Token expired: {NOW} >= {NOW}"),
        ({"exp": NOW - 360}, f"Invalid login token. Token expired: {NOW} >= {NOW - 60}"),
        ({"iat": NOW + 301}, f"Invalid login token. Token is not valid yet: {NOW} < {NOW + 1}"),
        ({"nbf": NOW + 301}, f"Invalid login token. Token is not valid yet: {NOW} < {NOW + 1}"),
    ],
)
def test_a_wrong_claim_has_the_text_of_the_real_service(changes: dict[str, Any], text: str) -> None:
    assert refusal(signed(changes)) == text


@pytest.mark.parametrize(
    "changes",
    [
        {"exp": NOW - 240},
        {"exp": NOW - 298.5},
        {"iat": NOW + 300},
        {"nbf": NOW + 300},
        {"iat": None},
        {"sub": "x" * 255},
        {"nonce": "n", "email": None},
    ],
)
def test_clocks_may_differ_by_five_minutes_and_optional_claims_be_absent(
    changes: dict[str, Any],
) -> None:
    assert verify(signed(changes)).audience == "app"


@pytest.mark.parametrize(
    ("changes", "audience"),
    [
        ({"aud": ["app"]}, "app"),
        ({"aud": "app", "azp": "app"}, "app"),
        ({"aud": "web", "azp": "app"}, "app"),
        ({"aud": ["web", "app"], "azp": "app"}, "app"),
        ({"aud": ["app", "web"], "azp": "second"}, "second"),
    ],
)
def test_the_audience_is_the_configured_client(changes: dict[str, Any], audience: str) -> None:
    assert verify(signed(changes), PROVIDER, "app", "second").audience == audience


@pytest.mark.parametrize(
    "changes",
    [
        {"aud": "web"},
        {"aud": "app", "azp": "other"},
        {"aud": "app", "azp": ""},
        {"aud": "app", "azp": 7},
        {"aud": ["app", "web"]},
        {"aud": ["app", "web"], "azp": "web"},
        {"aud": ["web", "more"], "azp": "app"},
    ],
)
def test_a_token_for_someone_else_is_refused(changes: dict[str, Any]) -> None:
    assert refusal(signed(changes)) == UNSUPPORTED


def test_a_provider_with_audiences_of_its_own_takes_those_that_the_pool_names_too() -> None:
    own = LoginProvider(name="p", issuer=ISSUER, audiences=("app", "web"))
    token = signed({"aud": "web"})
    assert verify_for(token, own, ()).audience == "web"
    assert verify(token, own, "web", "more").audience == "web"
    assert refusal(token, own, "app") == UNSUPPORTED


def test_a_provider_of_which_no_audience_is_known_takes_nothing() -> None:
    with pytest.raises(NotAuthorizedException, match=UNSUPPORTED):
        verify_for(signed(), PROVIDER, ())


def test_the_first_thing_wrong_names_the_refusal() -> None:
    wrong: dict[str, Any] = {"iss": COGNITO_ISSUER, "aud": None, "exp": NOW - 999}
    texts: list[str] = []
    for repair in ({}, {"iss": "x"}, {"iss": ISSUER}, {"aud": "x"}, {"aud": "app"}, {"exp": NOW}):
        wrong |= repair
        texts.append(refusal(unsigned_token({**CLAIMS, **wrong})))
    expired = f"Invalid login token. Token expired: {NOW} >= {NOW - 699}"
    assert texts == [COGNITO_TOKEN, OTHER_ISSUER, missing("aud"), UNSUPPORTED, expired, SIGNATURE]


BADLY_SIGNED: dict[str, str] = {
    "none": unsigned_token(CLAIMS),
    "none with a key id": unsigned_token(CLAIMS, kid="rsa"),
    "none in capitals": unsigned_token(CLAIMS, alg="NONE"),
    "public key for a secret": shared_secret_token(
        CLAIMS, RSAAlgorithm.to_jwk(RSA_KEY.public_key()), kid="rsa"
    ),
    "longer digest": signed(algorithm="RS512"),
    "other family": signed(algorithm="ES256"),
    "key of another family": signed(headers={"kid": "ec"}),
    "unknown key": signed(headers={"kid": "unknown"}),
    "unknown algorithm": with_header({"alg": "PS256"}),
    "number for an algorithm": with_header({"alg": 1}),
    "no signature": signed().rpartition(".")[0] + ".",
    "shortened": signed()[:-6],
}


@pytest.mark.parametrize("name", BADLY_SIGNED)
def test_a_signature_of_another_kind_or_key_is_refused(name: str) -> None:
    assert refusal(BADLY_SIGNED[name]) == SIGNATURE


@pytest.mark.parametrize("algorithm", ["RS256", "RS384", "RS512", "ES256"])
def test_an_operator_may_allow_each_algorithm(algorithm: str) -> None:
    provider = LoginProvider(name="p", issuer=ISSUER, algorithms=(algorithm,))
    assert verify(signed(algorithm=algorithm), provider).subject == "user-1"


def test_a_key_serves_only_the_algorithm_that_it_is_published_for() -> None:
    provider = LoginProvider(name="p", issuer=ISSUER, algorithms=("RS256", "RS512"))
    keys = read_keys({"keys": [{**RSA_JWK, "alg": "RS512"}]})
    tokens = {name: signed(algorithm=name) for name in provider.algorithms}
    assert verify_for(tokens["RS512"], provider, ["app"], keys).subject == "user-1"
    with pytest.raises(NotAuthorizedException, match=SIGNATURE):
        verify_for(tokens["RS256"], provider, ["app"], keys)


def test_keys_that_a_token_brings_along_count_for_nothing() -> None:
    foreign = rsa.generate_private_key(65537, 2048)
    headers = {
        "kid": "rsa",
        "jwk": RSAAlgorithm.to_jwk(foreign.public_key(), as_dict=True),
        "jku": "https://evil.test/keys",
        "x5u": "https://evil.test/certificate",
        "x5c": ["AAAA"],
    }
    claims = json.dumps(CLAIMS).encode()
    assert refusal(jwt.api_jws.encode(claims, foreign, "RS256", headers)) == SIGNATURE
    assert verify(jwt.api_jws.encode(claims, RSA_KEY, "RS256", headers)).subject == "user-1"


def test_a_token_without_a_key_id_may_be_of_any_key() -> None:
    claims = json.dumps(CLAIMS).encode()
    assert verify(jwt.api_jws.encode(claims, RSA_KEY, "RS256")).subject == "user-1"


def test_google_alone_may_leave_out_the_scheme() -> None:
    google = LoginProvider(name="accounts.google.com", issuer=GOOGLE)
    for issuer in (GOOGLE, "accounts.google.com"):
        assert verify(signed({"iss": issuer}), google).provider_name == "accounts.google.com"
    assert refusal(signed({"iss": "openid.test/realm"})) == OTHER_ISSUER
    alias = LoginProvider(name="p", issuer=ISSUER, issuer_aliases=("openid.test/realm",))
    assert verify(signed({"iss": "openid.test/realm"}), alias).provider_name == "p"


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"token_use": "access", "aud": None}, missing("aud")),
        ({"token_use": "access"}, FORM),
        ({}, missing("token_use")),
    ],
)
def test_a_user_pool_is_known_by_its_name_and_its_id_tokens_only(
    changes: dict[str, Any], text: str
) -> None:
    pool = user_pool_provider(POOL)
    assert pool is not None
    issued = {"iss": f"https://{POOL}"}
    assert verify(signed({**issued, "token_use": "id"}), pool).provider_name == POOL
    assert refusal(signed({**issued, **changes}), pool) == text


@pytest.mark.parametrize(
    "entry",
    [
        "text",
        {},
        {"kty": "oct", "k": "c2VjcmV0", "kid": "rsa"},
        {**RSA_JWK, "use": "enc"},
        {**RSA_JWK, "key_ops": ["encrypt"]},
        {**RSA_JWK, "alg": "HS256"},
        {**RSA_JWK, "alg": "none"},
        {**RSA_JWK, "kid": 7},
        {**RSA_JWK, "n": "AQAB"},
        {**RSA_JWK, "n": 7},
        {**RSA_JWK, "n": ""},
        {**RSA_JWK, "e": "!"},
        {"kty": "RSA", "kid": "rsa"},
        {**EC_JWK, "crv": "P-384"},
        {**EC_JWK, "x": "AQAB"},
        {**EC_JWK, "alg": "RS256"},
        {**RSAAlgorithm.to_jwk(RSA_KEY, as_dict=True), "key_ops": ["verify"]},
        RSAAlgorithm.to_jwk(rsa.generate_private_key(65537, 1024).public_key(), as_dict=True),
    ],
)
def test_keys_that_must_not_verify_anything_are_passed_over(entry: Any) -> None:
    assert read_keys({"keys": [entry]}) == ()
    assert len(read_keys({"keys": [entry, RSA_JWK]})) == 1


def test_a_key_set_counts_up_to_its_fiftieth_key() -> None:
    assert len(read_keys({"keys": [EC_JWK] * 60})) == KEY_SET_KEYS_MAX


@pytest.mark.parametrize("document", [{}, {"keys": None}, {"keys": {"a": RSA_JWK}}])
def test_a_document_without_a_list_of_keys_is_no_key_set(document: dict[str, Any]) -> None:
    with pytest.raises(KeySetBroken):
        read_keys(document)


GOOD = signed(algorithm="ES256")
ANY_ALGORITHM = LoginProvider(name="p", issuer=ISSUER, algorithms=("RS256", "ES256"))


@given(
    st.sampled_from([signed(), GOOD]),
    st.floats(0, 1, exclude_max=True),
    st.integers(0, 2),
    st.characters(),
)
def test_no_token_verifies_with_one_character_changed_added_or_taken_away(
    token: str, place: float, removed: int, character: str
) -> None:
    at = int(place * len(token))
    mutated = token[:at] + (character if removed < 2 else "") + token[at + min(removed, 1) :]
    if mutated != token:
        refusal(mutated, ANY_ALGORITHM)


@given(st.text() | st.binary().map(encode_part), st.integers(0, 2))
def test_no_token_verifies_with_a_part_replaced(part: str, number: int) -> None:
    parts = signed().split(".")
    if parts[number] != part:
        parts[number] = part
        refusal(".".join(parts))
