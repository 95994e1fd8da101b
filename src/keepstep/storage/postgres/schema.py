"""The schema steps of a database, and the lease under which they are applied.

The table ``keepstep_schema`` has one row: the number of the last step, and who applies steps
now, until when by the database's own clock. Each step is one transaction that goes from its
predecessor's number to its own, so that no two of them interleave whatever becomes of the lease.
"""

import asyncio
import re
import time
from importlib.resources import files
from typing import Final

import psycopg
from psycopg import AsyncConnection
from psycopg.errors import DuplicateObject, DuplicateTable, UndefinedTable, UniqueViolation

from keepstep.interfaces.storage import StoreUnusable

from .connections import ATTEMPTS_MAX, Connection, configure, connect_arguments
from .failures import explain
from .settings import PostgresSettings, name_of, split_url

LEASE_SECONDS: Final = 60
"""How long a process that applies steps is waited for once it says nothing more."""
LEASE_POLL_SECONDS: Final = 0.1

_STEP_NAME = re.compile(r"(\d{4})_\w+\.sql")
_CREATE_TABLE: Final = b"""
    CREATE TABLE IF NOT EXISTS keepstep_schema (
        one BOOLEAN PRIMARY KEY DEFAULT true CHECK (one),
        number BIGINT NOT NULL,
        holder TEXT,
        held_until TIMESTAMPTZ
    )
"""
_CREATE_ROW: Final = b"INSERT INTO keepstep_schema (number) VALUES (0) ON CONFLICT DO NOTHING"
_TAKE: Final = b"""
    UPDATE keepstep_schema
    SET holder = gen_random_uuid()::text, held_until = now() + make_interval(secs => %(seconds)s)
    WHERE held_until IS NULL OR held_until < now()
    RETURNING holder
"""
_ADVANCE: Final = b"""
    UPDATE keepstep_schema
    SET number = %(number)s, held_until = now() + make_interval(secs => %(seconds)s)
    WHERE number = %(number)s - 1 AND holder = %(holder)s
"""
_RELEASE: Final = b"""
    UPDATE keepstep_schema SET holder = NULL, held_until = NULL WHERE holder = %(holder)s
"""
_NUMBER: Final = b"SELECT number FROM keepstep_schema"
_ENCODING: Final = b"SELECT current_setting('server_encoding')"


def schema_steps() -> list[bytes]:
    """Give the schema steps, oldest first; the position is the number, from 1."""
    folder = files("keepstep.storage.postgres").joinpath("schema")
    named = sorted((step.name, step) for step in folder.iterdir())
    for number, (name, _) in enumerate(named, start=1):
        match = _STEP_NAME.fullmatch(name)
        assert match is not None, name
        assert int(match[1]) == number, name
    return [step.read_bytes() for _, step in named]


async def migrate(url: str, settings: PostgresSettings | None = None) -> list[int]:
    """Bring a database to this version's schema; give the numbers of the steps applied.

    Raises StoreUnusable with what to do.
    """
    conninfo, used = split_url(url, settings)
    name = name_of(conninfo)
    try:
        async with await AsyncConnection.connect(conninfo, **connect_arguments(used)) as connection:
            await configure(connection, used.long_statement_seconds)
            await _check_encoding(connection, name)
            await _create_table(connection)
            return await _migrate(connection, name)
    except psycopg.Error as error:
        raise StoreUnusable(explain(error, name)) from error


async def check_schema(connection: Connection, name: str) -> None:
    """Raise StoreUnusable, with what to do, if a database has not this version's schema."""
    await _check_encoding(connection, name)
    newest = len(schema_steps())
    try:
        number = await _schema_number(connection)
    except UndefinedTable:
        number = 0
    _check_not_newer(number, name)
    if number < newest:
        state = f"has an older schema ({number}, this keepstep needs {newest})"
        raise StoreUnusable(
            f"the store {name} {state if number else 'is empty'}; "
            "run keepstep migrate --store URL with its URL"
        )


async def _migrate(connection: Connection, name: str) -> list[int]:
    steps = schema_steps()
    applied: list[int] = []
    holder = None
    try:
        while (number := await _schema_number(connection)) < len(steps):
            if holder is None:
                holder = await _take_lease(connection, name)
                continue  # another process may have applied steps while this one waited
            await _apply(connection, steps[number], number + 1, holder, name)
            applied.append(number + 1)
    finally:
        if holder is not None and not connection.broken:
            await connection.execute(_RELEASE, {"holder": holder})
    _check_not_newer(number, name)
    return applied


async def _apply(connection: Connection, step: bytes, number: int, holder: str, name: str) -> None:
    async with connection.transaction():
        values = {"number": number, "holder": holder, "seconds": LEASE_SECONDS}
        if (await connection.execute(_ADVANCE, values)).rowcount != 1:
            raise StoreUnusable(
                f"the store {name}: another keepstep migrate took over; see that it ends"
            )
        await connection.execute(step)


async def _take_lease(connection: Connection, name: str) -> str:
    deadline = time.monotonic() + 2 * LEASE_SECONDS
    while True:
        cursor = await connection.execute(_TAKE, {"seconds": LEASE_SECONDS})
        row = await cursor.fetchone()
        if row is not None:
            return row[0]
        if time.monotonic() > deadline:
            raise StoreUnusable(
                f"the store {name}: another keepstep migrate is at work; wait until it ends"
            )
        await asyncio.sleep(LEASE_POLL_SECONDS)


async def _create_table(connection: Connection) -> None:
    for attempt in range(1, ATTEMPTS_MAX + 1):
        try:
            await connection.execute(_CREATE_TABLE)
            break
        except (UniqueViolation, DuplicateTable, DuplicateObject):  # another makes it just now
            if attempt == ATTEMPTS_MAX:
                raise
            await asyncio.sleep(LEASE_POLL_SECONDS)
    await connection.execute(_CREATE_ROW)


async def _schema_number(connection: Connection) -> int:
    row = await (await connection.execute(_NUMBER)).fetchone()
    return 0 if row is None else row[0]


async def _check_encoding(connection: Connection, name: str) -> None:
    row = await (await connection.execute(_ENCODING)).fetchone()
    if row is None or row[0] != "UTF8":
        raise StoreUnusable(
            f"the store {name} is not in UTF-8; create the database with ENCODING 'UTF8' "
            "TEMPLATE template0"
        )


def _check_not_newer(number: int, name: str) -> None:
    newest = len(schema_steps())
    if number > newest:
        raise StoreUnusable(
            f"the store {name} was made by a newer keepstep (schema {number}, this one knows "
            f"{newest}); install that version or a later one"
        )
