"""Backup: a consistent copy made while writers run, whole or not there at all."""

import asyncio
from pathlib import Path

import pytest

from keepstep.interfaces.storage import StoreUnusable
from keepstep.storage.sqlite import SQLiteStore
from keepstep.storage.sqlite.files import backup
from keepstep.testing.storage_suite.running import (
    IDENTITY,
    POOL,
    apply,
    find,
    place,
    records_of,
    run,
    writing,
)

from .conftest import DATASETS, RECORDS
from .processes import output_of


@pytest.fixture
def target(tmp_path: Path) -> Path:
    folder = tmp_path / "backups"
    folder.mkdir()
    return folder / "copy.db"


async def _check_whole(path: Path) -> int:
    """Check that each dataset of a store fits its records; give how many there are."""
    store = SQLiteStore.open(path)
    listed = await store.list_datasets(POOL, IDENTITY, after="", limit=10_000)
    for head in listed:
        found = await find(store, place(head.dataset_name))
        assert [record.sync_count for record in found.records] == [head.sync_count] * len(RECORDS)
    await store.close()
    return len(listed)


def test_a_backup_of_a_closed_store_has_its_data(filled: Path, target: Path) -> None:
    assert backup(filled, target) == target.stat().st_size
    assert [entry.name for entry in target.parent.iterdir()] == [target.name]
    assert run(_check_whole(target)) == DATASETS


def test_a_backup_made_while_writers_run_is_consistent(filled: Path, target: Path) -> None:
    async def write_and_back_up() -> None:
        store = SQLiteStore.open(filled)
        finished = False

        async def write(number: int) -> None:
            count = 1
            where = place(f"dataset-{number}")
            while not finished:
                await apply(store, writing(where, RECORDS, expects=count))
                count += 1

        writers = [asyncio.create_task(write(number)) for number in range(8)]
        for turn in range(5):
            await asyncio.to_thread(backup, filled, target.with_name(f"copy-{turn}.db"))
        finished = True
        await asyncio.gather(*writers)
        await store.close()
        for turn in range(5):
            assert await _check_whole(target.with_name(f"copy-{turn}.db")) == DATASETS

    run(write_and_back_up())


def test_a_backup_holds_what_is_still_in_the_log(path: Path, target: Path) -> None:
    async def write_and_back_up() -> None:
        store = SQLiteStore.open(path)
        await apply(store, writing(place(), {"a": "1"}))
        assert path.with_name("store.db-wal").stat().st_size > 0
        await asyncio.to_thread(backup, path, target)
        await store.close()
        copy = SQLiteStore.open(target)
        assert (await find(copy, place())).records == records_of({"a": "1"}, 1)
        await copy.close()

    run(write_and_back_up())


def test_a_backup_never_writes_over_a_file(filled: Path, target: Path) -> None:
    target.write_bytes(b"precious")
    with pytest.raises(FileExistsError, match="name a file that does not"):
        backup(filled, target)
    assert target.read_bytes() == b"precious"
    assert [entry.name for entry in target.parent.iterdir()] == [target.name]


def test_a_backup_that_fails_says_why_and_leaves_nothing(filled: Path, target: Path) -> None:
    printed = output_of("backup_onto_a_small_disk", filled, target)
    assert "check the disk and its free space" in printed
    assert list(target.parent.iterdir()) == []


def test_what_a_killed_backup_left_does_not_stop_the_next(filled: Path, target: Path) -> None:
    target.with_name("copy.db.partial").write_bytes(b"half a backup")
    backup(filled, target)
    assert [entry.name for entry in target.parent.iterdir()] == [target.name]
    assert run(_check_whole(target)) == DATASETS


def test_a_store_that_does_not_exist_is_not_backed_up_and_not_made(
    tmp_path: Path, target: Path
) -> None:
    with pytest.raises(StoreUnusable, match="cannot be opened; check that"):
        backup(tmp_path / "absent.db", target)
    assert [entry.name for entry in tmp_path.iterdir()] == [target.parent.name]
    assert list(target.parent.iterdir()) == []


def test_a_backup_into_no_directory_says_what_to_check(filled: Path, tmp_path: Path) -> None:
    with pytest.raises(StoreUnusable, match="check that its directory exists"):
        backup(filled, tmp_path / "absent" / "copy.db")


@pytest.mark.parametrize("name", ["a b.db", "a#b.db", "50%41.db", "what?.db"])
def test_a_backup_is_of_the_store_with_exactly_this_name(
    tmp_path: Path, target: Path, name: str
) -> None:
    async def write() -> None:
        store = SQLiteStore.open(tmp_path / name)
        await apply(store, writing(place(), RECORDS))
        await store.close()

    run(write())
    before = {entry.name for entry in tmp_path.iterdir()}
    backup(tmp_path / name, target)
    made = {entry.name for entry in tmp_path.iterdir()} - before
    assert made <= {f"{name}-wal", f"{name}-shm"}  # SQLite's own, beside a store in WAL mode
    assert run(_check_whole(target)) == 1
