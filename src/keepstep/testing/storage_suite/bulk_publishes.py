# ruff: noqa: D103 -- the name of a case says what holds
"""Cases of bulk publishes, and of the datasets that they go through."""

import asyncio

import msgspec
import pytest

from keepstep.domain.bulk_publishes import BulkPublish
from keepstep.domain.datasets import DatasetPlace
from keepstep.interfaces.storage import Store

from .datasets import NAMES_IN_BYTE_ORDER
from .running import (
    DATE,
    IDENTITY,
    OTHER_IDENTITY,
    OTHER_POOL,
    POOL,
    THIRD_IDENTITY,
    apply,
    create,
    deleting,
    identity,
    merging,
    on_empty_store,
    place,
    pool,
    writing,
)

START = ("", "")
BEGUN = BulkPublish(identity_pool_id=POOL, status="IN_PROGRESS", start_date=DATE)
ENDED = BulkPublish(
    identity_pool_id=POOL,
    status="FAILED",
    start_date=DATE,
    complete_date=DATE + 2**40,
    failure_message="the str\u00e9am is gone \U0001f600",
    position=(IDENTITY, "\U0001f600 \x00"),
    version=2,
)


async def _datasets(
    store: Store, identity_pool_id: str = POOL, limit: int = 100, after: tuple[str, str] = START
) -> list[DatasetPlace]:
    """Read all datasets of a pool, page by page."""
    read: list[DatasetPlace] = []
    while page := await store.list_pool_datasets(identity_pool_id, after=after, limit=limit):
        assert len(page) <= limit
        read += page
        after = (page[-1].identity_id, page[-1].dataset_name)
    return read


@on_empty_store
async def test_a_pool_has_no_bulk_publish_before_the_first(store: Store) -> None:
    assert await store.find_bulk_publish(POOL) is None
    assert await store.list_bulk_publishes() == []
    await create(store)
    assert await store.find_bulk_publish(POOL) is None


@on_empty_store
async def test_every_member_of_a_bulk_publish_is_kept(store: Store) -> None:
    await create(store)
    for publish in (BEGUN, ENDED):
        assert await store.keep_bulk_publish(publish)
        assert await store.find_bulk_publish(POOL) == publish
    assert await store.find_bulk_publish(OTHER_POOL) is None


@on_empty_store
async def test_a_bulk_publish_of_no_pool_is_not_kept(store: Store) -> None:
    assert not await store.keep_bulk_publish(BEGUN)
    assert await store.find_bulk_publish(POOL) is None


@pytest.mark.parametrize("version", [0, 1, 2, 4])
@on_empty_store
async def test_only_the_next_version_of_a_bulk_publish_is_kept(store: Store, version: int) -> None:
    await create(store)
    assert not await store.keep_bulk_publish(ENDED)
    assert await store.keep_bulk_publish(BEGUN)
    assert await store.keep_bulk_publish(ENDED)
    other = msgspec.structs.replace(BEGUN, version=version)
    assert not await store.keep_bulk_publish(other)
    assert await store.find_bulk_publish(POOL) == ENDED
    assert await store.keep_bulk_publish(msgspec.structs.replace(BEGUN, version=3))


@on_empty_store
async def test_of_bulk_publishes_begun_at_the_same_time_one_is_kept(store: Store) -> None:
    await create(store)
    for version in range(1, 5):
        wanted = [
            msgspec.structs.replace(BEGUN, version=version, start_date=DATE + number)
            for number in range(8)
        ]
        kept = await asyncio.gather(*map(store.keep_bulk_publish, wanted))
        assert sum(kept) == 1
        assert await store.find_bulk_publish(POOL) == wanted[kept.index(True)]


@on_empty_store
async def test_bulk_publishes_in_progress_are_listed_in_order_of_their_pools(store: Store) -> None:
    ids = ["us-east-1:b", "us-east-1:a", "US-east-1:c", "us-east-1:d"]
    begun = [msgspec.structs.replace(BEGUN, identity_pool_id=each) for each in ids]
    for publish in begun:
        await store.create_pool(pool(publish.identity_pool_id))
        assert await store.keep_bulk_publish(publish)
    ended = msgspec.structs.replace(begun[3], status="SUCCEEDED", version=2)
    assert await store.keep_bulk_publish(ended)
    assert await store.list_bulk_publishes() == [begun[2], begun[1], begun[0]]


