"""Bare psycopg: the engine's own statements and pool, and a loop that does nothing else.

Statements and parameters are taken beforehand from the engine's own functions, on a connection
that only writes them down; rows are left as they come. Each task has identities of its own, so
that no two statements under way are for the same one.
"""

import asyncio
import gc
import os
import time
from collections.abc import Awaitable, Callable, Coroutine, Iterator, Sequence
from dataclasses import dataclass
from itertools import cycle, islice
from typing import Any, Final, TypeVar, cast

import psycopg
import uvloop
from psycopg import AsyncConnection
from psycopg_pool import AsyncConnectionPool

from bench.preload import DATASET_NAME, KEYS, POOL_ID, RECORDS, VALUE_BYTES, WRITER, value_of
from keepstep.domain.datasets import Dataset, Record
from keepstep.domain.limits import PAGE_DATASETS_MAX
from keepstep.domain.patches import DatasetState
from keepstep.domain.sync_sessions import SESSION_ID_BYTES
from keepstep.interfaces.storage import RecordsQuery
from keepstep.storage.postgres import PostgresSettings, changes, reads
from keepstep.storage.postgres.connections import Connection, configure, connect_arguments
from keepstep.storage.postgres.queries import QUERIES
from keepstep.storage.postgres.settings import POOL_WAITING_MAX

from .preload import Stored
from .updates import StatementFailed, now_ms, place_of, update

COUNTS: Final = b"SELECT identity_id, sync_count FROM datasets"
WARM_UP_STATEMENTS: Final = 1_000
_DATA_STORAGE: Final = RECORDS * (len(KEYS[0]) + VALUE_BYTES)


@dataclass(frozen=True, slots=True)
class Step:
    """One statement of an operation, with a connection of its own from the pool."""

    statement: bytes
    values: Any
    writes: bool = False


Works = Callable[[dict[str, int], Sequence[str], int], Iterator[list[Step]]]
"""Gives the statements of an operation from the sync counts, for identities in turn."""
Found = TypeVar("Found")


@dataclass(frozen=True, slots=True)
class Rate:
    """What one measurement of the loop saw."""

    rate: float
    operations: int
    processor_seconds: float
    """Of this process, for one operation."""


