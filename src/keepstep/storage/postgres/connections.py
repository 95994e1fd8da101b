"""The pool of connections: each read and each change gets one, and its failures are met here.

This is the only place that repeats work: a transaction the database undid because of another
one, and a read whose connection was lost. A change whose connection was lost is never sent
again; whether it applied is read instead.
"""

import asyncio
import select
import time
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any, Final, TypeVar

import psycopg
from psycopg import AsyncConnection
from psycopg.types.array import ListBinaryDumper
from psycopg.types.numeric import Int8BinaryDumper
from psycopg_pool import AsyncConnectionPool, PoolClosed, PoolTimeout, TooManyRequests

from keepstep.interfaces.storage import StoreBusy, StoreObserver, StoreUnavailable

from .failures import explain, is_conflict, is_lost, is_read_only
from .settings import IDLE_SECONDS, POOL_WAITING_MAX, PostgresSettings

ATTEMPTS_MAX: Final = 10
"""Times that work is tried when the database undoes it because of another transaction."""
PAUSE_SECONDS: Final = 0.01
"""The first pause between attempts; each is that much longer than the one before."""

Connection = AsyncConnection[Any]
Found = TypeVar("Found")
Answer = TypeVar("Answer")
Work = Callable[[Connection], Awaitable[Found]]

_CONFIGURE: Final = b"""
    SELECT set_config('statement_timeout', %(statement_ms)s, false),
           set_config('idle_in_transaction_session_timeout', %(statement_ms)s, false),
           set_config('default_transaction_isolation', 'read committed', false),
           CASE WHEN current_setting('synchronous_commit') = 'off'
                THEN set_config('synchronous_commit', 'on', false) END
"""
"""An answered change is durable, also where the database's own default is not to wait."""


def connect_arguments(settings: PostgresSettings) -> dict[str, Any]:
    """Give what a connection is opened with."""
    return {
        "autocommit": True,
        "prepare_threshold": settings.prepare_threshold,
        "connect_timeout": settings.connect_seconds,
        "client_encoding": "utf8",
        "application_name": "keepstep",
    }


async def configure(connection: Connection, seconds: float) -> None:
    """Prepare a new connection: all is sent in binary, and every number as 64 bits."""
    connection.adapters.register_dumper(int, Int8BinaryDumper)
    connection.adapters.register_dumper(list, ListBinaryDumper)
    await connection.execute(_CONFIGURE, {"statement_ms": str(round(seconds * 1000))})


def _has_ended(connection: Connection) -> bool:
    """Whether the server has written to an idle connection: mostly, that it has ended it."""
    poll = select.poll()
    poll.register(connection.fileno(), select.POLLIN)
    return bool(poll.poll(0))


