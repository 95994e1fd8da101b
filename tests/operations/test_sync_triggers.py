"""UpdateRecords with a sync trigger: when it is asked, what becomes of its answer."""

import json
from collections.abc import Callable, Coroutine
from dataclasses import replace
from typing import Any

import pytest

from keepstep.domain.pools import PoolSettings
from keepstep.interfaces.service import Call
from keepstep.operations.sync.datasets import delete_dataset
from keepstep.operations.sync.records import update_records
from keepstep.wire import sync
from keepstep.wire.errors import (
    InvalidLambdaFunctionOutputException,
    InvalidParameterException,
    LambdaSocketTimeoutException,
    LambdaThrottledException,
    LimitExceededException,
    ResourceConflictException,
    TooManyRequestsException,
)
from keepstep.wire.sync import CognitoStreams

from .conftest import FUNCTION, World, place_members, request_of

Answer = Callable[[bytes], Coroutine[Any, Any, bytes]]
TRIGGERED = PoolSettings(events={"SyncTrigger": FUNCTION})


@pytest.fixture
def triggered(world: World) -> World:
    """A world whose pool has a trigger, and a dataset with the records a, b and a tombstone."""
    world.update({"a": "1", "b": "2", "gone": "3"})
    world.update({"gone": None})
    world.set_up(TRIGGERED)
    return world


def answering(
    change: Callable[[dict[str, Any]], Any],
) -> Callable[[bytes], Coroutine[Any, Any, bytes]]:
    """Give a function that changes the records of its event."""

    async def answer(event: bytes) -> bytes:
        decoded = json.loads(event)
        change(decoded["datasetRecords"])
        return json.dumps(decoded).encode()

    return answer


def records_of(event: bytes) -> dict[str, Any]:
    return json.loads(event)["datasetRecords"]


def test_the_function_is_asked_with_the_whole_dataset_before_anything_is_stored(
    triggered: World,
) -> None:
    before = triggered.stored()

    async def look(event: bytes) -> bytes:
        state = await triggered.store.find_state(triggered.announced[0].place, None, b"none")
        assert {key: record.value for key, record in state.records.items()} == before
        return event

    triggered.function.answer = look
    assert triggered.update({"a": "new", "c": "4"}) == {"a": ("new", 3), "c": ("4", 3)}
    (event,) = triggered.function.events
    assert records_of(event) == {
        "a": {"oldValue": "1", "newValue": "new", "op": "replace"},
        "b": {"oldValue": "2", "newValue": "2", "op": "replace"},
        "c": {"oldValue": None, "newValue": "4", "op": "replace"},
    }


def test_all_that_the_function_changes_is_stored_and_comes_back_with_the_new_count(
    triggered: World,
) -> None:
    def change(records: dict[str, Any]) -> None:
        records["a"]["newValue"] = "better"
        records["b"]["op"] = "remove"
        records["added"] = {"op": "replace", "newValue": "5"}
        records["gone"] = {"op": "replace", "newValue": "back"}
        del records["dropped"]

    triggered.function.answer = answering(change)
    assert triggered.update({"a": "new", "dropped": "x"}) == {
        "a": ("better", 3),
        "dropped": (None, 3),
        "b": (None, 3),
        "added": ("5", 3),
        "gone": ("back", 3),
    }
    assert triggered.stored() == {
        "a": "better",
        "dropped": None,
        "b": None,
        "added": "5",
        "gone": "back",
    }
    (change_made,) = triggered.announced[2:]
    assert {record.last_modified_by for record in change_made.records} == {"000000000000"}


def test_a_function_that_drops_every_patch_lets_the_count_grow_all_the_same(
    triggered: World,
) -> None:
    triggered.function.answer = answering(lambda records: records.clear())
    assert triggered.update({"a": "new"}) == {"a": ("1", 3)}
    assert triggered.stored() == {"a": "1", "b": "2", "gone": None}


def test_the_stream_is_told_what_the_function_made_of_an_update(triggered: World) -> None:
    streams = CognitoStreams(stream_name="changes", streaming_status="ENABLED")
    triggered.set_up(PoolSettings(events=TRIGGERED.events, cognito_streams=streams))
    triggered.function.answer = answering(lambda records: records["b"].update(newValue="9"))
    triggered.update({"a": "new"})
    (message,) = triggered.outbox()
    sent: Any = json.loads(message.body)["kinesisSyncRecords"]
    assert {one["key"]: one["value"] for one in sent} == {"a": "new", "b": "9"}


