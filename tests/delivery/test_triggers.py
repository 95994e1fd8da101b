"""Sync triggers: at Lambda, at an endpoint and in Python, and what their failures are called."""

import asyncio
import json
import threading
from collections.abc import Iterator

import pytest

from keepstep.delivery.aws import AwsClients, AwsSettings
from keepstep.delivery.signing import signature
from keepstep.delivery.triggers import TriggerConfiguration, Triggers
from keepstep.delivery.triggers.python_functions import THREADS_MAX
from keepstep.domain.limits import TRIGGER_ANSWER_BYTES_MAX
from keepstep.testing.sender_suite.running import DATE
from keepstep.wire.errors import (
    InvalidLambdaFunctionOutputException,
    LambdaSocketTimeoutException,
    LambdaThrottledException,
)

from . import handlers
from .conftest import KEY, SECRET, aws_settings, clock, run
from .endpoints import Endpoint, Planned

FUNCTION = "arn:aws:lambda:eu-west-1:123456789012:function:my-trigger"
OTHER = "arn:aws:lambda:eu-west-1:123456789012:function:another:live"
EVENT = '{"version":2,"datasetName":"⛵"}'.encode()
LARGE_EVENT = json.dumps({"datasetName": "x" * (3 * 1024 * 1024)}).encode()


@pytest.fixture
def released() -> Iterator[threading.Event]:
    """What lets functions end that wait."""
    handlers.released.clear()
    yield handlers.released
    handlers.released.set()


def call(
    function: str = FUNCTION,
    event: bytes = EVENT,
    *,
    listed: TriggerConfiguration | None = None,
    aws: AwsSettings | None = None,
    seconds: float = 5.0,
) -> bytes:
    async def through_triggers() -> bytes:
        clients = AwsClients(aws or AwsSettings())
        configurations = [] if listed is None else [listed]
        triggers = Triggers(configurations, clients, clock, seconds=seconds)
        try:
            return await triggers.call(function, event)
        finally:
            await triggers.close()
            await clients.close()

    return run(through_triggers())


def at(receiver: Endpoint) -> TriggerConfiguration:
    return TriggerConfiguration(function=FUNCTION, url=receiver.url + "/hook", secret=SECRET)


def python(name: str) -> TriggerConfiguration:
    return TriggerConfiguration(function=FUNCTION, python=f"tests.delivery.handlers:{name}")


def lambda_error(code: str, status: int) -> Planned:
    return Planned(status, b'{"Message": "why"}', {"x-amzn-ErrorType": code})


def test_lambda_is_called_as_its_interface_says(receiver: Endpoint) -> None:
    receiver.usual = Planned(200, b'{"answer": 1}', {"X-Amz-Executed-Version": "$LATEST"})
    assert call(aws=aws_settings(receiver.url)) == b'{"answer": 1}'
    (received,) = receiver.received
    quoted = FUNCTION.replace(":", "%3A")
    assert received.method == "POST"
    assert received.path == f"/2015-03-31/functions/{quoted}/invocations"
    assert received.headers["x-amz-invocation-type"] == "RequestResponse"
    authorization = received.headers["authorization"]
    assert authorization.startswith(f"AWS4-HMAC-SHA256 Credential={KEY}/")
    assert "/eu-west-1/lambda/aws4_request, SignedHeaders=" in authorization
    assert received.body == EVENT


def test_a_version_of_a_function_is_called_by_its_whole_name(receiver: Endpoint) -> None:
    call(OTHER, aws=aws_settings(receiver.url, region="us-east-1"), listed=python("fails"))
    assert receiver.received[0].path.endswith("function%3Aanother%3Alive/invocations")
    assert "/eu-west-1/lambda/" in receiver.received[0].headers["authorization"]


def test_a_large_event_arrives_whole_at_lambda(receiver: Endpoint) -> None:
    call(event=LARGE_EVENT, aws=aws_settings(receiver.url))
    assert receiver.received[0].body == LARGE_EVENT


def test_the_longest_answer_of_lambda_is_taken(receiver: Endpoint) -> None:
    receiver.usual = Planned(200, b"x" * TRIGGER_ANSWER_BYTES_MAX)
    assert len(call(aws=aws_settings(receiver.url))) == TRIGGER_ANSWER_BYTES_MAX


@pytest.mark.parametrize("kind", ["Unhandled", "Handled"])
def test_an_error_of_the_function_is_invalid_output(receiver: Endpoint, kind: str) -> None:
    receiver.usual = Planned(200, b'{"errorMessage": "x"}', {"X-Amz-Function-Error": kind})
    with pytest.raises(InvalidLambdaFunctionOutputException, match=FUNCTION):
        call(aws=aws_settings(receiver.url))


@pytest.mark.parametrize(
    ("code", "status"), [("TooManyRequestsException", 429), ("EC2ThrottledException", 502)]
)
def test_throttling_by_lambda_is_told_and_not_tried_again(
    receiver: Endpoint, code: str, status: int
) -> None:
    receiver.always = lambda_error(code, status)
    with pytest.raises(LambdaThrottledException):
        call(aws=aws_settings(receiver.url))
    assert len(receiver.received) == 1


@pytest.mark.parametrize(
    ("code", "status"),
    [
        ("ResourceNotFoundException", 404),
        ("AccessDeniedException", 403),
        ("RequestTooLargeException", 413),
        ("ServiceException", 500),
    ],
)
def test_a_function_that_lambda_does_not_call_is_invalid_output(
    receiver: Endpoint, code: str, status: int
) -> None:
    receiver.always = lambda_error(code, status)
    with pytest.raises(InvalidLambdaFunctionOutputException):
        call(aws=aws_settings(receiver.url))
    assert len(receiver.received) == 1


