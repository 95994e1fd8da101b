"""Signature Version 4: vectors made with botocore 1.43.11, botocore itself, and the odd cases."""

import hashlib
from typing import Any
from urllib.parse import quote

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials as BotocoreCredentials
from hypothesis import given
from hypothesis import strategies as st

from keepstep.server.request import by_name
from keepstep.wire.errors import IncompleteSignatureException
from keepstep.wire.rest_json import UNRESERVED
from keepstep.wire.sigv4 import (
    Credentials,
    canonical_headers,
    canonical_path,
    canonical_query,
    canonical_request,
    parse_authorization,
    sign,
    signature,
    signing_key,
)

from .strategies import EXAMPLES

ACCESS_KEY = "ASIAEXAMPLEEXAMPLE01"
SECRET = "wJalrXUtnFEMIK7MDENGbPxRfiCYEXAMPLEKEY00"
TIME = "20260102T030405Z"
SCOPE = f"{ACCESS_KEY}/20260102/us-east-1/cognito-sync/aws4_request"
SIGNATURE = "0123456789abcdef" * 4
TARGET = (
    "/identitypools/us-east-1%3A11111111-2222-3333-4444-555555555555/identities/"
    "us-east-1%3Aaaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee/datasets/my%20set/records"
    "?maxResults=10&nextToken=a%2Bb%3D"
)
FORM = b"Action=GetCallerIdentity&Version=2011-06-15"
FORM_TYPE = "application/x-www-form-urlencoded; charset=utf-8"
NO_DATE = "Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header."


def authorization(*parts: str) -> str:
    return "AWS4-HMAC-SHA256 " + ", ".join(parts)


def canonical(method: str, target: str, headers: dict[str, str], body: bytes) -> str:
    """Give the canonical request in which every header given is signed."""
    path, _, query = target.encode().partition(b"?")
    names = sorted(headers)
    arrived = {name.encode(): value.encode() for name, value in headers.items()}
    lines = canonical_headers(arrived, [name.encode() for name in names])
    assert lines is not None
    digest = hashlib.sha256(body).hexdigest()
    return canonical_request(
        method, canonical_path(path), canonical_query(query), lines, ";".join(names), digest
    )


def signed_at_time(request: str, service: str) -> str:
    key = signing_key(SECRET, TIME[:8], "us-east-1", service)
    return signature(key, TIME, f"{TIME[:8]}/us-east-1/{service}/aws4_request", request)


def digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def test_the_vector_of_a_sync_request_with_encoded_identifiers() -> None:
    headers = {
        "host": "localhost:8080",
        "x-amz-date": TIME,
        "x-amz-security-token": "SESSIONTOKEN",
    }
    request = canonical("GET", TARGET, headers, b"")
    assert "%253A11111111" in request
    assert "my%2520set" in request
    assert digest(request) == "00fb9dff37db7a6e1636c74abe8c0edc99998e7cd47d6c35c7012584adf61823"
    expected = "ea217777378926366c95877b4c4d8d6b3d1ab21ce069e92ce567ba8882806acb"
    assert signed_at_time(request, "cognito-sync") == expected
    signed = sign(
        "GET",
        TARGET,
        {"Host": "localhost:8080"},
        b"",
        credentials=Credentials(ACCESS_KEY, SECRET, "SESSIONTOKEN"),
        time=TIME,
        region="us-east-1",
        service="cognito-sync",
    )
    assert signed["authorization"] == authorization(
        f"Credential={SCOPE}",
        "SignedHeaders=host;x-amz-date;x-amz-security-token",
        f"Signature={expected}",
    )


def test_the_vector_of_a_form_post() -> None:
    assert hashlib.sha256(FORM).hexdigest() == (
        "ab821ae955788b0e33ebd34c208442ccfc2d406e2edc5e7a39bd6458fbb4f843"
    )
    headers = {"content-type": FORM_TYPE, "host": "sts.amazonaws.com", "x-amz-date": TIME}
    assert signed_at_time(canonical("POST", "/", headers, FORM), "sts") == (
        "8048dea38aca136890e4b1d495080acb410a673a4cbd0bdad70dbfc7de2f8bb0"
    )