@on_empty_store
async def test_a_deleted_pool_takes_its_bulk_publish_with_it(store: Store) -> None:
    kept = msgspec.structs.replace(BEGUN, identity_pool_id=OTHER_POOL)
    for publish in (BEGUN, kept):
        await store.create_pool(pool(publish.identity_pool_id))
        assert await store.keep_bulk_publish(publish)
    assert await store.delete_pool(POOL)
    assert await store.list_bulk_publishes() == [kept]
    assert not await store.keep_bulk_publish(ENDED)
    await store.create_pool(pool())
    assert await store.find_bulk_publish(POOL) is None
    assert await store.keep_bulk_publish(BEGUN)


@on_empty_store
async def test_a_pool_without_data_has_no_datasets(store: Store) -> None:
    assert await _datasets(store) == []
    await create(store, identity())
    assert await _datasets(store) == []


@pytest.mark.parametrize("limit", [1, 2, 7, 100])
@on_empty_store
async def test_the_datasets_of_a_pool_page_in_byte_order_of_identities_and_names(
    store: Store, limit: int
) -> None:
    identities = ["us-east-10:a", "us-east-1:A", "us-east-1:B", "us-east-1:a"]
    others = [place("m", each, OTHER_POOL) for each in identities]
    expected = [place(name, each) for each in identities for name in NAMES_IN_BYTE_ORDER]
    for where in [*reversed(expected), *others]:
        await apply(store, writing(where, {}))
    assert await _datasets(store, limit=limit) == expected
    assert await _datasets(store, OTHER_POOL, limit) == others


@on_empty_store
async def test_a_position_among_the_datasets_of_a_pool_need_not_be_one_that_is_there(
    store: Store,
) -> None:
    places = [place("b", each) for each in (IDENTITY, OTHER_IDENTITY, THIRD_IDENTITY)]
    for where in places:
        await apply(store, writing(where, {}))
    for after, behind in (
        ((IDENTITY, "a"), places),
        ((IDENTITY, "ba"), places[1:]),
        ((f"{IDENTITY}-", "a"), places[1:]),
        ((THIRD_IDENTITY, "b"), []),
    ):
        assert await _datasets(store, after=after) == behind


@pytest.mark.parametrize("limit", [1, 100])
@on_empty_store
async def test_deleted_datasets_are_passed_over_and_merged_ones_are_where_they_went(
    store: Store, limit: int
) -> None:
    source, destination = identity(OTHER_IDENTITY), identity(IDENTITY)
    await create(store, source, destination)
    for each in (IDENTITY, OTHER_IDENTITY):
        gone = place("gone", each)
        await apply(store, writing(gone, {"a": "1"}), deleting(gone, expects=1))
        await apply(store, *(writing(place(name, each), {"a": "1"}) for name in ("a", "z")))
    assert await store.change_identities(merging(source, destination, "a", "z"))
    merged = place(f"z.{OTHER_IDENTITY}")
    names = ["a", f"a.{OTHER_IDENTITY}", "z", merged.dataset_name]
    assert await _datasets(store, limit=limit) == [place(name) for name in names]
    await apply(store, deleting(merged, expects=1))
    assert await _datasets(store, limit=limit) == [place(name) for name in names[:-1]]
    await apply(store, writing(place("gone"), {"a": "1"}, expects=2))
    assert await _datasets(store, limit=limit) == [
        place(name) for name in sorted([*names[:-1], "gone"])
    ]


@on_empty_store
async def test_the_datasets_of_deleted_identities_are_passed_over(store: Store) -> None:
    await create(store, identity(), identity(OTHER_IDENTITY))
    for each in (IDENTITY, OTHER_IDENTITY):
        await apply(store, writing(place("things", each), {"a": "1"}))
    assert await store.delete_identity(IDENTITY, date=DATE)
    assert await _datasets(store) == [place("things", OTHER_IDENTITY)]
