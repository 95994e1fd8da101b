"""The shapes and operations of Cognito Identity, held against botocore's published model."""

import sys
import unicodedata

import msgspec
import pytest
from msgspec import inspect

from keepstep.wire import identity
from keepstep.wire.errors import JSON_ERRORS
from keepstep.wire.identity_operations import (
    GET_CREDENTIALS_FOR_IDENTITY,
    IDENTITY_OPERATIONS,
    UNSIGNED,
)
from keepstep.wire.json_1_1 import CONTENT_TYPE, TARGET_PREFIX, status
from keepstep.wire.members import ClaimName, published_pattern

from .published import (
    IDENTITY_FAULTS,
    IDENTITY_MODEL,
    describe_held,
    describe_published,
    held_required,
    held_sensitive,
    operation_model,
    published_required,
    published_sensitive,
)
from .round_trips import AnyOperation, each

each_operation = each(IDENTITY_OPERATIONS)


def test_the_twenty_three_published_operations_are_held_each_once() -> None:
    names = [operation.name for operation in IDENTITY_OPERATIONS]
    assert len(names) == 23
    assert sorted(names) == sorted(IDENTITY_MODEL.operation_names)


def test_the_protocol_is_json_1_1_under_the_published_target() -> None:
    assert IDENTITY_MODEL.metadata["protocol"] == "json"
    assert f"application/x-amz-json-{IDENTITY_MODEL.metadata['jsonVersion']}" == CONTENT_TYPE
    assert f"{IDENTITY_MODEL.metadata['targetPrefix']}." == TARGET_PREFIX


@each_operation
def test_method_and_path_are_the_published_ones(operation: AnyOperation) -> None:
    published = operation_model(operation).http
    assert (operation.method, operation.uri) == (published["method"], published["requestUri"])


@each_operation
def test_what_needs_no_signature_is_as_published(operation: AnyOperation) -> None:
    assert (operation.name in UNSIGNED) == (operation_model(operation).auth_type == "none")


@each_operation
def test_request_members_have_the_published_types_and_constraints(operation: AnyOperation) -> None:
    published = operation_model(operation).input_shape
    assert published is not None
    assert describe_held(inspect.type_info(operation.request)) == describe_published(published)


@each_operation
def test_the_published_members_are_required_and_no_others(operation: AnyOperation) -> None:
    published = operation_model(operation).input_shape
    assert held_required(inspect.type_info(operation.request)) == published_required(published)


@each_operation
def test_response_members_have_the_published_types_and_constraints(operation: AnyOperation) -> None:
    published = operation_model(operation).output_shape
    if operation.response is None:
        assert published is None
    else:
        assert published is not None
        assert describe_held(inspect.type_info(operation.response)) == describe_published(published)


@each_operation
def test_the_published_sensitive_members_are_sensitive_and_so_is_a_session_token(
    operation: AnyOperation,
) -> None:
    model = operation_model(operation)
    held = held_sensitive(inspect.type_info(operation.request))
    assert held == published_sensitive(model.input_shape)
    if operation.response is not None:
        is_credentials = operation is GET_CREDENTIALS_FOR_IDENTITY
        besides = {".Credentials.SessionToken"} if is_credentials else set[str]()
        held = held_sensitive(inspect.type_info(operation.response))
        assert held == published_sensitive(model.output_shape) | besides


@each_operation
def test_errors_are_the_published_ones_and_a_fault_is_a_500(operation: AnyOperation) -> None:
    published = {
        shape.name: 500 if shape.name in IDENTITY_FAULTS else 400
        for shape in operation_model(operation).error_shapes
    }
    assert {error.code: status(error("")) for error in operation.errors} == published
    assert all(JSON_ERRORS[error.code] is error for error in operation.errors)


def test_a_claim_name_takes_the_published_kinds_of_characters() -> None:
    """``\\p{L}`` and its like do not exist in Python's patterns; unassigned characters may pass."""
    wrong: list[str] = []
    for character in map(chr, range(sys.maxunicode + 1)):
        kind = unicodedata.category(character)
        if kind != "Cn" and accepts(character) != (kind[0] in "LMSNP"):
            wrong.append(f"{character!r} {kind}")
    assert wrong == []


def accepts(name: str) -> bool:
    try:
        msgspec.convert(name, ClaimName)
    except msgspec.ValidationError:
        return False
    return True


def test_the_pattern_of_a_claim_name_is_printed_as_published() -> None:
    described = inspect.type_info(ClaimName)
    assert isinstance(described, inspect.StrType)
    assert described.pattern is not None
    assert published_pattern(described.pattern) == r"[\p{L}\p{M}\p{S}\p{N}\p{P}]+"


SECRET = "not to be printed"


@pytest.mark.parametrize(
    "shape",
    [
        identity.Credentials("ASIAEXAMPLE", SECRET, SECRET, 1.0),
        identity.GetCredentialsForIdentityResponse(
            "a:1", identity.Credentials("ASIAEXAMPLE", SECRET, SECRET, 1.0)
        ),
        identity.GetIdRequest("a:1", logins={"graph.facebook.com": SECRET}),
        identity.GetCredentialsForIdentityRequest("a:1", {"graph.facebook.com": SECRET}),
        identity.GetOpenIdTokenRequest("a:1", {"graph.facebook.com": SECRET}),
        identity.GetOpenIdTokenResponse("a:1", SECRET),
        identity.GetOpenIdTokenForDeveloperIdentityRequest("a:1", {"login.example": SECRET}),
        identity.GetOpenIdTokenForDeveloperIdentityResponse("a:1", SECRET),
        identity.UnlinkIdentityRequest("a:1", {"graph.facebook.com": SECRET}, []),
    ],
    ids=lambda shape: type(shape).__name__,
)
def test_tokens_and_secrets_are_not_printed(shape: msgspec.Struct) -> None:
    for printed in (repr(shape), str(shape), f"{[shape]}", str(shape.__rich_repr__())):
        assert SECRET not in printed
        assert "***" in printed


def test_what_is_not_sensitive_is_printed_as_ever() -> None:
    credentials = identity.Credentials("ASIAEXAMPLE", SECRET, SECRET, 1.5)
    assert repr(credentials) == (
        "Credentials(access_key_id='ASIAEXAMPLE', secret_key='***', session_token='***', "
        "expiration=1.5)"
    )
    request = identity.GetIdRequest("a:1")
    assert repr(request) == "GetIdRequest(identity_pool_id='a:1', account_id=None, logins=None)"
