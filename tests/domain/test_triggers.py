"""What a sync trigger is asked, and what its answer does, whatever it is."""

import json
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from keepstep.domain.limits import MIB
from keepstep.domain.patches import Patch
from keepstep.domain.triggers import trigger_event, triggered_patches
from keepstep.wire.errors import InvalidLambdaFunctionOutputException

from .places import NOW, PLACE, patch, state_of

Values = dict[str, str | None]

KEYS = st.sampled_from(["a", "b", "c", "é", 'key/with "marks"', "\x00"])
VALUES = st.text(st.characters(codec="utf-8"), max_size=8)
STORED = st.dictionaries(KEYS, st.none() | VALUES)
PATCHES = st.lists(
    st.builds(patch, KEYS, st.none() | VALUES, st.just(9), st.none() | st.integers(0, NOW)),
    min_size=1,
    max_size=4,
    unique_by=lambda one: one.key,
)
Entry = dict[str, str | None] | None
RECORDS: st.SearchStrategy[Entry] = st.none() | st.fixed_dictionaries(
    {"op": st.sampled_from(["replace", "remove"]), "newValue": st.none() | VALUES}
)
ANSWERED = st.dictionaries(KEYS, RECORDS)


def event_of(stored: Values, patches: Iterable[Patch]) -> dict[str, Any]:
    return json.loads(trigger_event(PLACE, state_of(stored), list(patches)))


def answer_with(records: object, **others: object) -> bytes:
    """Give an answer that is as it should be but for its records, and what else is said."""
    return json.dumps({**event_of({}, []), "datasetRecords": records, **others}).encode()


def outcome(stored: Values, patches: Iterable[Patch], answer: bytes) -> list[Patch]:
    return triggered_patches(PLACE, state_of(stored), list(patches), answer)


def wanted(entry: Entry) -> str | None:
    """Give the value that an entry of an answer asks for."""
    return None if entry is None or entry["op"] == "remove" else entry["newValue"]


def values_of(patches: Iterable[Patch]) -> Values:
    return {one.key: one.value for one in patches}


def test_the_event_shows_the_whole_dataset_as_the_update_would_leave_it() -> None:
    stored: Values = {"kept": "1", "changed": "2", "removed": "3", "gone": None, "back": None}
    patches = [
        patch("changed", "new"),
        patch("removed", None),
        patch("added", ""),
        patch("back", "again"),
        patch("never", None),
    ]
    assert event_of(stored, patches) == {
        "version": 2,
        "eventType": "SyncTrigger",
        "region": "eu-west-1",
        "identityPoolId": PLACE.identity_pool_id,
        "identityId": PLACE.identity_id,
        "datasetName": "things",
        "datasetRecords": {
            "added": {"oldValue": None, "newValue": "", "op": "replace"},
            "back": {"oldValue": None, "newValue": "again", "op": "replace"},
            "changed": {"oldValue": "2", "newValue": "new", "op": "replace"},
            "kept": {"oldValue": "1", "newValue": "1", "op": "replace"},
            "never": {"oldValue": None, "newValue": None, "op": "remove"},
            "removed": {"oldValue": "3", "newValue": None, "op": "remove"},
        },
    }


@settings(deadline=None)
@given(stored=STORED, patches=PATCHES)
def test_tombstones_are_never_in_the_event(stored: Values, patches: list[Patch]) -> None:
    """The real service has null for them (seen in amazon-cognito-js issue 61)."""
    shown = event_of(stored, patches)["datasetRecords"]
    patched = values_of(patches)
    assert set(shown) == {k for k, value in stored.items() if value is not None} | set(patched)
    for key, entry in shown.items():
        assert entry["oldValue"] == stored.get(key)
        assert entry["newValue"] == patched.get(key, stored.get(key))
        assert (entry["op"] == "remove") == (entry["newValue"] is None)


@settings(deadline=None)
@given(stored=STORED, patches=PATCHES)
def test_a_function_that_gives_its_event_back_changes_nothing(
    stored: Values, patches: list[Patch]
) -> None:
    event = trigger_event(PLACE, state_of(stored), patches)
    assert outcome(stored, patches, event) == patches


@settings(deadline=None)
@given(stored=STORED, patches=PATCHES, answered=ANSWERED)
def test_an_answer_decides_every_record_that_it_names(
    stored: Values, patches: list[Patch], answered: dict[str, Entry]
) -> None:
    after = outcome(stored, patches, answer_with(answered))
    held = {**stored, **values_of(after)}
    for key, entry in answered.items():
        assert held.get(key) == wanted(entry)


