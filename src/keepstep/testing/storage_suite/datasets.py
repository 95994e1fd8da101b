# ruff: noqa: D103 -- the name of a case says what holds
"""Cases of reading datasets: lists, heads, counters that survive, and an identity's sums."""

import pytest

from keepstep.domain.dataset_changes import DatasetChange
from keepstep.domain.datasets import Dataset
from keepstep.domain.pools import IdentityUsage
from keepstep.interfaces.storage import Store

from .running import (
    DATE,
    IDENTITY,
    OTHER_IDENTITY,
    OTHER_POOL,
    POOL,
    apply,
    deleting,
    on_empty_store,
    place,
    writing,
)

NAMES_IN_BYTE_ORDER = [
    "-",
    "0",
    "10",
    "2",
    "B",
    "Z",
    "_",
    "a",
    "a ",
    "a.b",
    "aB",
    "ab",
    "z",
    "\u00e4",
    "\u0435",
    "\ue000",
    "\uffee",
    "\U00010000",
    "\U0001f600",
]
"""Upper case before lower, and what UTF-16 would sort before U+E000 after it."""


@on_empty_store
async def test_an_empty_store_has_no_datasets(store: Store) -> None:
    assert await store.list_datasets(POOL, IDENTITY, after="", limit=10) == []
    assert await store.find_dataset(place()) is None
    assert await store.measure_identity(POOL, IDENTITY) == IdentityUsage()


@on_empty_store
async def test_sync_counts_of_many_places_are_read_at_once(store: Store) -> None:
    assert await store.find_sync_counts([]) == []
    await apply(store, writing(place("a"), {}, sync_count=7))
    await apply(store, writing(place("b"), {}), deleting(place("b"), expects=1))
    await apply(store, writing(place("a", OTHER_IDENTITY), {}, sync_count=2**62))
    places = [
        place("b"),
        place("never written"),
        place("a"),
        place("a", OTHER_IDENTITY),
        place("a", identity_pool_id=OTHER_POOL),
        place("b"),
    ]
    assert await store.find_sync_counts(places) == [2, 0, 7, 2**62, 0, 2]
    many = [place(f"dataset-{number}") for number in range(500)]
    assert await store.find_sync_counts([*many, *places]) == [0] * 500 + [2, 0, 7, 2**62, 0, 2]


@on_empty_store
async def test_an_open_store_answers_its_check(store: Store) -> None:
    await store.check()


@on_empty_store
async def test_every_member_of_a_dataset_is_kept(store: Store) -> None:
    head = Dataset(
        dataset_name="things",
        sync_count=7,
        deleted_sync_count=3,
        creation_date=DATE,
        last_modified_date=DATE + 1,
        last_modified_by="a \u00fcser's \U0001f4f1",
        data_storage=11,
        num_records=5,
    )
    await apply(store, DatasetChange(place=place(), expected_sync_count=None, dataset=head))
    assert await store.find_dataset(place()) == head
    assert await store.list_datasets(POOL, IDENTITY, after="", limit=10) == [head]


@on_empty_store
async def test_a_change_replaces_every_member_of_a_dataset(store: Store) -> None:
    await apply(store, writing(place(), {"a": "1"}))
    head = Dataset(dataset_name="things", sync_count=90, creation_date=0, last_modified_date=1)
    await apply(store, DatasetChange(place=place(), expected_sync_count=1, dataset=head))
    assert await store.find_dataset(place()) == head


@on_empty_store
async def test_list_datasets_is_in_byte_order_of_utf_8(store: Store) -> None:
    for name in reversed(NAMES_IN_BYTE_ORDER):
        await apply(store, writing(place(name), {}))
    found = await store.list_datasets(POOL, IDENTITY, after="", limit=100)
    assert [dataset.dataset_name for dataset in found] == NAMES_IN_BYTE_ORDER


@pytest.mark.parametrize("limit", [1, 2, 7])
@on_empty_store
async def test_list_datasets_pages_without_gap_or_repetition(store: Store, limit: int) -> None:
    for name in NAMES_IN_BYTE_ORDER:
        await apply(store, writing(place(name), {}))
    names: list[str] = []
    while page := await store.list_datasets(
        POOL, IDENTITY, after=names[-1] if names else "", limit=limit
    ):
        assert len(page) <= limit
        names += [dataset.dataset_name for dataset in page]
    assert names == NAMES_IN_BYTE_ORDER


