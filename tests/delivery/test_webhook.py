"""A stream to a webhook: what its answers mean for each message."""

import threading
from collections.abc import Sequence
from typing import Any

import pytest

from keepstep.delivery.webhook import WebhookOptions, WebhookSender
from keepstep.domain.outbox import OutboxMessage
from keepstep.interfaces.delivery import DeliveryFailed, DestinationGone, Outcome
from keepstep.testing.sender_suite.running import message

from .conftest import SECRET, context, run
from .endpoints import Endpoint, Planned


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
def test_any_other_status_is_a_failure_for_now(receiver: Endpoint, status: int) -> None:
    statuses(receiver, status)
    with pytest.raises(DeliveryFailed, match=f"answered with status {status}"):
        run(send(receiver, [message()]))


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
