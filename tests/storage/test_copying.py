"""Copying beside the suite: nothing of a schema is forgotten, and an unfinished copy stays shut."""

import sqlite3
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, closing
from pathlib import Path
from typing import Any

import psycopg
import pytest

from keepstep.domain.copying import (
    KINDS,
    CopyProgress,
    KindProgress,
    ServerKeyRow,
    key_at,
    member_types,
    position_of,
)
from keepstep.interfaces.copying import CopyableStore
from keepstep.interfaces.storage import StoreUnavailable, StoreUnusable
from keepstep.storage.postgres import PostgresStore
from keepstep.storage.postgres.queries import QUERIES as POSTGRES_QUERIES
from keepstep.storage.sqlite import SQLiteStore
from keepstep.storage.sqlite.queries import QUERIES as SQLITE_QUERIES
from keepstep.testing.storage_suite.copying import ROWS
from keepstep.testing.storage_suite.running import run

from .postgres_server import database, execute

pytestmark = pytest.mark.postgresql

PROGRESS = CopyProgress(source="sqlite:/old.db", deployment="one", run="run 1")
NOT_COPIED = {"copies", "dataset_counts", "keepstep_schema", "leases"}
"""What is the copy's own, made anew, or of the servers that run: another new table that is to be
copied needs a kind of row."""
EMBEDDED_DERIVED = {"outbox": {"number"}}
DERIVED = {
    "devices": {"token_digest"},
    "identities": {"provider_names", "subjects"},
    "logins": {"login_digest"},
    "records": {"key_digest"},
    "revocations": {"identity_id", "subject_digest"},
    "server_keys": {"first"},
}
Open = Callable[..., Awaitable[CopyableStore]]


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with database() as url:
        yield url


@pytest.fixture(params=["sqlite", "postgres"])
def open_store(request: pytest.FixtureRequest, path: Path) -> Iterator[Open]:
    """Opens one store, again and again."""
    if request.param == "postgres":
        with database() as url:

            async def open_database(*, for_copy: bool = False) -> CopyableStore:
                return await PostgresStore.open(url, for_copy=for_copy)

            yield open_database
        return

    async def open_file(*, for_copy: bool = False) -> CopyableStore:
        return SQLiteStore.open(path, for_copy=for_copy)

    yield open_file


@asynccontextmanager
async def opened(open_store: Open, *, for_copy: bool = False) -> AsyncGenerator[CopyableStore]:
    store = await open_store(for_copy=for_copy)
    try:
        yield store
    finally:
        await store.close()


def test_every_table_and_column_of_the_embedded_store_is_copied(path: Path) -> None:
    run(SQLiteStore.open(path).close())
    with closing(sqlite3.connect(path)) as connection:
        names = "SELECT name FROM sqlite_master WHERE type = 'table'"
        tables = {row[0] for row in connection.execute(names)}
        assert tables - NOT_COPIED == {kind.kind for kind in KINDS}
        for kind in KINDS:
            columns = {row[1] for row in connection.execute(f"PRAGMA table_info({kind.kind})")}
            derived = EMBEDDED_DERIVED.get(kind.kind, set())
            assert columns - derived == set(member_types(kind)), kind.kind


def test_every_table_and_column_of_a_database_is_copied_or_derived(url: str) -> None:
    statement = (
        b"SELECT table_name, array_agg(column_name::text) FROM information_schema.columns"
        b" WHERE table_schema = 'public' GROUP BY table_name"
    )
    tables = {table: set(columns) for table, columns in execute(statement, url=url)}
    assert set(tables) - NOT_COPIED == {kind.kind for kind in KINDS}
    for kind in KINDS:
        derived = DERIVED.get(kind.kind, set())
        assert tables[kind.kind] - derived == set(member_types(kind)), kind.kind


def test_both_engines_have_the_same_three_statements_for_every_kind() -> None:
    expected = {f"{step}_{kind.kind}" for step in ("scan", "load", "clear") for kind in KINDS}
    for queries in (POSTGRES_QUERIES, SQLITE_QUERIES):
        steps = {name for name in queries if name.startswith(("scan_", "load_", "clear_"))}
        assert steps == expected


def test_a_database_scans_every_kind_along_an_index(url: str) -> None:
    with psycopg.connect(url) as connection:
        for dear in (b"enable_seqscan", b"enable_bitmapscan", b"enable_sort"):
            connection.execute(b"SET " + dear + b" = off")
        for kind in KINDS:
            statement = POSTGRES_QUERIES[f"scan_{kind.kind}"]
            values: dict[str, Any] = dict.fromkeys(member_types(kind))
            values |= {"limit": 10, "bytes": 10}
            explained = connection.execute(b"EXPLAIN " + statement, values).fetchall()
            plan = "\n".join(row[0] for row in explained)
            assert "Index" in plan, kind.kind
            assert "Sort" not in plan, kind.kind


def test_the_suite_has_rows_of_every_kind_in_which_every_member_varies() -> None:
    assert [type(rows[0]) for rows in ROWS] == list(KINDS)
    for rows in ROWS:
        for member in member_types(type(rows[0])):
            assert len({getattr(row, member) for row in rows}) > 1, (rows[0].kind, member)


@pytest.mark.parametrize("rows", ROWS, ids=lambda rows: rows[0].kind)
def test_a_position_is_the_key_of_a_row_as_a_text(rows: list[ServerKeyRow]) -> None:
    for row in rows:
        kind = type(row)
        key = tuple(getattr(row, name) for name in list(member_types(kind))[: kind.key_length])
        assert key_at(kind, position_of(row)) == key
    assert len({position_of(row) for row in rows}) == len(rows)


def test_an_unfinished_copy_is_opened_for_its_copy_alone(open_store: Open) -> None:
    further = PROGRESS.at(ServerKeyRow, KindProgress(1, "position"))

    async def copy() -> None:
        async with opened(open_store) as store:
            await store.begin_copy(PROGRESS)
            assert await store.load(ServerKeyRow, [ServerKeyRow(b"key", 1)], further)
        with pytest.raises(StoreUnusable, match=r"is an unfinished copy of sqlite:/old\.db; run"):
            await open_store()
        async with opened(open_store, for_copy=True) as store:
            assert await store.find_copy() == further
            assert await store.end_copy(further)
        async with opened(open_store) as store:
            assert await store.list_server_keys() == [b"key"]

    run(copy())


def test_a_file_that_another_process_has_open_is_not_reserved(path: Path) -> None:
    async def reserve() -> None:
        one, other = SQLiteStore.open(path), SQLiteStore.open(path)
        with pytest.raises(StoreUnavailable, match="is open in another process; stop its servers"):
            await one.reserve()
        await other.close()
        await one.reserve()
        await one.close()

    run(reserve())