@on_empty_store
async def test_list_datasets_goes_on_behind_a_name_that_does_not_exist(store: Store) -> None:
    await apply(store, writing(place("a"), {}), writing(place("c"), {}))
    found = await store.list_datasets(POOL, IDENTITY, after="b", limit=10)
    assert [dataset.dataset_name for dataset in found] == ["c"]


@on_empty_store
async def test_a_deleted_dataset_keeps_its_counter_and_is_not_listed(store: Store) -> None:
    deletion = deleting(place(), expects=1)
    await apply(store, writing(place(), {"a": "1"}), deletion)
    assert await store.find_dataset(place()) == deletion.dataset
    assert not deletion.dataset.exists
    assert await store.list_datasets(POOL, IDENTITY, after="", limit=10) == []
    assert await store.measure_identity(POOL, IDENTITY) == IdentityUsage()


@on_empty_store
async def test_a_page_of_datasets_is_not_shortened_by_deleted_ones(store: Store) -> None:
    for name in ("a", "b", "c", "d"):
        await apply(store, writing(place(name), {}))
    await apply(store, deleting(place("a"), expects=1), deleting(place("c"), expects=1))
    found = await store.list_datasets(POOL, IDENTITY, after="", limit=2)
    assert [dataset.dataset_name for dataset in found] == ["b", "d"]


@on_empty_store
async def test_a_dataset_created_again_goes_on_from_its_counter(store: Store) -> None:
    await apply(
        store,
        writing(place(), {"old": "1"}),
        deleting(place(), expects=1),
        writing(place(), {"new": "1"}, expects=2),
    )
    found = await store.list_datasets(POOL, IDENTITY, after="", limit=10)
    assert [(dataset.dataset_name, dataset.sync_count) for dataset in found] == [("things", 3)]


@on_empty_store
async def test_datasets_of_one_name_are_apart_by_identity_and_by_pool(store: Store) -> None:
    places = [place(), place(identity_id=OTHER_IDENTITY), place(identity_pool_id=OTHER_POOL)]
    for count, where in enumerate(places, start=1):
        await apply(store, writing(where, {}, sync_count=count))
    for count, where in enumerate(places, start=1):
        head = await store.find_dataset(where)
        assert head is not None
        assert head.sync_count == count
        listed = await store.list_datasets(
            where.identity_pool_id, where.identity_id, after="", limit=10
        )
        assert listed == [head]


@pytest.mark.parametrize(
    ("first", "second"),
    [("things", "Things"), ("things", "things "), ("\u00e9", "e\u0301"), ("\u00df", "ss")],
)
@on_empty_store
async def test_names_that_only_look_alike_are_different(
    store: Store, first: str, second: str
) -> None:
    await apply(store, writing(place(first), {first: "1"}))
    assert await store.find_dataset(place(second)) is None
    await apply(store, writing(place(second), {first: "1", second: "2"}))
    found = await store.list_datasets(POOL, IDENTITY, after="", limit=10)
    assert {dataset.dataset_name for dataset in found} == {first, second}
    state = await store.find_state(place(second), [first, second], b"none")
    assert {key: record.value for key, record in state.records.items()} == {first: "1", second: "2"}


@on_empty_store
async def test_measure_identity_sums_its_existing_datasets_only(store: Store) -> None:
    await apply(
        store,
        writing(place("a"), {"k": "12345"}),
        writing(place("b"), {"k": "12"}, sync_count=5),
        writing(place("c"), {"k": "1"}),
        deleting(place("c"), expects=1),
        writing(place("a", identity_id=OTHER_IDENTITY), {"k": "1234567"}),
        writing(place("a", identity_pool_id=OTHER_POOL), {"k": "1234567"}),
    )
    assert await store.measure_identity(POOL, IDENTITY) == IdentityUsage(
        dataset_count=2, data_storage=9, last_modified_date=DATE + 5
    )
