"""Three services on one address: what goes to which, and how each of them writes its errors."""

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlencode

import pytest

from keepstep.testing import LocalServer, local_server
from keepstep.wire.sigv4 import Credentials
from tests.api.conftest import Clock
from tests.raw import RawAnswer, RawRequester

from .steps import Pool, no_pool

JSON_1_1 = "application/x-amz-json-1.1"
FORM = "application/x-www-form-urlencoded; charset=utf-8"
PREFIX = "AWSCognitoIdentityService."
VERSION = "2011-06-15"
WHO = {"Action": "GetCallerIdentity", "Version": VERSION}
NOBODY = Credentials("AKIA" + "A" * 16, "x" * 40)
MISSING = "Request is missing Authentication Token"
MISMATCH = "The request signature we calculated does not match the signature you provided. "


@pytest.fixture(scope="session")
def identity_raw(identity_server: LocalServer) -> RawRequester:
    return RawRequester(identity_server)


def identity_headers(operation: str) -> dict[str, str]:
    return {"content-type": JSON_1_1, "x-amz-target": PREFIX + operation}


def ask_identity(
    raw: RawRequester, operation: str, body: object = None, *, signed: bool = True, **options: Any
) -> RawAnswer:
    headers, sent = identity_headers(operation), json.dumps(body or {}).encode()
    if signed:
        service = options.pop("service", "cognito-identity")
        headers = raw.signed_headers("POST", "/", sent, headers, service=service, **options)
    return raw.send("POST", "/", sent, headers)


def ask_sts(
    raw: RawRequester, parameters: dict[str, str], *, signed: bool = True, **options: Any
) -> RawAnswer:
    headers, sent = {"content-type": FORM}, urlencode(parameters).encode()
    if signed:
        service = options.pop("service", "sts")
        headers = raw.signed_headers("POST", "/", sent, headers, service=service, **options)
    return raw.send("POST", "/", sent, headers)


def xml_error(answer: RawAnswer) -> tuple[int, str, str, str]:
    """Give the status, and the type, code and text of an error in XML."""
    found = re.fullmatch(
        r'<ErrorResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><Error>'
        r"<Type>(\w+)</Type><Code>(\w+)</Code><Message>(.*)</Message></Error>"
        r"<RequestId>([0-9a-f-]{36})</RequestId></ErrorResponse>",
        answer.body.decode(),
        re.DOTALL,
    )
    assert found is not None, answer.body
    assert answer.headers["content-type"] == "text/xml"
    assert answer.headers["x-amzn-RequestId"] == found[4]
    assert answer.error_type == found[2]
    return answer.status, found[1], found[2], found[3]


def json_error(answer: RawAnswer, content_type: str = JSON_1_1) -> tuple[int, str, str]:
    """Give the status, code and text of an error that both header and body name."""
    assert answer.headers["content-type"] == content_type
    assert re.fullmatch("[0-9a-f-]{36}", answer.headers["x-amzn-RequestId"])
    assert answer.headers["date"]
    assert answer.json["__type"] == answer.error_type
    return answer.status, answer.json["__type"], answer.message


def test_an_error_of_cognito_identity_is_named_in_header_and_body_with_status_400(
    identity_raw: RawRequester, identity_server: LocalServer
) -> None:
    pool_id = identity_server.new_id()
    answer = ask_identity(identity_raw, "GetId", {"IdentityPoolId": pool_id}, signed=False)
    assert json_error(answer) == (400, "ResourceNotFoundException", no_pool(pool_id))


def test_an_error_of_sts_is_xml_with_its_request_id(identity_raw: RawRequester) -> None:
    answer = ask_sts(identity_raw, WHO, signed=False)
    assert xml_error(answer) == (403, "Sender", "MissingAuthenticationToken", MISSING)


def test_whoever_signs_is_named_in_xml(
    identity_raw: RawRequester, identity_server: LocalServer
) -> None:
    answer = ask_sts(identity_raw, WHO)
    text = answer.body.decode()
    assert answer.status == 200
    assert answer.headers["content-type"] == "text/xml"
    assert f"<Arn>arn:aws:iam::000000000000:user/{identity_server.access_key_id}</Arn>" in text
    assert re.search(r"<UserId>AIDA[A-Z2-7]{17}</UserId><Account>000000000000</Account>", text)
    assert f"<RequestId>{answer.headers['x-amzn-RequestId']}</RequestId>" in text


@pytest.mark.parametrize(
    ("options", "identity", "sts"),
    [
        ({"signed": False}, "MissingAuthenticationTokenException", "MissingAuthenticationToken"),
        ({"credentials": NOBODY}, "UnrecognizedClientException", "InvalidClientTokenId"),
        ({"service": "cognito-sync"}, "InvalidSignatureException", "SignatureDoesNotMatch"),
        ({"region": "mars"}, "InvalidSignatureException", "SignatureDoesNotMatch"),
        (
            {"time": datetime.now(UTC) - timedelta(hours=1)},
            "InvalidSignatureException",
            "SignatureDoesNotMatch",
        ),
    ],
)
def test_failed_authentication_has_each_services_own_code_and_status(
    identity_raw: RawRequester, options: dict[str, Any], identity: str, sts: str
) -> None:
    body = {"MaxResults": 1}
    assert json_error(ask_identity(identity_raw, "ListIdentityPools", body, **options))[:2] == (
        400,
        identity,
    )
    assert xml_error(ask_sts(identity_raw, WHO, **options))[:3] == (403, "Sender", sts)


