# ruff: noqa: D103 -- the name of a case says what holds
"""Cases of many callers at once: who wins, what readers see, cancelled callers, and closing.

``asyncio.sleep(0)`` only lets other tasks run: an engine need not suspend by itself.
"""

import asyncio
from collections.abc import Mapping

from keepstep.domain.datasets import Dataset, DatasetPlace, Record
from keepstep.interfaces.storage import Store

from .running import (
    IDENTITY,
    OTHER_IDENTITY,
    OTHER_POOL,
    POOL,
    StoreFactory,
    apply,
    deleting,
    find,
    on_empty_store,
    place,
    pool,
    run,
    session,
    writing,
)

CALLERS = 16


async def _write_until_applied(
    store: Store, where: DatasetPlace, values: Mapping[str, str | None]
) -> None:
    while True:
        head = await store.find_dataset(where)
        expects = head.sync_count if head is not None else None
        if await store.change_dataset(writing(where, values, expects=expects)):
            return
        await asyncio.sleep(0)


@on_empty_store
async def test_of_creations_at_the_same_time_exactly_one_applies(store: Store) -> None:
    applied = await asyncio.gather(
        *(
            store.change_dataset(writing(place(), {f"key-{caller}": "1"}))
            for caller in range(CALLERS)
        )
    )
    assert sum(applied) == 1
    found = await find(store, place())
    assert [record.key for record in found.records] == [f"key-{applied.index(True)}"]


@on_empty_store
async def test_of_changes_at_the_same_time_exactly_one_applies(store: Store) -> None:
    await apply(store, writing(place(), {"before": "1"}))
    applied = await asyncio.gather(
        *(
            store.change_dataset(
                writing(
                    place(),
                    {"shared": str(caller), f"key-{caller}": "1"},
                    expects=1,
                    consumes=session(caller),
                )
            )
            for caller in range(CALLERS)
        )
    )
    assert sum(applied) == 1
    winner = applied.index(True)
    found = await find(store, place(), above=1)
    assert [(record.key, record.value) for record in found.records] == [
        (f"key-{winner}", "1"),
        ("shared", str(winner)),
    ]
    consumed = [
        (await find(store, place(), session(caller).session_id)).session_consumed
        for caller in range(CALLERS)
    ]
    assert consumed == applied


@on_empty_store
async def test_changes_of_different_datasets_at_the_same_time_all_apply(store: Store) -> None:
    places = [
        place(f"dataset-{number}", identity, pool)
        for number in range(8)
        for identity in (IDENTITY, OTHER_IDENTITY)
        for pool in (POOL, OTHER_POOL)
    ]
    for expects in (None, 1, 2):
        applied = await asyncio.gather(
            *(store.change_dataset(writing(where, {"a": "1"}, expects=expects)) for where in places)
        )
        assert all(applied)


@on_empty_store
async def test_no_write_is_lost_among_callers_that_try_again(store: Store) -> None:
    async def write(caller: int) -> None:
        for turn in range(5):
            await _write_until_applied(store, place(), {f"{caller}-{turn}": "1"})

    await asyncio.gather(*(write(caller) for caller in range(8)))
    found = await find(store, place())
    assert found.dataset is not None
    assert found.dataset.sync_count == 40
    assert [record.sync_count for record in found.records] == list(range(1, 41))


@on_empty_store
async def test_datasets_below_holds_among_creations_at_the_same_time(store: Store) -> None:
    await store.create_pool(pool())
    await apply(store, writing(place("first"), {}))
    applied = await asyncio.gather(
        *(
            store.change_dataset(writing(place(f"dataset-{caller}"), {"a": "1"}, below=4))
            for caller in range(CALLERS)
        )
    )
    assert sum(applied) == 3
    listed = await store.list_datasets(POOL, IDENTITY, after="", limit=100)
    assert len(listed) == 4


@on_empty_store
async def test_a_reader_never_sees_head_and_records_of_different_states(store: Store) -> None:
    keys = [f"key-{number}" for number in range(20)]
    writers_left = 2
    reads = 0

    async def write() -> None:
        nonlocal writers_left
        for turn in range(15):
            await _write_until_applied(store, place(), dict.fromkeys(keys, str(turn)))
            head = await store.find_dataset(place())
            if turn % 4 == 3 and head is not None and head.exists:
                await store.change_dataset(deleting(place(), expects=head.sync_count))
        writers_left -= 1

    def check(dataset: Dataset | None, records: list[Record]) -> None:
        if dataset is None or not dataset.exists:
            assert records == []
        else:
            assert [record.sync_count for record in records] == [dataset.sync_count] * len(keys)

    async def read() -> None:
        nonlocal reads
        while writers_left:
            found = await find(store, place())
            check(found.dataset, found.records)
            state = await store.find_state(place(), keys, b"none")
            check(state.dataset, list(state.records.values()))
            reads += 1
            await asyncio.sleep(0)

    await asyncio.gather(write(), write(), read(), read())
    assert reads > 0


@on_empty_store
async def test_an_answered_change_is_seen_by_every_later_read(store: Store) -> None:
    async def write_and_read(where: DatasetPlace) -> None:
        for count in range(5):
            change = writing(where, {"a": str(count)}, expects=count or None)
            await apply(store, change)
            assert await store.find_dataset(where) == change.dataset
            assert (await find(store, where)).records == list(change.records)

    await asyncio.gather(*(write_and_read(place(f"dataset-{n}")) for n in range(8)))


@on_empty_store
async def test_a_change_whose_caller_was_cancelled_is_whole_or_absent(store: Store) -> None:
    places = [place(f"dataset-{caller}") for caller in range(CALLERS)]
    tasks = [
        asyncio.create_task(
            store.change_dataset(writing(where, {"a": "1", "b": "1"}, consumes=session(caller + 1)))
        )
        for caller, where in enumerate(places)
    ]
    await asyncio.sleep(0)
    for task in tasks[::2]:
        task.cancel()
    outcomes = await asyncio.gather(*tasks, return_exceptions=True)
    assert outcomes[1::2] == [True] * (CALLERS // 2)
    for caller, where in enumerate(places):
        found = await find(store, where, session(caller + 1).session_id)
        there = found.dataset is not None
        assert (len(found.records), found.session_consumed) == (2 if there else 0, there)
        await _write_until_applied(store, where, {"after": "1"})


def test_closing_finishes_the_changes_already_handed_over(store_factory: StoreFactory) -> None:
    async def hand_over_and_close() -> list[bool]:
        async with store_factory() as store:
            tasks = [
                asyncio.create_task(
                    store.change_dataset(writing(place(f"dataset-{n}"), {"a": "1"}))
                )
                for n in range(CALLERS)
            ]
            await asyncio.sleep(0)
        return await asyncio.gather(*tasks)

    assert run(hand_over_and_close()) == [True] * CALLERS
