"""Reads that the engine for teams sends together: each has its own answer, or its own failure."""

import asyncio
from typing import Any

import pytest

from keepstep.domain.datasets import Dataset
from keepstep.interfaces.storage import Store, StoreUnavailable
from keepstep.storage.postgres.pipelines import PIPELINES_MAX, READS_MAX
from keepstep.testing.storage_suite.running import (
    IDENTITY,
    LOGIN,
    POOL,
    apply,
    changed,
    changing,
    create,
    identity,
    place,
    pool,
    run,
    writing,
)

from .postgres_proxy import proxy_of
from .postgres_server import someone_waits
from .test_postgres_outcomes import behind_proxy, holding, opened, url

__all__ = ["url"]

NAMES = ["one", "three", "two"]
LOCK_DATASETS = b"LOCK TABLE datasets IN ACCESS EXCLUSIVE MODE"


async def names(store: Store, limit: int = 10) -> list[str]:
    found = await store.list_datasets(POOL, IDENTITY, after="", limit=limit)
    return [dataset.dataset_name for dataset in found]


async def fill(store: Store) -> None:
    for name in NAMES:
        await apply(store, writing(place(name), {"a": name}, below=20))


def name_of(found: object) -> str | None:
    return found.dataset_name if isinstance(found, Dataset) else None


def test_reads_asked_for_at_once_are_one_round_trip_and_each_has_its_own_answer(url: str) -> None:
    async def ask() -> None:
        async with behind_proxy(url) as (store, proxy):
            await fill(store)
            for _ in range(2):  # the first time, statements are prepared on the way
                begun = proxy.round_trips
                found = await asyncio.gather(
                    *(store.find_dataset(place(name)) for name in (*NAMES, "none")),
                    names(store),
                    names(store, limit=1),
                    store.find_pool(POOL),
                )
                assert [name_of(each) for each in found[:4]] == [*NAMES, None]
                assert found[4:] == [NAMES, NAMES[:1], pool()]
                assert proxy.round_trips - begun == 1

    run(ask())


def test_any_number_of_reads_may_be_asked_for_at_once(url: str) -> None:
    async def ask() -> None:
        async with opened(url) as store:
            await store.create_pool(pool())
            await fill(store)
            wanted = [NAMES[number % 3] for number in range(READS_MAX * 3 + 1)]
            found = await asyncio.gather(*(store.find_dataset(place(name)) for name in wanted))
            assert [name_of(each) for each in found] == wanted

    run(ask())


@pytest.mark.parametrize("parameters", [{}, {"prepare_threshold": "off"}])
def test_a_read_that_fails_fails_alone(url: str, parameters: dict[str, Any]) -> None:
    async def ask() -> None:
        async with opened(url, pool_max=1, **parameters) as store:
            await store.create_pool(pool())
            await fill(store)
            for _ in range(2):
                found = await asyncio.gather(
                    store.find_dataset(place("one")),
                    names(store, limit=-1),
                    names(store),
                    names(store, limit=-2),
                    store.find_dataset(place("two")),
                    return_exceptions=True,
                )
                for failed in (found[1], found[3]):
                    assert isinstance(failed, StoreUnavailable)
                    assert "LIMIT must not be negative" in str(failed)
                assert found[1] is not found[3]
                assert found[0] == await store.find_dataset(place("one"))
                assert found[2] == NAMES
                assert found[4] == await store.find_dataset(place("two"))

    run(ask())


@pytest.mark.parametrize("text", ["with \0 in it", "half a character \ud800"])
def test_a_value_that_no_text_can_hold_fails_its_own_read_alone(url: str, text: str) -> None:
    async def ask() -> None:
        async with opened(url, pool_max=1) as store:
            await store.create_pool(pool())
            for _ in range(2):
                found = await asyncio.gather(
                    store.find_pool(text),
                    store.find_pool(POOL),
                    store.find_access_key(text),
                    return_exceptions=True,
                )
                assert isinstance(found[0], StoreUnavailable | UnicodeError)
                assert found[1] == pool()
                assert isinstance(found[2], StoreUnavailable | UnicodeError)
            assert await asyncio.gather(store.find_pool(text), return_exceptions=True) != [None]

    run(ask())


def test_reads_whose_connection_is_lost_are_all_read_again(url: str) -> None:
    async def ask() -> None:
        async with behind_proxy(url) as (store, proxy):
            await fill(store)
            for attribute in ("cut_requests", "cut_answers"):
                setattr(proxy, attribute, 1)
                found = await asyncio.gather(*(store.find_dataset(place(name)) for name in NAMES))
                assert [name_of(each) for each in found] == NAMES
                assert getattr(proxy, attribute) == 0

    run(ask())


def test_reads_of_a_database_that_cannot_be_reached_each_say_so(url: str) -> None:
    async def ask() -> None:
        async with proxy_of(url) as proxy, opened(f"{proxy.url}&pool_wait_seconds=0.3") as store:
            proxy.close()
            found = await asyncio.gather(
                *(store.find_dataset(place(name)) for name in NAMES), return_exceptions=True
            )
            assert all("cannot be reached" in str(each) for each in found)
            assert len({id(each) for each in found}) == len(NAMES)

    run(ask())


def test_what_was_prepared_is_prepared_again_after_the_connection_forgot_it(url: str) -> None:
    async def forget() -> None:
        async with opened(url, pool_max=1) as store:
            user, taken = identity(IDENTITY, LOGIN), identity(IDENTITY)
            await create(store, user)
            assert await store.find_identity(IDENTITY) == user
            assert await store.find_pool(POOL) == pool()
            refused = changing(changed(taken, logins=(LOGIN,), version=9))
            assert not await store.change_identities(refused)  # undone: psycopg then forgets all
            found = await asyncio.gather(store.find_identity(IDENTITY), store.find_pool(POOL))
            assert found == [user, pool()]

    run(forget())


def test_reads_that_wait_hold_up_no_other(url: str) -> None:
    async def wait() -> None:
        async with opened(url) as store:
            await store.create_pool(pool())
            await fill(store)
            async with holding(url, LOCK_DATASETS) as other:
                waiting: list[asyncio.Task[list[str]]] = []
                for number in range(PIPELINES_MAX + 1):
                    waiting.append(asyncio.create_task(names(store)))
                    await someone_waits(url, sessions=number + 1)
                    assert await store.find_pool(POOL) == pool()
                assert not any(task.done() for task in waiting)
                await other.rollback()
            assert await asyncio.gather(*waiting) == [NAMES] * len(waiting)

    run(wait())


def test_a_caller_that_goes_away_takes_no_other_answer_with_it(url: str) -> None:
    async def go_away() -> None:
        async with opened(url, pool_max=1) as store:
            await store.create_pool(pool())
            await fill(store)
            async with holding(url, LOCK_DATASETS) as other:
                gone = asyncio.create_task(names(store))
                stays = asyncio.create_task(names(store, limit=1))
                await asyncio.sleep(0)
                gone.cancel()
                await other.rollback()
            assert await stays == NAMES[:1]
            assert gone.cancelled()

    run(go_away())


def test_a_store_that_is_closed_answers_the_reads_under_way_first(url: str) -> None:
    async def close() -> None:
        async with opened(url) as store:
            await store.create_pool(pool())
            await fill(store)
            reading = [asyncio.create_task(names(store)) for _ in range(3)]
            await asyncio.sleep(0)
        assert [await each for each in reading] == [NAMES] * 3
        with pytest.raises(StoreUnavailable, match="is closed"):
            await names(store)

    run(close())
