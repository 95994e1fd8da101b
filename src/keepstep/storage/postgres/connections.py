"""The pool of connections: each read and each change gets one, and its failures are met here.

This is the only place that repeats work: a transaction the database undid because of another
one, and a read whose connection was lost. A change whose connection was lost is never sent
again; whether it applied is read instead.
"""

import asyncio
import itertools
import os
import select
import socket
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any, Final, TypeVar

import psycopg
from psycopg import AsyncConnection
from psycopg.abc import PQGen
from psycopg.adapt import Transformer
from psycopg.conninfo import conninfo_to_dict
from psycopg.errors import ReadOnlySqlTransaction
from psycopg.types.array import ListBinaryDumper
from psycopg.types.numeric import Int8BinaryDumper
from psycopg_pool import AsyncConnectionPool, PoolClosed, PoolTimeout, TooManyRequests

from keepstep.interfaces.storage import StoreBusy, StoreObserver, StoreUnavailable

from .arrays import register_arrays
from .failures import explain, is_conflict, is_lost, is_read_only
from .queries import QUERIES
from .settings import IDLE_SECONDS, POOL_WAITING_MAX, STATEMENT_SECONDS, PostgresSettings
from .values import Values

ATTEMPTS_MAX: Final = 10
"""Times that work is tried when the database undoes it because of another transaction."""
ANSWER_GRACE_SECONDS: Final = 1.0
"""How much longer than a statement may take its answer is waited for."""
RECONNECT_SECONDS: Final = 1.0
"""How long the pool tries by itself to connect; whoever needs a connection then tries at once."""
WRITABLE: Final = ("read-write", "primary")
"""What a URL says in target_session_attrs if it wants no standby."""
PAUSE_SECONDS: Final = 0.01
"""The first pause between attempts; each is that much longer than the one before."""

Found = TypeVar("Found")
Answer = TypeVar("Answer")

_CONFIGURE: Final = b"""
    SELECT set_config('statement_timeout', %(statement_ms)s, false),
           set_config('idle_in_transaction_session_timeout', %(statement_ms)s, false),
           set_config('default_transaction_isolation', 'read committed', false),
           set_config('plan_cache_mode', %(plans)s, false),
           set_config('enable_seqscan', %(scans)s, false),
           CASE WHEN current_setting('synchronous_commit') = 'off'
                THEN set_config('synchronous_commit', 'on', false) END
"""
"""An answered change is durable, also where the database's own default is not to wait.

What devices do all day is planned once on each connection. By itself, PostgreSQL plans anew each
time that an array is a parameter, which takes longer than the work; and a plan made while a
table was small would go on reading all of it.
"""


_ALLOW_MUCH: Final = b"""
    SELECT set_config('statement_timeout', %(statement_ms)s, true),
           set_config('idle_in_transaction_session_timeout', %(statement_ms)s, true),
           set_config('plan_cache_mode', 'auto', true),
           set_config('enable_seqscan', 'on', true)
"""
"""What reads whole tables may take its time and a plan of its own, until its transaction ends."""


class Connection(AsyncConnection[Any]):
    """A connection that ends when an answer is overdue: the database's own limit may hang too."""

    answer_seconds = STATEMENT_SECONDS + ANSWER_GRACE_SECONDS
    primary = 0
    """The number of the primary it was made for."""

    def __init__(self, *given: Any, **named: Any) -> None:
        """Take over libpq's connection, as psycopg does."""
        super().__init__(*given, **named)
        self.transformer = Transformer(self)
        """Makes parameters of values, and values of rows, for ``pipelines``."""
        self.prepared: dict[Any, bytes] = {}
        """The names of the statements that ``pipelines`` has prepared here."""
        self.numbers = itertools.count()
        """What makes a name: none is used twice."""

    async def rows(self, query: str, values: Values | None = None) -> list[Any]:
        """Execute a statement of the ``.sql`` files; give every row. Raises psycopg.Error."""
        cursor = await self.execute(QUERIES[query], values, binary=True)
        return await cursor.fetchall()

    def check_primary(self) -> None:
        """Raise if the server has said, at the latest with its last answer, that it is read-only.

        Raises ReadOnlySqlTransaction.
        """
        said = self.pgconn.parameter_status
        if b"on" in (said(b"in_hot_standby"), said(b"default_transaction_read_only")):
            raise ReadOnlySqlTransaction("another server is the primary now")

    async def wait(self, gen: PQGen[Found], *given: Any, **named: Any) -> Found:
        """Wait for the network, as psycopg does everywhere, but no longer than an answer takes."""
        timer = asyncio.get_running_loop().call_later(self.answer_seconds, self._cut)
        try:
            return await super().wait(gen, *given, **named)
        finally:
            timer.cancel()

    def _cut(self) -> None:
        """End the connection under whoever waits for it, who then finds it lost."""
        with suppress(OSError), socket.socket(fileno=os.dup(self.fileno())) as end:
            end.shutdown(socket.SHUT_RDWR)


Work = Callable[[Connection], Awaitable[Found]]


def connect_arguments(settings: PostgresSettings) -> dict[str, Any]:
    """Give what a connection is opened with."""
    return {
        "autocommit": True,
        "prepare_threshold": settings.prepare_threshold,
        "connect_timeout": settings.connect_seconds,
        "client_encoding": "utf8",
        "application_name": "keepstep",
    }


