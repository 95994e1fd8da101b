"""The reads of datasets, pools and keys: one statement each, and so of one state."""

from collections.abc import Sequence
from typing import Any, Protocol

from psycopg.errors import ReadOnlySqlTransaction

from keepstep.domain.access import AccessKey
from keepstep.domain.datasets import Dataset, DatasetPlace, Record
from keepstep.domain.patches import DatasetState
from keepstep.domain.pools import IdentityPool, IdentityUsage, PoolUsage
from keepstep.interfaces.storage import RecordsFound, RecordsQuery
from keepstep.wire.members import LONG_MAX

from .arrays import Blobs
from .values import Values, dataset_of, decoded, key_digest, place_values, pool_of


class Source(Protocol):
    """What executes statements that give rows: one connection, or reads sent together."""

    async def rows(self, query: str, values: Values | None = None) -> list[Any]:
        """Execute a statement of the ``.sql`` files; give every row."""
        ...


async def row_of(source: Source, query: str, values: Values | None = None) -> Any:
    """Execute a statement of the ``.sql`` files; give its first row, or None."""
    rows = await source.rows(query, values)
    return rows[0] if rows else None


async def list_datasets(
    source: Source, identity_pool_id: str, identity_id: str, after: str, limit: int
) -> list[Dataset]:
    """Read one page of an identity's existing datasets."""
    values = {
        "identity_id": identity_id,
        "identity_pool_id": identity_pool_id,
        "after": after,
        "limit": limit,
    }
    return [dataset_of(row) for row in await source.rows("list_datasets", values)]


async def find_dataset(source: Source, place: DatasetPlace) -> Dataset | None:
    """Read a dataset or its counter."""
    row = await row_of(source, "find_dataset", place_values(place))
    return dataset_of(row) if row is not None else None


async def find_records(
    source: Source, query: RecordsQuery, session_id: bytes | None
) -> RecordsFound:
    """Read a dataset, its records, whether the session was consumed, and its merged names."""
    if query.after is None or query.after[0] <= query.above:  # then all above are behind it
        above, after = query.above, (query.above, "")
    else:
        above, after = query.after[0] - 1, query.after
    through = LONG_MAX if query.through is None else query.through
    values = _query_values(query.place, session_id, above, through, after, query.limit)
    head, *records = await source.rows("find_records", values)
    return RecordsFound(
        dataset=_dataset_in(head),
        records=[_record_in(row) for row in records],
        session_consumed=head[11],
        merged_dataset_names=head[12],
    )


async def find_state(
    source: Source, place: DatasetPlace, keys: Sequence[str] | None, session_id: bytes
) -> DatasetState:
    """Read what an update is decided on."""
    if keys is None:
        return await _find_whole_state(source, place, session_id)
    values = place_values(place) | {
        "session_id": session_id,
        "key_digests": Blobs([key_digest(key) for key in keys]),
    }
    rows = await source.rows("find_state", values)
    head = next(row for row in rows if row[0])
    wanted = frozenset(keys)
    records = [_record_in(row) for row in rows if not row[0]]
    return DatasetState(
        dataset=_dataset_in(head),
        records={record.key: record for record in records if record.key in wanted},
        session_consumed=head[11],
        live_datasets=head[12] or 0,
    )


async def _find_whole_state(source: Source, place: DatasetPlace, session_id: bytes) -> DatasetState:
    values = _query_values(place, session_id, 0, LONG_MAX, (0, ""), None)
    head, *rows = await source.rows("find_records", values)
    records = [_record_in(row) for row in rows]
    return DatasetState(
        dataset=_dataset_in(head),
        records={record.key: record for record in records},
        session_consumed=head[11],
        live_datasets=head[13] or 0,
    )


async def measure_identity(
    source: Source, identity_pool_id: str, identity_id: str
) -> IdentityUsage:
    """Sum up an identity's existing datasets."""
    values = {"identity_id": identity_id, "identity_pool_id": identity_pool_id}
    row = await row_of(source, "measure_identity", values)
    return IdentityUsage(dataset_count=row[0], data_storage=row[1], last_modified_date=row[2])


async def find_pool(source: Source, identity_pool_id: str) -> IdentityPool | None:
    """Read a pool."""
    row = await row_of(source, "find_pool", {"identity_pool_id": identity_pool_id})
    return pool_of(row) if row is not None else None


async def measure_pools(source: Source, after: str, limit: int) -> list[PoolUsage]:
    """Sum up the datasets of one page of pools."""
    rows = await source.rows("measure_pools", {"after": after, "limit": limit})
    return [_usage_of(row) for row in rows]


async def measure_pool(source: Source, identity_pool_id: str) -> PoolUsage | None:
    """Sum up the datasets of one pool."""
    row = await row_of(source, "measure_pool", {"identity_pool_id": identity_pool_id})
    return _usage_of(row) if row is not None else None


async def find_access_key(source: Source, access_key_id: str) -> AccessKey | None:
    """Read an access key that is not revoked."""
    row = await row_of(source, "find_access_key", {"access_key_id": access_key_id})
    return _access_key_of(row) if row is not None else None


async def list_access_keys(source: Source) -> list[AccessKey]:
    """Read every access key that is not revoked."""
    return [_access_key_of(row) for row in await source.rows("list_access_keys")]


async def list_server_keys(source: Source) -> list[bytes]:
    """Read the server's sealed keys."""
    return [row[0] for row in await source.rows("list_server_keys")]


async def touch_tables(source: Source) -> None:
    """Read something of every table. Raises ReadOnlySqlTransaction where nothing can be written."""
    row = await row_of(source, "touch_tables", {"identity_id": ""})
    if row[0]:
        raise ReadOnlySqlTransaction("transaction_read_only is on")
    await row_of(source, "touch_logins", {"identity_pool_id": "", "login_digest": b""})
    await row_of(source, "touch_local_tables")


def _query_values(
    place: DatasetPlace,
    session_id: bytes | None,
    above: int,
    through: int,
    after: tuple[int, str],
    limit: int | None,
) -> Values:
    """Give the parameters of ``find_records``."""
    return place_values(place) | {
        "session_id": session_id,
        "above": above,
        "through": through,
        "after_sync_count": after[0],
        "after_key": after[1].encode(),
        "limit": limit,
    }


def _dataset_in(head: Any) -> Dataset | None:
    """Make a dataset of the first row of ``find_records`` or ``find_state``."""
    return dataset_of(head[1:9]) if head[1] is not None else None


def _record_in(row: Any) -> Record:
    """Make a record of a later row of ``find_records`` or ``find_state``."""
    return Record(
        key=row[9].decode(),
        value=decoded(row[10]),
        sync_count=row[2],
        last_modified_date=row[5],
        last_modified_by=decoded(row[6]),
        device_last_modified_date=row[7],
    )


def _usage_of(row: Any) -> PoolUsage:
    return PoolUsage(pool=pool_of(row), data_storage=row[7], last_modified_date=row[8])


def _access_key_of(row: Any) -> AccessKey:
    return AccessKey(
        access_key_id=row[0],
        sealed_secret=row[1],
        description=row[2].decode(),
        read_only=row[3],
        creation_date=row[4],
    )
