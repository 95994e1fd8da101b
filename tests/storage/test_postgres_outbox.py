"""Two servers on one database deliver, write and repair at once: no lane is lost, none deadlocks.

A lane that has messages but no row is never delivered again, so every test ends with a look at
all of them.
"""

import asyncio
from collections.abc import AsyncGenerator, Iterator
from contextlib import asynccontextmanager
from typing import Any

import psycopg
import pytest

from keepstep.domain.devices import Device
from keepstep.domain.limits import OUTBOX_BYTES_MAX
from keepstep.domain.outbox import Channel, OutboxMessage, QueuedMessage
from keepstep.interfaces.delivery_storage import OutboxFilter
from keepstep.interfaces.storage import Store
from keepstep.storage.postgres import PostgresStore
from keepstep.storage.postgres.queries import QUERIES
from keepstep.testing.storage_suite.running import (
    DATE,
    IDENTITY,
    POOL,
    apply,
    create,
    due,
    message,
    place,
    queued,
    run,
    send,
    sending,
    writing,
)

from .postgres_server import database, execute, name_of, someone_waits

WRONG_LANES = b"""
    SELECT * FROM (
        SELECT identity_id, identity_pool_id, dataset_name, channel,
               max(next_attempt_date) AS latest
        FROM outbox WHERE NOT set_aside GROUP BY 1, 2, 3, 4
    ) AS waiting
    FULL JOIN outbox_lanes USING (identity_id, identity_pool_id, dataset_name, channel)
    WHERE latest IS DISTINCT FROM next_attempt_date
"""
DEADLOCKS = b"SELECT deadlocks FROM pg_stat_database WHERE datname = %s"
NAMES = [f"dataset-{number}" for number in range(8)]
BACKLOG = 20_000
LATER = DATE + 1000
DEVICE = Device(
    device_id="a device",
    identity_pool_id=POOL,
    identity_id=IDENTITY,
    platform="GCM",
    token="a token",
    creation_date=DATE,
)


@pytest.fixture
def url() -> Iterator[str]:
    """A database in which, after the test, each lane fits its messages."""
    with database() as url:
        yield url
        assert execute(WRONG_LANES, url=url) == []


@asynccontextmanager
async def servers(url: str) -> AsyncGenerator[tuple[Store, Store]]:
    first, second = [await PostgresStore.open(url) for _ in range(2)]
    try:
        yield first, second
    finally:
        await first.close()
        await second.close()


async def write_and_send(store: Store, name: str, count: int) -> None:
    """Change a dataset again and again, each time with a message to each channel."""
    where = place(name)
    for number in range(1, count + 1):
        change = writing(where, {"a": str(number)}, expects=number - 1 or None)
        sent = [message(where, number, channel) for channel in reversed(Channel)]
        await apply(store, sending(change, *sent))


def _half_deferred(
    found: list[QueuedMessage], turn: int
) -> tuple[list[OutboxMessage], list[QueuedMessage]]:
    messages = [each.message for each in found]
    if turn % 2:
        messages.reverse()
    tried = queued(*messages[1::2], attempts=1, next_attempt_date=DATE, failure="not now")
    return messages[::2], tried


async def deliver(store: Store, writers: "asyncio.Future[Any]") -> set[str]:
    """Deliver what is due, half of it at the second attempt, until nobody writes any more."""
    delivered: set[str] = set()
    turn = 0
    while True:
        ended = writers.done()
        if not (found := await due(store)) and ended:
            return delivered
        turn += 1
        sent, tried = _half_deferred(found, turn)
        await store.settle_outbox(sent, tried)
        delivered.update(each.message_id for each in sent)


def _deadlocks(url: str) -> int:
    ((count,),) = execute(DEADLOCKS, name_of(url))
    return count


def test_messages_sent_while_others_are_settled_all_leave_and_nobody_deadlocks(url: str) -> None:
    async def compete() -> None:
        async with servers(url) as (first, second):
            await create(first)
            writers = asyncio.gather(*(write_and_send(first, name, 12) for name in NAMES))
            delivered = await asyncio.gather(deliver(first, writers), deliver(second, writers))
            assert len(set[str]().union(*delivered)) == 12 * len(NAMES) * len(Channel)

    run(compete())
    assert _deadlocks(url) == 0
    assert execute(b"SELECT 1 FROM outbox_lanes", url=url) == []


def test_an_operator_may_retry_and_drop_while_others_write_and_settle(url: str) -> None:
    async def set_aside(store: Store) -> None:
        found = await due(store, limit=5)
        aside = queued(*(each.message for each in found), set_aside=True)
        await store.settle_outbox([], aside)

    async def repair(store: Store, writers: "asyncio.Future[Any]") -> None:
        while not writers.done():
            await set_aside(store)
            await store.retry_outbox(OutboxFilter(set_aside=True), now=DATE)
            await set_aside(store)
            await store.drop_outbox(OutboxFilter(set_aside=None))

    async def compete() -> None:
        async with servers(url) as (first, second):
            await create(first)
            writers = asyncio.gather(*(write_and_send(first, name, 12) for name in NAMES))
            await asyncio.gather(deliver(first, writers), repair(second, writers))
            await second.retry_outbox(OutboxFilter(), now=DATE)
            await deliver(first, writers)

    run(compete())
    assert execute(b"SELECT 1 FROM outbox", url=url) == []


