"""The schema's steps, stores of every released schema, and the statements of the engine."""

import ast
import re
import sqlite3
from contextlib import closing
from importlib.resources import files
from pathlib import Path

import pytest

from keepstep.domain.copying import KINDS
from keepstep.storage.sqlite import SQLiteStore
from keepstep.storage.sqlite.files import schema_steps
from keepstep.storage.sqlite.queries import FILES, QUERIES
from keepstep.testing.storage_suite.running import run

from .released_store import RELEASED, check_filled, fill

STATEMENT = re.compile(r"\s*(SELECT|INSERT|UPDATE|DELETE|REPLACE|WITH)\s")
OF_ONE_IDENTITY = [
    "list_datasets",
    "find_dataset",
    "count_datasets",
    "find_records",
    "find_records_after",
    "find_record",
    "find_consumed_session",
    "measure_identity",
    "update_dataset",
    "erase_records",
    "find_logins",
    "list_dataset_names",
    "list_merged_names",
    "dump_datasets",
    "dump_records",
    "move_dataset",
    "move_records",
    "set_merged_under",
    "update_identity",
    "unlink_logins",
    "delete_identity",
    "delete_identity_datasets",
    "delete_identity_records",
    "has_subscribers",
    "list_subscribers",
    "list_devices",
    "find_device_of_token",
    "find_sync_count",
    "forget_set_aside",
    "forget_waiting",
    "remove_waiting",
    "remove_set_aside",
    "keep_message",
    "end_lane",
    "defer_lane",
    "count_devices",
    "update_device",
    "delete_device",
    "delete_device_subscriptions",
    "unsubscribe",
    "delete_identity_devices",
    "delete_identity_subscriptions",
]
OF_MANY_IDENTITIES = {
    "find_login": "PRIMARY KEY",
    "list_identities": "identities_by_creation",
    "delete_pool_identities": "identities_by_creation",
    "delete_pool_logins": "PRIMARY KEY",
    "list_guests": "guests_by_creation",
    "list_pools": "identity_pools_by_creation",
    "purge_revocations": "revocations_by_time",
    "purge_consumed_sessions": "consumed_sessions_by_expiry",
    "list_due": "outbox_by_lane",
    "list_outbox": "outbox_by_lane",
    "list_pool_datasets": "PRIMARY KEY",
    "drop_outbox": "outbox_by_lane",
    **{f"scan_{kind.kind}": "PRIMARY KEY" for kind in KINDS},
    "scan_outbox": "outbox_by_lane",
}
OF_EVERY_KIND = {f"{step}_{kind.kind}" for step in ("scan", "load", "clear") for kind in KINDS}
RELEASES = sorted(RELEASED.glob("schema_*.sql"))


def _schema_of(path: Path) -> list[tuple[str, ...]]:
    """Give the tables and indexes of a store, without their spacing."""
    with closing(sqlite3.connect(path)) as connection:
        rows = connection.execute("SELECT type, name, sql FROM sqlite_master ORDER BY type, name")
        return [tuple(" ".join(str(part).split()) for part in row) for row in rows]


def _modules() -> list[str]:
    """Give the texts of the engine's modules."""
    modules = files("keepstep.storage.sqlite").iterdir()
    return [m.read_text(encoding="utf-8") for m in modules if m.name.endswith(".py")]


def _texts_of_the_engine() -> list[str]:
    """Give every string in the engine's modules."""
    nodes = [node for source in _modules() for node in ast.walk(ast.parse(source))]
    constants = [node.value for node in nodes if isinstance(node, ast.Constant)]
    return [value for value in constants if isinstance(value, str)]


def _plan(connection: sqlite3.Connection, statement: str) -> str:
    values = [None] * statement.count("?")
    return "\n".join(
        row[3] for row in connection.execute(f"EXPLAIN QUERY PLAN {statement}", values)
    )


@pytest.fixture
def new(path: Path) -> Path:
    """A store that this version made."""
    run(SQLiteStore.open(path).close())
    return path


def test_every_schema_has_a_released_store_to_upgrade() -> None:
    numbers = range(1, len(schema_steps()) + 1)
    assert [release.name for release in RELEASES] == [f"schema_{n:04}.sql" for n in numbers]


@pytest.mark.parametrize("release", RELEASES, ids=lambda release: release.stem)
def test_a_store_of_a_released_schema_is_upgraded_with_its_data(
    release: Path, path: Path, tmp_path: Path
) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(release.read_text(encoding="utf-8"))

    async def check() -> None:
        store = SQLiteStore.open(path)
        await check_filled(store, int(release.stem.removeprefix("schema_")))
        await store.close()

    run(check())
    new = tmp_path / "new.db"
    run(SQLiteStore.open(new).close())
    assert _schema_of(path) == _schema_of(new)


def test_what_a_release_keeps_is_what_this_version_reads(path: Path) -> None:
    async def fill_and_check() -> None:
        store = SQLiteStore.open(path)
        await fill(store)
        await check_filled(store, len(schema_steps()))
        await store.close()

    run(fill_and_check())


def test_opening_a_store_again_changes_nothing_in_its_schema(new: Path) -> None:
    before = _schema_of(new)
    run(SQLiteStore.open(new).close())
    assert _schema_of(new) == before


def test_every_statement_of_the_queries_files_is_loaded() -> None:
    folder = files("keepstep.storage.sqlite")
    text = "\n".join(folder.joinpath(name).read_text(encoding="utf-8") for name in FILES)
    names = re.findall(r"^-- name: (.*)$", text, re.MULTILINE)
    assert list(QUERIES) == names
    assert len(set(names)) == len(names)
    assert text.count(";\n") == len(names)


def test_every_query_is_used_by_its_name() -> None:
    assert set(QUERIES) - set(_texts_of_the_engine()) == OF_EVERY_KIND


def test_every_use_names_a_query_that_exists() -> None:
    used = set(re.findall(r'QUERIES\["(\w+)"\]', "\n".join(_modules())))
    assert used
    assert used - set(QUERIES) == set()


def test_statements_stand_in_the_queries_files_and_nowhere_else() -> None:
    elsewhere = [text for text in _texts_of_the_engine() if STATEMENT.match(text)]
    assert [text for text in elsewhere if "sqlite_master" not in text] == []


@pytest.mark.parametrize("name", QUERIES)
def test_every_query_fits_the_schema(new: Path, name: str) -> None:
    with closing(sqlite3.connect(new)) as connection:
        assert _plan(connection, QUERIES[name]) is not None


@pytest.mark.parametrize("name", OF_ONE_IDENTITY)
def test_a_query_of_one_identity_searches_by_key_and_never_sorts(new: Path, name: str) -> None:
    with closing(sqlite3.connect(new)) as connection:
        plan = _plan(connection, QUERIES[name])
    assert "SEARCH" in plan
    assert "identity_id=?" in plan
    assert "SCAN" not in plan
    assert "TEMP B-TREE" not in plan


@pytest.mark.parametrize(("name", "index"), OF_MANY_IDENTITIES.items())
def test_a_query_of_many_identities_searches_an_index_and_never_sorts(
    new: Path, name: str, index: str
) -> None:
    with closing(sqlite3.connect(new)) as connection:
        plan = _plan(connection, QUERIES[name])
    assert f"USING {index}" in plan or f"INDEX {index}" in plan
    assert "SCAN" not in plan
    assert "TEMP B-TREE" not in plan
