"""Two servers on one PostgreSQL database: whatever they do at once, nothing is lost or left."""

import asyncio
import itertools
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator, Mapping
from contextlib import asynccontextmanager

import psycopg
import pytest

from keepstep.domain.pools import IdentityPool
from keepstep.domain.revocations import Reason, Revocation, identity_subject
from keepstep.interfaces.storage import Store
from keepstep.storage.postgres import PostgresStore
from keepstep.testing.storage_suite.running import (
    DATE,
    IDENTITY,
    LOGIN,
    OTHER_IDENTITY,
    OTHER_LOGIN,
    POOL,
    apply,
    create,
    deleting,
    find,
    identity,
    merging,
    place,
    pool,
    run,
    session,
    writing,
)

from .postgres_server import database, execute, someone_waits

WRONG_COUNTS = b"""
    SELECT * FROM (
        SELECT identity_id, identity_pool_id, count(creation_date) AS live
        FROM datasets GROUP BY 1, 2
    ) AS counted
    FULL JOIN dataset_counts AS kept USING (identity_id, identity_pool_id)
    WHERE coalesce(counted.live, 0) <> coalesce(kept.live, 0)
"""
ORPHANS = b"""
    SELECT dataset_name FROM records
    WHERE NOT EXISTS (
        SELECT 1 FROM datasets
        WHERE datasets.identity_id = records.identity_id
          AND datasets.identity_pool_id = records.identity_pool_id
          AND datasets.dataset_name = records.dataset_name
          AND creation_date IS NOT NULL
    )
"""
LIMIT = 4
SOURCE = identity(IDENTITY, LOGIN)
DESTINATION = identity(OTHER_IDENTITY, OTHER_LOGIN)


@pytest.fixture
def url() -> Iterator[str]:
    """A database in which, after the test, every count is right and every record has a head."""
    with database() as url:
        yield url
        assert execute(WRONG_COUNTS, url=url) == []
        assert execute(ORPHANS, url=url) == []


@asynccontextmanager
async def servers(url: str) -> AsyncGenerator[tuple[Store, Store]]:
    first, second = [await PostgresStore.open(url) for _ in range(2)]
    try:
        yield first, second
    finally:
        await first.close()
        await second.close()


async def create_and_delete(store: Store, names: list[str]) -> None:
    """Create, change, delete and create again datasets, as often as each change applies."""
    for turn, name in itertools.product(range(6), names):
        head = await store.find_dataset(place(name))
        if head is not None and head.exists and turn % 2:
            await store.change_dataset(deleting(place(name), expects=head.sync_count))
        else:
            exists = head is not None and head.exists
            await store.change_dataset(
                writing(
                    place(name),
                    {"a": str(turn), "b": None},
                    expects=head.sync_count if head is not None else None,
                    below=None if exists else LIMIT,
                )
            )


async def live_names(store: Store) -> list[str]:
    listed = await store.list_datasets(POOL, IDENTITY, after="", limit=100)
    return [dataset.dataset_name for dataset in listed]


def test_the_limit_and_the_counts_hold_among_creations_and_deletions(url: str) -> None:
    async def compete() -> None:
        async with servers(url) as (first, second):
            await create(first, SOURCE)
            names = [f"dataset-{number}" for number in range(8)]
            work = [
                create_and_delete(store, names[number:] + names[:number])
                for number, store in enumerate((first, second) * 4)
            ]
            workers = asyncio.gather(*work)
            while not workers.done():
                assert len(await live_names(first)) <= LIMIT
            await workers

    run(compete())


async def _delete_pool(store: Store) -> bool:
    return await store.delete_pool(POOL)


async def _delete_identity(store: Store) -> bool:
    return await store.delete_identity(IDENTITY, date=DATE)


async def _merge(store: Store) -> bool:
    names = await store.list_dataset_names(POOL, IDENTITY)
    return await store.change_identities(merging(SOURCE, DESTINATION, *names))


async def _delete_and_restore(store: Store) -> bool:
    dump = await store.dump_datasets(POOL, IDENTITY)
    await store.delete_identity(IDENTITY, date=DATE)
    return await store.restore_identity(SOURCE, dump)


