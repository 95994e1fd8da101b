# ruff: noqa: D103 -- the name of a case says what holds
"""What is sent arrives: whole, each message, in the order of a lane, whatever is in it."""

import asyncio

from keepstep.domain.limits import MIB

from .running import Rig, deliver, is_undeliverable, message, on_rig, read

TEXTS = {
    "": "no name",
    "empty": "",
    "quoted": '"\\/',
    "lines": "one\ntwo\r\nthree\u2028four\u2029five",
    "null": "\x00",
    "sailing": "⛵ é e\u0301",
    "json": '{"a": [1, 2.0, null]}',
}
LARGE = 3 * MIB


@on_rig
async def test_a_message_arrives_as_it_was_sent(rig: Rig) -> None:
    sent = message()
    await deliver(rig, [sent])
    assert list(map(read, await rig.arrived())) == [read(sent.body)]


@on_rig
async def test_every_character_arrives(rig: Rig) -> None:
    sent = message(values=TEXTS)
    await deliver(rig, [sent])
    arrived = [read(record)["kinesisSyncRecords"] for record in await rig.arrived()]
    assert [{record["key"]: record["value"] for record in records} for records in arrived] == [
        TEXTS
    ]


@on_rig
async def test_a_full_batch_arrives(rig: Rig) -> None:
    sent = [message(number) for number in range(rig.sender.batch_max)]
    await deliver(rig, sent)
    arrived = sorted(read(record)["identityId"] for record in await rig.arrived())
    assert arrived == sorted(one.place.identity_id for one in sent)


@on_rig
async def test_an_empty_batch_is_no_failure(rig: Rig) -> None:
    await deliver(rig, [])
    assert list(await rig.arrived()) == []


@on_rig
async def test_what_is_sent_one_after_another_arrives_in_that_order(rig: Rig) -> None:
    for sync_count in range(1, 11):
        await deliver(rig, [message(sync_count=sync_count)])
    arrived = [read(record)["syncCount"] for record in await rig.arrived()]
    assert arrived == list(range(1, 11))


@on_rig
async def test_batches_at_the_same_time_arrive(rig: Rig) -> None:
    batches = [[message(10 * batch + one) for one in range(5)] for batch in range(8)]
    await asyncio.gather(*(deliver(rig, batch) for batch in batches))
    arrived = sorted(read(record)["identityId"] for record in await rig.arrived())
    assert arrived == sorted(one.place.identity_id for batch in batches for one in batch)


@on_rig
async def test_a_message_that_is_sent_again_is_taken_again(rig: Rig) -> None:
    await deliver(rig, [message()])
    await deliver(rig, [message()])
    arrived = {read(record)["identityId"] for record in await rig.arrived()}
    assert arrived == {message().place.identity_id}


@on_rig
async def test_a_large_message_arrives_or_is_undeliverable_and_its_neighbours_arrive(
    rig: Rig,
) -> None:
    large = message(2, values={"picture": "x" * LARGE})
    outcomes = await rig.sender.send([message(1), large, message(3)])
    arrived = {read(record)["identityId"]: read(record) for record in await rig.arrived()}
    assert outcomes[0] is None
    assert outcomes[2] is None
    assert {message(1).place.identity_id, message(3).place.identity_id} <= arrived.keys()
    if not is_undeliverable(outcomes[1]):
        assert outcomes[1] is None
        received = arrived[large.place.identity_id]["kinesisSyncRecords"]
        assert received == read(large.body)["kinesisSyncRecords"]
