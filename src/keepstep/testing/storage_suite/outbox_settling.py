# ruff: noqa: D103 -- the name of a case says what holds
"""Cases of what becomes of messages: delivered, tried again later, set aside, retried, dropped."""

import asyncio

import pytest

from keepstep.domain.datasets import DatasetPlace
from keepstep.domain.outbox import Channel, OutboxMessage, QueuedMessage
from keepstep.interfaces.delivery_storage import OutboxFilter
from keepstep.interfaces.storage import Store

from .outbox import EVERYTHING, everything
from .running import (
    DATE,
    IDENTITY,
    OTHER_IDENTITY,
    OTHER_POOL,
    POOL,
    due,
    message,
    on_empty_store,
    place,
    queued,
    send,
)

LATER = DATE + 1000
BACKLOG = 300


def _tried(each: OutboxMessage, until: int = LATER, attempts: int = 1) -> QueuedMessage:
    """Make a message what it is after an attempt that failed."""
    return QueuedMessage(
        message=each, attempts=attempts, next_attempt_date=until, failure="the stream is gone"
    )


def _aside(each: OutboxMessage) -> QueuedMessage:
    return QueuedMessage(message=each, attempts=9, set_aside=True, failure="too often")


@on_empty_store
async def test_delivered_messages_leave_the_outbox_and_others_stay(store: Store) -> None:
    first = await send(store, place("a"), 1, 2)
    second = await send(store, place("b"), 1, 2)
    push = await send(store, place("b"), 3, channel=Channel.PUSH)
    await store.settle_outbox([first[0], second[0]], [])
    assert await due(store) == queued(first[1], *push, second[1])
    await store.settle_outbox([first[1], second[1], *push], [])
    assert await everything(store) == []
    assert await due(store) == []


@on_empty_store
async def test_nothing_to_settle_is_settled(store: Store) -> None:
    sent = await send(store)
    await store.settle_outbox([], [])
    assert await due(store) == queued(*sent)


@on_empty_store
async def test_what_became_of_a_message_is_kept_body_included(store: Store) -> None:
    await send(store, place(), 1, 2)
    deferred = QueuedMessage(
        message=message(place(), 1, body=bytes(range(256))),
        attempts=7,
        next_attempt_date=LATER,
        failure="no r\u00e9ply \U0001f600",
    )
    aside = QueuedMessage(
        message=message(place(), 2, body=b""), attempts=8, set_aside=True, failure=""
    )
    await store.settle_outbox([], [deferred, aside])
    assert await everything(store) == [deferred, aside]
    assert await due(store, LATER) == [deferred]


@on_empty_store
async def test_a_deferred_message_is_due_again_at_its_next_attempt(store: Store) -> None:
    (sent,) = await send(store)
    await store.settle_outbox([], [_tried(sent)])
    assert await due(store, LATER - 1) == []
    assert await due(store, LATER) == [_tried(sent)]
    await store.settle_outbox([], [_tried(sent, LATER + 5, 2)])
    assert await due(store, LATER + 4) == []
    assert await due(store, LATER + 6) == [_tried(sent, LATER + 5, 2)]


@on_empty_store
async def test_the_whole_lane_of_a_deferred_message_waits(store: Store) -> None:
    sent = await send(store, place(), 1, 2, 3)
    await store.settle_outbox([], [_tried(sent[0])])
    sent += await send(store, place(), 4)
    assert await due(store, LATER - 1) == []
    assert await due(store, LATER) == [_tried(sent[0]), *queued(*sent[1:])]
    assert await everything(store) == [_tried(sent[0]), *queued(*sent[1:])]


@on_empty_store
async def test_what_is_before_a_deferred_message_waits_too(store: Store) -> None:
    sent = await send(store, place(), 5, 6)
    await store.settle_outbox([], [_tried(sent[1])])
    before = await send(store, place(), 2)
    assert await due(store, LATER - 1) == []
    assert await due(store, LATER) == [*queued(*before, sent[0]), _tried(sent[1])]


@on_empty_store
async def test_a_lane_waits_for_the_latest_next_attempt_in_it(store: Store) -> None:
    sent = await send(store, place(), 1, 2, 3)
    tried = [_tried(sent[0], LATER + 5), _tried(sent[1], LATER)]
    await store.settle_outbox([], tried)
    assert await due(store, LATER + 4) == []
    assert await due(store, LATER + 5) == [*tried, *queued(sent[2])]
    await store.settle_outbox([sent[0]], [])
    assert await due(store, LATER - 1) == []
    assert await due(store, LATER) == [tried[1], *queued(sent[2])]


