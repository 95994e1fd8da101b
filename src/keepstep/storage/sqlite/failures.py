"""What SQLite's errors mean to an operator, in words that say what to do."""

import sqlite3
from typing import Final

_WORDS: Final = {
    sqlite3.SQLITE_FULL: "the disk is full; free some space on it",
    sqlite3.SQLITE_READONLY: "the file or its directory is read-only; make both writable",
    sqlite3.SQLITE_CORRUPT: "the database is damaged; stop the server and restore a backup",
    sqlite3.SQLITE_NOTADB: "the file is not an SQLite database; name another file",
    sqlite3.SQLITE_IOERR: "reading or writing the disk failed; check the disk and its free space",
    sqlite3.SQLITE_CANTOPEN: "the file cannot be opened; check that its directory exists and "
    "that this user may read and write it",
    sqlite3.SQLITE_BUSY: "another process has kept it locked for too long; end that process",
    sqlite3.SQLITE_PERM: "this user may not read and write the file; change its permissions",
}


def explain(error: sqlite3.Error, path: str) -> str:
    """Say what is wrong with the store at ``path`` and what to do about it."""
    code = getattr(error, "sqlite_errorcode", None)
    primary = code & 0xFF if isinstance(code, int) else None
    words = _WORDS.get(primary) if primary is not None else None
    return f"the store {path}: {words or 'SQLite failed'} ({error})"
