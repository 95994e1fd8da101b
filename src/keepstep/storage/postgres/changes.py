"""The changes of datasets, pools and keys, each one statement, but for the deletion of a pool."""

from collections.abc import Awaitable, Callable, Iterable, Mapping
from itertools import product
from typing import Any, Final

from psycopg import Rollback
from psycopg.errors import UniqueViolation

from keepstep.domain.access import AccessKey
from keepstep.domain.dataset_changes import DatasetChange
from keepstep.domain.pools import IdentityPool
from keepstep.domain.revocations import identity_subject

from .connections import Connection
from .queries import QUERIES
from .reads import find_dataset, row_of
from .values import (
    Values,
    dataset_values,
    messages_values,
    place_values,
    pool_values,
    records_values,
    revocation_key,
)


def _in_one(head: str, erases: bool, sends: bool) -> bytes:
    parts = [head, "and_what_goes_with_it"]
    parts += ["and_what_is_erased"] * erases + ["and_what_leaves"] * sends
    return b" ".join(QUERIES[part] for part in (*parts, "in_one"))


_CHANGE_DATASET: Final = {
    given: _in_one(*given)
    for given in product(
        ("create_dataset", "revive_dataset", "update_dataset"), (False, True), (False, True)
    )
}
"""By how the head is written, whether records are erased, and whether messages leave: a change
that does neither pays for neither."""


async def write(connection: Connection, query: str, values: Values | None = None) -> int:
    """Execute a statement of the ``.sql`` files; give how many rows it wrote."""
    return (await connection.execute(QUERIES[query], values)).rowcount


async def write_each(connection: Connection, query: str, values: Iterable[Values]) -> int:
    """Execute a statement with each of some values, in order; give how many rows were written."""
    async with connection.cursor() as cursor:
        await cursor.executemany(QUERIES[query], list(values))
        return cursor.rowcount


async def rows_of_each(
    connection: Connection, query: str, values: Iterable[Values]
) -> list[list[Any]]:
    """Execute a statement with each of some values, in order; fetch the rows for each."""
    async with connection.cursor(binary=True) as cursor:
        await cursor.executemany(QUERIES[query], list(values), returning=True)
        found = [await cursor.fetchall()] if cursor.pgresult is not None else []
        while cursor.nextset():
            found.append(await cursor.fetchall())
        return found


async def whole_or_not(
    connection: Connection, work: Callable[[Connection], Awaitable[bool]]
) -> bool:
    """Work in one transaction, undone if it answers False or something it writes is taken."""
    applied = False
    try:
        async with connection.transaction():
            applied = await work(connection)
            if not applied:
                raise Rollback
    except UniqueViolation:
        return False
    return applied


async def change_dataset(connection: Connection, change: DatasetChange) -> bool:
    """Apply a dataset change if all its conditions hold, in one statement."""
    place, session = change.place, change.consumes
    if change.expected_sync_count is None:
        head = "create_dataset"
    elif change.datasets_below is not None:
        head = "revive_dataset"
    else:
        head = "update_dataset"
    values: Values = {
        **place_values(place),
        **dataset_values(change.dataset),
        **records_values(change.records),
        "expected": change.expected_sync_count,
        "erases": change.erases_records,
        "session_id": None if session is None else session.session_id,
        "expires_at": None if session is None else session.expires_at,
        "below": change.datasets_below,
    }
    if head != "update_dataset":
        values |= revocation_key(identity_subject(place.identity_id))
    if change.sends:
        values |= messages_values(change)
    statement = _CHANGE_DATASET[head, change.erases_records, change.sends]
    try:
        cursor = await connection.execute(statement, values, binary=True)
    except UniqueViolation:
        return False
    row = await cursor.fetchone()
    return row is not None and row[0] == 1


async def was_changed(connection: Connection, change: DatasetChange) -> bool | None:
    """Tell whether a change of unknown outcome applied: its head and its session say so.

    The head is then written as it is: what can be seen may not have reached the standby that
    commits wait for, if its session was ended while it waited. This commit waits in its place.
    """
    if await find_dataset(connection, change.place) != change.dataset:
        return None
    if change.consumes is not None:
        values = {
            "identity_id": change.place.identity_id,
            "session_id": change.consumes.session_id,
        }
        if await row_of(connection, "find_consumed_session", values) is None:
            return None
    values = place_values(change.place) | {"sync_count": change.dataset.sync_count}
    return True if await write(connection, "confirm_dataset", values) == 1 else None


async def create_pool(connection: Connection, pool: IdentityPool) -> bool:
    """Create a pool if its id is free."""
    return await write(connection, "create_pool", pool_values(pool)) == 1


async def update_pool(connection: Connection, pool: IdentityPool, expected_version: int) -> bool:
    """Replace what a pool's owner may change, if its version is the expected one."""
    values = pool_values(pool) | {"expected_version": expected_version}
    return await write(connection, "update_pool", values) == 1


async def delete_pool(connection: Connection, identity_pool_id: str) -> bool:
    """Delete a pool and everything under it, if it exists."""
    values = {"identity_pool_id": identity_pool_id}

    async def delete(connection: Connection) -> bool:
        if await write(connection, "delete_pool", values) != 1:
            return False
        for step in (
            "delete_pool_datasets",
            "delete_pool_records",
            "delete_pool_counts",
            "delete_pool_identities",
            "delete_pool_logins",
            "delete_pool_lanes",
            "delete_pool_outbox",
            "delete_pool_devices",
            "delete_pool_subscriptions",
            "delete_pool_bulk_publish",
        ):
            await write(connection, step, values)
        return True

    return await whole_or_not(connection, delete)


async def add_sync_sessions(connection: Connection, counts: Mapping[str, int]) -> None:
    """Add to the sync session counts of pools."""
    values = {"identity_pool_ids": list(counts), "counts": list(counts.values())}
    await write(connection, "add_sync_sessions", values)


async def purge_consumed_sessions(connection: Connection, expired_before: int, limit: int) -> int:
    """Forget consumed sessions that have expired."""
    values = {"expired_before": expired_before, "limit": limit}
    return await write(connection, "purge_consumed_sessions", values)


async def create_access_key(connection: Connection, key: AccessKey) -> None:
    """Keep an access key."""
    values = {
        "access_key_id": key.access_key_id,
        "sealed_secret": key.sealed_secret,
        "description": key.description.encode(),
        "read_only": key.read_only,
        "creation_date": key.creation_date,
    }
    await write(connection, "create_access_key", values)


async def revoke_access_key(connection: Connection, access_key_id: str) -> bool:
    """Revoke an access key and forget its secret."""
    return await write(connection, "revoke_access_key", {"access_key_id": access_key_id}) == 1


async def create_server_key(
    connection: Connection, sealed: bytes, creation_date: int, first: bool
) -> bool:
    """Keep a key of the server, with ``first`` only if there is none."""
    query = "create_first_server_key" if first else "create_server_key"
    values = {"sealed": sealed, "creation_date": creation_date}
    return await write(connection, query, values) == 1
