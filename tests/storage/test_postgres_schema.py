"""A PostgreSQL database gets its schema by migrate alone, in steps that only go forward."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from keepstep.interfaces.storage import StoreUnusable
from keepstep.storage.postgres import PostgresStore, migrate
from keepstep.storage.postgres.connections import Connection, connect_arguments
from keepstep.storage.postgres.schema import Migrated, check_schema, oldest_reader, schema_steps
from keepstep.storage.postgres.settings import PostgresSettings
from keepstep.storage.postgres.sharding import LEADING, TABLES
from keepstep.testing.storage_suite.running import pool, run

from .postgres_server import database, empty_database, execute
from .released_postgres import NEWEST, check, dumps, number_of, restore, statements_of

SCHEMA = (
    b"""
    SELECT table_name, column_name, data_type, collation_name, is_nullable, column_default
    FROM information_schema.columns WHERE table_schema = 'public'
    """,
    b"SELECT indexdef FROM pg_indexes WHERE schemaname = 'public'",
    b"""
    SELECT conrelid::regclass::text, contype, pg_get_constraintdef(oid) FROM pg_constraint
    WHERE connamespace = 'public'::regnamespace
    """,
    b"SELECT relname, reloptions FROM pg_class WHERE relnamespace = 'public'::regnamespace",
)
COLUMNS = b"""
    SELECT table_name, column_name, is_nullable = 'NO' AND column_default IS NULL
    FROM information_schema.columns WHERE table_schema = 'public'