def test_leases_held_in_any_order_by_servers_at_once_never_deadlock(url: str) -> None:
    names = [f"lease:{number:02}" for number in range(16)]

    async def compete() -> None:
        async with servers(url) as stores:
            for turn in range(10):
                now = DATE + 10**7 * turn
                held = await asyncio.gather(
                    *(
                        stores[n % 2].hold_leases(
                            names[n:] + names[:n], f"holder {n}", now=now, until=now + 1000
                        )
                        for n in range(8)
                    )
                )
                assert sorted(name for each in held for name in each) == names

    run(compete())
    assert _deadlocks(url) == 0


@pytest.mark.parametrize(
    "lane", [b"DELETE FROM outbox_lanes", b"SELECT 1 FROM outbox_lanes FOR UPDATE"]
)
def test_a_message_that_waited_for_its_lane_to_be_settled_is_due(url: str, lane: bytes) -> None:
    async def wait() -> None:
        async with servers(url) as (store, _):
            (first,) = await send(store)
            async with await psycopg.AsyncConnection.connect(url) as other:
                await other.execute(lane)
                await other.execute(b"DELETE FROM outbox")
                second = message(place(), 2)
                change = sending(writing(place(), {}, expects=1), second)
                changing = asyncio.create_task(store.change_dataset(change))
                await someone_waits(url)
            assert await changing
            assert await due(store) == queued(second)
            await store.settle_outbox([first, second], [])

    run(wait())


def test_what_was_deferred_while_a_message_waited_for_the_lane_still_holds_it_up(url: str) -> None:
    async def wait() -> None:
        async with servers(url) as (store, _):
            await send(store)
            async with await psycopg.AsyncConnection.connect(url) as other:
                for table in ("outbox_lanes", "outbox"):
                    defer = f"UPDATE {table} SET next_attempt_date = {LATER}"
                    await other.execute(defer.encode())
                change = sending(writing(place(), {}, expects=1))
                changing = asyncio.create_task(store.change_dataset(change))
                await someone_waits(url)
            assert await changing
            assert await due(store, LATER - 1) == []
            assert len(await due(store, LATER)) == 2

    run(wait())


@pytest.mark.parametrize(
    "gone", [b"DELETE FROM devices", b"UPDATE datasets SET creation_date = NULL"]
)
def test_a_subscription_that_waited_for_a_deletion_is_refused(url: str, gone: bytes) -> None:
    async def wait() -> None:
        async with servers(url) as (store, _):
            await create(store)
            await apply(store, writing(place(), {}))
            assert await store.register_device(DEVICE, limit=1) == DEVICE
            async with await psycopg.AsyncConnection.connect(url) as other:
                await other.execute(gone)
                subscribing = asyncio.create_task(store.subscribe(place(), DEVICE.device_id))
                await someone_waits(url)
            assert not await subscribing
            assert await store.list_subscribers(place()) == []

    run(wait())


async def _explained(connection: "psycopg.AsyncConnection[Any]") -> dict[str, Any]:
    values = dict.fromkeys(
        ("after_identity_id", "after_pool_id", "after_name", "after_channel"), ""
    )
    given = {**values, "now": DATE, "partitions": list(range(16)), "limit": 500}
    given |= {"bytes": OUTBOX_BYTES_MAX}
    explain = b"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) " + QUERIES["list_due"]
    row = await (await connection.execute(explain, given)).fetchone()
    assert row is not None
    return row[0][0]["Plan"]


FILL = b"""
    INSERT INTO outbox
    SELECT identity_id, identity_pool_id, 'long', channel, number, number, partition, 0,
           CASE WHEN number = 1 THEN %(until)s ELSE 0 END, %(aside)s AND number > 1, NULL, body
    FROM outbox, generate_series(1, %(count)s) AS number
"""
FILL_LANE = b"""
    INSERT INTO outbox_lanes
    SELECT identity_id, identity_pool_id, 'long', channel, partition, %(until)s FROM outbox_lanes
"""


@pytest.mark.parametrize(("until", "aside", "found"), [(LATER, False, 1), (DATE, True, 2)])
def test_a_long_lane_that_waits_or_was_set_aside_costs_a_few_pages(
    url: str, until: int, aside: bool, found: int
) -> None:
    async def look() -> None:
        async with servers(url) as (store, _):
            await send(store, place("short"))
            async with await psycopg.AsyncConnection.connect(url) as connection:
                given = {"until": until, "aside": aside, "count": BACKLOG}
                await connection.execute(FILL, given)
                await connection.execute(FILL_LANE, given)
                plan = await _explained(connection)
            assert plan["Actual Rows"] == found
            assert plan["Shared Hit Blocks"] + plan["Shared Read Blocks"] < 100

    run(look())