@pytest.mark.parametrize(
    "other",
    [
        place("other"),
        place(identity_id=OTHER_IDENTITY),
        place(identity_pool_id=OTHER_POOL),
    ],
    ids=["dataset", "identity", "pool"],
)
@on_empty_store
async def test_other_lanes_go_on_while_one_waits(store: Store, other: DatasetPlace) -> None:
    (blocked,) = await send(store, place(), 1)
    push = await send(store, place(), 2, channel=Channel.PUSH)
    others = await send(store, other, 1, 2)
    await store.settle_outbox([], [_tried(blocked)])
    expected = sorted([*push, *others], key=lambda each: (each.lane, each.sync_count))
    assert await due(store, LATER - 1) == queued(*expected)


@on_empty_store
async def test_a_long_backlog_does_not_hide_the_lanes_behind_it(store: Store) -> None:
    backlog = await send(store, place("a"), *range(1, BACKLOG + 1))
    await store.settle_outbox([], [_tried(backlog[0])])
    behind = await send(store, place("b"))
    assert await due(store, limit=1) == queued(*behind)
    await store.settle_outbox([backlog[0]], [])
    assert await due(store, limit=10) == queued(*backlog[1:11])
    assert await due(store) == queued(*backlog[1:], *behind)


@on_empty_store
async def test_a_lane_goes_on_at_once_when_its_deferred_message_was_delivered(
    store: Store,
) -> None:
    sent = await send(store, place(), 1, 2)
    await store.settle_outbox([], [_tried(sent[0])])
    await store.settle_outbox([sent[0]], [])
    assert await due(store) == queued(sent[1])
    await store.settle_outbox([], [_tried(sent[1])])
    await store.settle_outbox([sent[1]], [])
    new = await send(store, place(), 3)
    assert await due(store) == queued(*new)


@on_empty_store
async def test_one_settlement_may_deliver_defer_and_set_aside(store: Store) -> None:
    one = await send(store, place("one"), 1, 2, 3)
    other = await send(store, place("other"), 1, 2)
    await store.settle_outbox([one[0], other[0]], [_tried(one[1]), _aside(other[1])])
    assert await everything(store) == [_tried(one[1]), *queued(one[2]), _aside(other[1])]
    assert await due(store, LATER - 1) == []
    assert await due(store, LATER) == [_tried(one[1]), *queued(one[2])]


@on_empty_store
async def test_a_message_set_aside_is_never_due_and_blocks_nothing(store: Store) -> None:
    sent = await send(store, place(), 1, 2, 3)
    await store.settle_outbox([], [_aside(sent[0])])
    assert await due(store, LATER) == queued(*sent[1:])
    await store.settle_outbox([sent[1]], [_aside(sent[2])])
    assert await due(store, LATER) == []
    new = await send(store, place(), 4)
    assert await due(store) == queued(*new)
    assert await everything(store) == [_aside(sent[0]), _aside(sent[2]), *queued(*new)]


@on_empty_store
async def test_a_next_attempt_of_a_message_set_aside_holds_nothing_up(store: Store) -> None:
    sent = await send(store, place(), 1, 2)
    aside = queued(sent[0], set_aside=True, next_attempt_date=LATER)
    await store.settle_outbox([], aside)
    assert await due(store) == queued(sent[1])
    assert await everything(store) == [*aside, *queued(sent[1])]


@on_empty_store
async def test_setting_a_deferred_message_aside_lets_its_lane_go_on(store: Store) -> None:
    sent = await send(store, place(), 1, 2)
    await store.settle_outbox([], [_tried(sent[0])])
    await store.settle_outbox([], [_aside(sent[0])])
    assert await due(store) == queued(sent[1])


@on_empty_store
async def test_a_message_set_aside_may_be_delivered_or_wait_again(store: Store) -> None:
    sent = await send(store, place(), 1, 2)
    await store.settle_outbox([], [_aside(each) for each in sent])
    await store.settle_outbox([sent[0]], [_tried(sent[1])])
    assert await due(store, LATER - 1) == []
    assert await due(store, LATER) == [_tried(sent[1])]
    assert await everything(store) == [_tried(sent[1])]


@on_empty_store
async def test_messages_that_are_not_there_any_more_are_passed_over(store: Store) -> None:
    gone, kept = await send(store, place(), 1, 2)
    absent = message(place("never written"), 1)
    await store.settle_outbox([gone], [])
    for settled in (_tried(gone), _aside(gone), _tried(absent), _aside(absent)):
        await store.settle_outbox([gone, absent], [settled])
        assert await everything(store) == queued(kept)
        assert await due(store) == queued(kept)
    for where in (absent.place, place("new")):
        new = await send(store, where)
        assert new[0] in [each.message for each in await due(store)]