def test_an_incomplete_signature_is_a_400_in_both(identity_raw: RawRequester) -> None:
    bad = {"authorization": "AWS4-HMAC-SHA256 Credential=a"}
    headers = {**identity_headers("ListIdentityPools"), **bad}
    answer = identity_raw.send("POST", "/", b"{}", headers)
    assert json_error(answer)[:2] == (400, "IncompleteSignatureException")
    answer = identity_raw.send("POST", "/", urlencode(WHO).encode(), {"content-type": FORM, **bad})
    assert xml_error(answer)[:3] == (400, "Sender", "IncompleteSignature")


def test_a_wrong_secret_is_a_400_in_cognito_identity(
    identity_raw: RawRequester, identity_server: LocalServer
) -> None:
    wrong = Credentials(identity_server.access_key_id, "x" * 40)
    answer = ask_identity(identity_raw, "ListIdentityPools", {"MaxResults": 1}, credentials=wrong)
    status, code, text = json_error(answer)
    assert (status, code) == (400, "InvalidSignatureException")
    assert text.startswith(MISMATCH)


@pytest.mark.parametrize("signed", [True, False])
@pytest.mark.parametrize(
    "target",
    [
        "",
        "GetId",
        "AWSCognitoIdentityService",
        PREFIX,
        PREFIX + "getId",
        PREFIX + "GetIds",
        PREFIX + "ListDatasets",
        PREFIX + "GetCallerIdentity",
        "AWSCognitoSyncService.ListDatasets",
        "awscognitoidentityservice.GetId",
        f"{PREFIX}GetId,{PREFIX}GetId",
        "x" * 5000,
    ],
)
def test_a_target_that_names_no_operation_is_refused(
    identity_raw: RawRequester, target: str, signed: bool
) -> None:
    headers = {"x-amz-target": target}
    if signed:
        headers = identity_raw.signed_headers("POST", "/", b"{}", headers)
    answer = identity_raw.send("POST", "/", b"{}", headers)
    assert json_error(answer)[:2] == (400, "UnknownOperationException")


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "PATCH"])
def test_cognito_identity_takes_post_only(identity_raw: RawRequester, method: str) -> None:
    answer = identity_raw.send(method, "/", headers=identity_headers("GetId"))
    assert json_error(answer)[:2] == (400, "UnknownOperationException")


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"", "SerializationException"),
        (b"[]", "SerializationException"),
        (b"{", "SerializationException"),
        (b'{"IdentityPoolId": "\xff"}', "SerializationException"),
        (b"[" * 100_000, "SerializationException"),
        (b"{}", "ValidationException"),
        (b'{"IdentityPoolId": 1}', "ValidationException"),
        (b'{"IdentityPoolId": "x"}', "ValidationException"),
    ],
)
def test_a_body_that_is_no_request_is_a_400(
    identity_raw: RawRequester, body: bytes, code: str
) -> None:
    answer = identity_raw.send("POST", "/", body, identity_headers("GetId"))
    assert json_error(answer)[:2] == (400, code)


def test_members_that_newer_sdks_send_are_ignored(identity_raw: RawRequester, pool: Pool) -> None:
    body = {"IdentityPoolId": pool.pool_id, "Novelty": {"a": [1]}}
    answer = ask_identity(identity_raw, "GetId", body, signed=False)
    assert answer.status == 200
    assert answer.headers["content-type"] == JSON_1_1
    assert set(answer.json) == {"IdentityId"}


@pytest.mark.parametrize("authorization", ["", "nonsense", "AWS4-HMAC-SHA256 Credential=stale"])
def test_a_public_operation_does_not_look_at_a_signature(
    identity_raw: RawRequester, pool: Pool, authorization: str
) -> None:
    headers = {**identity_headers("GetId"), "authorization": authorization}
    sent = json.dumps({"IdentityPoolId": pool.pool_id}).encode()
    assert identity_raw.send("POST", "/", sent, headers).status == 200


def test_the_target_must_be_among_the_signed_headers(identity_raw: RawRequester) -> None:
    headers = identity_raw.signed_headers("POST", "/", b"{}", service="cognito-identity")
    answer = identity_raw.send(
        "POST", "/", b"{}", {**headers, **identity_headers("ListIdentityPools")}
    )
    text = "'x-amz-target' must be a 'SignedHeader' in the AWS Authorization."
    assert json_error(answer) == (400, "InvalidSignatureException", text)


def test_an_operation_without_an_answer_has_an_empty_body(
    identity_raw: RawRequester, pool: Pool
) -> None:
    answer = ask_identity(identity_raw, "DeleteIdentityPool", {"IdentityPoolId": pool.pool_id})
    assert (answer.status, answer.body) == (200, b"")
    assert answer.headers["content-length"] == "0"