def test_the_vector_of_a_presigned_request_comes_out_too() -> None:
    """The project serves no presigned requests; the same rules make their canonical form."""
    query = {
        "Action": "GetCallerIdentity",
        "Version": "2011-06-15",
        "X-Amz-Algorithm": "AWS4-HMAC-SHA256",
        "X-Amz-Credential": f"{ACCESS_KEY}/20260102/us-east-1/sts/aws4_request",
        "X-Amz-Date": TIME,
        "X-Amz-Expires": "900",
        "X-Amz-SignedHeaders": "host",
        "X-Amz-Security-Token": "SESSION/TOKEN+=",
    }
    target = "/?" + "&".join(f"{k}={quote(v, safe='')}" for k, v in query.items())
    request = canonical("GET", target, {"host": "sts.amazonaws.com"}, b"")
    assert "X-Amz-Security-Token=SESSION%2FTOKEN%2B%3D" in request
    assert digest(request) == "281e73b547a7c7f4cdb3a8637a6736e861de20be5ea2e4eb2547c312cfb6fc83"
    assert signed_at_time(request, "sts") == (
        "58eb5a201b64d891d3905f412a8c06a58670be46bc60601ee2f86ede43fdc3e6"
    )


SEGMENTS = st.from_regex(r"([A-Za-z0-9_.~:!*'()@,;=+$&-]|%[0-9A-Fa-f]{2}){1,12}", fullmatch=True)
PATHS = st.lists(SEGMENTS.filter(lambda segment: segment not in {".", ".."}), max_size=4).map(
    lambda segments: "/" + "/".join(segments)
)
TEXTS = st.text(max_size=10)
QUERIES = st.lists(st.tuples(st.text(min_size=1, max_size=10), TEXTS), max_size=4).map(
    lambda pairs: "&".join(
        f"{quote(name, safe=UNRESERVED)}={quote(value, safe=UNRESERVED)}" for name, value in pairs
    )
)
HEADERS = st.dictionaries(
    st.from_regex(r"x-app-[a-z0-9]{1,8}(-[a-z0-9]{1,8})?", fullmatch=True),
    st.from_regex(r"[ -~\t]{0,20}", fullmatch=True),
    max_size=4,
)


@EXAMPLES
@given(
    method=st.sampled_from(["GET", "POST", "DELETE"]),
    path=PATHS,
    query=QUERIES,
    headers=HEADERS,
    body=st.binary(),
    token=st.none() | st.from_regex(r"[A-Za-z0-9+/=]{1,40}", fullmatch=True),
    host=st.sampled_from(["localhost:8080", "cognito-sync.us-east-1.amazonaws.com"]),
    service=st.sampled_from(["cognito-sync", "cognito-identity", "sts"]),
)
def test_the_signature_is_the_one_botocore_makes(
    method: str,
    path: str,
    query: str,
    headers: dict[str, str],
    body: bytes,
    token: str | None,
    host: str,
    service: str,
) -> None:
    target = f"{path}?{query}" if query else path
    theirs: Any = AWSRequest(method, f"http://{host}{target}", headers, body)
    SigV4Auth(BotocoreCredentials(ACCESS_KEY, SECRET, token), service, "eu-west-1").add_auth(theirs)
    ours = sign(
        method,
        target,
        {"Host": host, **headers},
        body,
        credentials=Credentials(ACCESS_KEY, SECRET, token),
        time=theirs.headers["X-Amz-Date"],
        region="eu-west-1",
        service=service,
    )
    assert ours["authorization"] == theirs.headers["Authorization"]


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        (b"/", "/"),
        (b"/us-east-1%3AGUID", "/us-east-1%253AGUID"),
        (b"/us-east-1%3aGUID", "/us-east-1%253aGUID"),
        (b"/us-east-1:GUID", "/us-east-1%3AGUID"),
        (b"/us-east-1%253AGUID", "/us-east-1%25253AGUID"),
        (b"/a%20b/", "/a%2520b/"),
        (b"/A-z_0.9~", "/A-z_0.9~"),
        (b"/!*'()", "/%21%2A%27%28%29"),
        (b"/+ \xe9", "/%2B%20%E9"),
    ],
)
def test_the_path_is_encoded_once_more_than_it_arrived(raw: bytes, expected: str) -> None:
    assert canonical_path(raw) == expected


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        (b"", ""),
        (b"b=2&a=1", "a=1&b=2"),
        (b"a=2&a=1", "a=1&a=2"),
        (b"a", "a="),
        (b"a=b=c", "a=b%3Dc"),
        (b"a=x+y", "a=x%20y"),
        (b"a=x%20y", "a=x%20y"),
        (b"a=%2b", "a=%2B"),
        (b"a=~-_.", "a=~-_."),
        (b"a=/:*", "a=%2F%3A%2A"),
        (b"B=1&a=1&%41=1", "A=1&B=1&a=1"),
        (b"a-b=1&a=2", "a=2&a-b=1"),
        (b"a=\xc3\xa9", "a=%C3%A9"),
        (b"&a=1&&", "a=1"),
    ],
)
def test_the_query_is_decoded_encoded_and_sorted(raw: bytes, expected: str) -> None:
    assert canonical_query(raw) == expected


