"""The shapes and operations of the Security Token Service, held against botocore's model."""

import pytest
from msgspec import inspect

from keepstep.wire import sts
from keepstep.wire.query import NAMESPACE, VERSION, code_and_status
from keepstep.wire.sts import STS_OPERATIONS, UNSIGNED

from .published import (
    STS_MODEL,
    describe_held,
    describe_published,
    held_required,
    held_sensitive,
    operation_model,
    published_required,
    published_sensitive,
)
from .round_trips import AnyOperation, each

each_operation = each(STS_OPERATIONS)


def test_the_protocol_is_query_of_the_published_version_and_namespace() -> None:
    assert STS_MODEL.metadata["protocol"] == "query"
    assert STS_MODEL.api_version == VERSION
    assert STS_MODEL.metadata["xmlNamespace"] == NAMESPACE


def test_the_operations_of_the_cognito_flows_are_held() -> None:
    names = [operation.name for operation in STS_OPERATIONS]
    assert names == ["AssumeRoleWithWebIdentity", "GetCallerIdentity"]


@each_operation
def test_method_path_and_wrapper_are_the_published_ones(operation: AnyOperation) -> None:
    model = operation_model(operation)
    published = (model.http["method"], model.http["requestUri"])
    assert (operation.method, operation.uri) == published
    assert model.output_shape is not None
    assert model.output_shape.serialization["resultWrapper"] == f"{operation.name}Result"


@each_operation
def test_what_needs_no_signature_is_as_published(operation: AnyOperation) -> None:
    assert (operation.name in UNSIGNED) == (operation_model(operation).auth_type == "none")


@each_operation
def test_members_have_the_published_types_and_constraints(operation: AnyOperation) -> None:
    model = operation_model(operation)
    assert operation.response is not None
    for held, published in (
        (operation.request, model.input_shape),
        (operation.response, model.output_shape),
    ):
        assert published is not None
        assert describe_held(inspect.type_info(held)) == describe_published(published)


@each_operation
def test_the_published_members_are_required_and_no_others(operation: AnyOperation) -> None:
    published = operation_model(operation).input_shape
    assert held_required(inspect.type_info(operation.request)) == published_required(published)


def test_the_published_sensitive_members_are_sensitive_and_so_is_a_session_token() -> None:
    model = operation_model(sts.ASSUME_ROLE_WITH_WEB_IDENTITY)
    request = held_sensitive(inspect.type_info(sts.AssumeRoleWithWebIdentityRequest))
    response = held_sensitive(inspect.type_info(sts.AssumeRoleWithWebIdentityResponse))
    assert request == published_sensitive(model.input_shape)
    assert response == published_sensitive(model.output_shape) | {".Credentials.SessionToken"}


@each_operation
def test_errors_are_the_published_ones_with_their_codes_and_statuses(
    operation: AnyOperation,
) -> None:
    published = {
        (shape.metadata["error"]["code"], shape.metadata["error"]["httpStatusCode"])
        for shape in operation_model(operation).error_shapes
    }
    assert {code_and_status(error("")) for error in operation.errors} == published
    assert len(operation.errors) == len(published)


@pytest.mark.parametrize(
    "shape",
    [
        sts.AssumeRoleWithWebIdentityRequest("arn", "session", "not to be printed"),
        sts.Credentials("ASIAEXAMPLE", "not to be printed", "not to be printed", 1.0),
    ],
)
def test_tokens_and_secrets_are_not_printed(shape: object) -> None:
    assert "not to be printed" not in repr(shape)
    assert "***" in repr(shape)
