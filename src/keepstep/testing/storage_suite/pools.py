# ruff: noqa: D103 -- the name of a case says what holds
"""Cases of identity pools: their life, what they store, and their numbers of sync sessions."""

import asyncio

import pytest

from keepstep.domain.pools import PoolUsage
from keepstep.interfaces.storage import Store
from keepstep.wire import members

from .running import (
    DATE,
    IDENTITY,
    OTHER_IDENTITY,
    OTHER_POOL,
    POOL,
    apply,
    deleting,
    find,
    on_empty_store,
    place,
    pool,
    records_of,
    session,
    writing,
)

POOLS_IN_BYTE_ORDER = [
    "US-east-1:a",
    "eu-west-1:a",
    "us-east-1:0",
    "us-east-1:a",
    "us-east-10:a",
    "us-east-1:a-b",
    "us_east-1:a",
]
POOLS_IN_BYTE_ORDER.sort(key=str.encode)


@on_empty_store
async def test_an_empty_store_has_no_pools(store: Store) -> None:
    assert await store.find_pool(POOL) is None
    assert await store.measure_pool(POOL) is None
    assert await store.measure_pools(after="", limit=10) == []
    assert not await store.delete_pool(POOL)


@on_empty_store
async def test_every_member_of_a_pool_is_kept(store: Store) -> None:
    created = pool(last_modified_date=DATE + 1, sync_sessions_count=members.LONG_MAX)
    assert await store.create_pool(created)
    assert await store.find_pool(POOL) == created
    assert await store.find_pool(OTHER_POOL) is None


@on_empty_store
async def test_a_taken_id_is_refused_and_the_pool_stays_as_it_is(store: Store) -> None:
    assert await store.create_pool(pool())
    assert not await store.create_pool(pool(creation_date=1, sync_sessions_count=9))
    assert await store.find_pool(POOL) == pool()


@on_empty_store
async def test_of_creations_of_one_pool_at_the_same_time_exactly_one_applies(
    store: Store,
) -> None:
    pools = [pool(sync_sessions_count=number) for number in range(8)]
    created = await asyncio.gather(*(store.create_pool(each) for each in pools))
    assert sum(created) == 1
    assert await store.find_pool(POOL) == pools[created.index(True)]


@pytest.mark.parametrize("limit", [1, 2, 100])
@on_empty_store
async def test_measure_pools_pages_in_byte_order_of_ids(store: Store, limit: int) -> None:
    for identity_pool_id in reversed(POOLS_IN_BYTE_ORDER):
        assert await store.create_pool(pool(identity_pool_id))
    ids: list[str] = []
    while page := await store.measure_pools(after=ids[-1] if ids else "", limit=limit):
        assert len(page) <= limit
        ids += [usage.pool.identity_pool_id for usage in page]
    assert ids == POOLS_IN_BYTE_ORDER


@on_empty_store
async def test_a_pool_without_data_stores_nothing(store: Store) -> None:
    await store.create_pool(pool())
    empty = PoolUsage(pool=pool(), data_storage=0, last_modified_date=DATE)
    assert await store.measure_pool(POOL) == empty
    assert await store.measure_pools(after="", limit=10) == [empty]


@on_empty_store
async def test_a_pool_stores_the_sum_of_its_datasets(store: Store) -> None:
    await store.create_pool(pool())
    await store.create_pool(pool(OTHER_POOL))
    await apply(
        store,
        writing(place("a"), {"k": "12345"}),
        writing(place("b"), {"k": "12"}),
        writing(place("a", OTHER_IDENTITY), {"k": "1"}, sync_count=7),
        writing(place("gone"), {"k": "1"}),
        deleting(place("gone"), expects=1),
        writing(place("a", IDENTITY, OTHER_POOL), {"k": "1234567"}, sync_count=9),
    )
    usages = [
        PoolUsage(pool=pool(), data_storage=11, last_modified_date=DATE + 7),
        PoolUsage(pool=pool(OTHER_POOL), data_storage=8, last_modified_date=DATE + 9),
    ]
    assert await store.measure_pools(after="", limit=10) == usages
    assert [await store.measure_pool(POOL), await store.measure_pool(OTHER_POOL)] == usages


