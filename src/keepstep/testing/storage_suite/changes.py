# ruff: noqa: D103 -- the name of a case says what holds
"""Cases of changing a dataset: compare-and-set, all or nothing, and the limit of datasets."""

from typing import Any

import pytest

from keepstep.domain.datasets import DatasetPlace
from keepstep.interfaces.storage import RecordsFound, Store

from .running import (
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

SPENT, FRESH = session(1), session(2)


async def _everything(store: Store) -> list[Any]:
    """Read all that a refused change could have touched."""
    places = [place(), place("other")]
    return [
        await store.list_datasets(POOL, IDENTITY, after="", limit=100),
        await store.measure_identity(POOL, IDENTITY),
        [await find(store, where, FRESH.session_id) for where in places],
        [await store.find_state(where, ["a", "b"], FRESH.session_id) for where in places],
    ]


@pytest.mark.parametrize(
    ("where", "conditions"),
    [
        (place(), {"expects": None}),
        (place(), {"expects": 1}),
        (place(), {"expects": 3}),
        (place("other"), {"expects": 0}),
        (place("other"), {"expects": 1}),
        (place("other"), {"expects": None, "below": 1}),
        (place("other"), {"expects": None, "below": 0}),
    ],
    ids=[
        "created_again",
        "expected_too_little",
        "expected_too_much",
        "no_counter_is_not_zero",
        "no_counter",
        "too_many_datasets",
        "no_datasets_allowed",
    ],
)
@on_empty_store
async def test_a_change_whose_conditions_do_not_hold_writes_nothing(
    store: Store, where: DatasetPlace, conditions: dict[str, int | None]
) -> None:
    await apply(store, writing(place(), {"a": "1"}), writing(place(), {"b": "2"}, expects=1))
    before = await _everything(store)
    changed: dict[str, str | None] = {"a": "changed", "b": None, "c": "new"}
    change = writing(where, changed, sync_count=9, consumes=FRESH, **conditions)
    assert not await store.change_dataset(change)
    assert await _everything(store) == before


@on_empty_store
async def test_a_change_with_a_consumed_session_writes_nothing(store: Store) -> None:
    await apply(store, writing(place(), {"a": "1"}, consumes=SPENT))
    before = await _everything(store)
    again = writing(place(), {"a": "changed"}, expects=1, consumes=SPENT)
    created = writing(place("other"), {"a": "changed"}, consumes=SPENT)
    assert not await store.change_dataset(again)
    assert not await store.change_dataset(created)
    assert await _everything(store) == before


@on_empty_store
async def test_a_stale_deletion_erases_nothing(store: Store) -> None:
    await apply(store, writing(place(), {"a": "1"}), writing(place(), {"b": "2"}, expects=1))
    before = await _everything(store)
    assert not await store.change_dataset(deleting(place(), expects=1))
    assert not await store.change_dataset(deleting(place("other"), expects=1))
    assert await _everything(store) == before


@on_empty_store
async def test_a_change_after_a_refused_one_applies(store: Store) -> None:
    await apply(store, writing(place(), {"a": "1"}))
    assert not await store.change_dataset(writing(place(), {"a": "2"}, expects=7, consumes=FRESH))
    await apply(store, writing(place(), {"a": "3"}, expects=1, consumes=FRESH))
    assert (await find(store, place())).records == records_of({"a": "3"}, 2)


@on_empty_store
async def test_a_deleted_dataset_is_not_created_as_if_it_were_new(store: Store) -> None:
    await apply(store, writing(place(), {"a": "1"}), deleting(place(), expects=1))
    before = await _everything(store)
    assert not await store.change_dataset(writing(place(), {"a": "2"}))
    assert not await store.change_dataset(writing(place(), {"a": "2"}, expects=1))
    assert await _everything(store) == before
    await apply(store, writing(place(), {"a": "2"}, expects=2))
    assert (await find(store, place())).records == records_of({"a": "2"}, 3)


@on_empty_store
async def test_a_change_leaves_records_it_does_not_name(store: Store) -> None:
    await apply(store, writing(place(), {"a": "1", "b": "1"}))
    await apply(store, writing(place(), {"b": "2"}, expects=1))
    found = await find(store, place())
    assert found.records == records_of({"a": "1"}, 1) + records_of({"b": "2"}, 2)


@on_empty_store
async def test_a_change_may_hold_no_records(store: Store) -> None:
    await apply(store, writing(place(), {"a": "1"}))
    change = writing(place(), {}, expects=1, consumes=FRESH)
    await apply(store, change)
    found = await find(store, place(), FRESH.session_id)
    assert (found.dataset, found.session_consumed) == (change.dataset, True)
    assert found.records == records_of({"a": "1"}, 1)


@on_empty_store
async def test_a_change_may_hold_every_record_of_a_full_dataset(store: Store) -> None:
    values = {f"key-{number:04}": "v" * 900 for number in range(1024)}
    await apply(store, writing(place(), values))
    assert (await find(store, place())).records == records_of(values, 1)
    rewritten: dict[str, str | None] = dict.fromkeys(values)
    await apply(store, writing(place(), rewritten, expects=1))
    assert (await find(store, place())).records == records_of(rewritten, 2)


@on_empty_store
async def test_datasets_below_counts_live_datasets_of_this_identity_only(store: Store) -> None:
    await store.create_pool(pool())
    await apply(
        store,
        writing(place("a"), {}),
        writing(place("b"), {}),
        deleting(place("b"), expects=1),
        writing(place("c", identity_id=OTHER_IDENTITY), {}),
        writing(place("d", identity_pool_id=OTHER_POOL), {}),
    )
    assert not await store.change_dataset(writing(place("e"), {}, below=1))
    await apply(store, writing(place("e"), {}, below=2))
    assert not await store.change_dataset(writing(place("f"), {}, below=2))


@on_empty_store
async def test_datasets_below_does_not_hold_in_a_pool_that_does_not_exist(store: Store) -> None:
    assert not await store.change_dataset(writing(place("a"), {}, below=1))
    await store.create_pool(pool())
    await apply(store, writing(place("a"), {}, below=1))
    await store.delete_pool(POOL)
    assert not await store.change_dataset(writing(place("a"), {}, below=1))
    assert await find(store, place("a")) == RecordsFound(
        None, [], session_consumed=False, merged_dataset_names=[]
    )


@on_empty_store
async def test_datasets_below_holds_for_a_dataset_created_again(store: Store) -> None:
    await store.create_pool(pool())
    await apply(store, writing(place("a"), {}), deleting(place("a"), expects=1))
    await apply(store, writing(place("b"), {}, below=1))
    assert not await store.change_dataset(writing(place("a"), {}, expects=2, below=1))
    await apply(store, writing(place("a"), {}, expects=2, below=2))


@on_empty_store
async def test_deleting_a_dataset_makes_room_for_another(store: Store) -> None:
    await store.create_pool(pool())
    await apply(store, writing(place("a"), {}, below=1))
    assert not await store.change_dataset(writing(place("b"), {}, below=1))
    await apply(store, deleting(place("a"), expects=1), writing(place("b"), {}, below=1))