async def configure(connection: Connection, seconds: float, *, much: bool = False) -> None:
    """Prepare a connection: all is sent in binary, and every number as 64 bits.

    ``much`` is for statements that read whole tables, or other tables than the engine's.
    """
    connection.answer_seconds = seconds + ANSWER_GRACE_SECONDS
    connection.adapters.register_dumper(int, Int8BinaryDumper)
    connection.adapters.register_dumper(list, ListBinaryDumper)
    register_arrays(connection)
    values = {
        "statement_ms": str(round(seconds * 1000)),
        "plans": "auto" if much else "force_generic_plan",
        "scans": "on" if much else "off",
    }
    await connection.execute(_CONFIGURE, values)


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
        self._places = asyncio.Semaphore(settings.pool_max)
        self._waiting = 0
        self._in_use = 0
        self._closed = False
        self._changes: set[asyncio.Task[Any]] = set()
        self._needs_primary = conninfo_to_dict(conninfo).get("target_session_attrs") in WRITABLE
        self._primary = 0  # counts the servers that were left because they became read-only

        async def configured(connection: Connection) -> None:
            await configure(connection, settings.statement_seconds)
            connection.primary = self._primary

        self._pool: AsyncConnectionPool[Connection] = AsyncConnectionPool(
            conninfo,
            kwargs=connect_arguments(settings),
            min_size=settings.pool_min,
            max_size=settings.pool_max,
            timeout=settings.pool_wait_seconds,
            max_idle=IDLE_SECONDS,
            reconnect_timeout=RECONNECT_SECONDS,
            connection_class=Connection,
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
            return await self.read_unmeasured(work, much=much)
        finally:
            self._observer.observe_read(time.perf_counter() - begun)

    async def read_unmeasured(self, work: Work[Found], *, much: bool = False) -> Found:
        """As ``read``, for whoever tells the observer what the reads were."""
        try:
            return await self._repeated(work, again_when_lost=True, much=much)
        except psycopg.Error as error:
            raise self.explained(error) from error

    def explained(self, error: psycopg.Error) -> StoreUnavailable:
        """Give what a failure means to an operator."""
        return StoreUnavailable(explain(error, self._name))

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
                raise self.explained(error) from error
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
        needs_primary = self._needs_primary and again_when_lost  # a change is refused anyway
        for attempt in range(1, ATTEMPTS_MAX + 1):
            try:
                return await self._with_connection(work, needs_primary=needs_primary, much=much)
            except psycopg.Error as error:
                lost = is_lost(error) or is_read_only(error)
                again = is_conflict(error) or (again_when_lost and lost)
                if not again or attempt == ATTEMPTS_MAX:
                    raise
                if lost:
                    again_when_lost = False  # once: the next connection is a new one
                await asyncio.sleep(PAUSE_SECONDS * attempt)
        raise AssertionError

    async def _with_connection(
        self, work: Work[Found], *, needs_primary: bool, much: bool
    ) -> Found:
        """Work with a connection of its own. Raises StoreBusy, StoreUnavailable, psycopg.Error."""
        try:
            await self._take_place()
        except (PoolTimeout, TooManyRequests) as error:
            raise self._refusal(error) from error
        try:
            try:
                connection = await self._taken()
            except (PoolTimeout, TooManyRequests, PoolClosed) as error:
                raise self._refusal(error) from error
            self._in_use += 1
            try:
                return await self._used(connection, work, needs_primary=needs_primary, much=much)
            finally:
                self._in_use -= 1
                await self._pool.putconn(connection)
        finally:
            self._places.release()

    async def _used(
        self, connection: Connection, work: Work[Found], *, needs_primary: bool, much: bool
    ) -> Found:
        """Work with a connection, and close it if nobody should use it after that."""
        try:
            found = await (self._do_much(connection, work) if much else work(connection))
            if needs_primary:
                connection.check_primary()
        except BaseException as error:
            if is_read_only(error):
                if connection.primary == self._primary:
                    self._primary += 1  # no connection made before is used again
                await connection.close()
            raise
        return found

    async def _do_much(self, connection: Connection, work: Work[Found]) -> Found:
        """Work in one transaction that has the time of long statements.

        The settings end with it, and hold in it: a proxy such as PgBouncer may hand every
        transaction to another session.
        """
        seconds = self._settings.long_statement_seconds
        usual = connection.answer_seconds
        connection.answer_seconds = seconds + ANSWER_GRACE_SECONDS
        try:
            async with connection.transaction():
                await connection.execute(_ALLOW_MUCH, {"statement_ms": str(round(seconds * 1000))})
                return await work(connection)
        finally:
            connection.answer_seconds = usual

    async def _take_place(self) -> None:
        """Wait in line for a connection of the pool: its own line costs each call far more.

        Raises PoolTimeout and TooManyRequests.
        """
        if not self._places.locked():
            await self._places.acquire()
            return
        if self._waiting >= POOL_WAITING_MAX:
            raise TooManyRequests
        self._waiting += 1
        try:
            async with asyncio.timeout(self._settings.pool_wait_seconds):
                await self._places.acquire()
        except TimeoutError:
            raise PoolTimeout from None
        finally:
            self._waiting -= 1

    async def _taken(self) -> Connection:
        """Take a connection that has not ended; the pool's own check pauses after each that has."""
        connection = await self._pool.getconn()
        for _ in range(self._settings.pool_max):
            if connection.primary == self._primary and not _has_ended(connection):
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
