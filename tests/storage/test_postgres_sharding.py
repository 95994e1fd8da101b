"""On Citus, migrate distributes every table as it was decided, once.

Citus itself is not what these tests run on: an extension of its name stands in for the functions
and catalogues with which tables are distributed, and refuses what Citus documents it refuses.
"""

import asyncio
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest
from typer.testing import CliRunner

from keepstep.cli import app
from keepstep.interfaces.storage import StoreUnusable
from keepstep.storage.postgres import PostgresStore, migrate
from keepstep.storage.postgres.schema import Migrated, schema_steps
from keepstep.storage.postgres.sharding import LEADING, TABLES, Distributed, Local, Reference
from keepstep.testing.storage_suite.running import (
    IDENTITY,
    LOGIN,
    OTHER_IDENTITY,
    OTHER_LOGIN,
    POOL,
    changed,
    changing,
    create,
    identity,
    run,
)

from .postgres_server import database, empty_database, execute
from .released_postgres import check, dumps, number_of, restore

STAND_IN = Path(__file__).parent / "citus_stand_in"
ASKED = b"SELECT call FROM citus.asked ORDER BY number"
MOVES = 100
DISTRIBUTED = [table for table, decision in TABLES.items() if not isinstance(decision, Local)]
GROUPS = b"SELECT logicalrelid::text, partmethod, partkey, colocationid FROM pg_dist_partition"


@pytest.fixture(scope="module")
def install() -> Iterator[Callable[[str], str]]:
    """Puts the stand-in into a database, from a folder that the server's own user can read."""
    with tempfile.TemporaryDirectory() as folder:
        shutil.copytree(STAND_IN, folder, dirs_exist_ok=True)
        Path(folder).chmod(0o755)
        statement = f"SET extension_control_path = '{folder}:$system'; CREATE EXTENSION citus"

        def install(url: str) -> str:
            execute(statement.encode(), url=url)
            return url

        yield install


@pytest.fixture
def migrated(install: Callable[[str], str]) -> Iterator[str]:
    """A database with the schema, undistributed, that has just got the extension."""
    with database() as url:
        yield install(url)


def _asked(url: str) -> list[str]:
    return [call for (call,) in execute(ASKED, url=url)]


def _expected() -> list[str]:
    """Give what is to be asked of Citus, in order."""
    asked: list[str] = []
    for table, decision in TABLES.items():
        match decision:
            case Distributed(column, beside):
                asked += [f"distributed {table} by {column} beside {beside}", f"truncated {table}"]
            case Reference():
                asked += [f"reference {table}", f"truncated {table}"]
            case _:
                pass
    return asked


def test_every_table_of_the_schema_has_a_decision() -> None:
    with database() as url:
        tables = execute(b"SELECT tablename FROM pg_tables WHERE schemaname = 'public'", url=url)
    assert {table for (table,) in tables} == set(TABLES)


def test_migrate_makes_the_schema_and_distributes_it(install: Callable[[str], str]) -> None:
    with empty_database() as url:
        migrated = run(migrate(install(url)))
        assert migrated == Migrated([*range(1, len(schema_steps()) + 1)], DISTRIBUTED)
        assert _asked(url) == _expected()


def test_tables_of_identities_share_their_places_and_logins_have_others(migrated: str) -> None:
    run(migrate(migrated))
    groups = {
        table: (method, column, group)
        for table, method, column, group in execute(GROUPS, url=migrated)
    }
    together = groups[LEADING][2]
    for table, decision in TABLES.items():
        match decision:
            case Distributed("identity_id"):
                assert groups[table] == ("h", "identity_id", together)
            case Distributed(column):
                assert groups[table][:2] == ("h", column)
                assert groups[table][2] != together
            case Reference():
                assert groups[table][0] == "n"
            case _:
                assert table not in groups


def test_migrating_again_asks_nothing_more(migrated: str) -> None:
    assert run(migrate(migrated)) == Migrated([], DISTRIBUTED)
    assert run(migrate(migrated)) == Migrated([], [])
    assert _asked(migrated) == _expected()


def test_the_command_says_what_it_distributed(migrated: str) -> None:
    for done in (f"distributed {', '.join(DISTRIBUTED)}", "nothing to do"):
        said = CliRunner().invoke(app, ["migrate", "--store", migrated])
        assert (said.exit_code, said.stdout.partition(": ")[2]) == (0, f"{done}.\n")


