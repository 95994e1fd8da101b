"""Requests that are wrong: each gets a clear error in the service's form, and harms nobody."""

from collections.abc import Iterator
from typing import Any

import pytest
from types_boto3_cognito_sync import CognitoSyncClient

from keepstep.testing import LocalServer, local_server
from tests.conftest import Identity, Place, client_of
from tests.raw import RawAnswer, RawRequester

from .steps import (
    CLIENT_FAULT,
    begin,
    contents,
    dataset_target,
    identity_target,
    patch_body,
    replace,
    write,
)

INVALID = "InvalidParameterException"
UNKNOWN_OPERATION = "UnknownOperationException"
TRACES = (b"Traceback", b'File "', b"/site-packages/", b"keepstep/", b"<html", b"Error(")


@pytest.fixture(autouse=True)
def still_answers(server: LocalServer, client: CognitoSyncClient, place: Place) -> Iterator[None]:
    """Whatever a test sent, the server goes on serving afterwards."""
    yield
    write(client, {**place, "DatasetName": "afterwards"}, replace("key", "value"))


def assert_clear(answer: RawAnswer, status: int, code: str) -> None:
    assert (answer.status, answer.error_type) == (status, code), answer.body
    assert answer.headers["content-type"] == "application/json"
    assert answer.json["message"]
    assert not [trace for trace in TRACES if trace in answer.body]


@pytest.mark.parametrize(
    "body",
    [
        b"{",
        b"not JSON",
        b"\x00",
        b"\xff\xfe{\x00}\x00",
        b'{"SyncSessionToken": "\xff"}',
        b'{"SyncSessionToken": "\\ud800"}',
        b'{"SyncSessionToken": "x"} trailing',
        b'{"SyncSessionToken": NaN}',
        b'{"SyncSessionToken": "x",}',
        b"{'SyncSessionToken': 'x'}",
        b'{"SyncSessionToken": "' + b"\\u0000" * 10 + b"\n" + b'"}',
        b"[" * 100_000,
        b'{"a":' * 100_000,
        b'{"RecordPatches":' + b"[" * 5_000 + b"]" * 5_000 + b"}",
        b"[]",
        b'"text"',
        b"5",
        b"null",
        b"true",
        b'{"SyncSessionToken": 5}',
        b'{"SyncSessionToken": null}',
        b'{"SyncSessionToken": ["x"]}',
        b'{"SyncSessionToken": "x", "RecordPatches": {}}',
        b'{"SyncSessionToken": "x", "RecordPatches": "[]"}',
        b'{"SyncSessionToken": "x", "DeviceId": 5}',
        b"{}",
        b"",
    ],
)
def test_a_body_of_another_form_is_refused(
    raw: RawRequester, client: CognitoSyncClient, place: Place, body: bytes
) -> None:
    assert_clear(raw.call("POST", dataset_target(place), body), 400, INVALID)
    assert client.list_records(**place)["DatasetExists"] is False


@pytest.mark.parametrize("number", [b"1e400", b"-0", b"1" * 5000, b"1e-9", b"0.1", b"-1"])
def test_a_number_out_of_range_never_upsets_the_server(
    raw: RawRequester, client: CognitoSyncClient, place: Place, number: bytes
) -> None:
    body = patch_body(begin(client, place), {**replace("key", "value"), "SyncCount": 777_777_777})
    answer = raw.call("POST", dataset_target(place), body.replace(b"777777777", number))
    assert answer.status in (200, 400)
    assert (answer.status == 200) == (number == b"-0")


@pytest.mark.parametrize("text", ["\\ud800", "\\udfff\\ud800", "a\\ud83d"])
@pytest.mark.parametrize("member", ["Key", "Value"])
def test_half_a_surrogate_pair_is_refused(
    raw: RawRequester, client: CognitoSyncClient, place: Place, member: str, text: str
) -> None:
    patch: dict[str, Any] = {**replace("key", "value"), member: "HERE"}
    body = patch_body(begin(client, place), patch).replace(b"HERE", text.encode())
    assert_clear(raw.call("POST", dataset_target(place), body), 400, INVALID)


