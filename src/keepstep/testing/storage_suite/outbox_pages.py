# ruff: noqa: D103 -- the name of a case says what holds
"""Cases of large messages: a page of the outbox ends early behind them."""

import pytest

from keepstep.domain.limits import OUTBOX_BYTES_MAX
from keepstep.domain.outbox import Lane, OutboxMessage, QueuedMessage
from keepstep.interfaces.delivery_storage import OutboxFilter
from keepstep.interfaces.storage import Store

from .running import apply, due, message, on_empty_store, place, queued, send, sending, writing

_MOST = OUTBOX_BYTES_MAX
_LARGE = [
    ([_MOST + 1, 1, 1], [1, 2]),
    ([_MOST, 1, 1], [1, 2]),
    ([_MOST - 1, 1, 1], [2, 1]),
    ([1, _MOST - 2, _MOST, 1], [3, 1]),
    ([_MOST // 2] * 5, [2, 2, 1]),
]
"""Bytes of the bodies of messages, and how many messages each page of them has."""


@pytest.mark.parametrize(("sizes", "pages"), _LARGE)
@on_empty_store
async def test_a_page_of_large_due_messages_ends_early_behind_one_message_at_least(
    store: Store, sizes: list[int], pages: list[int]
) -> None:
    sent = [message(place(f"{n}"), body=b"x" * size) for n, size in enumerate(sizes)]
    for each in sent:
        await apply(store, sending(writing(each.place, {}), each))
    read: list[list[QueuedMessage]] = []
    while page := await due(store, after=read[-1][-1].message.lane if read else None):
        read.append(page)
    assert [len(page) for page in read] == pages
    assert [each for page in read for each in page] == queued(*sent)


@on_empty_store
async def test_a_lane_of_large_due_messages_is_read_from_its_first(store: Store) -> None:
    sent = [message(place(), count, body=b"x" * (_MOST // 2)) for count in range(1, 6)]
    for count, each in enumerate(sent):
        await apply(store, sending(writing(place(), {}, expects=count or None), each))
    other = await send(store, place("~"))
    assert await due(store) == queued(*sent[:2])
    assert await due(store, after=sent[0].lane) == queued(*other)
    await store.settle_outbox(sent[:2], [])
    assert await due(store) == queued(*sent[2:4])


@pytest.mark.parametrize("set_aside", [None, False, True])
@pytest.mark.parametrize(("sizes", "pages"), _LARGE)
@on_empty_store
async def test_a_page_of_large_messages_of_the_outbox_ends_early_behind_one_at_least(
    store: Store, sizes: list[int], pages: list[int], set_aside: bool | None
) -> None:
    sent = [message(place(), count, body=b"x" * size) for count, size in enumerate(sizes, 1)]
    for count, each in enumerate(sent):
        await apply(store, sending(writing(place(), {}, expects=count or None), each))
    aside = {None: sent[::2], False: [], True: sent}[set_aside]
    await store.settle_outbox([], queued(*aside, set_aside=True))
    read: list[OutboxMessage] = []
    after: tuple[Lane, int] | None = None
    for count in (*pages, 0):
        page = await store.list_outbox(OutboxFilter(set_aside=set_aside), after=after, limit=100)
        assert len(page) == count
        read += [each.message for each in page]
        after = (read[-1].lane, read[-1].sync_count)
    assert read == sent
