"""A disk that fills up: SQLite's own page limit gives the very error that a full disk gives."""

import asyncio
import sqlite3
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from keepstep.interfaces.storage import NO_OBSERVER, StoreUnavailable
from keepstep.storage.sqlite import SQLiteStore
from keepstep.storage.sqlite.files import connect, open_file
from keepstep.testing.storage_suite.running import (
    apply,
    find,
    place,
    records_of,
    run,
    session,
    writing,
)

LARGE = {f"key-{number}": "v" * 10_000 for number in range(20)}
ROOMY_PAGES = 100_000


@asynccontextmanager
async def _store_on_a_disk_of_its_own(
    path: Path,
) -> AsyncGenerator[tuple[SQLiteStore, sqlite3.Connection]]:
    writer, lock = open_file(path)
    store = SQLiteStore(str(path), connect(str(path)), writer, lock, NO_OBSERVER)
    try:
        yield store, writer
    finally:
        await store.close()


def _leave_room(writer: sqlite3.Connection, pages: int) -> None:
    used = writer.execute("PRAGMA page_count").fetchone()[0]
    writer.execute(f"PRAGMA max_page_count = {used + pages}")


def test_a_change_that_does_not_fit_fails_with_what_to_do_and_writes_nothing(path: Path) -> None:
    async def fill_up() -> None:
        async with _store_on_a_disk_of_its_own(path) as (store, writer):
            await apply(store, writing(place(), {"a": "1"}))
            _leave_room(writer, 3)
            large = writing(place(), LARGE, expects=1, consumes=session())
            with pytest.raises(StoreUnavailable, match="the disk is full; free some space"):
                await store.change_dataset(large)
            found = await find(store, place(), session().session_id)
            assert found.records == records_of({"a": "1"}, 1)
            assert not found.session_consumed

    run(fill_up())


def test_the_store_works_again_once_there_is_space(path: Path) -> None:
    async def fill_up_and_free() -> None:
        async with _store_on_a_disk_of_its_own(path) as (store, writer):
            _leave_room(writer, 3)
            large = writing(place("large"), LARGE, consumes=session())
            for _ in range(3):
                with pytest.raises(StoreUnavailable):
                    await store.change_dataset(large)
            await apply(store, writing(place("small"), {"a": "1"}))
            writer.execute(f"PRAGMA max_page_count = {ROOMY_PAGES}")
            await apply(store, large)
            assert (await find(store, place("large"))).records == list(large.records)
        again = SQLiteStore.open(path)
        assert (await find(again, place("small"))).records == records_of({"a": "1"}, 1)
        assert (await find(again, place("large"))).records == list(large.records)
        await again.close()

    run(fill_up_and_free())


def test_of_changes_made_together_each_is_whole_or_failed_when_the_disk_is_full(
    path: Path,
) -> None:
    async def fill_up() -> None:
        async with _store_on_a_disk_of_its_own(path) as (store, writer):
            _leave_room(writer, 8)
            changes = [writing(place(f"small-{n}"), {"a": "1"}) for n in range(6)]
            changes.insert(3, writing(place("large"), LARGE))
            outcomes = await asyncio.gather(
                *(store.change_dataset(change) for change in changes), return_exceptions=True
            )
            assert isinstance(outcomes[3], StoreUnavailable)
            for change, outcome in zip(changes, outcomes, strict=True):
                found = await find(store, change.place)
                assert outcome is True or isinstance(outcome, StoreUnavailable)
                assert found.records == (list(change.records) if outcome is True else [])
            await apply(store, writing(place("after"), {"a": "1"}))

    run(fill_up())
