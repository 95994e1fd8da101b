# ruff: noqa: D103 -- the name of a case says what holds
"""Cases of the outbox: what gets into it, with which change, and in which order it is read.

How much is read at a time is in ``outbox_pages``, what becomes of messages afterwards in
``outbox_settling``.
"""

import asyncio
from collections.abc import Mapping
from typing import Any

import pytest

from keepstep.domain import limits
from keepstep.domain.outbox import Channel, Lane, OutboxUsage, QueuedMessage
from keepstep.interfaces.delivery_storage import OutboxFilter
from keepstep.interfaces.storage import Store
from keepstep.wire import members

from .datasets import NAMES_IN_BYTE_ORDER
from .running import (
    DATE,
    IDENTITY,
    OTHER_IDENTITY,
    OTHER_POOL,
    POOL,
    THIRD_IDENTITY,
    apply,
    changing,
    create,
    deleting,
    due,
    identity,
    merging,
    message,
    on_empty_store,
    place,
    pool,
    queued,
    send,
    sending,
    session,
    writing,
)

EVERYTHING = OutboxFilter()
_EVERY_BYTE = bytes(range(256))


async def everything(store: Store, **wanted: Any) -> list[QueuedMessage]:
    """Read the outbox, or what a filter names of it."""
    return await store.list_outbox(OutboxFilter(**wanted), after=None, limit=1000)


@on_empty_store
async def test_an_empty_store_has_nothing_in_its_outbox(store: Store) -> None:
    assert await due(store) == []
    assert await everything(store) == []
    assert await store.measure_outbox() == OutboxUsage()


@on_empty_store
async def test_every_member_of_a_message_is_kept(store: Store) -> None:
    where = place("\U0001f600 name")
    sent = message(
        where, members.LONG_MAX, Channel.PUSH, creation_date=members.LONG_MAX, body=_EVERY_BYTE
    )
    await apply(store, sending(writing(where, {}, sync_count=members.LONG_MAX), sent))
    assert await due(store) == queued(sent)
    assert await everything(store) == queued(sent)


