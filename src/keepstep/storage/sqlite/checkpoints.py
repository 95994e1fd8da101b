"""Moving what was committed from the log into the store's file, beside the commits.

SQLite does this by itself within a commit, once the log has a thousand pages; that commit then
takes as long as writing them takes, all over a file that may be large. Here a thread of its own
moves the pages right after they were committed, a few at a time, while other commits go on, so
that no commit waits for many.

SQLite begins the log anew when a commit finds all of it moved. Beside commits that follow close
on each other that may never be, so when the log is long, the next commit waits for the checkpoint
that runs.
"""

import asyncio
import logging
import sqlite3
from concurrent.futures import ThreadPoolExecutor
from typing import Final

from .failures import explain

CHECKPOINT_ROWS: Final = 12
"""Rows changed between two checkpoints, as many as four updates change. Measured: with 128 the
slowest hundredth of updates took twice as long, with 6 one client alone was a tenth slower."""
LOG_PAGES: Final = 1000
"""Pages after which the log should begin anew."""
LOG_PAGES_MAX: Final = 4 * LOG_PAGES
"""Pages after which commits move them, too: those of another process may go on meanwhile."""

_log = logging.getLogger(__name__)


class Checkpoints:
    """Runs a checkpoint after every so many changed rows, one at a time."""

    def __init__(
        self, writer: sqlite3.Connection, connection: sqlite3.Connection, path: str
    ) -> None:
        """Follow the commits of a writer, and take over another connection to the same file."""
        self._writer = writer
        self._path = path
        self._rows = writer.total_changes
        self._connection = connection
        self._thread = ThreadPoolExecutor(1, "keepstep-checkpoint")
        self._running: asyncio.Future[bool] | None = None
        self._is_awaited = False
        writer.execute(f"PRAGMA wal_autocheckpoint = {LOG_PAGES_MAX}")

    def committed(self) -> None:
        """Begin a checkpoint if enough was committed since the last one began."""
        rows = self._writer.total_changes
        if rows - self._rows >= CHECKPOINT_ROWS and (self._running is None or self._running.done()):
            self._rows = rows
            self._is_awaited = self._running is not None and self._running.result()
            loop = asyncio.get_running_loop()
            self._running = loop.run_in_executor(self._thread, self._checkpoint)

    async def keep_log_short(self) -> None:
        """Wait until a log that is long was moved whole; to be called before a change begins."""
        if self._is_awaited:
            await self.finish()

    async def finish(self) -> None:
        """Wait for the checkpoint that runs."""
        if self._running is not None:
            await self._running

    async def close(self) -> None:
        """Finish the checkpoint that runs, then let go of the connection."""
        await self.finish()
        self._thread.shutdown()
        self._connection.close()

    def _checkpoint(self) -> bool:
        """Move what no reader needs in the log; give whether the log had become long.

        A failure leaves it there, where it is safe.
        """
        try:
            checkpoint = self._connection.execute("PRAGMA wal_checkpoint(PASSIVE)")
            _, pages, _ = checkpoint.fetchone()
        except sqlite3.Error as error:
            _log.warning("a checkpoint failed: %s", explain(error, self._path))
            return False
        return pages >= LOG_PAGES