def test_a_developers_update_passes_the_function_by_unless_the_server_says_otherwise(
    triggered: World,
) -> None:
    triggered.update({"a": "new"}, developer=True)
    assert triggered.function.events == []
    strict = replace(triggered.service, trigger_developers=True)
    triggered.update({"a": "newer"}, developer=True, service=strict)
    assert len(triggered.function.events) == 1


def test_what_is_refused_or_changes_nothing_does_not_reach_the_function(triggered: World) -> None:
    used = triggered.token()
    triggered.update({"a": "x"}, token=used)
    triggered.function.events.clear()
    with pytest.raises(ResourceConflictException):
        triggered.update({"a": "stale"}, sync_count=1)
    with pytest.raises(InvalidParameterException):
        triggered.update({"a": "again"}, token=used)
    assert triggered.update({}) == {}
    triggered.call(delete_dataset, sync.DeleteDatasetRequest(*place_members()))
    assert triggered.function.events == []


@pytest.mark.parametrize(
    "failure",
    [
        LambdaSocketTimeoutException("late"),
        LambdaThrottledException("much"),
        InvalidLambdaFunctionOutputException("broken"),
    ],
)
def test_a_failure_of_the_function_leaves_data_and_token_as_they_are(
    triggered: World, failure: Exception
) -> None:
    async def fail(event: bytes) -> bytes:
        raise failure

    before, token = triggered.stored(), triggered.token()
    triggered.function.answer = fail
    with pytest.raises(type(failure)):
        triggered.update({"a": "new"}, token=token)
    assert triggered.stored() == before
    triggered.function.answer = None
    assert triggered.update({"a": "new"}, token=token) == {"a": ("new", 3)}


def test_an_answer_that_is_none_stores_nothing(triggered: World) -> None:
    before = triggered.stored()
    triggered.function.answer = answering(lambda records: records.update(a=7))
    with pytest.raises(InvalidLambdaFunctionOutputException):
        triggered.update({"a": "new"})
    assert triggered.stored() == before


def test_the_limits_hold_for_what_the_function_makes_of_an_update(triggered: World) -> None:
    def add(records: dict[str, Any]) -> None:
        records.update({f"more{i}": {"op": "replace", "newValue": ""} for i in range(3)})

    before = triggered.stored()
    triggered.function.answer = answering(add)
    with pytest.raises(LimitExceededException):
        triggered.update({"a": "new"})
    assert triggered.stored() == before


def test_a_function_may_make_room_for_an_update_that_is_too_large(triggered: World) -> None:
    triggered.function.answer = answering(lambda records: records.update(a=None, b=None))
    added: dict[str, str | None] = {f"new{i}": "" for i in range(4)}
    assert len(triggered.update(added)) == 6


def writing_between(world: World, times: int) -> Answer:
    """Give a function during which somebody else writes to the dataset, some times in a row."""
    tokens = [world.token() for _ in range(times)]

    async def answer(event: bytes) -> bytes:
        if tokens:
            request = request_of({"b": f"theirs {len(tokens)}"}, tokens.pop(), 1000)
            await update_records(Call(world.service, None), request)
        return event

    return answer


def test_the_function_is_asked_again_if_somebody_wrote_meanwhile(triggered: World) -> None:
    triggered.function.answer = writing_between(triggered, 2)
    assert triggered.update({"a": "new"}) == {"a": ("new", 5)}
    seen = [records_of(event)["b"]["oldValue"] for event in triggered.function.events]
    assert seen == ["2", "theirs 2", "theirs 1"]
    assert triggered.stored() == {"a": "new", "b": "theirs 1", "gone": None}


def test_an_update_conflicts_with_what_was_written_while_the_function_ran(
    triggered: World,
) -> None:
    triggered.function.answer = writing_between(triggered, 1)
    with pytest.raises(ResourceConflictException, match="Current SyncCount for: b is: 3 not: 2"):
        triggered.update({"b": "mine"}, sync_count=2)
    assert len(triggered.function.events) == 1


def test_an_update_gives_up_when_others_are_always_faster_than_the_function(
    triggered: World,
) -> None:
    triggered.function.answer = writing_between(triggered, 20)
    with pytest.raises(TooManyRequestsException):
        triggered.update({"a": "new"})
    assert len(triggered.function.events) == 10
    assert triggered.stored()["a"] == "1"
