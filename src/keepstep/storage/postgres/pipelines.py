"""The reads of one turn of the event loop, sent together over one connection.

Every request reads something, and what a read costs is mostly the way to the database and back.
So reads that are asked for at the same time share it: each is a statement of its own, and all of
them are one pipeline of libpq, over which psycopg's own cursors would take several times as long.
A failed statement fails its own read alone.
"""

import asyncio
import time
from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import psycopg
from psycopg import pq
from psycopg.abc import PQGen
from psycopg.errors import InvalidSqlStatementName, error_from_result
from psycopg.waiting import Ready, Wait

from keepstep.interfaces.storage import StoreObserver, StoreUnavailable

from .connections import Connection, Connections
from .failures import is_conflict, is_lost, is_read_only
from .queries import NUMBERED
from .values import Values

READS_MAX: Final = 64
"""Reads in one pipeline: one that reads much holds up those behind it."""
PIPELINES_MAX: Final = 2
"""Pipelines under way before further reads wait for one of them, to be sent together."""
HOLD_SECONDS: Final = 0.005
"""How long a read waits at most before it is sent whatever is under way."""

Rows = list[Any]


class Pipelines:
    """Gathers reads and sends them."""

    def __init__(
        self, connections: Connections, observer: StoreObserver, *, prepares: bool
    ) -> None:
        """Use a pool's connections; ``prepares`` allows statements to be prepared on them."""
        self._connections = connections
        self._observer = observer
        self._prepares = prepares
        self._waiting: deque[_Read] = deque()
        self._under_way: set[asyncio.Task[None]] = set()
        self._next: asyncio.Handle | None = None

    async def rows(self, query: str, values: Values | None = None) -> Rows:
        """Execute a statement of the ``.sql`` files that only reads; give every row.

        Raises StoreBusy if no connection comes free, StoreUnavailable if it cannot be read.
        """
        begun = time.perf_counter()
        loop = asyncio.get_running_loop()
        read = _Read(query, values or {}, loop.create_future())
        self._waiting.append(read)
        if self._next is None:
            full = len(self._under_way) >= PIPELINES_MAX
            self._next = (
                loop.call_later(HOLD_SECONDS, self._send) if full else loop.call_soon(self._send)
            )
        try:
            return await read.answer
        finally:
            self._observer.observe_read(time.perf_counter() - begun)

    async def close(self) -> None:
        """Finish the reads under way."""
        while self._under_way or self._waiting:
            self._send()
            await asyncio.wait(self._under_way)

    def _send(self) -> None:
        """Begin a pipeline of what waits."""
        if self._next is not None:
            self._next.cancel()
            self._next = None
        if self._waiting:
            count = min(len(self._waiting), READS_MAX)
            reads = [self._waiting.popleft() for _ in range(count)]
            task = asyncio.get_running_loop().create_task(self._answer(reads))
            self._under_way.add(task)
            task.add_done_callback(self._ended)
        if self._waiting:
            self._next = asyncio.get_running_loop().call_soon(self._send)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._under_way.discard(task)
        self._send()

    async def _answer(self, reads: "Sequence[_Read]") -> None:
        """Give every read its rows, or what it failed with."""

        async def work(connection: Connection) -> "list[Rows | Exception]":
            found = await execute_together(connection, reads, prepares=self._prepares)
            for each in found:
                if isinstance(each, Exception) and _concerns_all(each):
                    raise each
            return found

        try:
            found = await self._connections.read_unmeasured(work)
        except Exception as error:  # noqa: BLE001 -- every caller must get an answer
            for read in reads:
                read.fail(error)
            return
        for read, rows in zip(reads, found, strict=True):
            if isinstance(rows, psycopg.Error):
                read.fail(self._connections.explained(rows))
            elif isinstance(rows, Exception):
                read.fail(rows)
            elif not read.answer.done():
                read.answer.set_result(rows)


@dataclass(eq=False, slots=True)
class _Read:
    query: str
    values: Values
    answer: "asyncio.Future[Rows]"

    def fail(self, error: Exception) -> None:
        """Raise an error of this read's own where it is waited for."""
        if not self.answer.done():
            own = type(error)(*error.args) if isinstance(error, StoreUnavailable) else error
            own.__cause__ = error.__cause__
            self.answer.set_exception(own)


def _concerns_all(error: Exception) -> bool:
    """Whether a failure is of the connection or the server, so that all must be read again."""
    return is_conflict(error) or is_lost(error) or is_read_only(error)