def test_headers_are_trimmed_and_in_the_signed_order() -> None:
    arrived = {b"b": b"  x \t  y ", b"other": b"z", b"a": b"1"}
    assert canonical_headers(arrived, [b"a", b"b"]) == "a:1\nb:x y\n"
    assert canonical_headers(arrived, [b"b", b"a"]) == "b:x y\na:1\n"


def test_repeated_headers_are_trimmed_and_joined_in_the_order_of_their_arrival() -> None:
    arrived = by_name([(b"a", b" 2 "), (b"b", b"x"), (b"a", b"  1")])
    assert canonical_headers(arrived, [b"a"]) == "a:2,1\n"


@pytest.mark.parametrize("name", ["x-amz-date", "", "\u0130", "\u20ac"])
def test_a_signed_header_that_did_not_arrive_is_a_mismatch(name: str) -> None:
    assert canonical_headers({b"host": b"h"}, [b"host", name.encode()]) is None


@pytest.mark.parametrize(
    "value",
    [
        authorization(f"Credential={SCOPE}", "SignedHeaders=host", f"Signature={SIGNATURE}"),
        authorization(f"Signature={SIGNATURE}", "SignedHeaders=Host", f"Credential={SCOPE}"),
        f"AWS4-HMAC-SHA256   Credential={SCOPE},SignedHeaders=host,Signature={SIGNATURE}",
        f"AWS4-HMAC-SHA256 Credential={SCOPE} ,  SignedHeaders=host , Signature={SIGNATURE} ",
    ],
)
def test_the_parts_of_an_authorization_may_come_in_any_order_and_spacing(value: str) -> None:
    claims, given = parse_authorization(value, dated=True)
    assert (claims.access_key_id, given) == (ACCESS_KEY, SIGNATURE)
    assert (claims.names, claims.signed_headers) == ("host", (b"host",))
    assert claims.scope == "20260102/us-east-1/cognito-sync/aws4_request"


def test_an_access_key_with_slashes_is_split_from_the_right() -> None:
    value = authorization(f"Credential=a/b/{SCOPE}", "SignedHeaders=host", "Signature=0")
    assert parse_authorization(value, dated=True)[0].access_key_id == f"a/b/{ACCESS_KEY}"


def refusal(value: str, *, dated: bool = True) -> str:
    with pytest.raises(IncompleteSignatureException) as raised:
        parse_authorization(value, dated=dated)
    return raised.value.message


PARTS = {
    "Credential": f"Credential={SCOPE}",
    "SignedHeaders": "SignedHeaders=host",
    "Signature": f"Signature={SIGNATURE}",
}


@pytest.mark.parametrize("missing", PARTS)
@pytest.mark.parametrize("empty", [True, False], ids=["empty", "left out"])
def test_a_missing_part_is_named(missing: str, *, empty: bool) -> None:
    parts = [f"{name}=" if name == missing else text for name, text in PARTS.items()]
    value = authorization(*(part for part in parts if empty or not part.endswith("=")))
    text = f"Authorization header requires '{missing}' parameter. Authorization=AWS4-HMAC-SHA256"
    assert refusal(value) == text


