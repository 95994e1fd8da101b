"""Functions that fail, lie, are slow or call back: the update fails, and leaves no trace."""

import asyncio
import gzip
import json
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from typing import Any

import pytest
from botocore.exceptions import ClientError

from keepstep.delivery.triggers.python_functions import THREADS_MAX
from keepstep.domain.limits import TRIGGER_ANSWER_BYTES_MAX, TRIGGER_SECONDS
from keepstep.testing import LocalServer, local_server
from tests.conftest import store_settings

from .steps import begin, refused, replace, values_of, write
from .trigger_functions import FUNCTIONS, HANG_SECONDS, Act, Dribbled, Raw, function_server, http
from .triggered import Triggered, fails_harmlessly, new_triggered

INVALID = "InvalidLambdaFunctionOutputException"
SLACK_SECONDS = 10


@pytest.fixture(scope="module")
def triggering(clean_environment: None) -> Iterator[LocalServer]:
    """A server with functions of every kind."""
    with ExitStack() as stack:
        functions = stack.enter_context(function_server())
        store = stack.enter_context(store_settings())
        yield stack.enter_context(local_server(**store, **functions.settings))


def raises(event: dict[str, Any]) -> Any:
    raise RuntimeError("the function is broken")


def with_records(records: object) -> Act:
    return lambda event: {**event, "datasetRecords": records}


def with_entry(**entry: object) -> Act:
    return with_records({"kept": entry})


LIES: dict[str, Act] = {
    "an error": raises,
    "null": lambda _: None,
    "a text": json.dumps,
    "a list": lambda event: [event],
    "an empty object": lambda _: {},
    "the records alone": lambda event: event["datasetRecords"],
    "records in a list": with_records([]),
    "a number for a record": with_records({"kept": 7}),
    "a number for a value": with_entry(op="replace", newValue=7),
    "an object for a value": with_entry(op="replace", newValue={"a": "b"}),
    "another op": with_entry(op="add", newValue="x"),
    "half of a surrogate pair": with_entry(op="replace", newValue="\ud83d"),
    "a long key": with_records({"k" * 1025: {"op": "replace", "newValue": "x"}}),
    "a long answer": lambda event: {**event, "note": "x" * TRIGGER_ANSWER_BYTES_MAX},
}


@pytest.mark.parametrize("kind", FUNCTIONS)
@pytest.mark.parametrize("lie", LIES)
def test_a_function_that_fails_or_lies_stores_nothing(
    triggering: LocalServer, kind: str, lie: str
) -> None:
    fails_harmlessly(new_triggered(triggering, kind), LIES[lie], INVALID)


def answering(body: bytes = b"", status: int = 200, **headers: str) -> Act:
    return lambda event: http(status, body or json.dumps(event).encode(), **headers)


def compressed(event: dict[str, Any]) -> Raw:
    return http(200, gzip.compress(json.dumps(event).encode()), Content_Encoding="gzip")


def redirected(event: dict[str, Any]) -> Raw:
    assert event["datasetRecords"]
    return http(307, b"", Location="/hook")


BROKEN: dict[str, Act] = {
    "no JSON": answering(b"{'datasetRecords': {}}"),
    "JSON twice": lambda event: http(200, 2 * json.dumps(event).encode()),
    "JSON in UTF-16": lambda event: http(200, json.dumps(event).encode("utf-16")),
    "compressed": compressed,
    "no body": lambda _: http(200, b""),
    "no content": lambda _: Raw(b"HTTP/1.1 204 Answer\r\n\r\n"),
    "an error of the server": answering(status=500),
    "not now": answering(status=503),
    "not found": answering(status=404),
    "gone": answering(status=410),
    "redirected": redirected,
    "cut off in the body": answering(Content_Length="1000000"),
    "an error that is cut off": answering(status=500, Content_Length="1000000"),
    "cut off in a chunk": lambda _: Raw(
        b"HTTP/1.1 200 Answer\r\nTransfer-Encoding: chunked\r\n\r\nff\r\n{"
    ),
    "no chunks": lambda _: Raw(b"HTTP/1.1 200 Answer\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"),
    "cut off in the headers": lambda _: Raw(b"HTTP/1.1 200 Ans"),
    "closed": lambda _: Raw(b""),
    "no HTTP": lambda _: Raw(b"220 mail.example.com ESMTP\r\n"),
}