class Connections:
    """A pool of connections to one database."""

    def __init__(
        self, conninfo: str, name: str, settings: PostgresSettings, observer: StoreObserver
    ) -> None:
        """Make a pool; it connects when it is opened."""
        self._name = name
        self._settings = settings
        self._observer = observer
        self._in_use = 0
        self._closed = False
        self._changes: set[asyncio.Task[Any]] = set()

        async def configured(connection: Connection) -> None:
            await configure(connection, settings.statement_seconds)

        self._pool: AsyncConnectionPool[Connection] = AsyncConnectionPool(
            conninfo,
            kwargs=connect_arguments(settings),
            min_size=settings.pool_min,
            max_size=settings.pool_max,
            timeout=settings.pool_wait_seconds,
            max_waiting=POOL_WAITING_MAX,
            max_idle=IDLE_SECONDS,
            configure=configured,
            open=False,
            name=name,
        )

    async def open(self) -> None:
        """Begin to connect."""
        await self._pool.open()

    async def close(self) -> None:
        """Finish the changes already handed over, then close every connection."""
        self._closed = True
        while self._changes:
            await asyncio.wait(self._changes)
        await self._pool.close()

    async def read(self, work: Work[Found], *, much: bool = False) -> Found:
        """Read something; ``much`` allows it the time of a long statement.

        Raises StoreBusy if no connection comes free, StoreUnavailable if it cannot be read.
        """
        begun = time.perf_counter()
        try:
            return await self._repeated(work, again_when_lost=True, much=much)
        except psycopg.Error as error:
            raise StoreUnavailable(explain(error, self._name)) from error
        finally:
            self._observer.observe_read(time.perf_counter() - begun)

    async def change(
        self,
        work: Work[Answer],
        *,
        applied: Work[Answer | None] | None = None,
        much: bool = False,
    ) -> Answer:
        """Make a change, to its end even if the caller is cancelled.

        ``applied`` reads what a change answers of which it is known that it applied, else None;
        it is asked when the connection is lost while nobody knows the outcome.

        Raises StoreBusy if no connection comes free, StoreUnavailable if it was not made or
        nobody knows.
        """
        if self._closed:
            raise StoreUnavailable(f"the store {self._name} is closed; open it again")
        begun = time.perf_counter()
        task = asyncio.ensure_future(self._changed(work, applied, much=much))
        self._changes.add(task)
        task.add_done_callback(self._ended)
        try:
            return await asyncio.shield(task)
        finally:
            self._observer.observe_change(time.perf_counter() - begun)

    def _ended(self, task: asyncio.Task[Any]) -> None:
        self._changes.discard(task)
        if not task.cancelled():
            task.exception()  # the caller may have been cancelled, and nobody else asks

    async def _changed(
        self, work: Work[Answer], applied: Work[Answer | None] | None, *, much: bool
    ) -> Answer:
        try:
            answer = await self._repeated(work, again_when_lost=False, much=much)
        except psycopg.Error as error:
            answer = await self._resolved(applied) if is_lost(error) else None
            if answer is None:
                raise StoreUnavailable(explain(error, self._name)) from error
        self._observer.observe_group(1)
        return answer

    async def _resolved(self, applied: Work[Answer | None] | None) -> Answer | None:
        """Read what became of a change; None if it did not apply, or nobody can tell."""
        if applied is None:
            return None
        try:
            return await self._repeated(applied, again_when_lost=True, much=False)
        except (psycopg.Error, StoreUnavailable):
            return None

    async def _repeated(self, work: Work[Found], *, again_when_lost: bool, much: bool) -> Found:
        for attempt in range(1, ATTEMPTS_MAX + 1):
            try:
                async with self._connection(much=much) as connection:
                    return await work(connection)
            except psycopg.Error as error:
                again = is_conflict(error) or (again_when_lost and is_lost(error))
                if not again or attempt == ATTEMPTS_MAX:
                    raise
                if is_lost(error):
                    again_when_lost = False  # once: the next connection is a new one
                await asyncio.sleep(PAUSE_SECONDS * attempt)
        raise AssertionError

    @asynccontextmanager
    async def _connection(self, *, much: bool) -> AsyncGenerator[Connection]:
        try:
            connection = await self._taken()
        except (PoolTimeout, TooManyRequests, PoolClosed) as error:
            raise self._refusal(error) from error
        self._in_use += 1
        try:
            if much:
                await configure(connection, self._settings.long_statement_seconds)
            yield connection
            if much:
                await configure(connection, self._settings.statement_seconds)
        except BaseException as error:
            if much or is_read_only(error):  # the next one is configured anew, or the primary's
                await connection.close()
            raise
        finally:
            self._in_use -= 1
            await self._pool.putconn(connection)

    async def _taken(self) -> Connection:
        """Take a connection that has not ended; the pool's own check pauses after each that has."""
        connection = await self._pool.getconn()
        for _ in range(self._settings.pool_max):
            if not _has_ended(connection):
                break
            await connection.close()
            await self._pool.putconn(connection)  # which replaces it
            connection = await self._pool.getconn()
        return connection

    def _refusal(self, error: psycopg.Error) -> StoreUnavailable:
        if isinstance(error, PoolClosed):
            return StoreUnavailable(f"the store {self._name} is closed; open it again")
        if isinstance(error, TooManyRequests) or self._in_use > 0:
            return StoreBusy(
                f"the store {self._name}: no connection came free within "
                f"{self._settings.pool_wait_seconds:g} s; come back later, or raise pool_max "
                f"({self._settings.pool_max}) in its URL"
            )
        return StoreUnavailable(
            f"the store {self._name}: it cannot be reached; check that it runs and that the URL "
            "is right"
        )