def test_a_member_given_twice_counts_once(
    raw: RawRequester, client: CognitoSyncClient, place: Place
) -> None:
    body = patch_body(begin(client, place), replace("key", "value"))
    twice = body.replace(b'"Key": "key"', b'"Key": "other", "Key": "key"')
    assert raw.call("POST", dataset_target(place), twice).status == 200
    assert contents(client, place) == {"key": "value"}


@pytest.mark.parametrize("raw_name", ["%ff", "%C3", "%E2%28%A1", "%ED%A0%80", "%", "%zz", "%4"])
def test_a_path_that_is_not_utf8_or_badly_encoded_is_refused(
    raw: RawRequester, identity: Identity, raw_name: str
) -> None:
    target = identity_target(identity, f"/datasets/{raw_name}/records")
    assert_clear(raw.call("GET", target), 400, INVALID)


@pytest.mark.parametrize("value", ["%ff", "%C3%28", "%ED%A0%80", "%00", "%", "a&b&c", "=&=", "%2"])
def test_a_query_that_is_not_utf8_or_badly_encoded_is_refused(
    raw: RawRequester, identity: Identity, value: str
) -> None:
    target = identity_target(identity, "/datasets") + f"?nextToken={value}"
    assert_clear(raw.call("GET", target), 400, INVALID)


@pytest.mark.parametrize("query", ["", "unknown=1", "NextToken=x", "&&&", "=", "%ff=%ff", "x[]=1"])
def test_unknown_query_parameters_are_ignored(
    raw: RawRequester, identity: Identity, query: str
) -> None:
    answer = raw.call("GET", identity_target(identity, "/datasets") + f"?{query}")
    assert answer.status == 200


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/"),
        ("GET", "/favicon.ico"),
        ("POST", "/"),
        ("GET", "/identitypools/"),
        ("GET", "/IdentityPools"),
        ("POST", "/identitypools"),
        ("DELETE", "/identitypools/us-east-1:0"),
        ("PUT", "/identitypools/us-east-1:0/identities/us-east-1:0/datasets/things"),
        ("PATCH", "/identitypools/us-east-1:0/identities/us-east-1:0/datasets/things"),
        ("HEAD", "/identitypools"),
        ("TRACE", "/identitypools"),
        ("PROPFIND", "/identitypools"),
        ("GET", "/identitypools/us-east-1:0/identities/us-east-1:0/datasets/a/b/c/d"),
        ("GET", "/identitypools/us-east-1:0/identity/us-east-1:0/datasets"),
        ("GET", "/identitypools/us-east-1:0/identities/us-east-1:0/Datasets"),
        ("GET", "/" + "a/" * 2000),
        ("GET", "/identitypools;x=1"),
        ("GET", "/metrics/../identitypools/us-east-1:0"),
    ],
)
def test_a_method_and_path_of_no_operation_are_refused(
    raw: RawRequester, method: str, path: str
) -> None:
    answer = raw.call(method, path)
    if ".." in path:
        assert answer.status in CLIENT_FAULT
        return
    if path == "/identitypools/":
        assert answer.status in (400, 404)
        return
    assert (answer.status, answer.error_type) == (404, UNKNOWN_OPERATION)
    if method != "HEAD":
        assert_clear(answer, 404, UNKNOWN_OPERATION)


def test_an_error_to_head_has_no_body(raw: RawRequester) -> None:
    answer = raw.call("HEAD", "/identitypools")
    assert (answer.status, answer.body) == (404, b"")
    assert int(answer.headers["content-length"]) > 0


@pytest.mark.parametrize("name", ["X-Amz-Client-Context", "x-amz-client-context"])
def test_any_client_context_is_ignored(
    raw: RawRequester, client: CognitoSyncClient, place: Place, name: str
) -> None:
    target = dataset_target(place)
    body = patch_body(begin(client, place), replace("key", "value"))
    headers = raw.signed_headers("POST", target, body)
    assert raw.send("POST", target, body, {**headers, name: "\xff{" * 99}).status == 200