@on_empty_store
async def test_a_body_of_a_mebibyte_is_kept(store: Store) -> None:
    sent = message(place(), body=_EVERY_BYTE * (limits.MIB // 256))
    await apply(store, sending(writing(place(), {}), sent))
    assert await due(store) == queued(sent)


@on_empty_store
async def test_a_change_without_messages_puts_none_into_the_outbox(store: Store) -> None:
    await apply(store, writing(place(), {"a": "1"}), deleting(place(), expects=1))
    assert await everything(store) == []


@on_empty_store
async def test_a_change_may_send_to_every_channel(store: Store) -> None:
    messages = [message(place(), 1, channel) for channel in Channel]
    await apply(store, sending(writing(place(), {"a": "1"}), *messages))
    assert await due(store) == queued(*sorted(messages, key=lambda each: each.channel))


@pytest.mark.parametrize(
    "conditions",
    [
        {"expects": None},
        {"expects": 3},
        {"expects": 2, "consumes": session(1)},
        {"expects": 2, "below": 1},
    ],
    ids=["created_again", "stale", "consumed_session", "too_many_datasets"],
)
@on_empty_store
async def test_the_messages_of_a_change_that_does_not_apply_are_not_in_the_outbox(
    store: Store, conditions: Mapping[str, Any]
) -> None:
    await create(store)
    await apply(store, sending(writing(place(), {"a": "1"}, consumes=session(1))))
    await apply(store, sending(deleting(place(), expects=1)))
    await apply(store, writing(place("other"), {}))
    before = await everything(store)
    assert [each.message.sync_count for each in before] == [1, 2]
    refused = writing(place(), {"a": "2"}, sync_count=9, **conditions)
    again, new = message(place(), 2, creation_date=DATE + 100), message(place(), 9)
    assert not await store.change_dataset(sending(refused, again, new))
    assert await everything(store) == before
    assert await due(store) == before


@on_empty_store
async def test_of_changes_at_the_same_time_only_the_messages_of_the_winner_are_there(
    store: Store,
) -> None:
    for count in range(1, 6):
        messages = [message(place(), count, body=b"%d" % caller) for caller in range(12)]
        change = writing(place(), {"a": "1"}, expects=count - 1 or None)
        applied = await asyncio.gather(
            *(store.change_dataset(sending(change, each)) for each in messages)
        )
        assert sum(applied) == 1
        assert await everything(store) == await due(store)
        assert (await due(store))[count - 1 :] == queued(messages[applied.index(True)])


@on_empty_store
async def test_messages_are_due_by_lane_then_sync_count(store: Store) -> None:
    places = [place(name) for name in reversed(NAMES_IN_BYTE_ORDER)]
    places += [place("things", OTHER_IDENTITY), place("a", IDENTITY, OTHER_POOL)]
    for where in places:
        for channel in (Channel.STREAM, Channel.PUSH):
            head = await store.find_dataset(where)
            count = head.sync_count if head is not None else 0
            await send(store, where, count + 1, count + 9, count + 10, channel=channel)
    found = [each.message for each in await due(store)]
    assert len(found) == 6 * len(places)
    assert found == sorted(found, key=lambda each: (each.lane, each.sync_count))
    assert [each.message for each in await everything(store)] == found


@on_empty_store
async def test_messages_of_a_lane_are_due_in_order_of_counts_not_of_writing(store: Store) -> None:
    await send(store, place(), 5, 7, 3, 6, 4)
    assert [each.message.sync_count for each in await due(store)] == [3, 4, 5, 6, 7]


@pytest.mark.parametrize("limit", [1, 2, 5, 100])
@on_empty_store
async def test_due_messages_are_read_lane_by_lane_behind_a_position(
    store: Store, limit: int
) -> None:
    lanes = [await send(store, place(name), *range(1, 4)) for name in ("Z", "a", "b", "\U0001f600")]
    read: list[QueuedMessage] = []
    while page := await due(store, after=read[-1].message.lane if read else None, limit=limit):
        assert len(page) <= limit
        read += page
    in_whole_lanes = [lane[:limit] for lane in lanes] if limit < 3 else lanes
    if limit == 5:
        in_whole_lanes = [lanes[0], lanes[1][:2], lanes[2], lanes[3][:2]]
    assert read == queued(*(each for lane in in_whole_lanes for each in lane))


@on_empty_store
async def test_a_position_of_due_messages_need_not_be_a_lane_that_is_there(store: Store) -> None:
    messages = await send(store, place("b"))
    for name, behind in (("a", messages), ("b", []), ("ba", [])):
        after = Lane(IDENTITY, POOL, name, Channel.STREAM)
        assert await due(store, after=after) == queued(*behind)
    assert await due(store, after=Lane(IDENTITY, POOL, "b", Channel.PUSH)) == queued(*messages)
    assert await due(store, after=Lane("a", POOL, "b", Channel.PUSH)) == queued(*messages)
    assert await due(store, after=Lane("v", "", "", Channel.PUSH)) == []


@on_empty_store
async def test_each_partition_has_the_messages_of_its_identities(store: Store) -> None:
    sent = [(await send(store, place(identity_id=f"identity-{number}")))[0] for number in range(64)]
    read: list[QueuedMessage] = []
    for partition in range(limits.OUTBOX_PARTITIONS):
        found = await store.list_due([partition], DATE, after=None, limit=100)
        assert {each.message.partition for each in found} <= {partition}
        read += found
    assert sorted(each.message.place.identity_id for each in read) == sorted(
        each.place.identity_id for each in sent
    )
    some = {1, 4, limits.OUTBOX_PARTITIONS - 1}
    found = await store.list_due(some, DATE, after=None, limit=100)
    assert found == [each for each in await due(store) if each.message.partition in some]
    assert await store.list_due([], DATE, after=None, limit=100) == []


async def _mixed(store: Store) -> list[QueuedMessage]:
    """Make messages of two identities and two pools, some set aside; give all in their order."""
    places = [
        place("things", one, of) for one in (IDENTITY, OTHER_IDENTITY) for of in (POOL, OTHER_POOL)
    ]
    expected: list[QueuedMessage] = []
    for where in places:
        new = queued(*await send(store, where, 1, 2, 3, 4))
        aside = [
            *queued(new[1].message, set_aside=True, attempts=3, failure="it failed"),
            *queued(new[2].message, set_aside=True, failure="it fäiled"),
        ]
        await store.settle_outbox([], aside)
        expected += [new[0], *aside, new[3]]
    return expected


@pytest.mark.parametrize("limit", [1, 2, 5, 100])
@on_empty_store
async def test_the_outbox_pages_through_what_waits_and_what_is_set_aside(
    store: Store, limit: int
) -> None:
    expected = await _mixed(store)
    read: list[QueuedMessage] = []
    after: tuple[Lane, int] | None = None
    while page := await store.list_outbox(EVERYTHING, after=after, limit=limit):
        assert len(page) <= limit
        read += page
        after = (page[-1].message.lane, page[-1].message.sync_count)
    assert read == expected


@pytest.mark.parametrize("set_aside", [None, False, True])
@pytest.mark.parametrize("identity_pool_id", [None, POOL, OTHER_POOL, "no pool"])
@pytest.mark.parametrize("identity_id", [None, IDENTITY, OTHER_IDENTITY, THIRD_IDENTITY])
@on_empty_store
async def test_the_outbox_lists_what_a_filter_names(
    store: Store, set_aside: bool | None, identity_pool_id: str | None, identity_id: str | None
) -> None:
    expected = [
        each
        for each in await _mixed(store)
        if set_aside in (None, each.set_aside)
        and identity_pool_id in (None, each.message.place.identity_pool_id)
        and identity_id in (None, each.message.place.identity_id)
    ]
    wanted = OutboxFilter(identity_pool_id, identity_id, set_aside)
    assert await store.list_outbox(wanted, after=None, limit=1000) == expected
    for position, each in enumerate(expected):
        after = (each.message.lane, each.message.sync_count)
        assert (
            await store.list_outbox(wanted, after=after, limit=1)
            == expected[position + 1 : position + 2]
        )


@on_empty_store
async def test_a_position_in_the_outbox_need_not_be_a_message_that_is_there(store: Store) -> None:
    first, second = queued(*await send(store, place(identity_id=OTHER_IDENTITY), 2, 4))
    lane = first.message.lane
    for before in (IDENTITY, OTHER_IDENTITY):
        after = (Lane(before, lane.identity_pool_id, "", lane.channel), 9)
        for wanted in (EVERYTHING, OutboxFilter(identity_id=OTHER_IDENTITY)):
            assert await store.list_outbox(wanted, after=after, limit=9) == [first, second]
    assert await store.list_outbox(EVERYTHING, after=(lane, 1), limit=9) == [first, second]
    assert await store.list_outbox(EVERYTHING, after=(lane, 3), limit=9) == [second]
    behind = (Lane(THIRD_IDENTITY, "", "", lane.channel), 0)
    for wanted in (EVERYTHING, OutboxFilter(identity_id=OTHER_IDENTITY)):
        assert await store.list_outbox(wanted, after=behind, limit=9) == []


@on_empty_store
async def test_the_outbox_is_measured_with_the_oldest_of_what_waits(store: Store) -> None:
    sent = await send(store, place(), 5, 3, 4)
    assert await store.measure_outbox() == OutboxUsage(
        waiting=3, oldest_creation_date=sent[1].creation_date
    )
    await store.settle_outbox([], queued(sent[1], set_aside=True))
    assert await store.measure_outbox() == OutboxUsage(
        waiting=2, set_aside=1, oldest_creation_date=sent[2].creation_date
    )
    await store.settle_outbox([sent[0], sent[2]], [])
    assert await store.measure_outbox() == OutboxUsage(set_aside=1)


@on_empty_store
async def test_messages_of_a_deleted_pool_go_with_it_and_no_others(store: Store) -> None:
    await create(store)
    kept = await send(store, place(identity_pool_id=OTHER_POOL))
    for where in (place(), place(identity_id=OTHER_IDENTITY)):
        first, second, _ = await send(store, where, 1, 2, 3)
        aside = queued(second, set_aside=True)
        await store.settle_outbox([], aside + queued(first, next_attempt_date=DATE + 9))
    assert await store.delete_pool(POOL)
    assert await everything(store) == queued(*kept)
    await store.create_pool(pool())
    again = await send(store)
    assert await due(store) == queued(*again, *kept)


@on_empty_store
async def test_messages_of_what_is_gone_still_leave(store: Store) -> None:
    source, destination = identity(IDENTITY), identity(OTHER_IDENTITY)
    deleted = identity(THIRD_IDENTITY)
    guest = identity(f"{THIRD_IDENTITY}-guest", creation_date=DATE - 1)
    await create(store, source, destination, deleted, guest)
    messages = [
        (await send(store, place("things", each.identity_id)))[0]
        for each in (source, deleted, guest)
    ]
    gone = place("things", guest.identity_id)
    await apply(store, deleting(gone, expects=1))
    assert await store.change_identities(merging(source, destination, "things"))
    assert await store.delete_identity(THIRD_IDENTITY, date=DATE)
    purged = await store.purge_guests(DATE, after=(0, ""), limit=10, date=DATE)
    assert purged.count == 1
    assert await due(store) == queued(*messages)


@pytest.mark.parametrize("became", ["waiting", "deferred", "set_aside"])
@on_empty_store
async def test_a_message_takes_the_place_of_one_with_its_lane_and_count(
    store: Store, became: str
) -> None:
    before = await send(store, place(), 1, 2, 3)
    tried = {
        "waiting": queued(before[0]),
        "deferred": queued(before[0], attempts=2, failure="no", next_attempt_date=DATE + 9),
        "set_aside": queued(before[0], attempts=2, failure="no", set_aside=True),
    }
    await store.settle_outbox([], tried[became])
    new = message(place(), 1, creation_date=DATE + 100, body=b"new")
    await apply(store, sending(writing(place(), {}, expects=3, sync_count=1), new))
    assert await everything(store) == queued(new, *before[1:])
    assert await due(store) == queued(new, *before[1:])


@on_empty_store
async def test_what_became_of_a_message_is_not_kept_for_the_one_in_its_place(store: Store) -> None:
    old, other = await send(store, place(), 1, 2)
    new = message(place(), 1, creation_date=DATE + 100, body=b"new")
    await apply(store, sending(writing(place(), {}, expects=2, sync_count=1), new))
    await store.settle_outbox([old], [])
    assert await everything(store) == queued(new, other)
    await store.settle_outbox([], queued(old, attempts=1, next_attempt_date=DATE + 9))
    assert await due(store) == queued(new, other)
    await store.settle_outbox([new], [])
    assert await everything(store) == queued(other)


@on_empty_store
async def test_an_identity_put_back_from_an_older_export_sends_its_counts_again(
    store: Store,
) -> None:
    user = identity()
    await create(store, user)
    exported = await send(store, place(), 1, 2)
    datasets = await store.dump_datasets(POOL, IDENTITY)
    lost = await send(store, place(), 3, 4)
    assert await store.delete_identity(IDENTITY, date=DATE)
    assert await store.restore_identity(user, datasets)
    assert await due(store) == queued(*exported, *lost)
    again = message(place(), 3, creation_date=DATE + 100, body=b"again")
    await apply(store, sending(writing(place(), {"a": "2"}, expects=2), again))
    assert await due(store) == queued(*exported, again, lost[1])


@on_empty_store
async def test_messages_of_identities_of_one_pool_do_not_depend_on_a_stored_identity(
    store: Store,
) -> None:
    await create(store)
    sent = await send(store, place(identity_id=THIRD_IDENTITY))
    assert await store.change_identities(changing(identity(THIRD_IDENTITY)))
    assert await due(store) == queued(*sent)