@on_empty_store
async def test_settling_while_others_write_loses_nothing(store: Store) -> None:
    waiting: list[OutboxMessage] = []
    count = 0
    for turn in range(12):
        settle = store.settle_outbox(waiting[:1], [_tried(each, DATE) for each in waiting[1:2]])
        _, new = await asyncio.gather(settle, send(store, place(), *range(count + 1, count + 4)))
        waiting, count = waiting[1:] + new, count + 3
        found = await due(store)
        assert [each.message for each in found] == waiting
        assert sum(each.attempts for each in found) == min(turn, 1)


@on_empty_store
async def test_many_messages_are_settled_in_one_step(store: Store) -> None:
    lanes = [await send(store, place(f"dataset-{number:03}"), 1, 2) for number in range(BACKLOG)]
    deferred = [_tried(lane[1]) for lane in lanes[::2]]
    await store.settle_outbox([lane[0] for lane in lanes], deferred)
    assert await due(store) == queued(*(lane[1] for lane in lanes[1::2]))
    assert len(await due(store, LATER)) == BACKLOG


async def _stuck(store: Store) -> list[QueuedMessage]:
    """Make lanes of two identities and two pools, each with what waits and what is set aside."""
    made: list[QueuedMessage] = []
    for one in (IDENTITY, OTHER_IDENTITY):
        for of in (POOL, OTHER_POOL):
            sent = await send(store, place("things", one, of), 1, 2, 3)
            changed = [_aside(sent[0]), _tried(sent[1])]
            await store.settle_outbox([], changed)
            made += [*changed, *queued(sent[2])]
    return made


def _named(wanted: OutboxFilter, each: QueuedMessage) -> bool:
    where = each.message.place
    return (
        wanted.set_aside in (None, each.set_aside)
        and wanted.identity_pool_id in (None, where.identity_pool_id)
        and wanted.identity_id in (None, where.identity_id)
    )


_of_each_filter = pytest.mark.parametrize(
    "wanted",
    [
        EVERYTHING,
        OutboxFilter(set_aside=True),
        OutboxFilter(set_aside=False),
        OutboxFilter(POOL),
        OutboxFilter(POOL, set_aside=True),
        OutboxFilter(identity_id=OTHER_IDENTITY),
        OutboxFilter(OTHER_POOL, IDENTITY, set_aside=False),
        OutboxFilter("no pool"),
    ],
    ids=str,
)


@_of_each_filter
@on_empty_store
async def test_retried_messages_begin_anew(store: Store, wanted: OutboxFilter) -> None:
    before = await _stuck(store)
    count = await store.retry_outbox(wanted, now=DATE)
    assert count == sum(_named(wanted, each) for each in before)
    after = await everything(store)
    assert [each.message for each in after] == [each.message for each in before]
    for old, new in zip(before, after, strict=True):
        if _named(wanted, old):
            assert (new.attempts, new.set_aside, new.failure) == (0, False, None)
            assert new.next_attempt_date <= DATE
        else:
            assert new == old
    in_vain = {each.message.lane for each in after if each.next_attempt_date > DATE}
    assert await due(store) == [
        each for each in after if not each.set_aside and each.message.lane not in in_vain
    ]


@on_empty_store
async def test_a_message_retried_after_it_was_set_aside_is_first_in_its_lane_again(
    store: Store,
) -> None:
    sent = await send(store, place(), 1, 2)
    aside = queued(sent[0], set_aside=True, attempts=9, failure="no", next_attempt_date=LATER)
    await store.settle_outbox([sent[1]], aside)
    (new,) = await send(store, place(), 3)
    assert await due(store) == queued(new)
    assert await store.retry_outbox(OutboxFilter(set_aside=True), now=DATE) == 1
    assert [each.message for each in await due(store)] == [sent[0], new]


@on_empty_store
async def test_nothing_to_retry_or_drop_is_zero_messages(store: Store) -> None:
    assert await store.retry_outbox(EVERYTHING, now=DATE) == 0
    assert await store.drop_outbox(EVERYTHING) == 0


@_of_each_filter
@on_empty_store
async def test_dropped_messages_are_gone_and_others_stay(
    store: Store, wanted: OutboxFilter
) -> None:
    before = await _stuck(store)
    kept = [each for each in before if not _named(wanted, each)]
    assert await store.drop_outbox(wanted) == len(before) - len(kept)
    assert await everything(store) == kept
    assert await due(store) == []
    assert await due(store, LATER) == [each for each in kept if not each.set_aside]
    assert await store.drop_outbox(wanted) == 0


@on_empty_store
async def test_new_messages_are_due_after_their_lane_was_dropped(store: Store) -> None:
    await _stuck(store)
    assert await store.drop_outbox(OutboxFilter(set_aside=False)) == 8
    new = await send(store, place(), 4)
    assert await due(store) == queued(*new)
