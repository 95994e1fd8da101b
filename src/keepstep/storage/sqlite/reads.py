"""The reads of the embedded engine, each of one consistent state, on one connection.

The columns of a query stand in the order of the members of what is made of them.
"""

import sqlite3
from collections.abc import Sequence
from typing import Any

import msgspec

from keepstep.domain.access import AccessKey
from keepstep.domain.datasets import Dataset, DatasetPlace, Record
from keepstep.domain.patches import DatasetState
from keepstep.domain.pools import IdentityPool, IdentityUsage, PoolSettings, PoolUsage
from keepstep.domain.revocations import Reason, identity_subject
from keepstep.interfaces.storage import RecordsFound, RecordsQuery
from keepstep.wire.members import LONG_MAX

from .queries import QUERIES

_LIST_DATASETS = QUERIES["list_datasets"]
_FIND_DATASET = QUERIES["find_dataset"]
_FIND_RECORD = QUERIES["find_record"]
_FIND_STATE = QUERIES["find_state"]
_FIND_SESSION = QUERIES["find_consumed_session"]
_LIST_MERGED_NAMES = QUERIES["list_merged_names"]
_SETTINGS = msgspec.json.Decoder(PoolSettings)


def list_datasets(
    connection: sqlite3.Connection, identity_pool_id: str, identity_id: str, after: str, limit: int
) -> list[Dataset]:
    """Read one page of an identity's existing datasets."""
    rows = connection.execute(_LIST_DATASETS, (identity_id, identity_pool_id, after, limit))
    return [Dataset(*row) for row in rows]


def find_dataset(connection: sqlite3.Connection, place: DatasetPlace) -> Dataset | None:
    """Read a dataset or its counter."""
    row = connection.execute(_FIND_DATASET, _row_key(place)).fetchone()
    return Dataset(*row) if row is not None else None


def find_records(
    connection: sqlite3.Connection, query: RecordsQuery, session_id: bytes | None
) -> RecordsFound:
    """Read a dataset's records; the caller holds a read transaction open."""
    place = query.place
    row_key = _row_key(place)
    through = LONG_MAX if query.through is None else query.through
    limit = -1 if query.limit is None else query.limit
    if query.after is None or query.after[0] <= query.above:  # then all above are behind it
        name, position = "find_records", (query.above,)
    else:
        name, position = "find_records_after", query.after
    rows = connection.execute(QUERIES[name], (*row_key, *position, through, limit))
    return RecordsFound(
        records=[Record(*row) for row in rows],
        dataset=find_dataset(connection, place),
        session_consumed=session_id is not None
        and is_consumed(connection, place.identity_id, session_id),
        merged_dataset_names=[row[0] for row in connection.execute(_LIST_MERGED_NAMES, row_key)],
    )


def find_state(
    connection: sqlite3.Connection,
    place: DatasetPlace,
    keys: Sequence[str] | None,
    session_id: bytes,
) -> DatasetState:
    """Read what an update is decided on; the caller holds a read transaction open."""
    row_key = _row_key(place)
    first = keys[0] if keys else None
    found = connection.execute(_FIND_STATE, (session_id, first, *row_key)).fetchone()
    dataset = Dataset(*found[:8]) if found is not None else None
    records: dict[str, Record] = {}
    live_datasets = 0
    if found is not None and dataset is not None and dataset.exists:
        if keys is None:
            rows = connection.execute(QUERIES["dump_records"], row_key)
            records = {row[0]: Record(*row) for row in rows}
        elif found[9] is not None:
            records[found[9]] = Record(*found[9:])
        for key in keys[1:] if keys else ():
            row = connection.execute(_FIND_RECORD, (*row_key, key)).fetchone()
            if row is not None:
                records[key] = Record(*row)
    else:
        counted = connection.execute(QUERIES["count_datasets"], row_key[:2])
        live_datasets = counted.fetchone()[0]
    return DatasetState(
        dataset=dataset,
        records=records,
        session_consumed=found is not None and bool(found[8]),
        live_datasets=live_datasets,
    )


