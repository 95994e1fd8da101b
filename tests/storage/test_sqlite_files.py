"""Opening a store's file: new, known, foreign, newer, damaged, read-only, or in use."""

import fcntl
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest

from keepstep.domain.pools import IdentityUsage
from keepstep.interfaces.storage import StoreUnusable
from keepstep.storage.sqlite import SQLiteStore
from keepstep.storage.sqlite.files import APPLICATION_ID, schema_steps
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

DEADLINE_SECONDS = 20
PAGE_BYTES = 4096


def _write_new_schema(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        connection.execute(f"PRAGMA user_version = {len(schema_steps()) + 1}")


def _write_another_program(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE bookmarks (address TEXT)")


def _write_another_program_without_tables(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA user_version = 1")


def _write_text(path: Path) -> None:
    path.write_text("My grocery list: apples, pears, plums\n" * 200, encoding="utf-8")


def _overwrite_middle(path: Path) -> None:
    middle = path.stat().st_size // 2 // PAGE_BYTES * PAGE_BYTES
    with path.open("r+b") as file:
        file.seek(middle)
        file.write(b"\xa5" * PAGE_BYTES * 4)


def _cut_in_half(path: Path) -> None:
    with path.open("r+b") as file:
        file.truncate(path.stat().st_size // 2 // PAGE_BYTES * PAGE_BYTES)


def _check_command(path: Path) -> "subprocess.CompletedProcess[str]":
    program = "from keepstep.cli import main; main()"
    return subprocess.run(
        [sys.executable, "-c", program, "check", "--store", f"sqlite:{path}"],
        capture_output=True,
        text=True,
        check=False,
    )


def _waits_for_lock(lock: Path) -> bool:
    """Tell from the kernel's list whether anybody is blocked on this file's lock."""
    inode = f":{lock.stat().st_ino} "
    listed = Path("/proc/locks").read_text(encoding="ascii").splitlines()
    return any("-> FLOCK" in line and inode in line for line in listed)


def test_opening_a_new_file_makes_a_store_of_this_versions_schema(path: Path) -> None:
    run(SQLiteStore.open(path).close())
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("PRAGMA user_version").fetchone() == (len(schema_steps()),)
        assert connection.execute("PRAGMA application_id").fetchone() == (APPLICATION_ID,)
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)


def test_a_store_opened_again_has_its_data(filled: Path) -> None:
    async def read() -> None:
        store = SQLiteStore.open(filled)
        assert (await find(store, place("dataset-7"))).records == records_of({**RECORDS}, 1)
        usage = await store.measure_identity(POOL, IDENTITY)
        assert isinstance(usage, IdentityUsage)
        assert usage.dataset_count == DATASETS
        await store.close()

    run(read())


def test_closing_folds_the_log_into_the_file(filled: Path) -> None:
    assert {entry.name for entry in filled.parent.iterdir()} == {"store.db", "store.db.lock"}


@pytest.mark.parametrize(
    "name", ["a b.db", "a#b.db", "50%41.db", "what?.db", "\u00fc\U0001f600.db"]
)
def test_a_store_may_have_any_file_name(tmp_path: Path, name: str) -> None:
    async def write_and_read() -> None:
        store = SQLiteStore.open(tmp_path / name)
        await apply(store, writing(place(), {"a": "1"}))
        assert await store.measure_pools(after="", limit=1) == []
        await store.close()

    run(write_and_read())
    assert (tmp_path / name).stat().st_size > 0
    checked = _check_command(tmp_path / name)
    assert (checked.returncode, checked.stderr) == (0, "")


@pytest.mark.parametrize(
    ("write", "words"),
    [
        (_write_new_schema, "was written by a newer keepstep .* install that version or a later"),
        (_write_another_program, "is another program's; name another file"),
        (_write_another_program_without_tables, "is another program's; name another file"),
        (_write_text, "is not an SQLite database; name another file"),
    ],
)
def test_a_file_that_is_no_store_of_this_version_is_refused_and_left_as_it_was(
    path: Path, write: Callable[[Path], None], words: str
) -> None:
    write(path)
    before = path.read_bytes()
    with pytest.raises(StoreUnusable, match=words) as refusal:
        SQLiteStore.open(path)
    assert str(path) in str(refusal.value)
    assert path.read_bytes() == before


def test_a_directory_is_refused_as_a_store(tmp_path: Path) -> None:
    with pytest.raises(StoreUnusable, match="cannot be opened; check that"):
        SQLiteStore.open(tmp_path)


@pytest.mark.parametrize("parent", ["absent", "file"])
def test_a_store_in_no_directory_is_refused_with_what_to_check(tmp_path: Path, parent: str) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StoreUnusable, match="check that its directory exists"):
        SQLiteStore.open(tmp_path / parent / "store.db")


@pytest.mark.parametrize("damage", [_overwrite_middle, _cut_in_half])
def test_a_damaged_store_is_refused_at_start(filled: Path, damage: Callable[[Path], None]) -> None:
    damage(filled)
    with pytest.raises(StoreUnusable, match=r"damaged; .*restore a backup"):
        SQLiteStore.open(filled)


@pytest.mark.parametrize("damage", [_overwrite_middle, _cut_in_half])
def test_the_check_command_says_that_a_store_is_damaged(
    filled: Path, damage: Callable[[Path], None]
) -> None:
    damage(filled)
    checked = _check_command(filled)
    assert checked.returncode == 2
    assert "restore a backup" in checked.stderr
    assert "Traceback" not in checked.stderr


def test_the_check_command_refuses_what_is_no_database_in_words(path: Path) -> None:
    _write_text(path)
    checked = _check_command(path)
    assert checked.returncode == 2
    assert "is not an SQLite database; name another file" in checked.stderr
    assert "Traceback" not in checked.stderr


def test_the_check_command_finds_a_sound_store_sound(filled: Path) -> None:
    checked = _check_command(filled)
    assert (checked.returncode, checked.stderr) == (0, "")
    assert "every page is sound" in checked.stdout


def test_a_user_whom_permissions_bind_writes_where_they_allow_it(filled: Path) -> None:
    assert output_of("open_without_privileges", filled) == "written\n"


def test_a_read_only_file_is_refused_with_what_to_do(filled: Path) -> None:
    filled.chmod(0o444)
    printed = output_of("open_without_privileges", filled)
    assert "read-only; make both writable" in printed


@pytest.mark.parametrize("lock_exists", [True, False])
def test_a_store_in_a_read_only_directory_is_refused_with_what_to_do(
    filled: Path, lock_exists: bool
) -> None:
    if not lock_exists:
        filled.with_name("store.db.lock").unlink()
    filled.parent.chmod(0o555)
    try:
        printed = output_of("open_without_privileges", filled)
    finally:
        filled.parent.chmod(0o755)
    assert "this user may read and write it" in printed or "make both writable" in printed


def test_an_older_store_that_another_process_has_open_is_refused(path: Path) -> None:
    with path.with_name("store.db.lock").open("ab") as lock:
        fcntl.flock(lock, fcntl.LOCK_SH)
        with pytest.raises(StoreUnusable, match=r"another keepstep process .* stop that process"):
            SQLiteStore.open(path)
    run(SQLiteStore.open(path).close())


def test_a_store_that_a_newer_version_changes_meanwhile_is_refused(filled: Path) -> None:
    lock_path = filled.with_name("store.db.lock")
    with ThreadPoolExecutor(1) as thread, lock_path.open("ab") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        opening = thread.submit(SQLiteStore.open, filled)
        deadline = time.monotonic() + DEADLINE_SECONDS
        while not _waits_for_lock(lock_path):
            assert time.monotonic() < deadline
        _write_new_schema(filled)
        fcntl.flock(lock, fcntl.LOCK_UN)
        with pytest.raises(StoreUnusable, match="written by a newer keepstep"):
            run(opening.result().close())


def test_a_new_store_may_be_opened_by_many_at_once(tmp_path: Path) -> None:
    together = threading.Barrier(4)

    def open_together(path: Path) -> SQLiteStore:
        together.wait()
        return SQLiteStore.open(path)

    with ThreadPoolExecutor(4) as threads:
        for turn in range(25):
            paths = [tmp_path / f"store-{turn}.db"] * 4
            for store in list(threads.map(open_together, paths)):
                run(store.close())
