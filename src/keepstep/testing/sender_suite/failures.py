# ruff: noqa: D103 -- the name of a case says what holds
"""What a sender says while its destination is out of order, and that it recovers by itself."""

from .running import Rig, deliver, is_refused, message, on_rig, read


@on_rig
async def test_messages_fail_for_now_while_the_destination_is_out_of_order(rig: Rig) -> None:
    await rig.break_down()
    assert await is_refused(rig, [message(1)])
    assert await is_refused(rig, [message(1), message(2), message(3)])


@on_rig
async def test_what_failed_arrives_when_it_is_sent_again(rig: Rig) -> None:
    await rig.break_down()
    assert await is_refused(rig, [message(1), message(2)])
    await rig.repair()
    await deliver(rig, [message(1), message(2)])
    arrived = {read(record)["identityId"] for record in await rig.arrived()}
    assert arrived == {message(number).place.identity_id for number in (1, 2)}


@on_rig
async def test_what_arrived_before_a_failure_stays(rig: Rig) -> None:
    await deliver(rig, [message(1)])
    await rig.break_down()
    assert await is_refused(rig, [message(2)])
    await rig.repair()
    await deliver(rig, [message(3)])
    arrived = [read(record)["identityId"] for record in await rig.arrived()]
    assert arrived[0] == message(1).place.identity_id
    assert arrived[-1] == message(3).place.identity_id


@on_rig
async def test_a_failure_tells_the_operator_why(rig: Rig) -> None:
    await rig.break_down()
    try:
        (outcome,) = await rig.sender.send([message()])
    except Exception as error:  # noqa: BLE001 -- its kind is another case
        outcome = error
    assert str(outcome)


@on_rig
async def test_a_sender_takes_one_message_at_least(rig: Rig) -> None:
    assert rig.sender.batch_max >= 1


@on_rig
async def test_a_sender_can_be_closed_twice(rig: Rig) -> None:
    await deliver(rig, [message()])
    await rig.sender.close()
    await rig.sender.close()
