"""A stream to a webhook: what its answers mean for each message."""

import threading
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import pytest

from keepstep.delivery.aws import AwsClients, AwsSettings
from keepstep.delivery.senders import ConfiguredStreams, StreamConfiguration
from keepstep.delivery.webhook import WebhookOptions, WebhookSender
from keepstep.domain.outbox import OutboxMessage
from keepstep.interfaces.delivery import DeliveryFailed, DestinationGone, Outcome
from keepstep.testing.sender_suite.running import message
from keepstep.testing.storage_suite import running

from .conftest import SECRET, context, run
from .endpoints import Endpoint, Planned
from .outboxes import IDENTITIES, Outbox, eventually, outbox

DATASETS_MANY = 200
CONNECTIONS = 3


async def send(
    receiver: Endpoint, messages: Sequence[OutboxMessage], **options: Any
) -> Sequence[Outcome]:
    sender = WebhookSender(WebhookOptions(url=receiver.url, secret=SECRET, **options), context())
    try:
        return await sender.send(messages)
    finally:
        await sender.close()


def statuses(receiver: Endpoint, *planned: int) -> None:
    receiver.planned = [Planned(status) for status in planned]


def test_each_message_is_a_post_of_its_record_with_its_id(receiver: Endpoint) -> None:
    messages = [message(number) for number in range(20)]
    assert run(send(receiver, messages)) == [None] * 20
    posted = {one.headers["keepstep-message-id"]: one.body for one in receiver.received}
    assert posted == {one.message_id: one.body for one in messages}


@pytest.mark.parametrize("status", [200, 201, 202, 204])
def test_a_message_is_taken_with_any_status_of_success(receiver: Endpoint, status: int) -> None:
    statuses(receiver, status)
    assert run(send(receiver, [message()])) == [None]


@pytest.mark.parametrize("status", [301, 307, 400, 401, 404, 422, 429, 500, 503])
def test_any_other_status_is_a_failure_for_now_of_that_message(
    receiver: Endpoint, status: int
) -> None:
    statuses(receiver, status)
    (outcome,) = run(send(receiver, [message()]))
    assert isinstance(outcome, DeliveryFailed)
    assert str(outcome) == f"the endpoint answered with status {status}"


def test_the_status_gone_means_the_destination(receiver: Endpoint) -> None:
    statuses(receiver, 500, 410)
    with pytest.raises(DestinationGone, match="410"):
        run(send(receiver, [message(1), message(2)], connections=1))


def test_what_failed_is_told_by_position(receiver: Endpoint) -> None:
    statuses(receiver, 200, 500, 200, 410)
    outcomes = run(send(receiver, [message(number) for number in range(4)], connections=1))
    assert [type(outcome) for outcome in outcomes] == [
        type(None),
        DeliveryFailed,
        type(None),
        DeliveryFailed,
    ]


def test_an_endpoint_that_answers_to_one_message_has_not_failed(receiver: Endpoint) -> None:
    receiver.planned = [Planned(cut_off=True), Planned(500)]
    outcomes = run(send(receiver, [message(1), message(2)], connections=1))
    assert [type(outcome) for outcome in outcomes] == [DeliveryFailed, DeliveryFailed]


def test_an_endpoint_that_does_not_answer_is_a_failure_for_now(
    receiver: Endpoint, gate: threading.Event
) -> None:
    receiver.usual = Planned(gate=gate)
    with pytest.raises(DeliveryFailed, match=r"did not answer within 0\.2 seconds"):
        run(send(receiver, [message()], seconds=0.2))


def test_a_dead_endpoint_is_a_failure_for_now(receiver: Endpoint) -> None:
    receiver.server_close()
    with pytest.raises(DeliveryFailed, match="cannot be reached"):
        run(send(receiver, [message()]))


def test_no_more_answers_are_awaited_than_the_options_say(receiver: Endpoint) -> None:
    run(send(receiver, [message(number) for number in range(40)], connections=3))
    assert 1 <= receiver.open_max <= 3


@asynccontextmanager
async def streaming(receiver: Endpoint) -> AsyncGenerator[Outbox]:
    """An outbox whose stream goes to an endpoint, a worker, and time that stands still."""
    options = {"url": receiver.url, "secret": SECRET, "connections": CONNECTIONS}
    configuration = StreamConfiguration(name="changes", kind="webhook", options=options)
    async with outbox() as box:
        senders = ConfiguredStreams([configuration], AwsClients(AwsSettings()), box.clock)
        box.senders = senders
        try:
            async with box.worker():
                yield box
        finally:
            await senders.close()


def posted(receiver: Endpoint) -> list[str]:
    return [one.headers["keepstep-message-id"] for one in receiver.received]


def test_a_message_that_is_refused_alone_holds_up_no_other_dataset(receiver: Endpoint) -> None:
    async def case() -> None:
        refused, good = (running.message(running.place(name)) for name in ("refused", "good"))
        async with streaming(receiver) as box:
            statuses(receiver, 400)
            await box.send(refused)
            (waiting,) = await box.waiting()
            assert waiting.failure == "the endpoint answered with status 400"
            await box.send(good)
            await eventually(lambda: posted(receiver) == [refused.message_id, good.message_id])
            assert [each.message for each in await box.waiting()] == [refused]

    run(case())


def test_an_endpoint_that_refuses_everything_gets_each_dataset_once_between_its_pauses(
    receiver: Endpoint,
) -> None:
    async def case() -> None:
        receiver.always = Planned(503)
        places = [running.place("things", each) for each in IDENTITIES[:DATASETS_MANY]]
        async with streaming(receiver) as box:
            await box.send(*(running.message(each) for each in places))
            assert {each.attempts for each in await box.waiting()} == {1}
            assert len(set(posted(receiver))) == len(posted(receiver)) == DATASETS_MANY
            await box.pass_on()
            assert {each.attempts for each in await box.waiting()} == {2}
            assert len(posted(receiver)) == 2 * DATASETS_MANY
        assert receiver.open_max <= CONNECTIONS

    run(case())


def test_an_endpoint_that_cannot_be_reached_is_left_alone_with_every_dataset(
    receiver: Endpoint,
) -> None:
    async def case() -> None:
        receiver.always = Planned(cut_off=True)
        async with streaming(receiver) as box:
            await box.send(running.message(running.place("first")))
            await box.waiting()
            await box.send(running.message(running.place("second")))
            assert [each.attempts for each in await box.waiting()] == [1, 0]
            assert len(receiver.received) == 1

    run(case())