class BareLoop:
    """A loop over a database, with a pool of the engine's settings, on the server's event loop."""

    def __init__(self, stored: Stored) -> None:
        """Open the pool."""
        settings = PostgresSettings()
        self._stored = stored
        self._runner = asyncio.Runner(loop_factory=uvloop.new_event_loop)

        async def configured(connection: AsyncConnection[Any]) -> None:
            await configure(cast("Connection", connection), settings.statement_seconds)

        async def opened() -> "AsyncConnectionPool[AsyncConnection[Any]]":
            pool: AsyncConnectionPool[AsyncConnection[Any]] = AsyncConnectionPool(
                stored.url,
                kwargs=connect_arguments(settings),
                min_size=settings.pool_max,  # all at once: the loop stands still between rounds
                max_size=settings.pool_max,
                timeout=settings.pool_wait_seconds,
                max_waiting=POOL_WAITING_MAX,
                configure=configured,
                open=False,
            )
            await pool.open(wait=True)
            return pool

        self._pool = self._run(opened())
        self._rates: dict[tuple[Works, int], float] = {}

    def warm_up(self, works: Works, tasks: int) -> None:
        """Do some work that does not count, to see how much fits into a time."""
        self._rates[works, tasks] = self._once(works, tasks, WARM_UP_STATEMENTS).rate

    def measure(self, works: Works, tasks: int, seconds: float) -> Rate:
        """Do work for about a time, as many tasks at once as given."""
        found = self._once(works, tasks, max(int(self._rates[works, tasks] * seconds), tasks))
        self._rates[works, tasks] = found.rate
        return found

    def close(self) -> None:
        """Close the pool."""
        self._run(self._pool.close())
        self._runner.close()

    def _run(self, work: Awaitable[Found]) -> Found:
        async def wait() -> Found:
            return await work

        return self._runner.run(wait())

    def _once(self, works: Works, tasks: int, count: int) -> Rate:
        with psycopg.connect(self._stored.url) as connection:
            counts = dict(connection.execute(COUNTS).fetchall())
        each = max(count // tasks, 1)
        shares = [
            list(works(counts, self._stored.sampled[number::tasks], each))
            for number in range(tasks)
        ]
        gc.collect()
        gc.disable()
        try:
            used, begun = time.process_time(), time.perf_counter()
            self._run(self._all(shares))
            seconds, used = time.perf_counter() - begun, time.process_time() - used
        finally:
            gc.enable()
        return Rate(each * tasks / seconds, each * tasks, used / (each * tasks))

    async def _all(self, shares: Sequence[Sequence[Sequence[Step]]]) -> None:
        async with asyncio.TaskGroup() as group:
            for share in shares:
                group.create_task(self._each(share))

    async def _each(self, share: Sequence[Sequence[Step]]) -> None:
        pool = self._pool
        for work in share:
            for step in work:
                connection = await pool.getconn()
                try:
                    cursor = await connection.execute(step.statement, step.values, binary=True)
                    rows = await cursor.fetchall()
                finally:
                    await pool.putconn(connection)
                if step.writes and rows[0][0] != 1:
                    raise StatementFailed("a dataset was not written")


class _Recorded(Exception):
    """A statement was written down instead of executed."""


class _Recorder:
    """A connection that executes nothing."""

    def __init__(self) -> None:
        self.statement = b""
        self.values: Any = None

    async def execute(self, statement: bytes, values: Any = None, *, binary: bool = False) -> None:
        """Write a statement down."""
        assert binary, "the loop asks for binary rows"
        self.statement, self.values = statement, values
        raise _Recorded

    async def rows(self, query: str, values: Any = None) -> list[Any]:
        """Write a statement of the ``.sql`` files down."""
        self.statement, self.values = QUERIES[query], values
        raise _Recorded


def recorded(work: Callable[[Connection], Coroutine[Any, Any, Any]], *, writes: bool) -> Step:
    """Give the statement that a function of the engine would execute."""
    recorder = _Recorder()
    try:
        work(cast("Connection", recorder)).send(None)
    except _Recorded:
        return Step(recorder.statement, recorder.values, writes)
    raise AssertionError("nothing was executed")


def list_datasets(
    counts: dict[str, int], identities: Sequence[str], count: int
) -> Iterator[list[Step]]:
    """Give the statement of ListDatasets."""
    del counts
    for identity in islice(cycle(identities), count):

        def read(connection: Connection, identity: str = identity) -> Coroutine[Any, Any, Any]:
            return reads.list_datasets(connection, POOL_ID, identity, "", PAGE_DATASETS_MAX + 1)

        yield [recorded(read, writes=False)]


def list_records(above: int) -> Works:
    """Give the statement of ListRecords of what came after a sync count."""

    def works(
        counts: dict[str, int], identities: Sequence[str], count: int
    ) -> Iterator[list[Step]]:
        del counts
        for identity in islice(cycle(identities), count):
            query = RecordsQuery(place_of(identity), above=above)
            yield [
                recorded(lambda to, query=query: reads.find_records(to, query, None), writes=False)
            ]

    return works


def update_records(patches: int, *, with_read: bool) -> Works:
    """Give the statements of UpdateRecords: the write, and before it perhaps the read."""

    def works(
        counts: dict[str, int], identities: Sequence[str], count: int
    ) -> Iterator[list[Step]]:
        states = {identity: _state(counts[identity]) for identity in identities}
        for number, identity in enumerate(islice(cycle(identities), count)):
            place = place_of(identity)
            keys = [KEYS[(number + offset) % RECORDS] for offset in range(patches)]
            change = update(place, states[identity], keys, value_of(number))
            states[identity] = _state(change.dataset.sync_count)
            session_id = os.urandom(SESSION_ID_BYTES)
            read = recorded(
                lambda to, given=(place, keys, session_id): reads.find_state(to, *given),
                writes=False,
            )
            write = recorded(
                lambda to, change=change: changes.change_dataset(to, change), writes=True
            )
            yield [read, write] if with_read else [write]

    return works


def _state(count: int) -> DatasetState:
    """Give a dataset of a sync count as it is in the store, as far as an update cares."""
    now = now_ms()
    records = (Record(key, value_of(0), count, now, WRITER, now) for key in KEYS)
    return DatasetState(
        dataset=Dataset(DATASET_NAME, count, 0, now, now, WRITER, _DATA_STORAGE, RECORDS),
        records={record.key: record for record in records},
    )