@pytest.mark.parametrize(
    ("parameters", "text"),
    [
        ({"Action": "AssumeRole", "Version": VERSION}, "AssumeRole for version 2011-06-15"),
        ({"Action": "GetCallerIdentity", "Version": "2012-01-01"}, "for version 2012-01-01"),
        ({"Action": "GetCallerIdentity"}, "GetCallerIdentity for version NO_VERSION_SPECIFIED"),
        ({"Action": "getcalleridentity", "Version": VERSION}, "getcalleridentity for version"),
        ({"Action": "<b>&\"'", "Version": VERSION}, "&lt;b&gt;&amp;"),
        ({"Action": "", "Version": VERSION}, "The request has no Action."),
    ],
)
def test_an_action_that_sts_does_not_have_is_named(
    identity_raw: RawRequester, parameters: dict[str, str], text: str
) -> None:
    status, fault, code, message = xml_error(ask_sts(identity_raw, parameters))
    assert (status, fault, code) == (400, "Sender", "InvalidAction")
    assert text in message


@pytest.mark.parametrize(
    ("form", "code"),
    [
        (b"Action=GetCallerIdentity&Action=GetCallerIdentity&Version=2011-06-15", "MalformedInput"),
        (b"Action=AssumeRoleWithWebIdentity&Version=2011-06-15", "ValidationError"),
        (b"Action=GetCallerIdentity&x=%ff", "MalformedInput"),
    ],
)
def test_a_form_that_is_no_request_is_a_400(
    identity_raw: RawRequester, form: bytes, code: str
) -> None:
    answer = identity_raw.send("POST", "/", form, {"content-type": FORM})
    assert xml_error(answer)[:3] == (400, "Sender", code)


def test_sts_takes_a_get_as_well_as_a_post(identity_raw: RawRequester) -> None:
    target = f"/?{urlencode(WHO)}"
    headers = identity_raw.signed_headers("GET", target, service="sts")
    answer = identity_raw.send("GET", target, headers=headers)
    assert answer.status == 200
    assert b"<GetCallerIdentityResult>" in answer.body


@pytest.mark.parametrize(
    ("method", "target", "headers", "body", "content_type"),
    [
        ("GET", "/", {}, b"", "application/json"),
        ("POST", "/", {}, b"{}", "application/json"),
        ("GET", "/identitypools?Action=GetCallerIdentity", {}, b"", "application/json"),
        ("GET", "/identitypools", identity_headers("GetId"), b"", "application/json"),
        ("POST", "/", identity_headers("Nothing"), urlencode(WHO).encode(), JSON_1_1),
        ("POST", "/?Action=Nothing", {}, b"", "text/xml"),
        ("POST", "/", {}, b"Version=2011-06-15&Action=Nothing", "text/xml"),
    ],
)
def test_a_request_goes_to_the_service_whose_shape_it_has(
    identity_raw: RawRequester,
    method: str,
    target: str,
    headers: dict[str, str],
    body: bytes,
    content_type: str,
) -> None:
    answer = identity_raw.send(method, target, body, headers)
    assert answer.status >= 400
    assert answer.headers["content-type"] == content_type


def test_a_signature_is_good_for_its_own_service_only(identity_raw: RawRequester) -> None:
    """Each service says which it is; nothing signed for one is taken by another."""
    for service, other in (("cognito-identity", "sts"), ("sts", "cognito-identity")):
        expected = f"Credential should be scoped to correct service: '{service}'. "
        if service == "sts":
            assert xml_error(ask_sts(identity_raw, WHO, service=other))[3] == expected
        else:
            body = {"MaxResults": 1}
            answer = ask_identity(identity_raw, "ListIdentityPools", body, service=other)
            assert json_error(answer)[2] == expected


@pytest.fixture(scope="module")
def noon(clean_environment: None) -> Iterator[tuple[RawRequester, datetime]]:
    """A server whose clock stands at twelve sharp."""
    time = datetime(2026, 1, 2, 12, 0, 0, tzinfo=UTC)
    with local_server(clock=Clock(int(time.timestamp()) * 1000)) as server:
        yield RawRequester(server), time


@pytest.mark.parametrize("sign", [1, -1])
def test_sts_allows_for_clocks_15_minutes_off_and_cognito_identity_for_5(
    noon: tuple[RawRequester, datetime], sign: int
) -> None:
    raw, time = noon
    near, far = timedelta(minutes=15 * sign), timedelta(minutes=15 * sign, seconds=sign)
    assert ask_sts(raw, WHO, time=time + near).status == 200
    status, _, code, text = xml_error(ask_sts(raw, WHO, time=time + far))
    assert (status, code) == (403, "SignatureDoesNotMatch")
    assert f"(20260102T120000Z {'+' if sign > 0 else '-'} 15 min.)" in text
    body = {"MaxResults": 1}
    near, far = timedelta(minutes=5 * sign), timedelta(minutes=5 * sign, seconds=sign)
    assert ask_identity(raw, "ListIdentityPools", body, time=time + near).status == 200
    answer = ask_identity(raw, "ListIdentityPools", body, time=time + far)
    assert " 5 min.)" in json_error(answer)[2]
