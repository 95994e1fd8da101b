"""The rules of the developer guide, "Cognito Events", for each kind of function, through boto3."""

import json
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from typing import Any

import pytest

from keepstep.domain.limits import TRIGGER_CALLS_MAX
from keepstep.testing import LocalServer, local_server
from tests.conftest import store_settings

from .steps import begin, refused, remove, replace, values_of, write
from .trigger_functions import FUNCTIONS, HANG_SECONDS, function_server
from .triggered import Triggered, new_triggered

READ_ONLY = ("version", "eventType", "region", "identityPoolId", "identityId", "datasetName")


@pytest.fixture(scope="module")
def triggering(clean_environment: None) -> Iterator[LocalServer]:
    """A server with functions of every kind."""
    with ExitStack() as stack:
        functions = stack.enter_context(function_server())
        store = stack.enter_context(store_settings())
        yield stack.enter_context(local_server(**store, **functions.settings))


@pytest.fixture(params=FUNCTIONS)
def triggered(triggering: LocalServer, request: pytest.FixtureRequest) -> Triggered:
    """A guest with the records a and b and a tombstone, at the count 2."""
    made = new_triggered(triggering, request.param)
    write(made.client, made.place, *(replace(key, key * 2) for key in ("a", "b", "gone")))
    write(made.client, made.place, remove("gone", 1))
    made.told.events.clear()
    made.told.requests.clear()
    return made


@pytest.fixture
def plain(triggering: LocalServer) -> Triggered:
    """A guest without records, whose function is one of Python."""
    return new_triggered(triggering, "python")


def records_of(event: dict[str, Any]) -> dict[str, Any]:
    return event["datasetRecords"]


def test_the_function_is_asked_once_with_every_live_record_and_what_becomes_of_it(
    triggered: Triggered,
) -> None:
    write(
        triggered.client, triggered.place, replace("a", "⛵", 2), remove("b", 2), replace("c", "")
    )
    expected = {
        "version": 2,
        "eventType": "SyncTrigger",
        "region": "us-east-1",
        "identityPoolId": triggered.place["IdentityPoolId"],
        "identityId": triggered.place["IdentityId"],
        "datasetName": triggered.place["DatasetName"],
        "datasetRecords": {
            "a": {"oldValue": "aa", "newValue": "⛵", "op": "replace"},
            "b": {"oldValue": "bb", "newValue": None, "op": "remove"},
            "c": {"oldValue": None, "newValue": "", "op": "replace"},
        },
    }
    assert triggered.told.events == [expected]
    compact = json.dumps(expected, separators=(",", ":"), ensure_ascii=False).encode()
    assert all(request.body == compact for request in triggered.told.requests)


def test_any_record_is_changed_by_a_new_value_and_comes_back(triggered: Triggered) -> None:
    def act(event: dict[str, Any]) -> Any:
        for key in ("a", "b"):
            records_of(event)[key].update(newValue=f"better {key}", op="replace")
        return event

    triggered.told.act = act
    written = write(triggered.client, triggered.place, replace("a", "new", 2))
    assert values_of(written) == {"a": "better a", "b": "better b"}
    assert {record.get("SyncCount") for record in written} == {3}
    assert triggered.listing()["DatasetSyncCount"] == 3


@pytest.mark.parametrize(
    "removed", [{"op": "remove"}, {"op": "replace", "newValue": None}, None], ids=repr
)
def test_any_record_is_removed_by_the_op_or_by_null_and_comes_back(
    triggered: Triggered, removed: Any
) -> None:
    def act(event: dict[str, Any]) -> Any:
        records_of(event).update(a=removed, b=removed)
        return event

    triggered.told.act = act
    written = write(triggered.client, triggered.place, replace("a", "new", 2))
    assert values_of(written) == {"a": None, "b": None}
    assert values_of(triggered.listing()["Records"]) == {"a": None, "b": None, "gone": None}


def test_a_record_is_added_by_a_new_entry_and_comes_back(triggered: Triggered) -> None:
    def act(event: dict[str, Any]) -> Any:
        entry = {"op": "replace", "newValue": "yes"}
        records_of(event).update(added=entry, gone=entry)
        return event

    triggered.told.act = act
    written = write(triggered.client, triggered.place, replace("a", "new", 2))
    assert values_of(written) == {"a": "new", "added": "yes", "gone": "yes"}


