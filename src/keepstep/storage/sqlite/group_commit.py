"""Many changes in one transaction: what makes durable writes cheap.

Statements run on the event loop's thread, where they cost a few microseconds each; only what
waits (for another process's lock, for the disk) runs on the writer thread. A writer thread that
ran the statements too would have to win the interpreter's lock back after every one of them,
and starves while the event loop is busy.
"""

import asyncio
import sqlite3
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final, Generic, TypeVar

import msgspec

from keepstep.domain.limits import GROUP_CHANGES_MAX, STORE_BUSY_MS, WAITING_CHANGES_MAX
from keepstep.interfaces.storage import StoreBusy, StoreObserver, StoreUnavailable

from .checkpoints import Checkpoints
from .failures import explain
from .files import connect

GATHERING_TURNS: Final = 2
"""Turns of the event loop before a group is closed: one reads the requests that have arrived,
the next lets them hand over their changes. It costs microseconds and saves commits."""

Answer = TypeVar("Answer")
Apply = Callable[[sqlite3.Connection], Answer]
"""Executes the statements of one change; False means "not applied" and undoes them.

It may be executed twice, the first time in vain."""


class _Waiting(msgspec.Struct, Generic[Answer], eq=False):
    apply: Apply[Answer]
    answer: "asyncio.Future[Answer]"
    slow: bool
    outcome: "Answer | None" = None
    failure: Exception | None = None


class GroupCommit:
    """Applies changes in groups, each change whole or not at all, each group durably."""

    def __init__(
        self,
        connection: sqlite3.Connection,
        path: str,
        *,
        waits: bool,
        observer: StoreObserver,
    ) -> None:
        """Take over a connection in autocommit mode.

        ``waits`` says whether a commit waits for a disk, and so belongs on a thread of its own.
        """
        self._connection = connection
        self._path = path
        self._observer = observer
        self._waiting: deque[_Waiting[Any]] = deque()
        self._writer = ThreadPoolExecutor(1, "keepstep-writer") if waits else None
        self._checkpoints = Checkpoints(connection, connect(path), path) if waits else None
        self._running: asyncio.Task[None] | None = None
        self._closed = False
        connection.execute("PRAGMA busy_timeout = 0")  # waiting is for the writer thread

    async def submit(self, apply: Apply[Answer], *, slow: bool = False) -> Answer:
        """Apply a change; answer once it is durable.

        ``slow`` keeps a change that reads or writes much off the event loop's thread.

        Raises StoreBusy if too many changes wait, StoreUnavailable if the change was not made.
        """
        if self._closed:
            raise StoreUnavailable(f"the store {self._path} is closed; open it again")
        if len(self._waiting) >= WAITING_CHANGES_MAX:
            raise StoreBusy(f"the store {self._path}: {len(self._waiting)} changes are waiting")
        loop = asyncio.get_running_loop()
        change = _Waiting(apply, loop.create_future(), slow)
        self._waiting.append(change)
        if self._running is None:
            self._running = loop.create_task(self._run())
        begun = time.perf_counter()
        try:
            return await change.answer
        finally:
            self._observer.observe_change(time.perf_counter() - begun)

    async def close(self) -> None:
        """Finish what waits, then end the writer thread and close the connection."""
        self._closed = True
        while self._running is not None:
            await self._running
        if self._writer is not None:
            self._writer.shutdown()
        if self._checkpoints is not None:
            await self._checkpoints.close()
        self._connection.close()

    async def _run(self) -> None:
        try:
            while self._waiting:
                for _ in range(GATHERING_TURNS):
                    await asyncio.sleep(0)
                if self._checkpoints is not None:
                    await self._checkpoints.keep_log_short()
                group = self._next_group()
                try:
                    await self._commit(group)
                except Exception as error:  # noqa: BLE001 -- every caller must get an answer
                    self._fail(group, error)
                self._observer.observe_group(len(group))
                if self._checkpoints is not None:
                    self._checkpoints.committed()
                for change in group:
                    _settle(change)
        finally:
            self._running = None

    def _next_group(self) -> list[_Waiting[Any]]:
        first = self._waiting.popleft()
        group = [first]
        while (
            self._waiting
            and not first.slow
            and not self._waiting[0].slow
            and len(group) < GROUP_CHANGES_MAX
        ):
            group.append(self._waiting.popleft())
        return group

    async def _commit(self, group: list[_Waiting[Any]]) -> None:
        await self._begin()
        if group[0].slow:
            await self._in_writer(self._apply, group[0])
        elif not self._apply_all(group):
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
            await self._begin()
            for change in group:
                self._apply(change)
        await self._in_writer(self._connection.execute, "COMMIT")

    async def _begin(self) -> None:
        try:
            self._connection.execute("BEGIN IMMEDIATE")
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY:
                raise
            await self._in_writer(self._begin_patiently)

    def _begin_patiently(self) -> None:
        self._connection.execute(f"PRAGMA busy_timeout = {STORE_BUSY_MS}")
        try:
            self._connection.execute("BEGIN IMMEDIATE")
        finally:
            self._connection.execute("PRAGMA busy_timeout = 0")

    def _apply_all(self, group: list[_Waiting[Any]]) -> bool:
        """Execute changes as one; False if one of them has something to undo, which is rare.

        A change that loses to another has written nothing yet, and a savepoint for each would
        cost two statements and a copy of every page it changes.
        """
        connection = self._connection
        for change in group:
            before = connection.total_changes
            try:
                change.outcome = change.apply(connection)
            except Exception:  # noqa: BLE001 -- it is executed again, and fails by itself then
                return False
            if change.outcome is False and connection.total_changes != before:
                return False
        return True

    def _apply(self, change: _Waiting[Any]) -> None:
        """Execute one change alone; what it raises fails it, unless the transaction is gone."""
        self._connection.execute("SAVEPOINT change")
        try:
            change.outcome = change.apply(self._connection)
        except Exception as error:
            if not self._connection.in_transaction:
                raise
            change.failure = self._translated(error)
        if change.outcome is False or change.failure is not None:
            self._connection.execute("ROLLBACK TO change")
        self._connection.execute("RELEASE change")

    def _fail(self, group: list[_Waiting[Any]], error: Exception) -> None:
        if self._connection.in_transaction:
            self._connection.execute("ROLLBACK")
        for change in group:
            change.failure = self._translated(error)

    def _translated(self, error: Exception) -> Exception:
        if isinstance(error, sqlite3.Error):
            return StoreUnavailable(explain(error, self._path))
        return error

    async def _in_writer(self, function: Callable[..., Any], *arguments: Any) -> None:
        if self._writer is None:
            function(*arguments)
        else:
            loop = asyncio.get_running_loop()
            await loop.run_in_executor(self._writer, function, *arguments)


def _settle(change: _Waiting[Any]) -> None:
    if change.answer.done():
        return  # its caller has gone; the change itself stands as committed
    if change.failure is not None:
        change.answer.set_exception(change.failure)
    else:
        change.answer.set_result(change.outcome)