def test_what_is_not_a_function_of_lambda_is_not_called(receiver: Endpoint) -> None:
    with pytest.raises(InvalidLambdaFunctionOutputException):
        call("arn:aws:sns:eu-west-1:123456789012:topic", aws=aws_settings(receiver.url))
    assert receiver.received == []


def test_without_aws_a_function_that_is_not_listed_cannot_be_called() -> None:
    with pytest.raises(InvalidLambdaFunctionOutputException, match="not among the triggers"):
        call(OTHER, listed=python("told"))


def test_an_endpoint_gets_the_event_signed(receiver: Endpoint) -> None:
    receiver.usual = Planned(200, b'{"answer": 1}')
    assert call(listed=at(receiver)) == b'{"answer": 1}'
    (received,) = receiver.received
    assert (received.method, received.path, received.body) == ("POST", "/hook", EVENT)
    assert received.headers["content-type"] == "application/json"
    assert received.headers["keepstep-signature"] == signature(SECRET, DATE // 1000, EVENT)


@pytest.mark.parametrize("status", [302, 400, 404, 410, 500, 503])
def test_an_endpoint_that_answers_otherwise_is_invalid_output(
    receiver: Endpoint, status: int
) -> None:
    receiver.always = Planned(status)
    with pytest.raises(InvalidLambdaFunctionOutputException):
        call(listed=at(receiver))
    assert len(receiver.received) == 1


def test_an_endpoint_that_has_too_much_to_do_is_throttled(receiver: Endpoint) -> None:
    receiver.usual = Planned(429)
    with pytest.raises(LambdaThrottledException):
        call(listed=at(receiver))


def test_an_endpoint_that_nobody_serves_is_invalid_output(receiver: Endpoint) -> None:
    receiver.server_close()
    with pytest.raises(InvalidLambdaFunctionOutputException):
        call(listed=at(receiver))


@pytest.mark.parametrize("name", ["told", "told_later"])
def test_a_python_function_gets_the_event_in_a_thread_of_its_own(name: str) -> None:
    answer = json.loads(call(listed=python(name)))
    assert answer == {**json.loads(EVENT), "thread": "sync-trigger"}


def test_a_handler_that_was_written_for_lambda_works() -> None:
    answer = json.loads(call(listed=python("as_lambda_has_it")))
    assert answer == {**json.loads(EVENT), "context": None}


def test_a_python_function_may_be_in_a_class() -> None:
    assert json.loads(call(listed=python("Group.told"))) == json.loads(EVENT)


@pytest.mark.parametrize(
    "name", ["fails", "fails_later", "gives_up", "answers_a_set", "answers_too_much"]
)
def test_a_python_function_that_fails_is_invalid_output_and_keeps_its_reason(name: str) -> None:
    with pytest.raises(InvalidLambdaFunctionOutputException) as caught:
        call(listed=python(name))
    assert caught.value.message == f"The function {FUNCTION} failed."


def test_too_many_calls_of_a_function_at_once_are_throttled(released: threading.Event) -> None:
    async def call_many() -> list[bytes | BaseException]:
        triggers = Triggers([python("waits")], AwsClients(AwsSettings()), clock, seconds=30)
        calls = [
            asyncio.ensure_future(triggers.call(FUNCTION, EVENT)) for _ in range(THREADS_MAX + 3)
        ]
        done, _ = await asyncio.wait(calls, return_when=asyncio.FIRST_COMPLETED)
        assert all(isinstance(one.exception(), LambdaThrottledException) for one in done)
        released.set()
        return await asyncio.gather(*calls, return_exceptions=True)

    answers = run(call_many())
    assert sum(isinstance(one, LambdaThrottledException) for one in answers) == 3
    assert answers.count(b'{"version":2,"datasetName":"' + "⛵".encode() + b'"}') == THREADS_MAX


@pytest.mark.parametrize("where", ["lambda", "endpoint", "python", "python, async"])
def test_a_function_that_takes_too_long_timed_out(
    where: str, receiver: Endpoint, gate: threading.Event, released: threading.Event
) -> None:
    receiver.usual = Planned(gate=gate)
    listed = {
        "lambda": None,
        "endpoint": at(receiver),
        "python": python("waits"),
        "python, async": python("waits_later"),
    }[where]
    with pytest.raises(LambdaSocketTimeoutException, match="within 1 seconds"):
        call(listed=listed, aws=aws_settings(receiver.url), seconds=1)


def test_an_endpoint_whose_answer_is_over_the_limit_is_invalid_output(receiver: Endpoint) -> None:
    receiver.usual = Planned(200, b"x" * (TRIGGER_ANSWER_BYTES_MAX + 1))
    for listed in (None, at(receiver)):
        with pytest.raises(InvalidLambdaFunctionOutputException):
            call(listed=listed, aws=aws_settings(receiver.url))


@pytest.mark.parametrize(
    ("path", "why"),
    [
        ("tests.delivery.handlers", "module:function"),
        ("tests.delivery.handlers:", "module:function"),
        ("tests.delivery.nowhere:told", "cannot be imported"),
        ("tests.delivery.handlers:nothing", "cannot be imported"),
        ("tests.delivery.handlers:not_a_function", "has to be a function"),
        ("tests.delivery.handlers:takes_nothing", "has to be a function"),
    ],
)
def test_a_python_function_that_cannot_be_used_stops_the_start(path: str, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        Triggers(
            [TriggerConfiguration(function=FUNCTION, python=path)],
            AwsClients(AwsSettings()),
            clock,
        )
