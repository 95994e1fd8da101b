"""JSON 1.1: round trips with botocore's serializer and parser, what is refused, and errors."""

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from keepstep.wire import errors, identity
from keepstep.wire.errors import ServiceError
from keepstep.wire.identity_operations import (
    DELETE_IDENTITIES,
    DELETE_IDENTITY_POOL,
    DESCRIBE_IDENTITY_POOL,
    GET_CREDENTIALS_FOR_IDENTITY,
    GET_ID,
    IDENTITY_OPERATIONS,
    LIST_IDENTITIES,
    SET_IDENTITY_POOL_ROLES,
    TAG_RESOURCE,
    UPDATE_IDENTITY_POOL,
)
from keepstep.wire.json_1_1 import (
    TARGET_PREFIX,
    decode_request,
    decode_response,
    encode_error,
    encode_request,
    encode_response,
    status,
)
from keepstep.wire.json_protocols import HttpRequest

from .round_trips import AnyOperation, Botocore, each, present
from .strategies import EXAMPLES, WHOLE_SECOND_DATES, requests, responses

each_operation = each(IDENTITY_OPERATIONS)
EVERY_ERROR = list(errors.JSON_ERRORS.values())
BOTOCORE = Botocore("json")
BY_TARGET = {TARGET_PREFIX + operation.name: operation for operation in IDENTITY_OPERATIONS}
REQUESTS = {o.name: requests(o, WHOLE_SECOND_DATES) for o in IDENTITY_OPERATIONS}
RESPONSES = {
    o.name: st.none() if o.response is None else responses(o.response) for o in IDENTITY_OPERATIONS
}


def received(sent: HttpRequest) -> tuple[AnyOperation, Any]:
    """Find the operation of a request by its target and decode it."""
    assert (sent.method, sent.target) == ("POST", "/")
    operation = BY_TARGET[sent.headers["X-Amz-Target"]]
    return operation, decode_request(operation, sent.body)


def refusal(operation: AnyOperation, members: object) -> str:
    """Give the text with which a request of these members is refused."""
    with pytest.raises(errors.ValidationException) as raised:
        decode_request(operation, json.dumps(members).encode())
    return raised.value.message


@each_operation
@EXAMPLES
@given(data=st.data())
def test_what_botocore_sends_is_read_back_whole(
    operation: AnyOperation, data: st.DataObject
) -> None:
    request = data.draw(REQUESTS[operation.name])
    assert received(BOTOCORE.sent(operation, request)) == (operation, request)


@each_operation
@EXAMPLES
@given(data=st.data())
def test_a_request_is_encoded_as_botocore_encodes_it(
    operation: AnyOperation, data: st.DataObject
) -> None:
    request = data.draw(REQUESTS[operation.name])
    ours, theirs = encode_request(operation, request), BOTOCORE.sent(operation, request)
    assert (ours.method, ours.target, ours.headers) == (
        theirs.method,
        theirs.target,
        theirs.headers,
    )
    assert json.loads(ours.body) == json.loads(theirs.body)
    assert received(ours) == (operation, request)


@each_operation
@EXAMPLES
@given(data=st.data())
def test_botocore_reads_every_response_as_it_was_meant(
    operation: AnyOperation, data: st.DataObject
) -> None:
    response = data.draw(RESPONSES[operation.name])
    body = encode_response(response)
    members: Any = {} if response is None else present(msgspec.to_builtins(response))
    assert BOTOCORE.parsed(operation, 200, {}, body) == members
    assert decode_response(operation, 200, None, body) == response


def test_an_operation_without_a_response_answers_an_empty_body() -> None:
    assert encode_response(None) == b""
    assert encode_response(identity.TagResourceResponse()) == b"{}"
    assert decode_response(DELETE_IDENTITY_POOL, 200, None, b"{}") is None
    assert decode_response(TAG_RESOURCE, 200, None, b"{}") == identity.TagResourceResponse()


def test_absent_members_are_left_out_of_an_answer() -> None:
    pool = identity.IdentityPool(
        "a:1", "things", False, cognito_identity_providers=[identity.CognitoIdentityProvider()]
    )
    assert json.loads(encode_response(pool)) == {
        "IdentityPoolId": "a:1",
        "IdentityPoolName": "things",
        "AllowUnauthenticatedIdentities": False,
        "CognitoIdentityProviders": [{}],
    }


def test_dates_travel_as_epoch_seconds() -> None:
    credentials = identity.Credentials("ASIA", "secret", "token", 1_700_000_000.123)
    body = encode_response(identity.GetCredentialsForIdentityResponse("a:1", credentials))
    assert b'"Expiration":1700000000.123' in body


def test_unknown_members_are_ignored() -> None:
    body = b'{"IdentityPoolId":"a:1","Future":{"deep":[1]},"Logins":null}'
    assert decode_request(GET_ID, body) == identity.GetIdRequest("a:1")


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"\xff", b"[" * 100_000, b"[]", b"null", b'"text"', b"5", b'{"a":NaN}'],
    ids=["empty", "cut", "bytes", "deep", "list", "null", "text", "number", "not a number"],
)
def test_a_body_that_is_not_a_json_object_is_a_serialization_error(body: bytes) -> None:
    with pytest.raises(errors.SerializationException, match="The request body is not"):
        decode_request(GET_ID, body)


def test_a_bad_pool_id_is_refused_in_the_words_of_the_service() -> None:
    """Seen in amazon-freertos issue 1829."""
    assert refusal(DESCRIBE_IDENTITY_POOL, {"IdentityPoolId": "X"}) == (
        "1 validation error detected: Value 'X' at 'identityPoolId' failed to satisfy "
        r"constraint: Member must satisfy regular expression pattern: [\w-]+:[0-9a-f-]+"
    )


