"""Databases full of identities: the engine makes one, and the database copies its rows."""

import asyncio
import random
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import psycopg

from bench.preload import KEYS, POOL_ID, value_of
from keepstep.domain.identities import Identity, IdentityChange, IdentityWrite
from keepstep.domain.limits import SYNC_SESSION_MS
from keepstep.domain.pools import IdentityPool, PoolSettings
from keepstep.storage.postgres import PostgresStore

from .updates import now_ms, update_stored

_SEED: Final = 20_260_102
_IDENTITY_BITS: Final = 128

_TABLES: Final = b"""
    SELECT table_name FROM information_schema.columns
    WHERE table_schema = 'public' AND column_name = 'identity_id'
      AND table_name <> 'consumed_sessions'
"""
_COPY: Final = """
    INSERT INTO {table}
    SELECT copy.*
    FROM unnest(%(identities)s::text[]) WITH ORDINALITY AS others (identity_id, position),
         {table} AS one,
         jsonb_populate_record(one, jsonb_build_object('identity_id', others.identity_id)) AS copy
    WHERE one.identity_id = %(first)s
    ORDER BY others.position
"""
_SESSIONS: Final = b"""
    INSERT INTO consumed_sessions (identity_id, session_id, expires_at)
    SELECT identity_id, decode(replace(gen_random_uuid()::text, '-', ''), 'hex'),
           %(now)s + (random() * %(lasts)s)::bigint
    FROM unnest(%(identities)s::text[]) AS identity_id
"""


@dataclass(frozen=True, slots=True)
class Stored:
    """A database's URL, and its identities, for each of which requests are made."""

    url: str
    sampled: Sequence[str]


def new_identities(size: int) -> list[str]:
    """Give new ids in the order in which devices come, which is none."""
    chance = random.Random(_SEED)
    numbers = [chance.getrandbits(_IDENTITY_BITS) for _ in range(size)]
    return [f"us-east-1:{uuid.UUID(int=number)}" for number in numbers]


def preload(url: str, size: int) -> Stored:
    """Fill a new store with guests of one dataset each; its records have counts from 1 on."""
    identities = new_identities(size)
    values = {key: value_of(number) for number, key in enumerate(KEYS)}
    make_first(url, identities[0], values)
    copy_first(url, identities)
    return Stored(url, identities)


def make_first(url: str, identity: str, values: dict[str, str]) -> None:
    """Make a pool, and a guest with a dataset of these records, through the engine."""
    asyncio.run(_make_first(url, identity, values))


def copy_first(url: str, identities: Sequence[str], *, sessions: bool = False) -> None:
    """Copy what the first identity has to the others; ``sessions`` gives all a consumed one."""
    others = {"first": identities[0], "identities": list(identities[1:])}
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(b"DELETE FROM consumed_sessions")
        for (table,) in connection.execute(_TABLES).fetchall():
            connection.execute(_COPY.format(table=table).encode(), others)
        if sessions:
            given: dict[str, Any] = {"now": now_ms(), "lasts": SYNC_SESSION_MS}
            connection.execute(_SESSIONS, {**given, "identities": list(identities)})


async def _make_first(url: str, identity: str, values: dict[str, str]) -> None:
    store = await PostgresStore.open(url)
    now = now_ms()
    try:
        await store.create_pool(
            IdentityPool(
                identity_pool_id=POOL_ID,
                name="benchmark",
                creation_date=now,
                last_modified_date=now,
                settings=PoolSettings(allow_unauthenticated=True),
            )
        )
        guest = Identity(
            identity_id=identity,
            identity_pool_id=POOL_ID,
            creation_date=now,
            last_modified_date=now,
        )
        write = IdentityWrite(identity=guest, expected_version=None)
        change = IdentityChange(identity_pool_id=POOL_ID, date=now, writes=(write,))
        assert await store.change_identities(change)
        for key, value in values.items():
            await update_stored(store, identity, [key], value)
    finally:
        await store.close()
