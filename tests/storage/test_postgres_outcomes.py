"""What the engine for teams does when connections, locks or the server fail it."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from typing import Any

import msgspec
import psycopg
import pytest

from keepstep.domain.bulk_publishes import BulkPublish
from keepstep.domain.dataset_changes import DatasetChange
from keepstep.domain.devices import Device
from keepstep.interfaces.storage import Store, StoreBusy, StoreUnavailable, StoreUnusable
from keepstep.storage.postgres import PostgresStore
from keepstep.testing.storage_suite.running import (
    DATE,
    IDENTITY,
    LOGIN,
    OTHER_IDENTITY,
    POOL,
    apply,
    changed,
    changing,
    create,
    deleting,
    due,
    find,
    identity,
    merging,
    place,
    pool,
    queued,
    records_of,
    run,
    sending,
    session,
    writing,
)

from .postgres_proxy import Proxy, proxy_of
from .postgres_server import database, execute, name_of, someone_waits

LOCK_HEAD = b"SELECT 1 FROM datasets FOR UPDATE"


@pytest.fixture
def url() -> Iterator[str]:
    with database() as url:
        yield url


@asynccontextmanager
async def opened(url: str, **parameters: Any) -> AsyncGenerator[Store]:
    given = "".join(f"&{name}={value}" for name, value in parameters.items())
    store = await PostgresStore.open(url + given)
    try:
        yield store
    finally:
        await store.close()


@asynccontextmanager
async def behind_proxy(url: str) -> AsyncGenerator[tuple[Store, Proxy]]:
    # One connection: what the proxy cuts is what the test sends, never a second one's start.
    async with proxy_of(url) as proxy, opened(proxy.url, pool_max=1) as store:
        await store.create_pool(pool())
        yield store, proxy


@asynccontextmanager
async def holding(url: str, lock: bytes) -> AsyncGenerator["psycopg.AsyncConnection[Any]"]:
    """Hold a lock in another session until the block ends."""
    async with await psycopg.AsyncConnection.connect(url) as other:
        await other.execute(b"SET deadlock_timeout = '1min'")
        await other.execute(lock)
        yield other


FIRST = sending(writing(place(), {"a": "1"}, consumes=session(1), below=20))
SECOND = sending(writing(place(), {"a": "2"}, expects=1, consumes=session(2)))
DELETION = sending(deleting(place(), expects=1))


@pytest.mark.parametrize(
    ("before", "change"), [([], FIRST), ([FIRST], SECOND), ([FIRST], DELETION)]
)
def test_a_change_whose_answer_is_lost_is_known_to_have_applied(
    url: str, before: list[DatasetChange], change: DatasetChange
) -> None:
    async def lose_the_answer() -> None:
        async with behind_proxy(url) as (store, proxy):
            await apply(store, *before)
            proxy.cut_answers = 1
            assert await store.change_dataset(change)
            found = await find(store, place())
            assert (found.dataset, found.records) == (change.dataset, list(change.records))
            assert await due(store) == queued(*(each.outbox[0] for each in (*before, change)))

    run(lose_the_answer())


def test_a_change_that_never_reached_the_server_is_not_acknowledged_nor_sent_again(
    url: str,
) -> None:
    async def lose_the_request() -> None:
        async with behind_proxy(url) as (store, proxy):
            await apply(store, FIRST)
            proxy.cut_requests = 1
            with pytest.raises(StoreUnavailable, match="cannot be reached"):
                await store.change_dataset(SECOND)
            found = await find(store, place(), session(2).session_id)
            assert (found.dataset, found.session_consumed) == (FIRST.dataset, False)
            assert await due(store) == queued(*FIRST.outbox)
            await apply(store, SECOND)

    run(lose_the_request())


def test_a_lost_change_that_others_have_overtaken_is_not_acknowledged(url: str) -> None:
    async def overtake() -> None:
        async with behind_proxy(url) as (store, proxy), opened(url) as other:
            await apply(store, FIRST)
            proxy.cut_requests = 1
            await apply(other, writing(place(), {"a": "another"}, expects=1))
            with pytest.raises(StoreUnavailable):
                await store.change_dataset(SECOND)
            found = await find(store, place())
            assert [record.value for record in found.records] == ["another"]

    run(overtake())


USER = identity(IDENTITY, LOGIN)
OTHER = identity(OTHER_IDENTITY)


async def _unlink(store: Store) -> bool:
    return await store.change_identities(changing(changed(USER, logins=())))


async def _merge(store: Store) -> bool:
    return await store.change_identities(merging(OTHER, USER, "things"))


async def _delete(store: Store) -> bool:
    return await store.delete_identity(IDENTITY, date=DATE)


@pytest.mark.parametrize("make", [_unlink, _merge, _delete])
def test_a_change_of_identities_whose_answer_is_lost_is_known_to_have_applied(
    url: str, make: Callable[[Store], Awaitable[bool]]
) -> None:
    async def lose_the_answer() -> None:
        async with behind_proxy(url) as (store, proxy):
            await create(store, USER, OTHER)
            await apply(store, writing(place(identity_id=OTHER_IDENTITY), {"a": "1"}, below=20))
            proxy.lose_commit = True
            assert await make(store)
            assert not proxy.lose_commit
            assert await store.find_identity(IDENTITY) != USER

    run(lose_the_answer())


DEVICE = Device(
    device_id="a device",
    identity_pool_id=POOL,
    identity_id=IDENTITY,
    platform="GCM",
    token="a token",
    creation_date=DATE,
)
PUBLISH = BulkPublish(identity_pool_id=POOL, status="IN_PROGRESS", start_date=DATE)


async def _register(store: Store) -> bool:
    return await store.register_device(DEVICE, limit=1) == DEVICE


async def _subscribe(store: Store) -> bool:
    return await store.subscribe(place(), DEVICE.device_id)


async def _give_endpoint(store: Store) -> bool:
    return await store.update_device(msgspec.structs.replace(DEVICE, endpoint="arn"))


async def _publish(store: Store) -> bool:
    return await store.keep_bulk_publish(PUBLISH)


async def _hold(store: Store) -> bool:
    return await store.hold_leases(["a", "b"], "me", now=DATE, until=DATE + 9) == {"a", "b"}


@pytest.mark.parametrize(
    ("make", "commits"),
    [
        (_register, True),
        (_publish, True),
        (_subscribe, False),
        (_give_endpoint, False),
        (_hold, False),
    ],
)
def test_what_is_kept_for_delivery_and_whose_answer_is_lost_is_known_to_have_applied(
    url: str, make: Callable[[Store], Awaitable[bool]], commits: bool
) -> None:
    async def lose_the_answer() -> None:
        async with behind_proxy(url) as (store, proxy):
            await apply(store, FIRST)
            if not commits:
                assert await _register(store)
                proxy.cut_answers = 1
            proxy.lose_commit = commits
            assert await make(store)
            assert (proxy.lose_commit, proxy.cut_answers) == (False, 0)

    run(lose_the_answer())


async def _find_dataset(store: Store) -> object:
    return await store.find_dataset(place())


async def _find_state(store: Store) -> object:
    return await store.find_state(place(), ["a"], b"none")


async def _check(store: Store) -> object:
    return await store.check()


@pytest.mark.parametrize("read", [_find_dataset, _find_state, _check])
def test_a_read_whose_connection_is_lost_is_read_again(
    url: str, read: Callable[[Store], Awaitable[object]]
) -> None:
    async def lose_the_connection() -> None:
        async with behind_proxy(url) as (store, proxy):
            await apply(store, FIRST)
            expected = await read(store)
            for attribute in ("cut_requests", "cut_answers"):
                setattr(proxy, attribute, 1)
                assert await read(store) == expected

    run(lose_the_connection())


def test_connections_that_ended_while_they_were_idle_are_not_used(url: str) -> None:
    async def end_them() -> None:
        async with opened(url, pool_min=3, pool_wait_seconds=1) as store:
            await store.create_pool(pool())
            name = name_of(url)
            execute(
                b"SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = %s",
                name,
            )
            await apply(store, FIRST)

    run(end_them())


def test_a_change_that_the_database_undid_for_a_deadlock_is_made_again(url: str) -> None:
    async def collide() -> None:
        async with opened(url, options="-c%20deadlock_timeout%3D300ms") as store:
            await store.create_pool(pool())
            await apply(store, FIRST)
            async with holding(url, b"SELECT 1 FROM dataset_counts FOR UPDATE") as other:
                change = asyncio.create_task(store.change_dataset(DELETION))
                await someone_waits(url)
                await other.execute(LOCK_HEAD)  # each waits for the other; the store gives way
            assert await change
            assert (await find(store, place())).dataset == DELETION.dataset

    run(collide())


def test_a_change_that_waits_too_long_for_a_lock_writes_nothing(url: str) -> None:
    async def wait() -> None:
        async with opened(url, statement_seconds=0.2) as store:
            await store.create_pool(pool())
            await apply(store, FIRST)
            async with holding(url, LOCK_HEAD):
                with pytest.raises(StoreUnavailable, match="took too long"):
                    await store.change_dataset(SECOND)
            assert (await find(store, place())).records == records_of({"a": "1"}, 1)
            await apply(store, SECOND)

    run(wait())


def test_a_store_whose_connections_are_all_in_use_is_busy(url: str) -> None:
    async def wait() -> None:
        async with opened(url, pool_max=1, pool_wait_seconds=0.2) as store:
            await store.create_pool(pool())
            await apply(store, FIRST)
            async with holding(url, LOCK_HEAD):
                change = asyncio.create_task(store.change_dataset(SECOND))
                await someone_waits(url)
                with pytest.raises(StoreBusy, match="no connection came free"):
                    await store.find_dataset(place())
            assert await change

    run(wait())


def test_a_read_only_server_is_named_and_left(url: str) -> None:
    async def fail_over() -> None:
        name = name_of(url)
        switch = f"ALTER DATABASE {name} SET default_transaction_read_only = "
        async with opened(url) as writable:
            await writable.create_pool(pool())
        execute(f"{switch} on".encode())
        async with opened(url, pool_max=1) as store:
            with pytest.raises(StoreUnavailable, match="read-only"):
                await store.change_dataset(FIRST)
            assert await store.find_dataset(place()) is None
            execute(f"{switch} off".encode())
            with pytest.raises(StoreUnavailable, match="read-only"):
                await store.change_dataset(FIRST)  # the last connection of before is closed now
            await apply(store, FIRST)

    run(fail_over())


def test_a_store_whose_database_cannot_be_reached_any_more_is_unavailable(url: str) -> None:
    async def lose_it() -> None:
        async with proxy_of(url) as proxy, opened(f"{proxy.url}&pool_wait_seconds=0.3") as store:
            await store.create_pool(pool())
            proxy.close()
            for use in (store.check(), store.change_dataset(FIRST)):
                with pytest.raises(StoreUnavailable, match="cannot be reached") as raised:
                    await use
                assert not isinstance(raised.value, StoreBusy)

    run(lose_it())


class Observer:
    """Counts what it is told."""

    def __init__(self) -> None:
        self.told: list[str] = []

    def observe_read(self, seconds: float) -> None:
        assert seconds > 0
        self.told.append("read")

    def observe_change(self, seconds: float) -> None:
        assert seconds > 0
        self.told.append("change")

    def observe_group(self, size: int) -> None:
        self.told.append(f"group of {size}")


def test_an_observer_is_told_of_each_read_and_each_change(url: str) -> None:
    observer = Observer()

    async def use_it() -> None:
        store = await PostgresStore.open(url, observer)
        await store.create_pool(pool())
        await store.find_pool(pool().identity_pool_id)
        await store.close()

    run(use_it())
    assert observer.told == ["group of 1", "change", "read"]


def test_a_store_that_was_closed_says_so(url: str) -> None:
    async def use_it() -> None:
        async with opened(url) as store:
            await store.create_pool(pool())
        with pytest.raises(StoreUnavailable, match="is closed"):
            await store.find_dataset(place())
        with pytest.raises(StoreUnavailable, match="is closed"):
            await store.change_dataset(FIRST)

    run(use_it())


@pytest.mark.parametrize(
    ("wrong", "text"),
    [
        ("postgresql://keepstep:SECRET@127.0.0.1:1/keepstep", "cannot be reached"),
        ("postgresql://keepstep:SECRET@[", "not one of PostgreSQL's"),
        ("postgresql://keepstep:SECRET@127.0.0.1/keepstep?no_such=1", "not one of PostgreSQL's"),
        ("postgresql://keepstep:SECRET@127.0.0.1/keepstep?pool_max=0", "pool_max"),
        ("postgresql://keepstep:SECRET@127.0.0.1/keepstep?pool_max=many", "pool_max"),
    ],
)
def test_a_store_that_cannot_be_opened_says_why_and_not_the_password(wrong: str, text: str) -> None:
    with pytest.raises(StoreUnusable, match=text) as raised:
        run(PostgresStore.open(wrong))
    assert "SECRET" not in str(raised.value)