def test_an_empty_login_is_refused_in_the_words_of_the_service() -> None:
    """Seen in amplify-js issue 7845."""
    members = {"IdentityPoolId": "a:1", "Logins": {"cognito-idp.us-east-1.amazonaws.com/x": ""}}
    assert refusal(GET_ID, members) == (
        "1 validation error detected: Value '{cognito-idp.us-east-1.amazonaws.com/x=}' at "
        "'logins' failed to satisfy constraint: Map value must satisfy constraint: [Member must "
        "have length less than or equal to 50000, Member must have length greater than or equal "
        "to 1]"
    )


def test_a_bad_key_of_a_map_is_refused_in_the_words_of_the_service() -> None:
    """The words were seen in boto3 issue 2601."""
    role = "arn:aws:iam::000000000000:role/guest"
    members = {"IdentityPoolId": "a:1", "Roles": {"guest": role}}
    assert refusal(SET_IDENTITY_POOL_ROLES, members) == (
        f"1 validation error detected: Value '{{guest={role}}}' at 'roles' failed to satisfy "
        "constraint: Map keys must satisfy constraint: [Member must have length less than or "
        "equal to 128, Member must have length greater than or equal to 1, Member must satisfy "
        "regular expression pattern: (un)?authenticated]"
    )


@pytest.mark.parametrize(
    ("operation", "members", "place", "rule"),
    [
        (
            DELETE_IDENTITIES,
            {"IdentityIdsToDelete": []},
            "'[]' at 'identityIdsToDelete'",
            "have length greater than or equal to 1",
        ),
        (
            DELETE_IDENTITIES,
            {"IdentityIdsToDelete": ["a:1"] * 61},
            "at 'identityIdsToDelete'",
            "have length less than or equal to 60",
        ),
        (
            LIST_IDENTITIES,
            {"IdentityPoolId": "a:1", "MaxResults": 61},
            "'61' at 'maxResults'",
            "have value less than or equal to 60",
        ),
        (
            LIST_IDENTITIES,
            {"IdentityPoolId": "a:1", "MaxResults": 1, "HideDisabled": "yes"},
            "'yes' at 'hideDisabled'",
            "be true or false",
        ),
        (
            UPDATE_IDENTITY_POOL,
            {"IdentityPoolId": "a:1", "IdentityPoolName": "things"},
            "null at 'allowUnauthenticatedIdentities'",
            "not be null",
        ),
        (
            SET_IDENTITY_POOL_ROLES,
            {"IdentityPoolId": "a:1", "Roles": {}, "RoleMappings": {"login.example": {}}},
            "null at 'roleMappings.login.example.member.type'",
            "not be null",
        ),
        (
            TAG_RESOURCE,
            {"ResourceArn": "arn:aws:cognito-identity:us-east-1:0:x", "Tags": {"k": 5}},
            "'5' at 'tags.k.member'",
            "be a string",
        ),
    ],
)
def test_other_violations_are_named(
    operation: AnyOperation, members: object, place: str, rule: str
) -> None:
    text = refusal(operation, members)
    assert text.startswith("1 validation error detected: Value ")
    assert text.endswith(f"{place} failed to satisfy constraint: Member must {rule}")


@pytest.mark.parametrize(
    ("operation", "start"),
    [
        (TAG_RESOURCE, b'{"Tags":{"":"v","k":'),
        (LIST_IDENTITIES, b'{"HideDisabled":{"k":'),
    ],
)
def test_nesting_of_any_depth_is_refused_in_words(operation: AnyOperation, start: bytes) -> None:
    """Around the depth at which the JSON reader gives up, what explains the refusal may."""
    for depth in range(900, 1100):
        body = start + b"[" * depth + b"]" * depth + b"}}"
        with pytest.raises((errors.ValidationException, errors.SerializationException)):
            decode_request(operation, body)


@pytest.mark.parametrize(
    "logins",
    [
        "secret-token",
        {"graph.facebook.com": "secret-token" * 5000},
        {"": "secret-token"},
        {f"provider-{number}": "secret-token" for number in range(11)},
    ],
    ids=["not a map", "too long", "no provider", "too many"],
)
def test_a_login_token_is_not_repeated_in_a_refusal(logins: object) -> None:
    text = refusal(GET_ID, {"IdentityPoolId": "a:1", "Logins": logins})
    assert text.startswith("1 validation error detected: Value ")
    assert " at 'logins' failed to satisfy constraint: " in text
    assert "secret" not in text


@pytest.mark.parametrize("error", EVERY_ERROR, ids=lambda error: error.code)
def test_every_error_is_a_400_and_a_fault_a_500(error: type[ServiceError]) -> None:
    assert status(error("")) == (500 if error is errors.InternalErrorException else 400)


@pytest.mark.parametrize("error", EVERY_ERROR, ids=lambda error: error.code)
def test_botocore_reads_the_error_from_the_body_alone(error: type[ServiceError]) -> None:
    raised = error("What happened.")
    parsed = BOTOCORE.parsed(GET_ID, status(raised), {}, encode_error(raised))
    assert parsed["Error"] == {"Code": error.code, "Message": "What happened."}


@pytest.mark.parametrize("error", EVERY_ERROR, ids=lambda error: error.code)
@pytest.mark.parametrize("header", [None, "{}:"])
def test_an_error_survives_its_encoding(error: type[ServiceError], header: str | None) -> None:
    error_type = header.format(error.code) if header is not None else None
    body = encode_error(error("Text."))
    with pytest.raises(error, match=r"Text\.") as raised:
        decode_response(GET_CREDENTIALS_FOR_IDENTITY, status(error("")), error_type, body)
    assert type(raised.value) is error