@pytest.mark.parametrize("end", [_delete_pool, _delete_identity, _merge, _delete_and_restore])
def test_datasets_that_are_created_and_deleted_meanwhile_leave_nothing_behind(
    url: str, end: Callable[[Store], Awaitable[bool]]
) -> None:
    async def compete() -> None:
        async with servers(url) as (first, second):
            await create(first, SOURCE, DESTINATION)
            names = [f"dataset-{number}" for number in range(8)]
            workers = asyncio.gather(*(create_and_delete(first, names[n:]) for n in range(4)))
            while len(await live_names(second)) < 2:
                pass  # each look lets the others run
            while not await end(second):
                pass
            await workers
            if end is not _delete_and_restore:
                assert await second.list_dataset_names(POOL, IDENTITY) == {}

    run(compete())


@pytest.mark.parametrize(
    ("lock", "values"),
    [
        (b"DELETE FROM identity_pools", {}),
        (b"DELETE FROM identities", {}),
        (b"UPDATE identities SET merged_into = 'another'", {}),
        (b"UPDATE dataset_counts SET live = 20", {"notes": "1"}),
    ],
    ids=["pool_deleted", "identity_deleted", "identity_merged", "others_were_created"],
)
@pytest.mark.parametrize("name", ["new", "deleted"])
def test_a_creation_that_waited_for_another_transaction_sees_what_it_did(
    url: str, name: str, lock: bytes, values: Mapping[str, str]
) -> None:
    async def wait() -> None:
        async with servers(url) as (store, _):
            await create(store, SOURCE)
            for each in ("deleted", *values):
                await apply(store, writing(place(each), {"a": "1"}, below=20))
            await apply(store, deleting(place("deleted"), expects=1))
            expects = 2 if name == "deleted" else None
            async with await psycopg.AsyncConnection.connect(url) as other:
                await other.execute(lock)
                change = writing(place(name), {}, expects=expects, below=20, consumes=session(9))
                creation = asyncio.create_task(store.change_dataset(change))
                await someone_waits(url)
            assert not await creation
            found = await find(store, place(name), session(9).session_id)
            assert (found.dataset is None or not found.dataset.exists) is True
            assert not found.session_consumed
            execute(b"UPDATE dataset_counts SET live = %s", len(values), url=url)

    run(wait())


def test_servers_purge_the_same_guests_sessions_and_revocations_at_once(url: str) -> None:
    async def purge() -> None:
        async with servers(url) as stores:
            guests = [identity(f"guest-{number:02}") for number in range(20)]
            await create(stores[0], *guests)
            for number, guest in enumerate(guests):
                where = place(identity_id=guest.identity_id)
                await apply(stores[0], writing(where, {}, consumes=session(number), below=20))
                await apply(stores[0], deleting(where, expects=1))
            purged = await asyncio.gather(
                *(
                    store.purge_guests(DATE + 1, after=(0, ""), limit=50, date=DATE)
                    for store in stores
                )
            )
            assert sum(each.count for each in purged) == 20
            sessions = await asyncio.gather(
                *(store.purge_consumed_sessions(DATE + 1, limit=50) for store in stores)
            )
            assert sum(sessions) == 20
            revocations = await asyncio.gather(
                *(store.purge_revocations(DATE + 1, limit=50) for store in stores)
            )
            assert sum(revocations) == 20

    run(purge())


def test_revocations_of_many_subjects_at_once_keep_the_gravest(url: str) -> None:
    async def revoke() -> None:
        async with servers(url) as stores:
            guests = [identity(f"guest-{number}") for number in range(8)]
            await create(stores[0], *guests)
            subjects = [identity_subject(guest.identity_id) for guest in guests]
            await asyncio.gather(
                *(store.purge_guests(DATE + 1, after=(0, ""), limit=9, date=1) for store in stores),
                *(
                    store.revoke(Revocation(subject=subject, not_before=DATE))
                    for store in stores
                    for subject in reversed(subjects)
                ),
            )
            for subject in subjects:
                assert await stores[0].find_revocation(subject) == Revocation(
                    subject=subject, not_before=DATE, reason=Reason.DELETED
                )

    run(revoke())


def test_pools_are_counted_and_changed_by_servers_at_once(url: str) -> None:
    async def count() -> None:
        async with servers(url) as stores:
            pools: list[IdentityPool] = [pool(f"us-east-1:{number}") for number in range(4)]
            for each in pools:
                await stores[0].create_pool(each)
            ids = [each.identity_pool_id for each in pools]
            await asyncio.gather(
                *(
                    stores[turn % 2].add_sync_sessions(dict.fromkeys(ids[:: (-1) ** turn], 1))
                    for turn in range(20)
                )
            )
            found = [await stores[1].find_pool(identity_pool_id) for identity_pool_id in ids]
            assert [each and each.sync_sessions_count for each in found] == [20] * 4

    run(count())
