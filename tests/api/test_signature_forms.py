"""What a signature covers, and the forms in which the SDKs put it on the wire."""

import hashlib
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from types_boto3_cognito_sync import CognitoSyncClient

from keepstep.testing import local_server
from keepstep.wire import sigv4
from tests.conftest import Identity, Place
from tests.raw import RawAnswer, RawRequester

from .steps import begin, contents, dataset_target, identity_target, patch_body, replace

INVALID = "InvalidSignatureException"
Headers = dict[str, str]
Sent = tuple[str, str, bytes, Headers]
EXTRA = {
    "content-type": "application/json",
    "user-agent": "aws-sdk-iOS/2.4.0",
    "x-amz-user-agent": "aws-sdk-js/3",
    "x-custom": "one  two\tthree",
}


def with_header(name: str, value: str | None) -> Callable[[Sent], Sent]:
    def change(sent: Sent) -> Sent:
        headers = {key: kept for key, kept in sent[3].items() if key != name}
        return *sent[:3], headers if value is None else {**headers, name: value}

    return change


def with_target(old: str, new: str) -> Callable[[Sent], Sent]:
    def change(sent: Sent) -> Sent:
        assert old in sent[1]
        return sent[0], sent[1].replace(old, new), *sent[2:]

    return change


def with_body(body: bytes) -> Callable[[Sent], Sent]:
    return lambda sent: (*sent[:2], body, sent[3])


def with_scope(old: str, new: str) -> Callable[[Sent], Sent]:
    def change(sent: Sent) -> Sent:
        assert old in sent[3]["authorization"]
        authorization = sent[3]["authorization"].replace(old, new, 1)
        return *sent[:3], {**sent[3], "authorization": authorization}

    return change


def with_method(method: str) -> Callable[[Sent], Sent]:
    return lambda sent: (method, *sent[1:])