@pytest.mark.parametrize("kind", ["lambda", "endpoint"])
@pytest.mark.parametrize("how", BROKEN)
def test_an_answer_that_does_not_arrive_as_it_should_stores_nothing(
    triggering: LocalServer, kind: str, how: str
) -> None:
    fails_harmlessly(new_triggered(triggering, kind), BROKEN[how], INVALID)


@pytest.mark.parametrize("error", ["Handled", "Unhandled"])
def test_a_function_error_of_lambda_stores_nothing_even_with_a_good_answer(
    triggering: LocalServer, error: str
) -> None:
    act = answering(X_Amz_Function_Error=error)
    fails_harmlessly(new_triggered(triggering, "lambda"), act, INVALID)


THROTTLES: dict[str, tuple[str, Act]] = {
    "at lambda": (
        "lambda",
        answering(b'{"Type": "User"}', 429, x_amzn_ErrorType="TooManyRequestsException"),
    ),
    "at an endpoint": ("endpoint", answering(status=429)),
}


@pytest.mark.parametrize("where", THROTTLES)
def test_a_function_that_has_too_much_to_do_is_known_to_boto3_and_harmless(
    triggering: LocalServer, where: str
) -> None:
    kind, act = THROTTLES[where]
    triggered = new_triggered(triggering, kind)
    fails_harmlessly(triggered, act, "LambdaThrottledException", 429)
    triggered.told.act = act
    with pytest.raises(triggered.client.exceptions.LambdaThrottledException):
        write(triggered.client, triggered.place, replace("a", "x"))


def hangs(kind: str, gate: threading.Event) -> Act:
    """Give an act of which the answer never comes while the gate is closed."""
    if kind == "async":
        return lambda _: asyncio.Event().wait()
    if kind == "endpoint":
        return lambda _: Dribbled(gate)
    return lambda event: event if gate.wait(HANG_SECONDS) else None


def test_after_five_seconds_any_function_has_timed_out_and_nobody_else_was_held_up(
    triggering: LocalServer,
) -> None:
    gate = threading.Event()
    other = new_triggered(triggering, "python")
    guests = {kind: new_triggered(triggering, kind) for kind in FUNCTIONS}
    tokens = {kind: begin(guest.client, guest.place) for kind, guest in guests.items()}

    def seconds_to_fail(kind: str) -> float:
        began = time.monotonic()
        with pytest.raises(ClientError) as caught:
            guests[kind].update(tokens[kind], replace("a", "x"))
        answer: Any = caught.value.response
        # The service model has no such error; older clients meet it as one that they do not know.
        assert type(caught.value) is ClientError
        assert answer["Error"]["Code"] == "LambdaSocketTimeoutException"
        assert answer["ResponseMetadata"]["HTTPStatusCode"] == 400
        assert FUNCTIONS[kind] in answer["Error"]["Message"]
        return time.monotonic() - began

    with ThreadPoolExecutor() as threads:
        try:
            for kind, guest in guests.items():
                guest.told.act = hangs(kind, gate)
            failures = [threads.submit(seconds_to_fail, kind) for kind in FUNCTIONS]
            assert values_of(write(other.client, other.place, replace("a", "x"))) == {"a": "x"}
            assert not any(failure.done() for failure in failures)
            for failure in failures:
                assert TRIGGER_SECONDS - 0.1 < failure.result() < TRIGGER_SECONDS + SLACK_SECONDS
        finally:
            gate.set()
    for kind, guest in guests.items():
        assert guest.listing()["DatasetExists"] is False
        guest.told.act = lambda event: event
        assert guest.update(tokens[kind], replace("a", "y")) == {"a": "y"}
        assert guest.streamed_counts(1) == [1]


def test_a_function_that_calls_itself_without_end_is_stopped_and_the_server_goes_on(
    clean_environment: None,
) -> None:
    with ExitStack() as stack:
        functions = stack.enter_context(function_server())
        settings: dict[str, Any] = {**functions.settings, "trigger_developers": True}
        server = stack.enter_context(local_server(**settings))
        triggered: Triggered = new_triggered(server, "python")
        developer = triggered.developer

        def act(event: dict[str, Any]) -> Any:
            write(developer, triggered.place, replace("again", "x"))
            return event

        triggered.told.act = act
        with refused(INVALID, 400):
            write(triggered.client, triggered.place, replace("a", "x"))
        assert len(triggered.told.events) == THREADS_MAX
        assert triggered.listing()["DatasetExists"] is False
        triggered.told.act = lambda event: event
        assert values_of(write(developer, triggered.place, replace("a", "x"))) == {"a": "x"}