def is_consumed(connection: sqlite3.Connection, identity_id: str, session_id: bytes) -> bool:
    """Read whether a sync session was consumed."""
    return connection.execute(_FIND_SESSION, (identity_id, session_id)).fetchone() is not None


def may_create_datasets(
    connection: sqlite3.Connection, identity_pool_id: str, identity_id: str
) -> bool:
    """Read whether anything may come to exist under an identity."""
    subject = identity_subject(identity_id)
    values = (identity_pool_id, identity_id, subject, Reason.DELETED)
    return connection.execute(QUERIES["may_create_datasets"], values).fetchone()[0] == 1


def measure_identity(
    connection: sqlite3.Connection, identity_pool_id: str, identity_id: str
) -> IdentityUsage:
    """Sum up an identity's existing datasets."""
    row = connection.execute(
        QUERIES["measure_identity"], (identity_id, identity_pool_id)
    ).fetchone()
    return IdentityUsage(dataset_count=row[0], data_storage=row[1], last_modified_date=row[2])


def find_pool(connection: sqlite3.Connection, identity_pool_id: str) -> IdentityPool | None:
    """Read a pool."""
    row = connection.execute(QUERIES["find_pool"], (identity_pool_id,)).fetchone()
    return pool_of(row) if row is not None else None


def measure_pools(connection: sqlite3.Connection, after: str, limit: int) -> list[PoolUsage]:
    """Sum up the datasets of one page of pools; the caller holds a read transaction open."""
    pools = [
        pool_of(row) for row in connection.execute(QUERIES["list_pools_by_id"], (after, limit))
    ]
    if not pools:
        return []
    ends = (pools[0].identity_pool_id, pools[-1].identity_pool_id)
    return _with_usage(connection, pools, ends)


def measure_pool(connection: sqlite3.Connection, identity_pool_id: str) -> PoolUsage | None:
    """Sum up the datasets of one pool; the caller holds a read transaction open."""
    pool = find_pool(connection, identity_pool_id)
    if pool is None:
        return None
    return _with_usage(connection, [pool], (identity_pool_id, identity_pool_id))[0]


def find_access_key(connection: sqlite3.Connection, access_key_id: str) -> AccessKey | None:
    """Read an access key that is not revoked."""
    row = connection.execute(QUERIES["find_access_key"], (access_key_id,)).fetchone()
    return _access_key(row) if row is not None else None


def list_access_keys(connection: sqlite3.Connection) -> list[AccessKey]:
    """Read every access key that is not revoked."""
    return [_access_key(row) for row in connection.execute(QUERIES["list_access_keys"])]


def list_server_keys(connection: sqlite3.Connection) -> list[bytes]:
    """Read the server's sealed keys."""
    return [row[0] for row in connection.execute(QUERIES["list_server_keys"])]


def touch_tables(connection: sqlite3.Connection) -> None:
    """Read something of every table: it answers if the store can be read."""
    connection.execute(QUERIES["touch_tables"]).fetchone()


def pool_of(row: Any) -> IdentityPool:
    """Make a pool of its row."""
    return IdentityPool(*row[:5], settings=_SETTINGS.decode(row[5]), version=row[6])


def _with_usage(
    connection: sqlite3.Connection, pools: list[IdentityPool], ends: tuple[str, str]
) -> list[PoolUsage]:
    sums = {row[0]: (row[1], row[2]) for row in connection.execute(QUERIES["measure_pools"], ends)}
    usages: list[PoolUsage] = []
    for pool in pools:
        storage, modified = sums.get(pool.identity_pool_id, (0, 0))
        latest = max(pool.last_modified_date, modified)
        usages.append(PoolUsage(pool=pool, data_storage=storage, last_modified_date=latest))
    return usages


def _row_key(place: DatasetPlace) -> tuple[str, str, str]:
    return (place.identity_id, place.identity_pool_id, place.dataset_name)


def _access_key(row: Any) -> AccessKey:
    return AccessKey(
        access_key_id=row[0],
        sealed_secret=row[1],
        description=row[2],
        read_only=bool(row[3]),
        creation_date=row[4],
    )