def test_a_database_that_holds_data_is_distributed_as_well(
    install: Callable[[str], str],
) -> None:
    release = dumps()[-1]
    with empty_database() as url:
        restore(release, url)
        run(migrate(install(url)))
        assert _asked(url) == _expected()
        run(check(url, number_of(release)))


@pytest.mark.parametrize("table", ["records", "logins", "identity_pools"])
def test_the_next_migrate_distributes_what_is_left_or_new(migrated: str, table: str) -> None:
    run(migrate(migrated))
    execute(
        f"DELETE FROM pg_dist_partition WHERE logicalrelid = '{table}'::regclass".encode(),
        url=migrated,
    )
    asked = len(_asked(migrated))
    run(migrate(migrated))
    assert _asked(migrated)[asked:] == [call for call in _expected() if f" {table}" in f"{call} "]


def test_migrations_at_the_same_time_distribute_each_table_once(migrated: str) -> None:
    async def migrate_at_once() -> None:
        await asyncio.gather(*(migrate(migrated) for _ in range(4)))

    run(migrate_at_once())
    assert _asked(migrated) == _expected()


@pytest.mark.parametrize(
    ("done", "words"),
    [
        (
            "create_distributed_table('records', 'dataset_name', colocate_with => 'none')",
            "records must be distributed by identity_id",
        ),
        (
            "create_distributed_table('access_keys', 'access_key_id', colocate_with => 'none')",
            "access_keys must be a reference table",
        ),
        ("create_reference_table('datasets')", "datasets must be distributed by identity_id"),
        ("create_reference_table('copies')", "copies must be left undistributed"),
    ],
)
def test_a_table_that_was_distributed_otherwise_is_named(
    migrated: str, done: str, words: str
) -> None:
    execute(f"SELECT {done}".encode(), url=migrated)
    with pytest.raises(StoreUnusable, match=words) as raised:
        run(migrate(migrated))
    assert "SELECT undistribute_table(" in str(raised.value)


def test_without_the_extension_nothing_is_distributed() -> None:
    with database() as url:
        before = execute(b"SELECT count(*) FROM pg_class", url=url)
        assert run(migrate(url)) == Migrated([], [])
        assert execute(b"SELECT count(*) FROM pg_class", url=url) == before


@pytest.mark.parametrize(
    ("columns", "asked", "words"),
    [
        (
            "identity_id TEXT, name TEXT PRIMARY KEY",
            "colocate_with => 'none'",
            "cannot create constraint",
        ),
        ("identity_id TEXT", "colocate_with => 'datasets'", "cannot colocate"),
        ("identity_id BYTEA", "colocate_with => 'datasets'", "cannot colocate"),
        ("identity_id TEXT", "colocate_with => 'copies'", "copies is not distributed"),
        ("identity_id POINT", "colocate_with => 'none'", "could not identify a hash function"),
        (
            "name TEXT, identity_id TEXT GENERATED ALWAYS AS (name) STORED",
            "colocate_with => 'none'",
            "cannot distribute relation",
        ),
        ("other TEXT", "colocate_with => 'none'", "does not exist"),
    ],
)
def test_the_stand_in_refuses_what_citus_refuses(
    migrated: str, columns: str, asked: str, words: str
) -> None:
    run(migrate(migrated))
    execute(f"CREATE TABLE new_one ({columns})".encode(), url=migrated)
    with pytest.raises(psycopg.Error, match=words):
        execute(
            f"SELECT create_distributed_table('new_one', 'identity_id', {asked})".encode(),
            url=migrated,
        )


def test_the_stand_in_refuses_to_distribute_a_table_twice(migrated: str) -> None:
    run(migrate(migrated))
    with pytest.raises(psycopg.Error, match="already distributed"):
        execute(b"SELECT create_reference_table('records')", url=migrated)


def test_a_login_that_goes_from_one_identity_to_another_is_always_found(migrated: str) -> None:
    async def move_and_find() -> None:
        mover, finder = [await PostgresStore.open(migrated) for _ in range(2)]
        owner, other = identity(IDENTITY, LOGIN), identity(OTHER_IDENTITY, OTHER_LOGIN)
        await create(mover, owner, other)

        async def move() -> None:
            before, after = owner, other
            for _ in range(MOVES):
                before = changed(before, logins=before.logins[1:])
                after = changed(after, logins=(LOGIN, *after.logins))
                assert await mover.change_identities(changing(before, after))
                before, after = after, before

        moving = asyncio.create_task(move())
        while not moving.done():
            (found,) = await finder.find_identities(POOL, [LOGIN])
            assert LOGIN in found.logins
        await moving
        await mover.close()
        await finder.close()

    run(move_and_find())
