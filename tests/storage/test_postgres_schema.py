"""A PostgreSQL database gets its schema by migrate alone, in steps that only go forward."""

import asyncio
from collections.abc import Iterator

import pytest

from keepstep.interfaces.storage import StoreUnusable
from keepstep.storage.postgres import PostgresStore, migrate
from keepstep.storage.postgres.schema import schema_steps
from keepstep.testing.storage_suite.running import pool, run

from .postgres_server import database, empty_database, execute

EVERY_STEP = list(range(1, len(schema_steps()) + 1))
GROWING = {"identities", "datasets", "dataset_counts", "records", "consumed_sessions"}


@pytest.fixture
def empty() -> Iterator[str]:
    with empty_database() as url:
        yield url


@pytest.fixture
def migrated() -> Iterator[str]:
    with database() as url:
        yield url


async def _open_and_close(url: str) -> None:
    await (await PostgresStore.open(url)).close()


def _refusal(url: str) -> str:
    with pytest.raises(StoreUnusable) as raised:
        run(_open_and_close(url))
    return str(raised.value)


def test_an_empty_database_is_not_opened_until_it_is_migrated(empty: str) -> None:
    assert "is empty; run keepstep migrate --store URL" in _refusal(empty)
    assert run(migrate(empty)) == EVERY_STEP
    run(_open_and_close(empty))


def test_a_migrated_database_is_left_as_it_is(migrated: str) -> None:
    async def keep() -> None:
        store = await PostgresStore.open(migrated)
        await store.create_pool(pool())
        await store.close()
        assert await migrate(migrated) == []
        store = await PostgresStore.open(migrated)
        assert await store.find_pool(pool().identity_pool_id) == pool()
        await store.close()

    run(keep())


def test_an_older_schema_is_named_with_what_to_do(migrated: str) -> None:
    execute(b"UPDATE keepstep_schema SET number = -1", url=migrated)
    assert "older schema (-1," in _refusal(migrated)
    assert "run keepstep migrate --store URL" in _refusal(migrated)


def test_a_newer_schema_is_neither_opened_nor_migrated(migrated: str) -> None:
    execute(b"UPDATE keepstep_schema SET number = 999", url=migrated)
    assert "newer keepstep (schema 999" in _refusal(migrated)
    with pytest.raises(StoreUnusable, match="newer keepstep"):
        run(migrate(migrated))


def test_of_migrations_at_the_same_time_each_step_is_applied_once(empty: str) -> None:
    async def migrate_at_once() -> list[list[int]]:
        return await asyncio.gather(*(migrate(empty) for _ in range(6)))

    applied = run(migrate_at_once())
    assert sorted(step for steps in applied for step in steps) == EVERY_STEP
    run(_open_and_close(empty))


def test_the_lease_of_a_migration_that_died_is_taken_over(empty: str) -> None:
    run(migrate(empty))
    execute(b"DROP SCHEMA public CASCADE", url=empty)
    execute(b"CREATE SCHEMA public", url=empty)
    execute(
        b"CREATE TABLE keepstep_schema (one BOOLEAN PRIMARY KEY DEFAULT true, number BIGINT,"
        b" holder TEXT, held_until TIMESTAMPTZ)",
        url=empty,
    )
    execute(
        b"INSERT INTO keepstep_schema (number, holder, held_until)"
        b" VALUES (0, 'dead', now() - interval '1 second')",
        url=empty,
    )
    assert run(migrate(empty)) == EVERY_STEP
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
    assert {table for table, column in first_columns.items() if column == "identity_id"} == GROWING


def test_nothing_in_the_schema_is_shared_across_identities(migrated: str) -> None:
    for shared in (
        b"SELECT tgname FROM pg_trigger",
        b"SELECT sequencename FROM pg_sequences",
        b"SELECT conname FROM pg_constraint WHERE contype = 'f'",
    ):
        assert execute(shared, url=migrated) == []
