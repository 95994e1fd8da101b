"""Copying to and from the embedded engine: whole tables in the order of their keys."""

import fcntl
import sqlite3
from collections.abc import Sequence
from pathlib import Path
from typing import IO, Any, Final

import msgspec
from msgspec.structs import astuple

from keepstep.domain.copying import KINDS, CopyProgress, Row, key_at, member_types, position_of
from keepstep.interfaces.copying import SCAN_BYTES, RowType, ScannedRows
from keepstep.interfaces.storage import StoreUnavailable, StoreUnusable

from .queries import QUERIES

_FLAGS: Final = {
    kind: [place for place, of in enumerate(member_types(kind).values()) if of is bool]
    for kind in KINDS
}
"""Which members SQLite gives as 0 or 1."""
_PROGRESS: Final = msgspec.json.Decoder(CopyProgress)


def check_finished(connection: sqlite3.Connection, lock: IO[bytes], path: Path) -> None:
    """Close a store if the copy of another one into it is not done.

    Raises StoreUnusable with what to do.
    """
    row = connection.execute(QUERIES["find_copied_store"]).fetchone()
    if row is not None:
        connection.close()
        lock.close()
        raise StoreUnusable(
            f"the store {path} is an unfinished copy of {row[0]}; run the same keepstep copy "
            "again until it is done"
        )


def reserve(lock: IO[bytes], path: str) -> None:
    """Make a shared lock one that nobody else holds. Raises StoreUnavailable."""
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise StoreUnavailable(
            f"the store {path} is open in another process; stop its servers first"
        ) from None


def scan(
    connection: sqlite3.Connection, kind: type[RowType], after: str | None, limit: int
) -> ScannedRows[RowType]:
    """Read one page of the rows of a kind."""
    rows: list[RowType] = []
    size = 0
    flags = _FLAGS[kind]
    for found in connection.execute(QUERIES[f"scan_{kind.kind}"], (*key_at(kind, after), limit)):
        members: list[Any] = list(found)
        for place in flags:
            members[place] = bool(members[place])
        rows.append(kind(*members))
        size += sum(len(member) for member in members if isinstance(member, str | bytes))
        if size >= SCAN_BYTES:
            break
    return ScannedRows(rows, position_of(rows[-1]) if rows else None)


def load(
    connection: sqlite3.Connection,
    kind: type[RowType],
    rows: Sequence[RowType],
    progress: CopyProgress,
) -> bool:
    """Write those rows of a kind that are not there."""
    connection.executemany(QUERIES[f"load_{kind.kind}"], map(astuple, rows))
    return keep_progress(connection, progress)


def clear(connection: sqlite3.Connection, kind: type[Row], progress: CopyProgress) -> bool:
    """Delete every row of a kind."""
    connection.execute(QUERIES[f"clear_{kind.kind}"])
    return keep_progress(connection, progress)


def find_copy(connection: sqlite3.Connection) -> CopyProgress | None:
    """Read the progress of the unfinished copy."""
    row = connection.execute(QUERIES["find_copy"]).fetchone()
    return None if row is None else _PROGRESS.decode(row[0])


def begin_copy(connection: sqlite3.Connection, progress: CopyProgress) -> None:
    """Keep the progress of a run's copy in any other's place."""
    values = (progress.source, progress.run, msgspec.json.encode(progress))
    connection.execute(QUERIES["begin_copy"], values)


def keep_progress(connection: sqlite3.Connection, progress: CopyProgress) -> bool:
    """Keep how far a copy is, if it is still that run's."""
    values = (msgspec.json.encode(progress), progress.run)
    return connection.execute(QUERIES["keep_progress"], values).rowcount == 1


def end_copy(connection: sqlite3.Connection, progress: CopyProgress) -> bool:
    """Forget the copy, if it is still that run's."""
    return connection.execute(QUERIES["end_copy"], (progress.run,)).rowcount == 1
