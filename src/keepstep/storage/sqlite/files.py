"""Opening a store's file: its lock, its schema steps, its check, and its backup.

The file's ``user_version`` is the number of the last schema step; ``application_id`` marks it
as ours. Beside it, ``FILE.lock`` is held shared by every process that has the store open, and
alone by one that changes the schema, so that two versions never work on it at once.
"""

import fcntl
import os
import re
import sqlite3
import time
from collections.abc import Generator
from contextlib import ExitStack, closing, contextmanager
from importlib.resources import files
from pathlib import Path
from typing import IO, Final

from keepstep.domain.limits import INTEGRITY_CHECK_BYTES_MAX, STORE_BUSY_MS
from keepstep.interfaces.storage import StoreUnusable

from .failures import explain

APPLICATION_ID: Final = 0x6B737470
"""'kstp'."""
SQLITE_VERSION_MIN: Final = (3, 34, 0)
LOCK_POLL_SECONDS: Final = 0.05

_STEP_NAME = re.compile(r"(\d{4})_\w+\.sql")


def schema_steps() -> list[str]:
    """Give the schema steps, oldest first; the position is the number, from 1."""
    folder = files("keepstep.storage.sqlite").joinpath("schema")
    named = sorted((step.name, step) for step in folder.iterdir())
    steps = [(name, step.read_text(encoding="utf-8")) for name, step in named]
    for number, (name, _) in enumerate(steps, start=1):
        match = _STEP_NAME.fullmatch(name)
        assert match is not None, name
        assert int(match[1]) == number, name
    return [text for _, text in steps]


def connect(path: str) -> sqlite3.Connection:
    """Open a connection in autocommit mode that any thread may use, one at a time."""
    if sqlite3.sqlite_version_info < SQLITE_VERSION_MIN:
        needed = ".".join(map(str, SQLITE_VERSION_MIN))
        raise StoreUnusable(f"SQLite is {sqlite3.sqlite_version}; keepstep needs {needed}")
    connection = sqlite3.connect(
        path, isolation_level=None, check_same_thread=False, timeout=STORE_BUSY_MS / 1000
    )
    connection.execute("PRAGMA synchronous = FULL")
    return connection


def open_file(path: Path) -> tuple[sqlite3.Connection, IO[bytes]]:
    """Open the store at a path, made and brought to this version's schema as needed.

    Gives a connection and the lock, which is held until it is closed.

    Raises StoreUnusable with what to do.
    """
    with _explained(path), ExitStack() as undo:
        lock = undo.enter_context(Path(f"{path}.lock").open("ab"))
        connection = undo.enter_context(closing(connect(str(path))))
        _check_ours(connection, path)  # before the first write: the file may not be ours
        _migrate(connection, lock, path)
        _check_ours(connection, path)  # another version may have changed it before the lock
        _check_integrity(connection, path)
        undo.pop_all()
    return connection, lock


def create_schema(connection: sqlite3.Connection) -> None:
    """Apply the schema steps that the database behind a connection has not had yet."""
    for number, step in enumerate(schema_steps(), start=1):
        if number > _schema_version(connection):
            connection.executescript(
                f"BEGIN IMMEDIATE; {step}\nPRAGMA application_id = {APPLICATION_ID};"
                f" PRAGMA user_version = {number}; COMMIT;"
            )


def backup(path: Path, target: Path) -> int:
    """Copy a store, open or not, into a new file; give its size in bytes.

    The copy appears under its name only when it is whole and on disk.

    Raises StoreUnusable, and FileExistsError if the target exists.
    """
    if target.exists():
        raise FileExistsError(f"{target} exists; name a file that does not")
    partial = target.with_name(f"{target.name}.partial")
    with _explained(path), closing(_read_only(path)) as source:
        _check_ours(source, path)
        with _explained(partial):
            partial.unlink(missing_ok=True)
            try:
                _copy(source, partial)
                partial.rename(target)
            except BaseException:
                partial.unlink(missing_ok=True)
                raise
    return target.stat().st_size


def check_file(path: Path) -> None:
    """Check every page of a store, open or not. Raises StoreUnusable with what is wrong."""
    with _explained(path), closing(_read_only(path)) as connection:
        _check_ours(connection, path)
        check_integrity(connection, path)


def _read_only(path: Path) -> sqlite3.Connection:
    return sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)


def _copy(source: sqlite3.Connection, partial: Path) -> None:
    with closing(sqlite3.connect(partial)) as destination:
        source.backup(destination)
        destination.execute("PRAGMA journal_mode = DELETE")
    with partial.open("rb") as written:
        os.fsync(written.fileno())


def check_integrity(connection: sqlite3.Connection, path: Path) -> None:
    """Check every page of a database. Raises StoreUnusable with what is damaged."""
    found = [str(row[0]) for row in connection.execute("PRAGMA quick_check(5)")]
    if found != ["ok"]:
        raise StoreUnusable(f"the store {path} is damaged; restore a backup ({'; '.join(found)})")


def _check_ours(connection: sqlite3.Connection, path: Path) -> None:
    connection.execute("BEGIN")  # of one state: another process may be making the schema now
    version = _schema_version(connection)
    ours = connection.execute("PRAGMA application_id").fetchone()[0] == APPLICATION_ID
    empty = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0] == 0
    connection.execute("COMMIT")
    if not ours and not (empty and version == 0):
        raise StoreUnusable(f"the file {path} is another program's; name another file")
    newest = len(schema_steps())
    if version > newest:
        raise StoreUnusable(
            f"the store {path} was written by a newer keepstep (schema {version}, this one "
            f"knows {newest}); install that version or a later one"
        )


def _migrate(connection: sqlite3.Connection, lock: IO[bytes], path: Path) -> None:
    """Take the lock: shared, or alone for as long as the schema must change first."""
    newest = len(schema_steps())
    deadline = time.monotonic() + STORE_BUSY_MS / 1000
    while _schema_version(connection) < newest or not _is_wal(connection):
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > deadline:
                raise StoreUnusable(
                    f"the store {path} has an older schema and another keepstep process has it "
                    "open; stop that process first"
                ) from None
            time.sleep(LOCK_POLL_SECONDS)
        else:
            connection.execute("PRAGMA journal_mode = WAL")  # alone: it does not wait for others
            if not _is_wal(connection):
                raise StoreUnusable(f"the store {path} is on no local disk; move it to one")
            create_schema(connection)
    fcntl.flock(lock, fcntl.LOCK_SH)


def _check_integrity(connection: sqlite3.Connection, path: Path) -> None:
    if path.stat().st_size <= INTEGRITY_CHECK_BYTES_MAX:
        check_integrity(connection, path)


def _schema_version(connection: sqlite3.Connection) -> int:
    return connection.execute("PRAGMA user_version").fetchone()[0]


def _is_wal(connection: sqlite3.Connection) -> bool:
    return connection.execute("PRAGMA journal_mode").fetchone()[0] == "wal"


@contextmanager
def _explained(path: Path) -> Generator[None]:
    try:
        yield
    except sqlite3.Error as error:
        raise StoreUnusable(explain(error, str(path))) from error
    except OSError as error:
        raise StoreUnusable(
            f"the store {path}: {error.strerror} ({error.filename}); check that its directory "
            "exists and that this user may read and write it"
        ) from error