@settings(deadline=None)
@given(stored=STORED, patches=PATCHES, answered=ANSWERED)
def test_a_record_that_an_answer_leaves_out_stays_as_it_is_stored(
    stored: Values, patches: list[Patch], answered: dict[str, Entry]
) -> None:
    held = {**stored, **values_of(outcome(stored, patches, answer_with(answered)))}
    for key in {*stored, *values_of(patches)} - set(answered):
        assert held[key] == stored.get(key)


@settings(deadline=None)
@given(stored=STORED, patches=PATCHES, answered=ANSWERED)
def test_every_key_that_the_client_sent_is_written_and_of_others_only_those_that_change(
    stored: Values, patches: list[Patch], answered: dict[str, Entry]
) -> None:
    """Clients take for saved only what comes back."""
    after = outcome(stored, patches, answer_with(answered))
    sent = [one.key for one in patches]
    assert [one.key for one in after][: len(sent)] == sent
    assert len(values_of(after)) == len(after)
    for one in after[len(sent) :]:
        assert one.value != stored.get(one.key)


@settings(deadline=None)
@given(stored=STORED, patches=PATCHES, answered=ANSWERED)
def test_no_patch_of_a_trigger_conflicts_where_the_clients_did_not(
    stored: Values, patches: list[Patch], answered: dict[str, Entry]
) -> None:
    records = state_of(stored).records
    for one in outcome(stored, patches, answer_with(answered)):
        assert one.sync_count >= (records[one.key].sync_count if one.key in records else 0)


def test_a_value_is_changed_for_the_client_with_its_device_date() -> None:
    answer = answer_with({"a": {"op": "replace", "newValue": "better"}})
    (after,) = outcome({}, [patch("a", "x", 3, 77)], answer)
    assert after == patch("a", "better", 3, 77)


def test_a_record_that_was_not_patched_is_changed_with_the_date_of_the_write() -> None:
    answer = answer_with({"b": {"op": "replace", "newValue": "y"}, "a": None})
    after = outcome({"a": "1", "b": "2"}, [patch("c", "x")], answer)
    assert after == [patch("c", None), patch("b", "y", 1), patch("a", None, 0)]


def test_a_dropped_patch_writes_the_stored_state_with_its_own_device_date() -> None:
    stored: Values = {"a": "1", "gone": None}
    patches = [patch("a", "2", 9, 7), patch("gone", "3", 9, 7), patch("new", "4", 9, 7)]
    a, gone, new = outcome(stored, patches, answer_with({}))
    assert (a.value, a.device_last_modified_date) == ("1", NOW - 5)
    assert (gone.value, gone.device_last_modified_date) == (None, NOW - 5)
    assert (new.value, new.device_last_modified_date) == (None, None)


@pytest.mark.parametrize("stored", [{}, {"gone": None}])
def test_removing_what_is_not_there_leaves_no_tombstone(stored: Values) -> None:
    answer = answer_with({"a": {"op": "replace", "newValue": "x"}, "gone": {"op": "remove"}})
    assert outcome(stored, [patch("a", "x")], answer) == [patch("a", "x")]


@pytest.mark.parametrize("members", [{"newValue": "kept?"}, {"newValue": None}, {}])
def test_the_operation_remove_removes_whatever_else_is_said(members: dict[str, Any]) -> None:
    answer = answer_with({"a": {"op": "remove", "oldValue": 7, **members}})
    assert outcome({"a": "1"}, [patch("a", "x")], answer) == [patch("a", None)]


def test_members_that_the_event_does_not_have_are_ignored() -> None:
    entry = {"op": "replace", "newValue": "x", "note": [1, 2]}
    answer = answer_with({"a": entry}, more={"a": 1}, version=2.0)
    assert outcome({}, [patch("a", "")], answer) == [patch("a", "x")]


def test_the_longest_key_and_value_of_the_service_are_taken() -> None:
    key, value = "é" * 1024, "x" * (MIB - 1)
    answer = answer_with({key: {"op": "replace", "newValue": value}})
    assert values_of(outcome({}, [patch(key, "")], answer)) == {key: value}


def entry(**members: object) -> bytes:
    return answer_with({"a": members})


READ_ONLY = ("version", "eventType", "region", "identityPoolId", "identityId", "datasetName")
RIGHT = entry(op="replace", newValue="x")


def without(name: str) -> bytes:
    event = json.loads(RIGHT)
    del event[name]
    return json.dumps(event).encode()