"""
NOTHING = Migrated([], [])
EVERY_STEP = list(range(1, len(schema_steps()) + 1))
OF_IDENTITIES = {table for table, each in TABLES.items() if each == TABLES["records"]} | {LEADING}


@pytest.fixture
def empty() -> Iterator[str]:
    with empty_database() as url:
        yield url


@pytest.fixture
def migrated() -> Iterator[str]:
    with database() as url:
        yield url


async def _check(url: str, newest: int) -> None:
    arguments = connect_arguments(PostgresSettings())
    async with await Connection.connect(url, **arguments) as connection:
        await check_schema(connection, "the store", newest)


async def _open_and_close(url: str) -> None:
    await (await PostgresStore.open(url)).close()


def _refusal(url: str) -> str:
    with pytest.raises(StoreUnusable) as raised:
        run(_open_and_close(url))
    return str(raised.value)


def test_an_empty_database_is_not_opened_until_it_is_migrated(empty: str) -> None:
    assert "is empty; run keepstep migrate --store URL" in _refusal(empty)
    assert run(migrate(empty)).steps == EVERY_STEP
    run(_open_and_close(empty))


def test_a_migrated_database_is_left_as_it_is(migrated: str) -> None:
    async def keep() -> None:
        store = await PostgresStore.open(migrated)
        await store.create_pool(pool())
        await store.close()
        assert await migrate(migrated) == NOTHING
        store = await PostgresStore.open(migrated)
        assert await store.find_pool(pool().identity_pool_id) == pool()
        await store.close()

    run(keep())


def test_an_older_schema_is_named_with_what_to_do(migrated: str) -> None:
    execute(b"UPDATE keepstep_schema SET number = -1", url=migrated)
    assert "older schema (-1," in _refusal(migrated)
    assert "run keepstep migrate --store URL" in _refusal(migrated)


def test_a_newer_schema_that_took_something_away_is_neither_opened_nor_migrated(
    migrated: str,
) -> None:
    execute(b"UPDATE keepstep_schema SET number = 999, readable_by = 998", url=migrated)
    assert "newer keepstep (schema 999" in _refusal(migrated)
    with pytest.raises(StoreUnusable, match="newer keepstep"):
        run(migrate(migrated))


def test_a_newer_schema_that_only_added_is_used_as_it_is(migrated: str) -> None:
    execute(b"UPDATE keepstep_schema SET number = 999, readable_by = 1", url=migrated)
    assert run(migrate(migrated)) == NOTHING
    run(_open_and_close(migrated))
    assert execute(b"SELECT number, readable_by FROM keepstep_schema", url=migrated) == [(999, 1)]


def test_what_a_step_takes_away_ends_the_use_by_programs_that_do_not_know_better() -> None:
    adding = [b"CREATE TABLE a (b BIGINT)", b"ALTER TABLE a ADD c BIGINT"]
    ending = b"-- What nobody uses any more.\n-- readable by 0002\nALTER TABLE a DROP b"
    later = b"CREATE TABLE d (e BIGINT)"

    async def migrate_step_by_step(url: str) -> None:
        await migrate(url, steps=adding)
        await _check(url, newest=1)
        assert await migrate(url, steps=adding[:1]) == NOTHING
        await migrate(url, steps=[*adding, ending, later])
        await _check(url, newest=2)
        with pytest.raises(StoreUnusable, match="newer keepstep"):
            await _check(url, newest=1)
        with pytest.raises(StoreUnusable, match="newer keepstep"):
            await migrate(url, steps=adding[:1])

    with empty_database() as url:
        run(migrate_step_by_step(url))


def test_a_step_is_for_programs_that_know_no_more_than_itself() -> None:
    for number, step in enumerate(schema_steps(), start=1):
        assert 1 <= oldest_reader(step) <= number


def test_of_migrations_at_the_same_time_each_step_is_applied_once(empty: str) -> None:
    async def migrate_at_once() -> list[Migrated]:
        return await asyncio.gather(*(migrate(empty) for _ in range(6)))

    migrated = run(migrate_at_once())
    assert sorted(step for each in migrated for step in each.steps) == EVERY_STEP
    run(_open_and_close(empty))


def test_the_lease_of_a_migration_that_died_is_taken_over(empty: str) -> None:
    run(migrate(empty))
    execute(b"DROP SCHEMA public CASCADE", url=empty)
    execute(b"CREATE SCHEMA public", url=empty)
    execute(
        b"CREATE TABLE keepstep_schema (one BOOLEAN PRIMARY KEY DEFAULT true, number BIGINT,"
        b" readable_by BIGINT DEFAULT 1, holder TEXT, held_until TIMESTAMPTZ)",
        url=empty,
    )
    execute(
        b"INSERT INTO keepstep_schema (number, holder, held_until)"
        b" VALUES (0, 'dead', now() - interval '1 second')",
        url=empty,
    )
    assert run(migrate(empty)).steps == EVERY_STEP
    rows = execute(b"SELECT number, holder, held_until FROM keepstep_schema", url=empty)
    assert rows == [(len(EVERY_STEP), None, None)]


def test_a_step_that_fails_changes_nothing(empty: str) -> None:
    execute(b"CREATE TABLE token_keys (in_the_way INTEGER)", url=empty)
    with pytest.raises(StoreUnusable, match="token_keys"):
        run(migrate(empty))
    tables = execute(b"SELECT tablename FROM pg_tables WHERE schemaname = 'public'", url=empty)
    assert sorted(tables) == [("keepstep_schema",), ("token_keys",)]
    assert execute(b"SELECT number, holder FROM keepstep_schema", url=empty) == [(0, None)]


def test_a_database_that_is_not_in_utf_8_is_refused() -> None:
    name = "not_utf_8"
    with empty_database() as url:
        other = url.replace(url.split("?")[0].rpartition("/")[2], name)
        execute(
            f"CREATE DATABASE {name} TEMPLATE template0 ENCODING 'SQL_ASCII' LOCALE 'C'".encode()
        )
        try:
            with pytest.raises(StoreUnusable, match="is not in UTF-8; create the database with"):
                run(migrate(other))
        finally:
            execute(f"DROP DATABASE {name}".encode())


def test_every_table_that_grows_with_users_leads_its_key_with_the_identity(migrated: str) -> None:
    first_columns = dict(
        execute(
            b"SELECT conrelid::regclass::text, attname FROM pg_constraint"
            b" JOIN pg_attribute ON attrelid = conrelid AND attnum = conkey[1]"
            b" WHERE contype = 'p'",
            url=migrated,
        )
    )
    assert {
        table for table, column in first_columns.items() if column == "identity_id"
    } == OF_IDENTITIES


def test_nothing_in_the_schema_is_shared_across_identities(migrated: str) -> None:
    for shared in (
        b"SELECT tgname FROM pg_trigger",
        b"SELECT sequencename FROM pg_sequences",
        b"SELECT conname FROM pg_constraint WHERE contype = 'f'",
    ):
        assert execute(shared, url=migrated) == []


def _schema_of(url: str) -> list[list[tuple[object, ...]]]:
    return [sorted(execute(part, url=url), key=str) for part in SCHEMA]


def test_every_schema_has_a_released_database_to_upgrade() -> None:
    assert [number_of(release) for release in dumps()] == EVERY_STEP, (
        "python -m tests.storage.released_postgres writes the dump of the newest schema"
    )


@pytest.mark.parametrize("release", dumps(), ids=lambda release: release.stem)
def test_a_database_of_a_released_schema_is_upgraded_with_its_data(
    empty: str, release: Path
) -> None:
    restore(release, empty)
    number = number_of(release)
    if number < NEWEST:
        assert f"has an older schema ({number}, this keepstep needs {NEWEST})" in _refusal(empty)
    assert run(migrate(empty)).steps == EVERY_STEP[number:]
    run(check(empty, number))
    with database() as new:
        assert _schema_of(empty) == _schema_of(new)


@pytest.mark.parametrize("release", dumps(), ids=lambda release: release.stem)
def test_a_released_step_is_never_changed(empty: str, release: Path) -> None:
    run(migrate(empty, steps=schema_steps()[: number_of(release)]))
    with empty_database() as restored:
        restore(release, restored)
        assert _schema_of(restored) == _schema_of(empty)


@pytest.mark.parametrize("release", dumps(), ids=lambda release: release.stem)
def test_an_older_server_goes_on_beside_the_newest_schema(empty: str, release: Path) -> None:
    restore(release, empty)
    before = {(table, column) for table, column, _ in execute(COLUMNS, url=empty)}
    run(migrate(empty))
    ((readable_by,),) = execute(b"SELECT readable_by FROM keepstep_schema", url=empty)
    if number_of(release) < readable_by:
        with pytest.raises(StoreUnusable, match="newer keepstep"):
            run(_check(empty, number_of(release)))
        return
    run(_check(empty, number_of(release)))
    tables = {table for table, _ in before}
    needed = {row[:2] for row in execute(COLUMNS, url=empty) if row[0] in tables and row[2]}
    assert needed <= before, "a new column is NULL or has a default for those who do not know it"
    with psycopg.connect(empty) as connection:
        cursor = psycopg.ClientCursor(connection)  # which leaves the parameters to EXPLAIN
        for statement in statements_of(release).values():
            cursor.execute(f"EXPLAIN (GENERIC_PLAN) {statement}".encode())
