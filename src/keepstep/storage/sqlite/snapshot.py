"""One state for all reads of one turn of the event loop.

Beginning and ending a read costs SQLite two system calls, about as much as the read itself, so
the reads of requests that arrived together share one. A request's own snapshot always begins
after the request arrived, and ends before the loop waits for more: what was answered before a
request was sent is never hidden from it.
"""

import asyncio
from sqlite3 import Connection


class Snapshot:
    """A read transaction that ends by itself when the event loop gets its turn."""

    def __init__(self, connection: Connection) -> None:
        """Serve the reads of one connection."""
        self._connection = connection
        self._ending: asyncio.Handle | None = None

    def enter(self) -> None:
        """Make the reads that follow in this turn see one state."""
        if self._ending is None:
            self._ending = asyncio.get_running_loop().call_soon(self.leave)
            self._connection.execute("BEGIN")

    def leave(self) -> None:
        """End the state; the next read sees what has been committed since."""
        if self._ending is not None:
            self._ending.cancel()
            self._ending = None
            if self._connection.in_transaction:
                self._connection.execute("COMMIT")