async def execute_together(
    connection: Connection, reads: Sequence[_Read], *, prepares: bool
) -> list[Rows | Exception]:
    """Execute statements one after another on a connection nobody else uses.

    Gives the rows of each, or its failure. Those behind one that failed in the database are sent
    again, since it passes over them.

    Raises psycopg.Error when the connection ends; it is closed then, as after any exception.
    """
    pgconn = connection.pgconn
    found: list[Rows | Exception] = []
    try:
        pgconn.enter_pipeline_mode()
        while len(found) < len(reads):
            sent = _Sent(connection, prepares=prepares)
            for read in reads[len(found) :]:
                sent.add(read)
            pgconn.pipeline_sync()
            found += sent.rows(await connection.wait(_results(pgconn)))
        pgconn.exit_pipeline_mode()
    except BaseException:
        await connection.close()
        raise
    return found


@dataclass(slots=True)
class _Sent:
    """The statements of one pipeline, in order, and what each result will be of."""

    connection: Connection
    prepares: bool
    preparing: dict[Any, bytes] = field(default_factory=dict[Any, bytes])
    expected: list[Any] = field(default_factory=list[Any])
    """In order: the key of a statement that is prepared, None for rows, and an error instead of
    a result for what could not be sent."""

    def add(self, read: _Read) -> None:
        """Send a statement, unless a value of it cannot be: text with NUL, or half a character."""
        pgconn, transformer = self.connection.pgconn, self.connection.transformer
        statement = NUMBERED[read.query]
        try:
            parameters = transformer.dump_sequence(
                [read.values[name] for name in statement.parameters], statement.formats
            )
        except (psycopg.DataError, UnicodeError) as error:
            self.expected.append(error)
            return
        types, formats = transformer.types or (), transformer.formats
        if not self.prepares:
            pgconn.send_query_params(
                statement.sql, parameters, types, formats, result_format=pq.Format.BINARY
            )
        else:
            name = self._prepared(statement.sql, types)
            pgconn.send_query_prepared(name, parameters, formats, pq.Format.BINARY)
        self.expected.append(None)

    def _prepared(self, sql: bytes, types: Sequence[int]) -> bytes:
        """Give the name of a prepared statement, prepared before this one if it is not yet."""
        key = (sql, types)
        prepared = self.connection.prepared
        name = prepared.get(key) or self.preparing.get(key)
        if name is None:
            name = b"keepstep_%d" % next(self.connection.numbers)
            self.connection.pgconn.send_prepare(name, sql, types)
            self.preparing[key] = name
            self.expected.append(key)
        return name

    def rows(self, results: "Iterable[pq.abc.PGresult]") -> list[Rows | Exception]:
        """Give the rows of the statements up to the first that failed, and its failure.

        A statement that is not prepared any more is left for the next pipeline.
        """
        transformer = self.connection.transformer
        found: list[Rows | Exception] = []
        arriving = iter(results)
        for key in self.expected:
            if isinstance(key, Exception):
                found.append(key)
                continue
            result = next(arriving)
            if result.status == pq.ExecStatus.TUPLES_OK:
                transformer.set_pgresult(result, format=pq.Format.BINARY)
                found.append(transformer.load_rows(0, result.ntuples, tuple))
            elif result.status == pq.ExecStatus.COMMAND_OK and key is not None:
                self.connection.prepared[key] = self.preparing[key]
            else:
                error = error_from_result(result)
                if isinstance(error, InvalidSqlStatementName) and self.connection.prepared:
                    self.connection.prepared.clear()  # psycopg drops all after a rollback
                else:
                    found.append(error)
                break
        return found


def _results(pgconn: "pq.abc.PGconn") -> PQGen[list["pq.abc.PGresult"]]:
    """Send what is queued and collect its results, in psycopg's way to wait for a network.

    Raises psycopg.Error when the connection ends, with what the server said last.
    """
    results: list[pq.abc.PGresult] = []
    unsent = pgconn.flush()
    while True:
        ready = yield Wait.RW if unsent else Wait.R
        if ready & Ready.R:
            try:
                pgconn.consume_input()
            except psycopg.OperationalError as error:
                raise _last_words(results) or error from None
            while not pgconn.is_busy():
                result = pgconn.get_result()
                if result is None:  # the end of one statement's results
                    if pgconn.status != pq.ConnStatus.OK:
                        raise _last_words(results) or psycopg.OperationalError(
                            "the connection is lost"
                        )
                    continue
                if result.status == pq.ExecStatus.PIPELINE_SYNC:
                    return results
                results.append(result)
        if unsent and ready & Ready.W:
            unsent = pgconn.flush()


def _last_words(results: "Sequence[pq.abc.PGresult]") -> psycopg.Error | None:
    said = [each for each in results if each.status == pq.ExecStatus.FATAL_ERROR]
    return error_from_result(said[-1]) if said else None
