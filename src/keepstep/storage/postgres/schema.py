"""The schema steps of a database, and the lease under which they are applied.

The table ``keepstep_schema`` has one row: the number of the last step, that of the oldest program
which may use the result, and who applies steps now, until when by the database's own clock. Each
step is one transaction that goes from its predecessor's number to its own, so that no two of them
interleave whatever becomes of the lease.

A step adds to what is there, and older servers go on beside it, also when they are started again.
One that takes something away says so in a line, ``-- readable by 0007``: from then on, programs
that know fewer than seven steps are refused.
"""

import asyncio
import re
import time
from collections.abc import Sequence
from importlib.resources import files
from typing import Final

import msgspec
import psycopg
from psycopg.errors import DuplicateObject, DuplicateTable, UndefinedTable, UniqueViolation

from keepstep.interfaces.storage import StoreUnusable

from .connections import ATTEMPTS_MAX, Connection, configure, connect_arguments
from .failures import explain
from .settings import PostgresSettings, name_of, split_url
from .sharding import distribute, undistributed

LEASE_SECONDS: Final = 60
"""How long a process that applies steps is waited for once it says nothing more."""
LEASE_POLL_SECONDS: Final = 0.1

_STEP_NAME = re.compile(r"(\d{4})_\w+\.sql")
_READABLE_BY = re.compile(rb"^-- readable by (\d{4})$", re.MULTILINE)
_CREATE_TABLE: Final = b"""
    CREATE TABLE IF NOT EXISTS keepstep_schema (
        one BOOLEAN PRIMARY KEY DEFAULT true CHECK (one),
        number BIGINT NOT NULL,
        readable_by BIGINT NOT NULL DEFAULT 1,
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
    SET number = %(number)s, readable_by = greatest(readable_by, %(readable_by)s),
        held_until = now() + make_interval(secs => %(seconds)s)
    WHERE number = %(number)s - 1 AND holder = %(holder)s
"""
_HOLD: Final = b"""
    UPDATE keepstep_schema SET held_until = now() + make_interval(secs => %(seconds)s)
    WHERE holder = %(holder)s
"""
_RELEASE: Final = b"""
    UPDATE keepstep_schema SET holder = NULL, held_until = NULL WHERE holder = %(holder)s
"""
_STATE: Final = b"SELECT number, readable_by FROM keepstep_schema"
_ENCODING: Final = b"SELECT current_setting('server_encoding')"


class Migrated(msgspec.Struct, frozen=True):
    """What a migration did: the numbers of the steps applied, and the tables distributed."""

    steps: list[int]
    tables: list[str]


def schema_steps() -> list[bytes]:
    """Give the schema steps, oldest first; the position is the number, from 1."""
    folder = files("keepstep.storage.postgres").joinpath("schema")
    named = sorted((step.name, step) for step in folder.iterdir())
    for number, (name, _) in enumerate(named, start=1):
        match = _STEP_NAME.fullmatch(name)
        assert match is not None, name
        assert int(match[1]) == number, name
    return [step.read_bytes() for _, step in named]


def oldest_reader(step: bytes) -> int:
    """Give the least number of steps that a program must know to use what a step leaves."""
    match = _READABLE_BY.search(step)
    return 1 if match is None else int(match[1])


async def migrate(
    url: str, settings: PostgresSettings | None = None, steps: Sequence[bytes] | None = None
) -> Migrated:
    """Bring a database to this version's schema; give what that took.

    Where the extension Citus is, every table that is not yet is distributed as well. A newer
    schema that this version may use is left as it is. ``steps`` are those of another version.

    Raises StoreUnusable with what to do.
    """
    conninfo, used = split_url(url, settings)
    name = name_of(conninfo)
    try:
        async with await Connection.connect(conninfo, **connect_arguments(used)) as connection:
            await configure(connection, used.long_statement_seconds, much=True)
            await _check_encoding(connection, name)
            await _create_table(connection)
            seconds = used.long_statement_seconds
            return await _migrate(connection, name, steps or schema_steps(), seconds)
    except psycopg.Error as error:
        raise StoreUnusable(explain(error, name)) from error


async def check_schema(connection: Connection, name: str, newest: int | None = None) -> None:
    """Raise StoreUnusable, with what to do, if this version may not use a database's schema.

    ``newest`` is the last schema that another version knows.
    """
    await _check_encoding(connection, name)
    newest = len(schema_steps()) if newest is None else newest
    try:
        number, readable_by = await _schema_state(connection)
    except UndefinedTable:
        number, readable_by = 0, 0
    _check_readable(number, readable_by, newest, name)
    if number < newest:
        state = f"has an older schema ({number}, this keepstep needs {newest})"
        raise StoreUnusable(
            f"the store {name} {state if number else 'is empty'}; "
            "run keepstep migrate --store URL with its URL"
        )


async def _migrate(
    connection: Connection, name: str, steps: Sequence[bytes], statement_seconds: float
) -> Migrated:
    done = Migrated([], [])
    holder = None
    try:
        while True:
            number, readable_by = await _schema_state(connection)
            _check_readable(number, readable_by, len(steps), name)
            tables = await undistributed(connection, name) if number == len(steps) else []
            if number >= len(steps) and not tables:
                return done
            if holder is None:
                holder = await _take_lease(connection, name)
                continue  # another process may have done all that while this one waited
            if number < len(steps):
                await _apply(connection, steps[number], number + 1, holder, name)
                done.steps.append(number + 1)
            else:
                await _hold(connection, holder, name, statement_seconds + LEASE_SECONDS)
                await distribute(connection, tables[0])
                done.tables.append(tables[0])
    finally:
        if holder is not None and not connection.broken:
            await connection.execute(_RELEASE, {"holder": holder})


async def _apply(connection: Connection, step: bytes, number: int, holder: str, name: str) -> None:
    async with connection.transaction():
        values = {
            "number": number,
            "readable_by": oldest_reader(step),
            "holder": holder,
            "seconds": LEASE_SECONDS,
        }
        if (await connection.execute(_ADVANCE, values)).rowcount != 1:
            raise _taken_over(name)
        await connection.execute(step)


async def _hold(connection: Connection, holder: str, name: str, seconds: float) -> None:
    """Keep the lease for as long as a statement may take that is a transaction by itself."""
    values = {"holder": holder, "seconds": seconds}
    if (await connection.execute(_HOLD, values)).rowcount != 1:
        raise _taken_over(name)


def _taken_over(name: str) -> StoreUnusable:
    return StoreUnusable(f"the store {name}: another keepstep migrate took over; see that it ends")


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


async def _schema_state(connection: Connection) -> tuple[int, int]:
    """Read the number of the last step, and the least number a program must know."""
    row = await (await connection.execute(_STATE)).fetchone()
    return (0, 0) if row is None else (row[0], row[1])


async def _check_encoding(connection: Connection, name: str) -> None:
    row = await (await connection.execute(_ENCODING)).fetchone()
    if row is None or row[0] != "UTF8":
        raise StoreUnusable(
            f"the store {name} is not in UTF-8; create the database with ENCODING 'UTF8' "
            "TEMPLATE template0"
        )


def _check_readable(number: int, readable_by: int, newest: int, name: str) -> None:
    if newest < readable_by:
        raise StoreUnusable(
            f"the store {name} was made by a newer keepstep (schema {number}, this one knows "
            f"{newest}); install that version or a later one"
        )
