"""What one identity, dataset, record and consumed session take on disk, and what a write logs."""

import asyncio
import os
import sqlite3
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import msgspec

from bench.preload import DATASET_NAME, KEYS, POOL_ID, WRITER
from keepstep.domain.limits import SYNC_SESSION_MS
from keepstep.domain.pools import PoolSettings
from keepstep.domain.sync_sessions import SESSION_ID_BYTES
from keepstep.storage.postgres import PostgresStore
from keepstep.storage.sqlite.files import open_file
from keepstep.storage.sqlite.queries import QUERIES

from .database import Database
from .preload import copy_first, make_first, new_identities
from .updates import now_ms, update_stored

VALUE_BYTES: Final = 100
RECORDS: Final = 10
"""Of each identity, with keys as in the other measurements."""
TABLES: Final = {
    "identity": ("identities", "dataset_counts"),
    "dataset": ("datasets",),
    "record": ("records",),
    "consumed session": ("consumed_sessions",),
}
LOGGED_EVERY: Final = 20
"""Of so many identities, one has its dataset written to see what a write logs."""

_SIZES: Final = """
    SELECT coalesce(sum(pg_table_size(name::regclass)), 0)::bigint,
           coalesce(sum(pg_indexes_size(name::regclass)), 0)::bigint
    FROM unnest(%s::text[]) AS name
"""
_VALUE: Final = "v" * VALUE_BYTES
_BATCH: Final = 1_000
_DATA_STORAGE: Final = RECORDS * (len(KEYS[0]) + VALUE_BYTES)


@dataclass(frozen=True, slots=True)
class Size:
    """Bytes of one thing of a kind."""

    kind: str
    table: float
    indexes: float
    sqlite: float


@dataclass(frozen=True, slots=True)
class Logged:
    """Bytes of write-ahead log of one UpdateRecords."""

    patches: int
    first: float
    """Of the first write after a checkpoint, which logs whole pages."""
    later: float


@dataclass(slots=True)
class Sizes:
    """Everything found about sizes."""

    identities: int
    sizes: list[Size] = field(default_factory=list[Size])
    logged: list[Logged] = field(default_factory=list[Logged])


def measure_sizes(database: Database, folder: Path, count: int) -> Sizes:
    """Fill a store of each engine, in the order in which devices come, and measure both."""
    identities = new_identities(count)
    url = database.create_store("sizes")
    make_first(url, identities[0], dict.fromkeys(KEYS[:RECORDS], _VALUE))
    copy_first(url, identities, sessions=True)
    database.execute("VACUUM ANALYZE", url=url)
    sqlite = _sqlite_bytes(folder / "sizes.db", identities)
    found = Sizes(count)
    for kind, tables in TABLES.items():
        ((table, indexes),) = database.execute(_SIZES, (list(tables),), url=url)
        things = count * (RECORDS if kind == "record" else 1)
        found.sizes.append(Size(kind, table / things, indexes / things, sqlite[kind] / things))
    sampled = identities[::LOGGED_EVERY]
    found.logged = [_logged(database, url, sampled, patches) for patches in (1, RECORDS)]
    return found


def _sqlite_bytes(file: Path, identities: Sequence[str]) -> dict[str, int]:
    """Give by how much the file grows by each kind of thing."""
    connection, lock = open_file(file)
    connection.execute("PRAGMA synchronous = OFF")
    now = now_ms()
    settings = msgspec.json.encode(PoolSettings(allow_unauthenticated=True)).decode()
    connection.execute(QUERIES["create_pool"], (POOL_ID, "benchmark", now, now, 0, settings, 1))
    grown: dict[str, int] = {}
    size = _pages(connection)
    for kind, (query, rows) in _SQLITE_ROWS.items():
        for start in range(0, len(identities), _BATCH):
            connection.execute("BEGIN")
            connection.executemany(QUERIES[query], rows(identities[start : start + _BATCH], now))
            connection.execute("COMMIT")
        before, size = size, _pages(connection)
        grown[kind] = size - before
    connection.close()
    lock.close()
    return grown


def _pages(connection: sqlite3.Connection) -> int:
    ((count,),) = connection.execute("PRAGMA page_count").fetchall()
    ((each,),) = connection.execute("PRAGMA page_size").fetchall()
    return count * each


def _identity_rows(identities: Sequence[str], now: int) -> Iterator[tuple[object, ...]]:
    for identity in identities:
        yield (now, 0, None, 1, now, identity, POOL_ID)


def _dataset_rows(identities: Sequence[str], now: int) -> Iterator[tuple[object, ...]]:
    head = (RECORDS, 0, now, now, WRITER, _DATA_STORAGE, RECORDS)
    for identity in identities:
        yield (*head, identity, POOL_ID, DATASET_NAME)


def _record_rows(identities: Sequence[str], now: int) -> Iterator[tuple[object, ...]]:
    for identity in identities:
        for number, key in enumerate(KEYS[:RECORDS], start=1):
            place = (identity, POOL_ID, DATASET_NAME)
            yield (*place, key, _VALUE, number, now, WRITER, now)


def _session_rows(identities: Sequence[str], now: int) -> Iterator[tuple[object, ...]]:
    for number, identity in enumerate(identities):
        yield (identity, os.urandom(SESSION_ID_BYTES), now + number % SYNC_SESSION_MS)


_SQLITE_ROWS: Final = {
    "identity": ("create_identity", _identity_rows),
    "dataset": ("create_dataset", _dataset_rows),
    "record": ("write_record", _record_rows),
    "consumed session": ("consume_session", _session_rows),
}


def _logged(database: Database, url: str, identities: Sequence[str], patches: int) -> Logged:
    """Write every identity's dataset once after a checkpoint, and once more."""
    database.execute("CHECKPOINT")
    parts: list[float] = []
    for _ in range(2):
        before = database.log_bytes()
        asyncio.run(_write_all(url, identities, patches))
        parts.append((database.log_bytes() - before) / len(identities))
    return Logged(patches, *parts)


async def _write_all(url: str, identities: Sequence[str], patches: int) -> None:
    store = await PostgresStore.open(url)
    try:
        for identity in identities:
            await update_stored(store, identity, KEYS[:patches], _VALUE)
    finally:
        await store.close()
