"""Committed pages move into the store's file beside the commits, not within them."""

import asyncio
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from keepstep.storage.sqlite import SQLiteStore
from keepstep.storage.sqlite.checkpoints import CHECKPOINT_ROWS, LOG_PAGES, Checkpoints
from keepstep.storage.sqlite.files import connect
from keepstep.testing.storage_suite.running import place, writing

DEADLINE_SECONDS = 20


def rows_without_the_log(path: Path, copy: Path) -> int:
    """Count the datasets that the store's file alone holds; 0 in the middle of a checkpoint."""
    shutil.copyfile(path, copy)
    try:
        with closing(sqlite3.connect(copy)) as connection:
            return connection.execute("SELECT count(*) FROM datasets").fetchone()[0]
    except sqlite3.DatabaseError:
        return 0


async def write_datasets(store: SQLiteStore, first: int) -> None:
    """Make enough datasets, of a row each, for a checkpoint."""
    for number in range(first, first + CHECKPOINT_ROWS):
        assert await store.change_dataset(writing(place(f"dataset-{number}"), {}))


def test_what_was_committed_reaches_the_file_while_the_store_is_open(tmp_path: Path) -> None:
    path, copy = tmp_path / "store.db", tmp_path / "copy.db"

    async def run() -> None:
        store = SQLiteStore.open(path)
        await write_datasets(store, 0)
        async with asyncio.timeout(DEADLINE_SECONDS):
            while rows_without_the_log(path, copy) < CHECKPOINT_ROWS:  # noqa: ASYNC110 -- no event tells
                await asyncio.sleep(0.01)
        await store.close()

    asyncio.run(run())


def test_a_change_waits_until_a_long_log_has_moved_whole(tmp_path: Path) -> None:
    path, copy = tmp_path / "store.db", tmp_path / "copy.db"
    pages = [(bytes(4096),)] * LOG_PAGES

    async def run() -> None:
        with closing(connect(str(path))) as writer:
            writer.execute("PRAGMA journal_mode = WAL")
            writer.execute("CREATE TABLE datasets (page)")
            checkpoints = Checkpoints(writer, connect(str(path)), str(path))
            for wait in (checkpoints.finish, checkpoints.keep_log_short):
                writer.execute("BEGIN")
                writer.executemany("INSERT INTO datasets VALUES (?)", pages)
                writer.execute("COMMIT")
                checkpoints.committed()
                await wait()
            assert rows_without_the_log(path, copy) == 2 * LOG_PAGES
            await checkpoints.close()

    asyncio.run(run())


def test_a_checkpoint_that_fails_is_logged_and_no_more(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "store.db"

    async def run() -> None:
        with closing(sqlite3.connect(path, isolation_level=None)) as writer:
            writer.execute("PRAGMA journal_mode = WAL")
            writer.execute("CREATE TABLE rows (number)")
            busy = connect(str(path))
            busy.execute("BEGIN")
            busy.execute("SELECT * FROM rows").fetchall()
            checkpoints = Checkpoints(writer, busy, str(path))
            rows = [(number,) for number in range(CHECKPOINT_ROWS)]
            writer.executemany("INSERT INTO rows VALUES (?)", rows)
            checkpoints.committed()
            await checkpoints.close()

    asyncio.run(run())
    assert "a checkpoint failed" in caplog.text
    assert str(path) in caplog.text
