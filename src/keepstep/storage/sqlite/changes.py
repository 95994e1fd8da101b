"""The statements of each change. Each function is one change of ``GroupCommit``.

Answering False undoes what the function has written so far.
"""

import sqlite3
from collections.abc import Iterable, Mapping

import msgspec

from keepstep.domain.access import AccessKey
from keepstep.domain.dataset_changes import DatasetChange
from keepstep.domain.datasets import Dataset, DatasetPlace, Record
from keepstep.domain.pools import IdentityPool

from .delivery_changes import add_messages
from .delivery_reads import has_subscribers
from .queries import QUERIES
from .reads import may_create_datasets

_CREATE_DATASET = QUERIES["create_dataset"]
_UPDATE_DATASET = QUERIES["update_dataset"]
_WRITE_RECORD = QUERIES["write_record"]
_CONSUME_SESSION = QUERIES["consume_session"]

RowKey = tuple[str, str, str]
"""Identity id, identity pool id and dataset name."""


def change_dataset(connection: sqlite3.Connection, change: DatasetChange) -> bool:
    """Apply a dataset change if all its conditions hold."""
    place, dataset = change.place, change.dataset
    row_key = (place.identity_id, place.identity_pool_id, place.dataset_name)
    below = change.datasets_below
    if below is not None and not _may_create_dataset(connection, place, below):
        return False
    values = dataset_values(dataset, row_key)
    if change.expected_sync_count is None:
        written = connection.execute(_CREATE_DATASET, values)
    else:
        written = connection.execute(_UPDATE_DATASET, (*values, change.expected_sync_count))
    if written.rowcount != 1:
        return False
    session = change.consumes
    if session is not None:
        consumed = (place.identity_id, session.session_id, session.expires_at)
        if connection.execute(_CONSUME_SESSION, consumed).rowcount != 1:
            return False
    if change.erases_records:
        connection.execute(QUERIES["erase_records"], row_key)
        connection.execute(QUERIES["set_merged_under"], (None, *row_key))
        connection.execute(QUERIES["delete_subscriptions"], row_key)
    write_records(connection, row_key, change.records)
    if change.outbox:
        add_messages(connection, change.outbox)
    notice = change.for_subscribers
    if notice is not None and has_subscribers(connection, row_key):
        add_messages(connection, (notice,))
    return True


def dataset_values(dataset: Dataset, row_key: RowKey) -> tuple[int | str | None, ...]:
    """Give the values of a dataset that ``create_dataset`` and ``update_dataset`` take."""
    return (
        dataset.sync_count,
        dataset.deleted_sync_count,
        dataset.creation_date,
        dataset.last_modified_date,
        dataset.last_modified_by,
        dataset.data_storage,
        dataset.num_records,
        *row_key,
    )


def write_records(
    connection: sqlite3.Connection, row_key: RowKey, records: Iterable[Record]
) -> None:
    """Write records of one dataset, each over the one of its key if there is one."""
    connection.executemany(
        _WRITE_RECORD,
        [
            (
                *row_key,
                record.key,
                record.value,
                record.sync_count,
                record.last_modified_date,
                record.last_modified_by,
                record.device_last_modified_date,
            )
            for record in records
        ],
    )


def create_pool(connection: sqlite3.Connection, pool: IdentityPool) -> bool:
    """Create a pool if its id is free."""
    values = (
        pool.identity_pool_id,
        pool.name,
        pool.creation_date,
        pool.last_modified_date,
        pool.sync_sessions_count,
        encoded_settings(pool),
        pool.version,
    )
    return connection.execute(QUERIES["create_pool"], values).rowcount == 1


def encoded_settings(pool: IdentityPool) -> str:
    """Give a pool's settings as they are stored."""
    return msgspec.json.encode(pool.settings).decode()


def delete_pool(connection: sqlite3.Connection, identity_pool_id: str) -> bool:
    """Delete a pool and everything under it, if it exists."""
    if connection.execute(QUERIES["delete_pool"], (identity_pool_id,)).rowcount != 1:
        return False
    for step in (
        "delete_pool_records",
        "delete_pool_datasets",
        "delete_pool_identities",
        "delete_pool_logins",
        "delete_pool_outbox",
        "delete_pool_lanes",
        "delete_pool_devices",
        "delete_pool_subscriptions",
        "delete_pool_bulk_publish",
    ):
        connection.execute(QUERIES[step], (identity_pool_id,))
    return True


def add_sync_sessions(connection: sqlite3.Connection, counts: Mapping[str, int]) -> None:
    """Add to the sync session counts of pools."""
    rows = [(count, pool) for pool, count in counts.items()]
    connection.executemany(QUERIES["add_sync_sessions"], rows)


def purge_consumed_sessions(connection: sqlite3.Connection, expired_before: int, limit: int) -> int:
    """Forget consumed sessions that have expired."""
    return connection.execute(QUERIES["purge_consumed_sessions"], (expired_before, limit)).rowcount


def create_access_key(connection: sqlite3.Connection, key: AccessKey) -> None:
    """Keep an access key."""
    values = (
        key.access_key_id,
        key.sealed_secret,
        key.description,
        key.read_only,
        key.creation_date,
    )
    connection.execute(QUERIES["create_access_key"], values)


def revoke_access_key(connection: sqlite3.Connection, access_key_id: str) -> bool:
    """Revoke an access key and forget its secret."""
    return connection.execute(QUERIES["revoke_access_key"], (access_key_id,)).rowcount == 1


def create_server_key(
    connection: sqlite3.Connection, sealed: bytes, creation_date: int, first: bool
) -> bool:
    """Keep a key of the server, with ``first`` only if there is none."""
    if first and connection.execute(QUERIES["count_server_keys"]).fetchone()[0] > 0:
        return False
    connection.execute(QUERIES["create_server_key"], (sealed, creation_date))
    return True


def _may_create_dataset(
    connection: sqlite3.Connection, place: DatasetPlace, datasets_below: int
) -> bool:
    identity = (place.identity_id, place.identity_pool_id)
    count = connection.execute(QUERIES["count_datasets"], identity).fetchone()[0]
    if count >= datasets_below:
        return False
    return may_create_datasets(connection, place.identity_pool_id, place.identity_id)