def test_records_that_are_left_out_stay_as_they_are_stored(triggered: Triggered) -> None:
    triggered.told.act = lambda event: {**event, "datasetRecords": {}}
    written = write(triggered.client, triggered.place, replace("a", "new", 2), replace("c", "x"))
    assert values_of(written) == {"a": "aa", "c": None}
    assert values_of(triggered.listing()["Records"]) == {
        "a": "aa",
        "b": "bb",
        "c": None,
        "gone": None,
    }


def test_what_stores_nothing_does_not_reach_the_function(triggered: Triggered) -> None:
    client, place = triggered.client, triggered.place
    with refused("ResourceConflictException", 409):
        write(client, place, replace("a", "stale", 0))
    with refused("InvalidParameterException", 400):
        triggered.update("another token", replace("a", "x", 2))
    assert triggered.update(begin(client, place)) == {}
    client.list_records(**place)
    client.delete_dataset(**place)
    assert triggered.told.events == []


def test_a_function_may_write_to_the_dataset_by_a_developers_key_and_is_then_asked_again(
    triggered: Triggered,
) -> None:
    developer = triggered.developer

    def act(event: dict[str, Any]) -> Any:
        if "seen" not in records_of(event):
            write(developer, triggered.place, replace("seen", "yes"))
        return event

    triggered.told.act = act
    assert values_of(write(triggered.client, triggered.place, replace("a", "new", 2))) == {
        "a": "new"
    }
    assert ["seen" in records_of(event) for event in triggered.told.events] == [False, True]
    stored = values_of(triggered.listing()["Records"])
    assert stored == {"a": "new", "b": "bb", "gone": None, "seen": "yes"}


def test_of_two_updates_at_a_time_the_slower_is_asked_about_again(triggered: Triggered) -> None:
    both = threading.Barrier(2)

    def act(event: dict[str, Any]) -> Any:
        if len(triggered.told.events) <= 2:
            both.wait(HANG_SECONDS)
        return event

    triggered.told.act = act
    tokens = [begin(triggered.client, triggered.place) for _ in range(2)]
    with ThreadPoolExecutor() as threads:
        updates = [
            threads.submit(triggered.update, token, replace(f"by {number}", "x"))
            for number, token in enumerate(tokens)
        ]
        assert [update.result() for update in updates] == [{"by 0": "x"}, {"by 1": "x"}]
    first, last = triggered.told.events[0], triggered.told.events[-1]
    assert len(triggered.told.events) == 3
    assert set(records_of(first)) < set(records_of(last)) == {"a", "b", "by 0", "by 1"}
    assert triggered.listing()["DatasetSyncCount"] == 4


def test_an_update_conflicts_with_what_was_written_while_the_function_ran(
    plain: Triggered,
) -> None:
    developer, token = plain.developer, begin(plain.client, plain.place)

    def act(event: dict[str, Any]) -> Any:
        write(developer, plain.place, replace("a", "theirs"))
        return event

    plain.told.act = act
    with refused("ResourceConflictException", 409):
        plain.update(token, replace("a", "mine"))
    assert len(plain.told.events) == 1
    plain.told.act = lambda event: event
    assert plain.update(token, replace("a", "merged", 1)) == {"a": "merged"}


def test_an_update_that_is_never_the_first_asks_a_limited_number_of_times(
    plain: Triggered,
) -> None:
    developer, token = plain.developer, begin(plain.client, plain.place)

    def act(event: dict[str, Any]) -> Any:
        write(developer, plain.place, replace("theirs", "x", 100))
        return event

    plain.told.act = act
    with refused("TooManyRequestsException", 429):
        plain.update(token, replace("mine", "x"))
    assert len(plain.told.events) == TRIGGER_CALLS_MAX
    assert values_of(plain.listing()["Records"]) == {"theirs": "x"}
    plain.told.act = lambda event: event
    assert plain.update(token, replace("mine", "x")) == {"mine": "x"}


@pytest.mark.parametrize("member", READ_ONLY)
def test_nothing_but_the_records_may_be_changed(triggering: LocalServer, member: str) -> None:
    plain = new_triggered(triggering, "async")
    plain.told.act = lambda event: {**event, member: 3 if member == "version" else "another"}
    with refused("InvalidLambdaFunctionOutputException", 400):
        write(plain.client, plain.place, replace("a", "x"))
    assert plain.listing()["DatasetExists"] is False
