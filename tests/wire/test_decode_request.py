"""What the server reads out of paths, queries, headers and bodies, and what it refuses."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keepstep.server.routes import route
from keepstep.wire.errors import InvalidParameterException, ServiceError
from keepstep.wire.members import LONG_MAX, SECONDS_MAX
from keepstep.wire.operations import (
    DELETE_DATASET,
    LIST_DATASETS,
    SYNC_OPERATIONS,
    UPDATE_RECORDS,
    Operation,
)
from keepstep.wire.rest_json import decode_request

from .received import LABELS, list_records, refusal, update_patch, update_records
from .strategies import EXAMPLES

JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=8,
)
ODD_NUMBERS = st.sampled_from(["", " 1", "1_0", "1.0", "1e3", "nan", "-inf", "9" * 400, "٣"])
ODD_VALUES = JSON_VALUES | ODD_NUMBERS


def test_an_identifier_in_the_path_is_decoded_once() -> None:
    request = list_records(b"")
    assert (request.identity_pool_id, request.identity_id) == ("us-east-1:11", "us-east-1:22")


@pytest.mark.parametrize("label", [b"us-east-1%253A11", b"us-east-1+11", b"INVALID", b"%FF:1"])
def test_an_identifier_that_is_none_once_decoded_is_refused(label: bytes) -> None:
    with pytest.raises(InvalidParameterException):
        decode_request(LIST_DATASETS, [label, LABELS[1]], b"", {}, b"")


def test_a_plus_in_a_path_stays_a_plus() -> None:
    device = b"a+b%2B"
    operation = next(o for o in SYNC_OPERATIONS if o.name == "SubscribeToDataset")
    assert decode_request(operation, [*LABELS, device], b"", {}, b"").device_id == "a+b+"


@pytest.mark.parametrize(
    ("query", "token"),
    [
        (b"nextToken=a+b", "a b"),
        (b"nextToken=a%20b", "a b"),
        (b"nextToken=a%2Bb%2F%3D", "a+b/="),
        (b"nextToken=a=b==", "a=b=="),
        (b"nextToken=%C3%A9", "é"),
        (b"nextToken=null", "null"),
        (b"nextToken=", ""),
        (b"next%54oken=a", "a"),
        (b"&&nextToken=a&", "a"),
    ],
)
def test_a_query_value_is_decoded_as_forms_are(query: bytes, token: str) -> None:
    """Android sends a space as ``+``; botocore sends ``%20`` and ``%2B``."""
    assert list_records(query).next_token == token


@pytest.mark.parametrize("query", [b"other=1", b"other=1&other=2", b"NextToken=a", b"%FF=%FF"])
def test_unknown_query_parameters_are_ignored(query: bytes) -> None:
    assert list_records(query) == list_records(b"")


@pytest.mark.parametrize(
    "query",
    [b"maxResults=5&maxResults=5", b"nextToken=a&x=1&nextToken=b", b"nextToken=a&next%54oken=b"],
)
def test_a_query_parameter_given_twice_is_refused(query: bytes) -> None:
    assert "2 times" in refusal(list_records, query)


@pytest.mark.parametrize(
    "value",
    ["0", "-1", "abc", "1.0", "05", "", "+5", "%2B5", "1e3", "null", "%D9%A3", "1" * 20, "9" * 19],
)
def test_max_results_that_is_no_count_is_refused(value: str) -> None:
    text = refusal(list_records, f"maxResults={value}".encode())
    assert text.startswith("1 validation error detected: Value '")
    assert "at 'maxResults' failed to satisfy constraint" in text


@pytest.mark.parametrize("value", [1, 64, 1024, LONG_MAX])
def test_max_results_may_be_any_count(value: int) -> None:
    assert list_records(f"maxResults={value}".encode()).max_results == value


@pytest.mark.parametrize("value", ["-1", "x", "1.5", "9" * 19])
def test_a_last_sync_count_that_is_no_count_is_refused(value: str) -> None:
    assert "at 'lastSyncCount'" in refusal(list_records, f"lastSyncCount={value}".encode())


def test_a_client_context_is_read_from_its_header() -> None:
    headers = {b"x-amz-client-context": b"caf\xe9"}
    request = decode_request(UPDATE_RECORDS, LABELS, b"", headers, b'{"SyncSessionToken":"t"}')
    assert request.client_context == "café"


@pytest.mark.parametrize("body", [b"", b"{}", b"not JSON", b"\xff", b"[" * 100_000])
def test_a_body_is_ignored_where_no_member_travels_in_it(body: bytes) -> None:
    """Unity sends ``{}`` with what stands for a DELETE."""
    assert decode_request(DELETE_DATASET, LABELS, b"", {}, body).dataset_name == "things"


def test_members_of_the_path_and_unknown_members_are_ignored_in_the_body() -> None:
    body = {"SyncSessionToken": "t", "DatasetName": "other", "ClientContext": "c", "New": {"a": 1}}
    request = update_records(body)
    assert (request.dataset_name, request.client_context) == ("things", None)


def test_null_means_absent() -> None:
    body = {"SyncSessionToken": "t", "RecordPatches": None, "DeviceId": None}
    assert update_records(body) == update_records({"SyncSessionToken": "t"})


def test_the_last_of_duplicate_members_counts() -> None:
    body = b'{"SyncSessionToken":"a","SyncSessionToken":"b"}'
    assert update_records(body).sync_session_token == "b"


@pytest.mark.parametrize(
    "text", ["", "null", "true", "1", "\0", "\U0001f600", "e\u0301", "\u2028", "\ufeff"]
)
def test_a_value_is_kept_as_it_is(text: str) -> None:
    assert update_patch(Value=text).value == text


@pytest.mark.parametrize("count", [7, "7", 7.0])
def test_a_sync_count_may_be_a_number_or_digits(count: object) -> None:
    assert update_patch(SyncCount=count).sync_count == 7


@pytest.mark.parametrize(
    "count", [-1, "-1", 1.5, "x", "", True, [], {}, None, LONG_MAX + 1, 10**400, "9" * 5000]
)
def test_a_sync_count_that_is_no_count_is_refused(count: object) -> None:
    assert "'recordPatches.1.member.syncCount'" in refusal(update_patch, SyncCount=count)


@pytest.mark.parametrize("date", [1412974057.151, "1412974057.151", "1.412974057151E9"])
def test_a_date_may_be_a_number_or_a_numeric_string(date: object) -> None:
    """The iOS SDK sends its dates as strings."""
    assert update_patch(DeviceLastModifiedDate=date).device_last_modified_date == 1412974057.151


@pytest.mark.parametrize(
    "date", [-1, SECONDS_MAX + 1, "nan", "inf", "-inf", "1e400", "", "2014-10-10T20:47:37Z", True]
)
def test_a_date_that_is_no_epoch_second_is_refused(date: object) -> None:
    text = refusal(update_patch, DeviceLastModifiedDate=date)
    assert "'recordPatches.1.member.deviceLastModifiedDate'" in text


@pytest.mark.parametrize("value", [5, 1.5, True, [], {}])
def test_a_value_that_is_no_string_is_refused(value: object) -> None:
    """Seen in amazon-cognito-js issues 6 and 8."""
    text = refusal(update_patch, Value=value)
    assert "at 'recordPatches.1.member.value'" in text
    assert "be a string" in text


@pytest.mark.parametrize(
    "body",
    [
        b"\xef\xbb\xbf{}",
        b"[" * 100_000,
        b'{"RecordPatches":' * 100_000,
        b'{"SyncSessionToken":"\\ud800"}',
        b'{"SyncSessionToken":"\xed\xa0\x80"}',
        b'{"SyncSessionToken":"\xff"}',
        b'{"SyncSessionToken":"t"} x',
        b'{"SyncSessionToken":NaN}',
        b"[]",
        b"null",
        b'"text"',
        b" ",
    ],
    ids=[
        "byte order mark",
        "deep list",
        "deep object",
        "escaped lone surrogate",
        "encoded lone surrogate",
        "no UTF-8",
        "trailing text",
        "NaN",
        "list",
        "null",
        "string",
        "blank",
    ],
)
def test_a_body_that_is_no_json_object_in_utf_8_is_refused(body: bytes) -> None:
    assert refusal(update_records, body).startswith("The request body is not ")


def test_nesting_of_any_depth_is_refused_in_words() -> None:
    """Around the depth at which the JSON reader gives up, what explains the refusal may."""
    for depth in range(900, 1100):
        body = b'{"SyncSessionToken":%b%b}' % (b"[" * depth, b"]" * depth)
        assert refusal(update_records, body)


@pytest.mark.parametrize("operation", SYNC_OPERATIONS, ids=lambda operation: operation.name)
@EXAMPLES
@given(data=st.data())
def test_no_body_label_or_query_raises_anything_but_a_service_error(
    operation: Operation[Any, Any], data: st.DataObject
) -> None:
    labels = data.draw(st.tuples(*[st.binary(min_size=1)] * len(operation.labels)))
    body = data.draw(st.binary() | bodies(operation))
    names = st.sampled_from([name.encode() for name in operation.query.values()] or [b"x"])
    pairs = st.tuples(names, st.binary()).map(b"=".join)
    query = data.draw(st.binary() | st.lists(pairs).map(b"&".join))
    headers = {b"x-amz-client-context": data.draw(st.binary())}
    if data.draw(st.booleans()):
        labels = (*LABELS, b"device")[: len(labels)]
    try:
        request = decode_request(operation, labels, query, headers, body)
    except ServiceError:
        return
    assert isinstance(request, operation.request)


@EXAMPLES
@given(method=st.sampled_from(["GET", "POST", "DELETE", "PUT"]), path=st.binary())
def test_no_path_raises_anything_but_a_service_error(method: str, path: bytes) -> None:
    for raw_path in (path, b"/identitypools/" + path):
        try:
            row, labels = route(method, raw_path)
        except ServiceError:
            continue
        assert len(labels) == len(row.operation.labels)


def bodies(operation: Operation[Any, Any]) -> st.SearchStrategy[bytes]:
    """Make bodies of the right members with any JSON in them."""
    patch = st.fixed_dictionaries(
        {},
        optional={
            "Op": ODD_VALUES | st.just("replace"),
            "Key": ODD_VALUES,
            "Value": ODD_VALUES,
            "SyncCount": ODD_VALUES,
            "DeviceLastModifiedDate": ODD_VALUES,
        },
    )
    members = dict.fromkeys(sorted(operation.body_members), ODD_VALUES | st.lists(patch))
    return st.fixed_dictionaries({}, optional=members).map(lambda body: json.dumps(body).encode())
