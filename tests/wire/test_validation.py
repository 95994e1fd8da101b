"""The texts in which a request's violations are named, as the service writes them."""

from typing import Any

import pytest

from keepstep.wire.members import LONG_MAX
from keepstep.wire.operations import (
    LIST_DATASETS,
    LIST_RECORDS,
    REGISTER_DEVICE,
    SET_COGNITO_EVENTS,
    SET_IDENTITY_POOL_CONFIGURATION,
    UPDATE_RECORDS,
    Operation,
)
from keepstep.wire.rest_json import decode_request
from keepstep.wire.validation import ECHO_MAX, explain, member_path, message, violation

from .received import LABELS, refusal, update_patch, update_records

PATCH = {"Op": "replace", "Key": "k", "Value": "v", "SyncCount": 0}
PLACE = {"IdentityPoolId": "a:1", "IdentityId": "a:2", "DatasetName": "things"}
POOL = {"IdentityPoolId": "a:1"}
ID_RULE = r"satisfy regular expression pattern: [\w-]+:[0-9a-f-]+"


def explained(operation: Operation[Any, Any], **members: Any) -> str | None:
    return explain(operation.request, members)


def one(value: str, path: str, constraint: str) -> str:
    """Give the whole text for one violation; ``value`` stands as it is printed."""
    return (
        f"1 validation error detected: Value {value} at '{path}' failed to satisfy constraint: "
        f"Member must {constraint}"
    )


def test_two_bad_identifiers_are_named_at_once() -> None:
    """A feature test of the AWS SDK for JavaScript sends exactly these."""
    labels = [b"INVALID", b"A:B:C"]
    assert refusal(decode_request, LIST_DATASETS, labels, b"", {}, b"") == (
        "2 validation errors detected: "
        "Value 'INVALID' at 'identityPoolId' failed to satisfy constraint: "
        rf"Member must {ID_RULE}; "
        "Value 'A:B:C' at 'identityId' failed to satisfy constraint: "
        rf"Member must {ID_RULE}"
    )


def test_one_bad_identifier_is_one_error() -> None:
    labels = [LABELS[0], b"INVALID"]
    text = refusal(decode_request, LIST_DATASETS, labels, b"", {}, b"")
    assert text == one("'INVALID'", "identityId", ID_RULE)


@pytest.mark.parametrize(
    ("member", "value", "constraint"),
    [
        ("Key", "", "have length greater than or equal to 1"),
        ("Key", "k" * 1025, "have length less than or equal to 1024"),
        ("Value", "v" * 1_048_576, "have length less than or equal to 1048575"),
        ("SyncCount", -1, "have value greater than or equal to 0"),
        ("SyncCount", LONG_MAX + 1, f"have value less than or equal to {LONG_MAX}"),
        ("SyncCount", "x", "be a whole number"),
        ("SyncCount", " 1", "be a whole number"),
        ("SyncCount", "1_0", "be a whole number"),
        ("DeviceLastModifiedDate", "1_0", "be a number of seconds"),
        ("DeviceLastModifiedDate", "x", "be a number of seconds"),
        ("Value", 5, "be a string"),
    ],
)
def test_a_bad_member_of_a_patch_is_named_with_its_path_and_rule(
    member: str, value: object, constraint: str
) -> None:
    text = str(value)
    shown = f"'{text[:ECHO_MAX]}…'" if len(text) > ECHO_MAX else f"'{text}'"
    path = f"recordPatches.1.member.{member_path(member)}"
    assert refusal(update_patch, **{member: value}) == one(shown, path, constraint)


def test_the_position_of_a_patch_counts_from_one() -> None:
    body = {"SyncSessionToken": "t", "RecordPatches": [PATCH, {**PATCH, "Key": ""}]}
    rule = "have length greater than or equal to 1"
    assert refusal(update_records, body) == one("''", "recordPatches.2.member.key", rule)


def test_an_unknown_choice_is_answered_with_the_known_ones() -> None:
    text = refusal(update_patch, Op="merge")
    start, _, choices = text.partition(" enum value set: ")
    assert f"{start} enum value set: " == one(
        "'merge'", "recordPatches.1.member.op", "satisfy enum value set: "
    )
    assert sorted(choices.strip("[]").split(", ")) == ["remove", "replace"]


