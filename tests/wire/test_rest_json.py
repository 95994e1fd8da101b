"""REST-JSON round trips: botocore's serializer and parser against the project's, both ways."""

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from keepstep.server.routes import route
from keepstep.wire import errors
from keepstep.wire.errors import ServiceError
from keepstep.wire.operations import LIST_DATASETS, SYNC_OPERATIONS
from keepstep.wire.rest_json import (
    HttpRequest,
    decode_request,
    decode_response,
    encode_error,
    encode_request,
    encode_response,
)

from .round_trips import AnyOperation, Botocore, each, present
from .strategies import EXAMPLES, WHOLE_SECOND_DATES, requests, responses

each_operation = each(SYNC_OPERATIONS)
SERVICE_ERRORS = sorted(errors.JSON_ERRORS.values(), key=lambda error: error.code)

REQUESTS = {operation.name: requests(operation) for operation in SYNC_OPERATIONS}
REQUESTS_OF_BOTOCORE = {
    operation.name: requests(operation, WHOLE_SECOND_DATES) for operation in SYNC_OPERATIONS
}
"""Without fractions of seconds, which botocore drops."""
RESPONSES = {
    operation.name: st.none() if operation.response is None else responses(operation.response)
    for operation in SYNC_OPERATIONS
}
BOTOCORE = Botocore("rest-json")


def received(sent: HttpRequest) -> tuple[AnyOperation, Any]:
    """Route and decode a request as the server does."""
    path, _, query = sent.target.encode("ascii").partition(b"?")
    row, labels = route(sent.method, path)
    headers = {name.lower().encode(): value.encode() for name, value in sent.headers.items()}
    return row.operation, decode_request(row.operation, labels, query, headers, sent.body)


@each_operation
@EXAMPLES
@given(data=st.data())
def test_what_botocore_sends_is_read_back_whole(
    operation: AnyOperation, data: st.DataObject
) -> None:
    request = data.draw(REQUESTS_OF_BOTOCORE[operation.name])
    assert received(BOTOCORE.sent(operation, request)) == (operation, request)


@each_operation
@EXAMPLES
@given(data=st.data())
def test_a_request_is_encoded_as_botocore_encodes_it(
    operation: AnyOperation, data: st.DataObject
) -> None:
    request = data.draw(REQUESTS_OF_BOTOCORE[operation.name])
    ours, theirs = encode_request(operation, request), BOTOCORE.sent(operation, request)
    path, _, query = ours.target.partition("?")
    their_path, _, their_query = theirs.target.partition("?")
    assert (ours.method, path, ours.headers) == (theirs.method, their_path, theirs.headers)
    assert sorted(query.split("&")) == sorted(their_query.split("&"))
    assert json.loads(ours.body or b"null") == json.loads(theirs.body or b"null")


@each_operation
@EXAMPLES
@given(data=st.data())
def test_a_request_survives_its_encoding(operation: AnyOperation, data: st.DataObject) -> None:
    request = data.draw(REQUESTS[operation.name])
    assert received(encode_request(operation, request)) == (operation, request)


@each_operation
@EXAMPLES
@given(data=st.data())
def test_botocore_reads_every_response_as_it_was_meant(
    operation: AnyOperation, data: st.DataObject
) -> None:
    response = data.draw(RESPONSES[operation.name])
    body = encode_response(response)
    given_members: Any = {} if response is None else present(msgspec.to_builtins(response))
    assert BOTOCORE.parsed(operation, 200, {}, body) == given_members
    assert decode_response(operation, 200, None, body) == response


def test_every_error_but_those_of_sts_travels_as_json() -> None:
    assert set(SERVICE_ERRORS) == set(ServiceError.__subclasses__()) - {errors.StsError}


@pytest.mark.parametrize("error", SERVICE_ERRORS, ids=lambda error: error.code)
def test_botocore_reads_the_error_from_the_body_alone(error: type[ServiceError]) -> None:
    body = encode_error(error("What happened."))
    parsed = BOTOCORE.parsed(LIST_DATASETS, error.status, {}, body)
    assert parsed["Error"] == {"Code": error.code, "Message": "What happened."}


@pytest.mark.parametrize("error", SERVICE_ERRORS, ids=lambda error: error.code)
@pytest.mark.parametrize("header", [None, "{}", "{}:", "{}:http://internal.amazon.com/doc/"])
def test_an_error_survives_its_encoding(error: type[ServiceError], header: str | None) -> None:
    error_type = header.format(error.code) if header is not None else None
    with pytest.raises(error) as raised:
        decode_response(LIST_DATASETS, error.status, error_type, encode_error(error("Text.")))
    assert type(raised.value) is error
    assert raised.value.message == "Text."


def test_an_error_has_its_code_and_a_message_in_lower_case() -> None:
    assert json.loads(encode_error(errors.ResourceConflictException("Text."))) == {
        "__type": "ResourceConflictException",
        "message": "Text.",
    }


def test_a_denial_repeats_its_message_under_the_capital_name() -> None:
    """The iOS SDK showed a null message for denials of the real service (aws-sdk-ios)."""
    assert json.loads(encode_error(errors.AccessDeniedException("Text."))) == {
        "__type": "AccessDeniedException",
        "message": "Text.",
        "Message": "Text.",
    }


def test_a_bad_request_has_the_form_seen_in_aws_sdk_ios_issue_2909() -> None:
    text = "Identity pool id is missing or incorrect in the request URI."
    assert json.loads(encode_error(errors.BadRequest(text))) == {
        "code": "BadRequest",
        "message": text,
        "type": "client",
    }


def test_a_denial_with_only_the_capital_message_is_read() -> None:
    with pytest.raises(errors.AccessDeniedException, match="Not you"):
        decode_response(LIST_DATASETS, 403, "AccessDeniedException", b'{"Message":"Not you"}')


def test_a_qualified_error_type_is_read() -> None:
    body = b'{"__type":"com.amazonaws.cognito.sync.model#InvalidParameterException"}'
    with pytest.raises(errors.InvalidParameterException):
        decode_response(LIST_DATASETS, 400, None, body)


def test_an_unknown_error_keeps_its_status_code_and_text() -> None:
    with pytest.raises(errors.InternalErrorException, match=r"503 SlowDown: Wait\."):
        decode_response(LIST_DATASETS, 503, "SlowDown", b'{"message":"Wait."}')


@pytest.mark.parametrize(
    "body",
    [b"", b"<html>", b"[]", b"null", b"\xff", b'{"message":{}}', b"[" * 100_000],
    ids=["empty", "html", "list", "null", "bytes", "odd message", "deep"],
)
def test_an_error_answer_that_cannot_be_read_is_still_an_error(body: bytes) -> None:
    with pytest.raises(errors.InternalErrorException, match="502"):
        decode_response(LIST_DATASETS, 502, None, body)