def a_minute_earlier() -> Callable[[Sent], Sent]:
    def change(sent: Sent) -> Sent:
        moment = datetime.strptime(sent[3]["x-amz-date"], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
        text = (moment - timedelta(seconds=1)).strftime("%Y%m%dT%H%M%SZ")
        return with_header("x-amz-date", text)(sent)

    return change


@pytest.mark.parametrize(
    "mutate",
    [
        with_method("DELETE"),
        with_target("things", "Things"),
        with_target("%3A", "%2d"),
        with_target("%3A", "%253A"),
        with_target("a=1", "a=2"),
        with_target("a=1&", ""),
        with_target("a=1", "A=1"),
        with_target("b=2", "b=2&c=3"),
        with_target("b=2", "b=%32&b=2"),
        with_body(b'{"SyncSessionToken":"other"}'),
        with_body(b'{"SyncSessionToken": "token"}'),
        with_body(b""),
        with_header("host", "other.example"),
        with_header("content-type", "text/plain"),
        with_header("content-type", None),
        with_header("user-agent", "other"),
        with_header("x-amz-user-agent", ""),
        with_header("x-custom", "one two  four"),
        with_header("x-custom", None),
        with_scope("us-east-1", "us-east-2"),
        with_scope("cognito-sync", "cognito-synd"),
        with_scope("content-type;", ""),
        a_minute_earlier(),
    ],
)
def test_a_request_altered_after_it_was_signed_is_refused(
    raw: RawRequester, place: Place, mutate: Callable[[Sent], Sent]
) -> None:
    target, body = dataset_target(place) + "?a=1&b=2", b'{"SyncSessionToken":"token"}'
    headers = raw.signed_headers("POST", target, body, EXTRA)
    assert raw.send("POST", target, body, headers).status == 400
    answer = raw.send(*mutate(("POST", target, body, headers)))
    assert (answer.status, answer.error_type) == (403, INVALID)


def test_an_unaltered_request_may_order_and_space_things_differently(
    raw: RawRequester, place: Place
) -> None:
    target = dataset_target(place, "/records") + "?maxResults=5&lastSyncCount=0&x"
    headers = raw.signed_headers("GET", target, headers=EXTRA)
    headers["x-custom"] = " one two \t three  "
    headers["x-unsigned"] = "anything"
    other = dataset_target(place, "/records") + "?x=&lastSyncCount=%30&maxResults=5"
    assert raw.send("GET", other, headers=headers).status == 200


@pytest.mark.parametrize("colon", ["%3A", ":", "%3a"])
def test_an_id_is_taken_with_its_colon_in_any_of_the_sdks_forms(
    raw: RawRequester, client: CognitoSyncClient, place: Place, colon: str
) -> None:
    target = dataset_target(place).replace("%3A", colon)
    body = patch_body(begin(client, place), replace("key", "value"))
    assert raw.call("POST", target, body).status == 200
    assert contents(client, place) == {"key": "value"}


def test_an_id_encoded_twice_is_refused(raw: RawRequester, identity: Identity) -> None:
    target = identity_target(identity, "/datasets").replace("%3A", "%253A")
    answer = raw.call("GET", target)
    assert (answer.status, answer.error_type) == (400, "InvalidParameterException")


@pytest.mark.parametrize(
    "rest",
    [
        "/datasets/../datasets",
        "/./datasets",
        "/datasets/..",
        "/datasets/%2e%2e",
        "/datasets/%2E",
        "/datasets/a%2Fb",
        "/datasets/a%2fb",
        "/datasets/a%5Cb",
        "/datasets/a\\b",
        "/datasets/a%00",
        "//datasets",
        "/datasets//records",
        "/datasets/",
    ],
)
def test_a_path_that_could_be_read_in_two_ways_is_refused(
    raw: RawRequester, identity: Identity, rest: str
) -> None:
    answer = raw.call("GET", identity_target(identity, rest))
    assert answer.status in (400, 404)
    assert answer.error_type in (
        "InvalidParameterException",
        "BadRequest",
        "MalformedHttpRequestException",
        "UnknownOperationException",
    )


def forwarded(raw: RawRequester, place: Place, signed_host: str) -> RawAnswer:
    target = dataset_target(place, "/records")
    headers = raw.signed_headers("GET", target, headers={"host": signed_host})
    return raw.send("GET", target, headers={**headers, "host": raw.host})


def test_a_host_without_its_port_is_accepted_signed_or_sent(
    raw: RawRequester, place: Place
) -> None:
    """The iOS SDK signs the host without a port."""
    assert forwarded(raw, place, raw.host.partition(":")[0]).status == 200
    target = dataset_target(place, "/records")
    headers = raw.signed_headers("GET", target, headers={"host": "127.0.0.1"})
    assert raw.send("GET", target, headers=headers).status == 200


def test_the_public_hosts_of_the_settings_are_accepted_behind_a_proxy(place: Place) -> None:
    with local_server(public_hosts=["sync.example.com", "sync.example.com:8443"]) as server:
        raw = RawRequester(server)
        for host in ("sync.example.com", "sync.example.com:8443"):
            assert forwarded(raw, place, host).status == 200
        assert forwarded(raw, place, "evil.example.com").error_type == INVALID


def test_a_forwarded_host_header_is_not_trusted(raw: RawRequester, place: Place) -> None:
    target = dataset_target(place, "/records")
    headers = raw.signed_headers("GET", target, headers={"host": "sync.example.com"})
    sent = {**headers, "host": raw.host, "x-forwarded-host": "sync.example.com"}
    assert raw.send("GET", target, headers=sent).error_type == INVALID


def test_a_proxy_may_decode_the_path(raw: RawRequester, place: Place) -> None:
    target = dataset_target(place, "/records", maxResults=5)
    headers = raw.signed_headers("GET", target)
    assert raw.send("GET", target.replace("%3A", ":"), headers=headers).status == 200


@pytest.mark.parametrize(
    ("claimed", "accepted"),
    [
        (hashlib.sha256(b"{}").hexdigest(), True),
        (hashlib.sha256(b"{}").hexdigest().upper(), False),
        (hashlib.sha256(b"").hexdigest(), False),
        ("UNSIGNED-PAYLOAD", False),
        ("STREAMING-AWS4-HMAC-SHA256-PAYLOAD", False),
        ("", False),
    ],
)
def test_a_claimed_digest_must_be_the_bodys(
    raw: RawRequester, place: Place, claimed: str, *, accepted: bool
) -> None:
    headers = {"x-amz-content-sha256": claimed}
    answer = raw.call("POST", dataset_target(place), b"{}", headers)
    if accepted:
        assert (answer.status, answer.error_type) == (400, "InvalidParameterException")
    else:
        assert (answer.status, answer.error_type) == (403, INVALID)


def test_a_plus_in_the_query_is_the_space_that_android_signed(
    raw: RawRequester, place: Place
) -> None:
    signed = dataset_target(place, "/records") + "?nextToken=a%20b"
    sent = signed.replace("%20", "+")
    answer = raw.send("GET", sent, headers=raw.signed_headers("GET", signed))
    assert (answer.status, answer.error_type) == (400, "InvalidParameterException")


@pytest.mark.parametrize(
    "content_type",
    [
        None,
        "application/json",
        "application/json; charset=utf-8",
        "application/x-amz-json-1.0",
        "application/x-amz-json-1.1",
        "application/octet-stream",
        "text/plain;charset=UTF-8",
    ],
)
def test_a_body_is_read_whatever_content_type_an_sdk_gives_it(
    raw: RawRequester, client: CognitoSyncClient, place: Place, content_type: str | None
) -> None:
    body = patch_body(begin(client, place), replace("key", "value"))
    target = dataset_target(place)
    headers = raw.signed_headers("POST", target, body)
    if content_type is not None:
        headers["Content-Type"] = content_type
    assert raw.send("POST", target, body, headers).status == 200
    assert contents(client, place) == {"key": "value"}


def test_a_content_type_on_a_get_is_fine(raw: RawRequester, place: Place) -> None:
    headers = {"content-type": "application/x-amz-json-1.1"}
    assert raw.call("GET", dataset_target(place, "/records"), headers=headers).status == 200


def test_the_date_header_serves_where_there_is_no_x_amz_date(
    raw: RawRequester, identity: Identity
) -> None:
    path = identity_target(identity, "/datasets")
    now = datetime.now(UTC)
    time, day = now.strftime("%Y%m%dT%H%M%SZ"), now.strftime("%Y%m%d")
    for date in (time, now.strftime("%a, %d %b %Y %H:%M:%S GMT")):
        canonical = sigv4.canonical_request(
            "GET",
            sigv4.canonical_path(path.encode()),
            "",
            f"date:{date}\nhost:{raw.host}\n",
            "date;host",
            sigv4.EMPTY_PAYLOAD_HASH,
        )
        key = sigv4.signing_key(raw.server.secret_access_key, day, "us-east-1", "cognito-sync")
        scope = f"{day}/us-east-1/cognito-sync/aws4_request"
        authorization = (
            f"AWS4-HMAC-SHA256 Signature={sigv4.signature(key, time, scope, canonical)},"
            f"SignedHeaders=date;host,Credential={raw.server.access_key_id}/{scope}"
        )
        answer = raw.send("GET", path, headers={"Date": date, "Authorization": authorization})
        assert answer.status == 200


def test_the_wire_name_of_the_error_header_keeps_its_case(raw: RawRequester) -> None:
    """The Android SDK looks the name up with exact case."""
    answer = raw.send("GET", "/identitypools")
    assert "x-amzn-ErrorType" in answer.headers
    assert "x-amzn-RequestId" in answer.headers