@on_empty_store
async def test_the_date_of_a_pools_usage_is_the_latest_of_the_pool_and_its_datasets(
    store: Store,
) -> None:
    await store.create_pool(pool(last_modified_date=DATE + 50))
    await apply(store, writing(place(), {"k": "1"}, sync_count=3))
    usage = await store.measure_pool(POOL)
    assert usage is not None
    assert usage.last_modified_date == DATE + 50


@on_empty_store
async def test_data_of_a_pool_that_was_not_created_is_not_measured(store: Store) -> None:
    await apply(store, writing(place(), {"k": "1"}))
    assert await store.measure_pool(POOL) is None
    assert await store.measure_pools(after="", limit=10) == []


@on_empty_store
async def test_deleting_a_pool_deletes_all_data_of_all_its_identities(store: Store) -> None:
    await store.create_pool(pool())
    places = [place("a"), place("b"), place("a", OTHER_IDENTITY), place("gone")]
    for where in places:
        await apply(store, writing(where, {"k": "1", "t": None}))
    await apply(store, deleting(place("gone"), expects=1))
    assert await store.delete_pool(POOL)
    assert await store.find_pool(POOL) is None
    assert not await store.delete_pool(POOL)
    for where in places:
        found = await find(store, where)
        assert (found.dataset, found.records) == (None, [])
    assert await store.create_pool(pool())
    usage = await store.measure_pool(POOL)
    assert usage == PoolUsage(pool=pool(), data_storage=0, last_modified_date=DATE)


@on_empty_store
async def test_a_name_of_a_deleted_pool_starts_without_a_counter(store: Store) -> None:
    await store.create_pool(pool())
    await apply(store, writing(place(), {"a": "1"}), writing(place(), {"b": "1"}, expects=1))
    assert await store.delete_pool(POOL)
    await store.create_pool(pool())
    assert not await store.change_dataset(writing(place(), {"c": "1"}, expects=2))
    await apply(store, writing(place(), {"c": "1"}))
    assert (await find(store, place())).records == records_of({"c": "1"}, 1)


@on_empty_store
async def test_deleting_a_pool_leaves_the_data_of_other_pools(store: Store) -> None:
    kept = place(identity_pool_id=OTHER_POOL)
    await store.create_pool(pool())
    await store.create_pool(pool(OTHER_POOL))
    await apply(store, writing(place(), {"k": "1"}), writing(kept, {"k": "1"}, consumes=session()))
    before = await find(store, kept, session().session_id)
    assert before.session_consumed
    assert await store.delete_pool(POOL)
    assert await find(store, kept, session().session_id) == before
    assert await store.find_pool(OTHER_POOL) == pool(OTHER_POOL)
    assert not await store.change_dataset(writing(kept, {}, expects=1, consumes=session()))


@on_empty_store
async def test_add_sync_sessions_adds_to_each_pool(store: Store) -> None:
    await store.create_pool(pool())
    await store.create_pool(pool(OTHER_POOL, sync_sessions_count=2**40))
    await store.add_sync_sessions({POOL: 3, OTHER_POOL: 2**40})
    await store.add_sync_sessions({POOL: 4})
    await store.add_sync_sessions({})
    assert await store.find_pool(POOL) == pool(sync_sessions_count=7)
    assert await store.find_pool(OTHER_POOL) == pool(OTHER_POOL, sync_sessions_count=2**41)


@on_empty_store
async def test_add_sync_sessions_passes_over_unknown_pools(store: Store) -> None:
    await store.create_pool(pool())
    await store.add_sync_sessions({OTHER_POOL: 3, POOL: 1})
    assert await store.find_pool(POOL) == pool(sync_sessions_count=1)
    assert await store.find_pool(OTHER_POOL) is None


@on_empty_store
async def test_sync_sessions_added_at_the_same_time_all_count(store: Store) -> None:
    pools = [POOL, OTHER_POOL]
    for identity_pool_id in pools:
        await store.create_pool(pool(identity_pool_id))
    turns = [pools, pools[::-1]] * 8
    await asyncio.gather(*(store.add_sync_sessions(dict.fromkeys(turn, 2)) for turn in turns))
    for identity_pool_id in pools:
        assert await store.find_pool(identity_pool_id) == pool(
            identity_pool_id, sync_sessions_count=32
        )