@pytest.mark.parametrize("missing", ["Op", "Key", "SyncCount"])
def test_a_missing_member_is_null(missing: str) -> None:
    path = f"recordPatches.1.member.{member_path(missing)}"
    assert refusal(update_patch, **{missing: None}) == one("null", path, "not be null")


def test_every_violation_of_a_body_is_named() -> None:
    text = refusal(update_records, {"RecordPatches": [{}, None, 1], "DeviceId": ""})
    assert text.startswith("7 validation errors detected: ")
    for path in (
        "syncSessionToken",
        "deviceId",
        "recordPatches.1.member.op",
        "recordPatches.1.member.key",
        "recordPatches.1.member.syncCount",
        "recordPatches.2.member",
        "recordPatches.3.member",
    ):
        assert text.count(f" at '{path}' ") == 1


@pytest.mark.parametrize(
    ("operation", "members", "expected"),
    [
        (
            REGISTER_DEVICE,
            {**POOL, "IdentityId": "a:2", "Platform": "APNS"},
            one("null", "token", "not be null"),
        ),
        (
            SET_COGNITO_EVENTS,
            {**POOL, "Events": {"a": "", "b": ""}},
            one("'2 entries'", "events", "have length less than or equal to 1"),
        ),
        (
            SET_COGNITO_EVENTS,
            {**POOL, "Events": []},
            one("'[]'", "events", "be a map"),
        ),
        (
            SET_COGNITO_EVENTS,
            {**POOL, "Events": {"SyncTrigger": 5}},
            one("'5'", "events.SyncTrigger.member", "be a string"),
        ),
        (
            SET_IDENTITY_POOL_CONFIGURATION,
            {**POOL, "PushSync": {"ApplicationArns": ["x"]}},
            one(
                "'x'",
                "pushSync.applicationArns.1.member",
                "satisfy regular expression pattern: "
                r"arn:aws:sns:[-0-9a-z]+:\d+:app/[A-Z_]+/[a-zA-Z0-9_.-]+",
            ),
        ),
        (
            SET_IDENTITY_POOL_CONFIGURATION,
            {**POOL, "CognitoStreams": 1},
            one("'1'", "cognitoStreams", "be a structure"),
        ),
        (
            UPDATE_RECORDS,
            {**PLACE, "SyncSessionToken": "t", "RecordPatches": {}},
            one("'{}'", "recordPatches", "be a list"),
        ),
    ],
)
def test_violations_in_lists_maps_and_structures_are_named(
    operation: Operation[Any, Any], members: dict[str, Any], expected: str
) -> None:
    assert explained(operation, **members) == expected


def test_a_valid_request_has_no_violation() -> None:
    assert explained(UPDATE_RECORDS, **PLACE, SyncSessionToken="t", RecordPatches=[PATCH]) is None
    assert message([]) is None


@pytest.mark.parametrize("count", [2**53 + 1, str(2**53 + 1), LONG_MAX, str(LONG_MAX)])
def test_a_great_but_valid_count_is_no_violation(count: object) -> None:
    """Beyond 2**53 not every whole number is a float."""
    bad_name = {**PLACE, "DatasetName": "a b", "LastSyncCount": count}
    text = explained(LIST_RECORDS, **bad_name)
    assert text == one(
        "'a b'", "datasetName", "satisfy regular expression pattern: [a-zA-Z0-9_.:-]+"
    )


@pytest.mark.parametrize("name", ["ünicode", "a b", "a/b", "a\n", "٣"])
def test_the_letters_of_a_dataset_name_are_ascii(name: str) -> None:
    assert explained(LIST_RECORDS, **{**PLACE, "DatasetName": name}) is not None


@pytest.mark.parametrize("pool", ["é:1", "a:1\n", "a:G", ":1", "a:"])
def test_the_letters_of_an_identifier_are_ascii(pool: str) -> None:
    assert explained(LIST_DATASETS, IdentityPoolId=pool, IdentityId="a:2") is not None


def test_a_long_value_is_shortened_and_a_short_one_is_not() -> None:
    assert violation("v" * ECHO_MAX, "p", "x").startswith(f"Value '{'v' * ECHO_MAX}' at ")
    assert violation("v" * (ECHO_MAX + 1), "p", "x").startswith(f"Value '{'v' * ECHO_MAX}…' at ")


def test_lengths_count_characters_and_not_bytes() -> None:
    assert update_patch(Key="\U0001f600" * 1024).key == "\U0001f600" * 1024