BAD_ANSWERS: dict[str, tuple[bytes | Callable[[], bytes], str]] = {
    "nothing": (b"", "is not JSON in UTF-8"),
    "null": (b"null", "is not a JSON object"),
    "a list": (b"[]", "is not a JSON object"),
    "text": (b'"done"', "is not a JSON object"),
    "half an object": (RIGHT[:-1], "is not JSON in UTF-8"),
    "more than an object": (RIGHT + b"{}", "is not JSON in UTF-8"),
    "invalid UTF-8": (RIGHT.replace(b'"x"', b'"\xff"'), "is not JSON in UTF-8"),
    "UTF-16": (RIGHT.decode().encode("utf-16"), "is not JSON in UTF-8"),
    "a byte order mark": (b"\xef\xbb\xbf" + RIGHT, "is not JSON in UTF-8"),
    "NaN": (RIGHT.replace(b'"x"', b"NaN"), "holds NaN, which is not JSON"),
    "infinity": (RIGHT.replace(b'"x"', b"-Infinity"), "holds -Infinity, which is not JSON"),
    "a control character": (RIGHT.replace(b'"x"', b'"\n"'), "is not JSON in UTF-8"),
    "an endless number": (RIGHT.replace(b'"x"', b"9" * 5000), "is not JSON in UTF-8"),
    "deep nesting": (
        RIGHT.replace(b'"x"', b"[" * 100_000 + b"]" * 100_000),
        "is not JSON in UTF-8",
    ),
    "deep nesting of objects": (b'{"a":' * 100_000 + b"1" + b"}" * 100_000, "is not JSON"),
    "too much": (lambda: RIGHT + b" " * (6 * MIB), "bytes, over 6291456"),
    "a key twice": (
        RIGHT.replace(b'"a": {', b'"a": null, "a": {'),
        "names a member of one object twice",
    ),
    "an op twice": (
        RIGHT.replace(b'"op"', b'"op": "remove", "op"'),
        "names a member of one object twice",
    ),
    "no records": (without("datasetRecords"), "has no datasetRecords that is an object"),
    "records of null": (answer_with(None), "has no datasetRecords that is an object"),
    "a list of records": (answer_with([]), "has no datasetRecords that is an object"),
    "a record of text": (answer_with({"a": "x"}), "neither an object nor null"),
    "a record of a list": (answer_with({"a": []}), "neither an object nor null"),
    "no op": (entry(newValue="x"), "an op that is neither replace nor remove"),
    "an unknown op": (entry(op="add", newValue="x"), "an op that is neither replace nor remove"),
    "an op of a list": (entry(op=["remove"]), "an op that is neither replace nor remove"),
    "no value": (entry(op="replace"), "no newValue; to remove it, set it to null"),
    "a number": (entry(op="replace", newValue=7), "neither a string nor null"),
    "a boolean": (entry(op="replace", newValue=True), "neither a string nor null"),
    "an object": (entry(op="replace", newValue={}), "neither a string nor null"),
    "a long value": (entry(op="replace", newValue="x" * MIB), "of over 1048575 characters"),
    "half a pair": (entry(op="replace", newValue="\ud83d"), "that is not Unicode text"),
    "an empty key": (answer_with({"": None}), "a key has 1 to 1024 characters"),
    "a long key": (answer_with({"k" * 1025: None}), "a key has 1 to 1024 characters"),
    "half a pair in a key": (answer_with({"\udc00": None}), "which is not Unicode text"),
    "version as text": (answer_with({}, version="2"), "has not the version"),
    "version as true": (answer_with({}, version=True), "has not the version"),
    **{
        f"another {name}": (answer_with({}, **{name: "x"}), f"has not the {name}")
        for name in READ_ONLY
    },
    **{f"no {name}": (without(name), f"has not the {name}") for name in READ_ONLY},
}


@pytest.mark.parametrize("kind", BAD_ANSWERS)
def test_an_answer_that_is_none_is_refused_and_says_why(kind: str) -> None:
    answer, text = BAD_ANSWERS[kind]
    with pytest.raises(InvalidLambdaFunctionOutputException) as raised:
        outcome({"a": "1"}, [patch("a", "x")], answer if isinstance(answer, bytes) else answer())
    assert text in raised.value.message
    assert len(raised.value.message) < 400


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner),
    max_leaves=8,
)


@settings(deadline=None)
@given(answer=st.binary() | JSON.map(lambda value: json.dumps(value).encode()))
def test_anything_at_all_is_an_answer_or_refused_as_one(answer: bytes) -> None:
    with pytest.raises(InvalidLambdaFunctionOutputException):
        outcome({"a": "1"}, [patch("a", "x")], answer)


@settings(deadline=None)
@given(records=st.dictionaries(st.text(max_size=3), JSON | st.builds(dict, op=JSON, newValue=JSON)))
def test_records_of_any_form_are_taken_or_refused_and_nothing_else_happens(
    records: dict[str, Any],
) -> None:
    with suppress(InvalidLambdaFunctionOutputException):
        after = outcome({"a": "1"}, [patch("a", "x")], answer_with(records))
        assert all(one.value is None or isinstance(one.value, str) for one in after)
