"""A stream to Kinesis: batches within its limits, partial failures, and what ends a stream."""

import json
from typing import Any

import pytest

from keepstep.delivery.kinesis import CALL_BYTES_MAX, CALL_RECORDS_MAX, RECORD_BYTES_MAX
from keepstep.domain.outbox import OutboxMessage
from keepstep.interfaces.delivery import (
    DeliveryFailed,
    DestinationGone,
    MessageUndeliverable,
    Outcome,
)
from keepstep.testing.sender_suite.running import message

from .conftest import aws_clients, run
from .endpoints import Endpoint, Planned
from .streams import kinesis_sender, new_stream, posted, records_of

JSON_1_1 = {"Content-Type": "application/x-amz-json-1.1"}


def refusal(code: str, status: int = 400) -> Planned:
    return Planned(status, json.dumps({"__type": code, "message": "why"}).encode(), JSON_1_1)


def partial(*codes: str | None) -> Planned:
    records: list[dict[str, Any]] = [
        {"SequenceNumber": "1", "ShardId": "shardId-000000000000"}
        if code is None
        else {"ErrorCode": code, "ErrorMessage": "slow down"}
        for code in codes
    ]
    failed = sum(code is not None for code in codes)
    answer = {"FailedRecordCount": failed, "Records": records}
    return Planned(200, json.dumps(answer).encode(), JSON_1_1)


def send(url: str, messages: list[OutboxMessage], stream_name: str = "stream") -> list[Outcome]:
    async def through_kinesis() -> list[Outcome]:
        async with aws_clients(url) as aws:
            return list(await kinesis_sender(aws, stream_name).send(messages))

    return run(through_kinesis())


def padded(number: int, size: int) -> OutboxMessage:
    """Make a message whose record takes so many bytes of a call."""
    bare = message(number, values={"padding": ""})
    missing = size - len(bare.body) - len(bare.place.identity_id)
    return message(number, values={"padding": "x" * missing})


def test_a_record_is_the_message_and_its_partition_key_the_identity(moto: str) -> None:
    stream = new_stream(moto)
    messages = [message(number) for number in range(3)]
    assert send(moto, messages, stream) == [None] * 3
    arrived = {(one["PartitionKey"], one["Data"]) for one in records_of(moto, stream)}
    assert arrived == {(one.place.identity_id, one.body) for one in messages}


def test_a_call_is_signed_and_holds_the_records_in_their_order(front: Endpoint, moto: str) -> None:
    stream = new_stream(moto)
    messages = [message(number) for number in range(5)]
    send(front.url, messages, stream)
    (received,) = front.received
    assert received.headers["x-amz-target"] == "Kinesis_20131202.PutRecords"
    assert "/us-east-1/kinesis/aws4_request" in received.headers["authorization"]
    assert json.loads(received.body)["StreamName"] == stream
    assert posted(received.body) == [(one.place.identity_id, one.body) for one in messages]


def test_calls_stay_within_the_number_of_records(front: Endpoint, moto: str) -> None:
    messages = [message(number) for number in range(CALL_RECORDS_MAX + 1)]
    assert send(front.url, messages, new_stream(moto)) == [None] * len(messages)
    assert [len(posted(one.body)) for one in front.received] == [CALL_RECORDS_MAX, 1]


def test_calls_stay_within_the_number_of_bytes(front: Endpoint, moto: str) -> None:
    half = [padded(number, RECORD_BYTES_MAX // 2) for number in range(11)]
    assert send(front.url, half, new_stream(moto)) == [None] * 11
    sizes = [sum(len(key) + len(data) for key, data in posted(one.body)) for one in front.received]
    assert sizes == [CALL_BYTES_MAX, RECORD_BYTES_MAX // 2]


def test_the_largest_record_goes_inline_and_one_more_byte_is_too_much(moto: str) -> None:
    stream = new_stream(moto)
    largest = padded(1, RECORD_BYTES_MAX)
    outcomes = send(moto, [largest, padded(2, RECORD_BYTES_MAX + 1)], stream)
    assert outcomes[0] is None
    assert isinstance(outcomes[1], MessageUndeliverable)
    assert "stream_bucket (KEEPSTEP_STREAM_BUCKET)" in str(outcomes[1])
    assert [one["Data"] for one in records_of(moto, stream)] == [largest.body]


def test_a_message_that_is_undeliverable_alone_is_told_and_nothing_is_raised(moto: str) -> None:
    (outcome,) = send(moto, [padded(1, RECORD_BYTES_MAX + 1)], new_stream(moto))
    assert isinstance(outcome, MessageUndeliverable)


@pytest.mark.parametrize("code", ["ProvisionedThroughputExceededException", "InternalFailure"])
def test_a_partial_failure_is_told_by_position(front: Endpoint, code: str) -> None:
    front.planned = [partial(None, code, None, code)]
    outcomes = send(front.url, [message(number) for number in range(4)])
    assert [outcome is None for outcome in outcomes] == [True, False, True, False]
    assert isinstance(outcomes[1], DeliveryFailed)
    assert code in str(outcomes[1])
    assert "slow down" in str(outcomes[3])
    assert len(front.received) == 1


@pytest.mark.parametrize("count", [1, 2])
def test_records_that_are_refused_one_by_one_are_no_failure_of_the_stream(
    front: Endpoint, count: int
) -> None:
    front.planned = [partial(*["InternalFailure"] * count)]
    outcomes = send(front.url, [message(number) for number in range(count)])
    assert [type(outcome) for outcome in outcomes] == [DeliveryFailed] * count


@pytest.mark.parametrize(
    ("code", "status"),
    [
        ("ProvisionedThroughputExceededException", 400),
        ("ThrottlingException", 400),
        ("LimitExceededException", 400),
        ("ExpiredTokenException", 400),
        ("UnrecognizedClientException", 400),
        ("InternalFailure", 500),
        ("ServiceUnavailable", 503),
    ],
)
def test_a_refusal_that_passes_is_a_failure_for_now_and_not_tried_again_here(
    front: Endpoint, code: str, status: int
) -> None:
    front.always = refusal(code, status)
    with pytest.raises(DeliveryFailed, match=code):
        send(front.url, [message()])
    assert len(front.received) == 1


@pytest.mark.parametrize("code", ["ResourceNotFoundException", "AccessDeniedException"])
def test_a_refusal_that_its_owner_has_to_repair_means_the_destination(
    front: Endpoint, code: str
) -> None:
    front.always = refusal(code)
    with pytest.raises(DestinationGone, match=code):
        send(front.url, [message()])


def test_a_stream_that_does_not_exist_is_gone(moto: str) -> None:
    with pytest.raises(DestinationGone, match="ResourceNotFoundException"):
        send(moto, [message()], "no-such-stream")


def test_a_stream_that_goes_between_two_calls_is_met_again_with_the_rest(
    front: Endpoint, moto: str
) -> None:
    messages = [message(number) for number in range(CALL_RECORDS_MAX + 2)]
    front.planned = [
        partial(*[None] * CALL_RECORDS_MAX),
        refusal("ResourceNotFoundException"),
    ]
    outcomes = send(front.url, messages, new_stream(moto))
    assert outcomes[:-2] == [None] * CALL_RECORDS_MAX
    assert [type(outcome) for outcome in outcomes[-2:]] == [DeliveryFailed, DeliveryFailed]


def test_an_endpoint_that_nobody_serves_is_a_failure_for_now(receiver: Endpoint) -> None:
    receiver.server_close()
    with pytest.raises(DeliveryFailed, match="Could not connect"):
        send(receiver.url, [message()])