def test_an_answer_repeats_only_the_beginning_of_a_refused_value(
    raw: RawRequester, identity: Identity
) -> None:
    target = identity_target(identity, "/datasets") + f"?maxResults={'x' * 5000}"
    answer = raw.call("GET", target)
    assert_clear(answer, 400, INVALID)
    assert len(answer.body) < 1000


@pytest.mark.parametrize("patch", ["{}", "[]", "0", '""', '{"Op":"","Key":"","SyncCount":-1}'])
def test_an_answer_to_very_many_mistakes_stays_short(
    raw: RawRequester, place: Place, patch: str
) -> None:
    patches = ",".join([patch] * 20_000)
    body = f'{{"SyncSessionToken":"x","RecordPatches":[{patches}]}}'.encode()
    answer = raw.call("POST", dataset_target(place), body)
    assert_clear(answer, 400, INVALID)
    assert len(answer.body) < 65_536


@pytest.fixture(scope="module")
def narrow(clean_environment: None) -> Iterator[LocalServer]:
    """A server that takes bodies of 100 KiB and heads of 4 KiB."""
    with local_server(request_body_bytes=102_400, request_header_bytes=4096) as running:
        yield running


@pytest.mark.parametrize(("size", "status"), [(102_400, 400), (102_401, 413), (2_000_000, 413)])
def test_a_body_over_the_limit_is_refused(
    narrow: LocalServer, place: Place, size: int, status: int
) -> None:
    raw = RawRequester(narrow)
    target, body = dataset_target(place), b" " * size
    headers = raw.signed_headers("POST", target, body)
    if status == 413:
        answer = raw.send("POST", target, headers={**headers, "Content-Length": str(size)})
        assert_clear(answer, 413, "RequestEntityTooLargeException")
        assert answer.headers["connection"] == "close"
    else:
        assert_clear(raw.send("POST", target, body, headers), 400, INVALID)


def test_boto3_sees_a_typed_error_for_a_body_over_the_limit(
    narrow: LocalServer, place: Place
) -> None:
    client = client_of(narrow)
    token = begin(client, place)
    with pytest.raises(client.exceptions.ClientError) as caught:
        client.update_records(
            **place,
            SyncSessionToken=token,
            RecordPatches=[replace("key", "v" * 1_000_000)] * 8,
        )
    response: Any = caught.value.response
    assert response["Error"]["Code"] == "RequestEntityTooLargeException"


def test_a_large_body_within_the_limit_is_read_whole(
    raw: RawRequester, client: CognitoSyncClient, place: Place
) -> None:
    body = patch_body(begin(client, place), replace("key", "\x01" * 1_000_000))
    assert len(body) > 6_000_000
    assert raw.call("POST", dataset_target(place), body).status == 200
    assert contents(client, place) == {"key": "\x01" * 1_000_000}


@pytest.mark.parametrize(
    ("name", "value"), [("x-long", "v" * 5000), ("n" * 5000, "v"), ("cookie", "a=b; " * 2000)]
)
def test_headers_over_the_limit_are_refused(narrow: LocalServer, name: str, value: str) -> None:
    raw = RawRequester(narrow)
    answer = raw.call("GET", "/identitypools", headers={name: value})
    assert_clear(answer, 431, "RequestEntityTooLargeException")


def test_very_many_headers_are_refused(narrow: LocalServer) -> None:
    headers = {f"x-header-{number}": "value" for number in range(1000)}
    answer = RawRequester(narrow).send("GET", "/identitypools", headers=headers)
    assert_clear(answer, 431, "RequestEntityTooLargeException")


def test_a_target_over_the_limit_is_refused(narrow: LocalServer) -> None:
    answer = RawRequester(narrow).send("GET", "/identitypools?a=" + "b" * 5000)
    assert_clear(answer, 431, "RequestEntityTooLargeException")


def test_headers_within_the_limit_are_taken(narrow: LocalServer) -> None:
    answer = RawRequester(narrow).call("GET", "/identitypools", headers={"x-long": "v" * 3000})
    assert answer.status == 200
