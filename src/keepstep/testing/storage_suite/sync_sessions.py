# ruff: noqa: D103 -- the name of a case says what holds
"""Cases of sync sessions: consumed once, remembered until they are purged."""

import asyncio

import pytest

from keepstep.interfaces.storage import Store

from .running import DATE, apply, find, on_empty_store, place, session, writing


async def _consumed(store: Store, number: int) -> bool:
    """Read whether a session was consumed; both reads that tell must agree."""
    session_id = session(number).session_id
    found = (await find(store, place(), session_id)).session_consumed
    state = await store.find_state(place(), ["a"], session_id)
    assert state.session_consumed == found
    return found


async def _consume(store: Store, *expiry: int) -> None:
    """Consume the sessions 1, 2, … that expire at these times."""
    for number, expires_at in enumerate(expiry, start=1):
        consumes = session(number, expires_at)
        await apply(store, writing(place(), {}, expects=number - 1 or None, consumes=consumes))


@on_empty_store
async def test_a_session_is_consumed_by_the_change_that_names_it(store: Store) -> None:
    assert not await _consumed(store, 1)
    await _consume(store, DATE)
    assert await _consumed(store, 1)
    assert not await _consumed(store, 2)


@on_empty_store
async def test_no_session_asked_for_is_not_a_consumed_one(store: Store) -> None:
    await _consume(store, DATE)
    assert not (await find(store, place(), None)).session_consumed


@on_empty_store
async def test_a_session_is_consumed_once_by_changes_at_the_same_time(store: Store) -> None:
    shared = session(1)
    names = [f"dataset-{number}" for number in range(12)]
    applied = await asyncio.gather(
        *(
            store.change_dataset(writing(place(name), {"a": name}, consumes=shared))
            for name in names
        )
    )
    assert sorted(applied) == [False] * 11 + [True]
    for name, won in zip(names, applied, strict=True):
        found = await find(store, place(name))
        assert (found.dataset is not None, len(found.records)) == (won, int(won))


@on_empty_store
async def test_purge_forgets_sessions_that_expired_before_the_time(store: Store) -> None:
    await _consume(store, DATE - 1, DATE, DATE + 1)
    assert await store.purge_consumed_sessions(DATE, limit=10) == 1
    assert [await _consumed(store, number) for number in (1, 2, 3)] == [False, True, True]
    assert await store.purge_consumed_sessions(DATE, limit=10) == 0


@pytest.mark.parametrize("limit", [1, 2, 5, 6])
@on_empty_store
async def test_purge_forgets_no_more_than_its_limit(store: Store, limit: int) -> None:
    await _consume(store, *(DATE - 5 + number for number in range(5)))
    purged = await store.purge_consumed_sessions(DATE, limit=limit)
    left = sum([await _consumed(store, number) for number in range(1, 6)])
    assert (purged, left) == (min(limit, 5), 5 - min(limit, 5))


@on_empty_store
async def test_purge_leaves_datasets_and_records(store: Store) -> None:
    await apply(store, writing(place(), {"a": "1"}, consumes=session(1, DATE)))
    before = await find(store, place())
    assert await store.purge_consumed_sessions(DATE + 1, limit=10) == 1
    assert await find(store, place()) == before
