"""The wire floor and the table of operations, held against botocore's published model."""

from typing import Any

import pytest
from botocore.model import ListShape, StructureShape
from msgspec import inspect

from keepstep.domain.access import CallerClass
from keepstep.operations.table import SYNC_TABLE, Row
from keepstep.server.doors import SyncDoor
from keepstep.wire import sync
from keepstep.wire.errors import LambdaSocketTimeoutException
from keepstep.wire.operations import SYNC_OPERATIONS, UPDATE_RECORDS

from .published import (
    MODEL,
    NARROWED,
    NARROWED_IN_PATCH,
    describe_held,
    describe_published,
    operation_model,
    published_members,
    struct_fields,
)
from .round_trips import AnyOperation, each

each_operation = each(SYNC_OPERATIONS)
IDENTITY_ONLY = {"RegisterDevice", "SubscribeToDataset", "UnsubscribeFromDataset"}
EVERY_CALLER = {
    "ListDatasets",
    "ListRecords",
    "DescribeDataset",
    "UpdateRecords",
    "DeleteDataset",
    "DescribeIdentityUsage",
}


def location(operation: AnyOperation, member: str) -> tuple[str, str]:
    """Give where a member travels and under what name."""
    if member in operation.labels:
        return "uri", member
    if member in operation.query:
        return "querystring", operation.query[member]
    if member in operation.headers:
        return "header", operation.headers[member]
    return "body", member


def published_request(operation: AnyOperation) -> dict[str, Any]:
    """Describe the members of a published request, with what other documents narrow."""
    described: dict[str, Any] = {}
    for name, shape in published_members(operation_model(operation).input_shape).items():
        described[name] = describe_published(shape)
        if name in NARROWED:
            described[name] = ("whole", *NARROWED[name])
        if name == "RecordPatches":
            for member, limits in NARROWED_IN_PATCH.items():
                described[name][1][member] = ("whole", *limits)
    return described


def test_the_seventeen_published_operations_are_held_each_once() -> None:
    names = [operation.name for operation in SYNC_OPERATIONS]
    assert len(names) == 17
    assert sorted(names) == sorted(MODEL.operation_names)


def test_the_protocol_is_rest_json_signed_for_cognito_sync() -> None:
    assert MODEL.metadata["protocol"] == "rest-json"
    assert MODEL.signing_name == SyncDoor.service
    assert MODEL.signature_version == "v4"


@each_operation
def test_method_path_and_status_are_the_published_ones(operation: AnyOperation) -> None:
    published = operation_model(operation).http
    assert (operation.method, operation.uri) == (published["method"], published["requestUri"])
    assert published["responseCode"] == 200


@each_operation
def test_members_travel_where_the_model_says(operation: AnyOperation) -> None:
    members = published_members(operation_model(operation).input_shape)
    expected = {
        name: (
            shape.serialization.get("location", "body"),
            shape.serialization.get("name", name),
        )
        for name, shape in members.items()
    }
    held = {name: location(operation, name) for name in struct_fields(operation.request)}
    assert held == expected
    assert operation.body_members == {n for n, (place, _) in expected.items() if place == "body"}


@each_operation
def test_request_members_have_the_published_types_and_constraints(operation: AnyOperation) -> None:
    held = describe_held(inspect.type_info(operation.request))
    assert held == published_request(operation)


@each_operation
def test_the_published_members_are_required_and_no_others(operation: AnyOperation) -> None:
    shape = operation_model(operation).input_shape
    published = set(shape.required_members) if shape is not None else set[str]()
    fields = struct_fields(operation.request)
    assert {name for name, field in fields.items() if field.required} == published


def test_a_patch_requires_the_published_members() -> None:
    patches = published_members(operation_model(UPDATE_RECORDS).input_shape)["RecordPatches"]
    required = {name for name, f in struct_fields(sync.RecordPatch).items() if f.required}
    assert isinstance(patches, ListShape)
    assert isinstance(patches.member, StructureShape)
    assert required == set(patches.member.required_members)


@each_operation
def test_response_members_have_the_published_types_and_constraints(operation: AnyOperation) -> None:
    published = operation_model(operation).output_shape
    if operation.response is None:
        assert published is None
    else:
        assert published is not None
        assert describe_held(inspect.type_info(operation.response)) == describe_published(published)


@pytest.mark.parametrize(
    ("shape", "members"),
    [
        (sync.ListDatasetsResponse, {"Datasets", "Count"}),
        (sync.Dataset, {"DataStorage", "NumRecords"}),
        (
            sync.ListRecordsResponse,
            {
                "Records",
                "Count",
                "DatasetSyncCount",
                "DatasetExists",
                "DatasetDeletedAfterRequestedSyncCount",
                "SyncSessionToken",
            },
        ),
        (sync.UpdateRecordsResponse, {"Records"}),
    ],
)
def test_members_that_clients_read_unchecked_are_never_null(
    shape: type[sync.Shape], members: set[str]
) -> None:
    """Android unboxes or iterates these without a check."""
    fields = struct_fields(shape)
    never_null = {n for n, f in fields.items() if not isinstance(f.type, inspect.UnionType)}
    assert never_null == members


@each_operation
def test_errors_are_the_published_ones_with_their_statuses(operation: AnyOperation) -> None:
    published = {
        shape.name: shape.metadata["error"]["httpStatusCode"]
        for shape in operation_model(operation).error_shapes
    }
    if operation is UPDATE_RECORDS:
        # On the API Reference page of UpdateRecords only.
        published[LambdaSocketTimeoutException.code] = 400
    assert {error.code: error.status for error in operation.errors} == published


def test_the_table_lists_every_operation_once() -> None:
    assert [row.operation for row in SYNC_TABLE] == list(SYNC_OPERATIONS)


@pytest.mark.parametrize("row", SYNC_TABLE, ids=lambda row: row.operation.name)
def test_the_table_takes_the_published_class_of_caller(row: Row) -> None:
    name = row.operation.name
    if name in IDENTITY_ONLY:
        assert row.callers is CallerClass.IDENTITY
    else:
        assert row.callers is (CallerClass.ANY if name in EVERY_CALLER else CallerClass.DEVELOPER)


@pytest.mark.parametrize("row", SYNC_TABLE, ids=lambda row: row.operation.name)
def test_only_lists_and_descriptions_count_as_reads(row: Row) -> None:
    assert row.reads == row.operation.name.startswith(("List", "Describe", "Get"))