def test_a_missing_date_is_named() -> None:
    value = authorization(*PARTS.values())
    assert refusal(value, dated=False) == f"{NO_DATE} Authorization=AWS4-HMAC-SHA256"


@pytest.mark.parametrize("value", ["AWS4-HMAC-SHA256", "AWS4-HMAC-SHA256 ", " AWS4-HMAC-SHA256"])
def test_every_missing_part_is_named_at_once(value: str) -> None:
    """In the order seen in chalice issue 828."""
    assert refusal(value, dated=False) == (
        "Authorization header requires 'Credential' parameter. "
        "Authorization header requires 'Signature' parameter. "
        "Authorization header requires 'SignedHeaders' parameter. "
        f"{NO_DATE} Authorization=AWS4-HMAC-SHA256"
    )


@pytest.mark.parametrize(
    "value",
    [
        "",
        "Bearer abc",
        f"AWS4-ECDSA-P256-SHA256 {', '.join(PARTS.values())}",
        f"aws4-hmac-sha256 {', '.join(PARTS.values())}",
        "AWS4-HMAC-SHA256" + ",".join(PARTS.values()),
    ],
)
def test_another_algorithm_is_refused(value: str) -> None:
    text = "Authorization header requires the algorithm AWS4-HMAC-SHA256."
    assert refusal(value) == text


def test_a_part_without_an_equal_sign_is_named() -> None:
    assert refusal(authorization(*PARTS.values(), "X")) == (
        "'X' not a valid key=value pair (missing equal-sign) in Authorization header: "
        "'AWS4-HMAC-SHA256'."
    )


@pytest.mark.parametrize("name", PARTS)
def test_a_repeated_part_is_refused(name: str) -> None:
    value = authorization(*PARTS.values(), PARTS[name])
    assert refusal(value) == f"Authorization header gives '{name}' more than once."


@pytest.mark.parametrize(
    "credential",
    [
        "AKIA",
        "AKIA/20260102/us-east-1/cognito-sync",
        "AKIA/20260102/us-east-1/cognito-sync/aws5_request",
        "/20260102/us-east-1/cognito-sync/aws4_request",
        "20260102/us-east-1/cognito-sync/aws4_request",
    ],
)
def test_a_credential_without_five_elements_is_refused(credential: str) -> None:
    value = authorization(f"Credential={credential}", "SignedHeaders=host", "Signature=0")
    assert refusal(value) == (
        "Credential must have exactly 5 slash-delimited elements, "
        f"e.g. keyid/date/region/service/term, got '{credential}'"
    )


@pytest.mark.parametrize(
    "value",
    [
        authorization(f"Credential={SCOPE}", "SignedHeaders=host", f"Signature {SIGNATURE}"),
        authorization(f"Credential={SCOPE}", "SignedHeaders=host", SIGNATURE),
        authorization(f"Credential={SCOPE}", "SignedHeaders=host", f"Signature:{SIGNATURE}"),
        authorization(
            "Credential=AKIA Signature=" + SIGNATURE, "SignedHeaders=host", "Signature=0"
        ),
        authorization(f"Credential={SCOPE} SignedHeaders=host Signature={SIGNATURE}"),
        authorization(f"Credential={SCOPE}; SignedHeaders=host; Signature={SIGNATURE}"),
        authorization("Credential=AKIA", "SignedHeaders=host", f"Signature={SIGNATURE}"),
        authorization(*PARTS.values(), PARTS["Signature"]),
        authorization(*PARTS.values(), f"{SIGNATURE}=", f"{SIGNATURE}="),
        authorization("SignedHeaders=host", f"Signature={SIGNATURE}"),
        f"AWS4-HMAC-SHA512 {', '.join(PARTS.values())}",
        f"Signature={SIGNATURE}",
    ],
)
def test_no_signature_is_repeated_in_a_refusal(value: str) -> None:
    assert SIGNATURE not in refusal(value)
