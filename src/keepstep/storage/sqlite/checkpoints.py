"""Moving what was committed from the log into the store's file, beside the commits.

SQLite does this by itself within a commit, once the log has a thousand pages; that commit then
takes as long as writing them takes, all over a file that may be large. Here a thread of its own
moves the pages soon after they were committed, a few at a time, while other commits go on, and
little is left for the commit that starts the log anew.
"""

import asyncio
import logging
import sqlite3
from concurrent.futures import ThreadPoolExecutor
from typing import Final

from .failures import explain

CHECKPOINT_ROWS: Final = 128
"""Rows changed between two checkpoints; measured: fewer cost time, more make a commit wait."""

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
        self._running: asyncio.Future[None] | None = None

    def committed(self) -> None:
        """Begin a checkpoint if enough was committed since the last one began."""
        rows = self._writer.total_changes
        if rows - self._rows >= CHECKPOINT_ROWS and (self._running is None or self._running.done()):
            self._rows = rows
            loop = asyncio.get_running_loop()
            self._running = loop.run_in_executor(self._thread, self._checkpoint)

    async def close(self) -> None:
        """Finish the checkpoint that runs."""
        if self._running is not None:
            await self._running
        self._thread.shutdown()
        self._connection.close()

    def _checkpoint(self) -> None:
        """Move what no reader needs in the log; a failure leaves it there, where it is safe."""
        try:
            self._connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()
        except sqlite3.Error as error:
            _log.warning("a checkpoint failed: %s", explain(error, self._path))
