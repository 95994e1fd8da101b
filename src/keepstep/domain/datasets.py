"""Datasets and records as keepstep holds them.

Dates are integer milliseconds since the epoch; sizes are bytes.
"""

import msgspec


class DatasetPlace(msgspec.Struct, frozen=True):
    """Which dataset of which identity."""

    identity_pool_id: str
    identity_id: str
    dataset_name: str


class Dataset(msgspec.Struct, frozen=True):
    """One dataset name of one identity. Its counter survives the deletion of its data.

    ``sync_count`` only ever grows; a deletion consumes one count, which stays behind as
    ``deleted_sync_count`` (0 when the name was never deleted). While the dataset is deleted,
    ``creation_date`` is None.
    """

    dataset_name: str
    sync_count: int
    deleted_sync_count: int = 0
    creation_date: int | None = None
    last_modified_date: int = 0
    last_modified_by: str | None = None
    data_storage: int = 0
    num_records: int = 0

    @property
    def exists(self) -> bool:
        """Whether the dataset holds data now, rather than only a counter."""
        return self.creation_date is not None


class Record(msgspec.Struct, frozen=True):
    """One record, or, with no value, the tombstone of a removed one."""

    key: str
    value: str | None
    sync_count: int
    last_modified_date: int
    last_modified_by: str | None
    device_last_modified_date: int

    @property
    def is_live(self) -> bool:
        """Whether this is a record and not a tombstone."""
        return self.value is not None

    @property
    def size(self) -> int:
        """The bytes the record counts with: key and value in UTF-8; a tombstone has none.

        The value limit of 1 MiB - 1 and the SDKs' own sums only make sense with the key in it.
        """
        return 0 if self.value is None else len(self.key.encode()) + len(self.value.encode())


class SyncSession(msgspec.Struct, frozen=True):
    """One sync of one device: begun by ListRecords, consumed by a successful UpdateRecords."""

    session_id: bytes
    expires_at: int
