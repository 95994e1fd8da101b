"""The embedded engine: reads inline on the event loop, changes in durable groups.

A read takes about ten microseconds, less than handing it to a thread; only sums over whole
pools run in a thread. In memory, one connection serves reads and changes alike, since no
commit there ever waits.
"""

import asyncio
import sqlite3
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import closing
from functools import partial
from pathlib import Path
from sqlite3 import Connection
from typing import IO, Concatenate, ParamSpec, Self, TypeVar

from keepstep.domain.access import AccessKey
from keepstep.domain.bulk_publishes import BulkPublish
from keepstep.domain.copying import CopyProgress, Row
from keepstep.domain.dataset_changes import DatasetChange
from keepstep.domain.datasets import Dataset, DatasetPlace
from keepstep.domain.devices import Device
from keepstep.domain.identities import Identity, IdentityChange, Login
from keepstep.domain.outbox import Lane, OutboxMessage, OutboxUsage, QueuedMessage
from keepstep.domain.patches import DatasetState
from keepstep.domain.pools import IdentityPool, IdentityUsage, PoolUsage
from keepstep.domain.revocations import Revocation
from keepstep.interfaces.copying import RowType, ScannedRows
from keepstep.interfaces.delivery_storage import Lease, OutboxFilter
from keepstep.interfaces.identity_storage import GuestsPurged, StoredDataset, TokenKey
from keepstep.interfaces.storage import (
    NO_OBSERVER,
    RecordsFound,
    RecordsQuery,
    StoreObserver,
    StoreUnavailable,
)

from . import (
    changes,
    copying,
    delivery_changes,
    delivery_reads,
    identity_changes,
    identity_reads,
    reads,
)
from .failures import explain
from .files import connect, create_schema, open_file
from .group_commit import GroupCommit
from .snapshot import Snapshot

Found = TypeVar("Found")
Given = ParamSpec("Given")


class SQLiteStore:
    """A store in one SQLite file. See ``interfaces.storage.Store`` for what it guarantees."""

    def __init__(
        self,
        path: str,
        reader: Connection,
        writer: Connection,
        lock: IO[bytes] | None,
        observer: StoreObserver,
    ) -> None:
        """Take over open connections; use ``open`` or ``in_memory``."""
        self._path = path
        self._reader = reader
        # In memory nothing comes between two statements: reads and changes take turns.
        self._snapshot = Snapshot(reader) if lock is not None else None
        self._lock = lock
        self._observer = observer
        self._changes = GroupCommit(writer, path, waits=lock is not None, observer=observer)

    @classmethod
    def open(
        cls, path: Path, observer: StoreObserver = NO_OBSERVER, *, for_copy: bool = False
    ) -> Self:
        """Open the store in a file, making it if there is none.

        One whose copy from another store is unfinished is opened ``for_copy`` only.

        Raises StoreUnusable with what to do.
        """
        writer, lock = open_file(path)
        if not for_copy:
            copying.check_finished(writer, lock, path)
        reader = connect(str(path))
        reader.execute("PRAGMA query_only = ON")
        return cls(str(path), reader, writer, lock, observer)

    @classmethod
    def in_memory(cls, observer: StoreObserver = NO_OBSERVER) -> Self:
        """Open a store that lasts as long as this object."""
        connection = connect(":memory:")
        create_schema(connection)
        return cls(":memory:", connection, connection, None, observer)

    async def list_datasets(
        self, identity_pool_id: str, identity_id: str, *, after: str, limit: int
    ) -> list[Dataset]:
        return self._read(reads.list_datasets, identity_pool_id, identity_id, after, limit)

    async def find_dataset(self, place: DatasetPlace) -> Dataset | None:
        return self._read(reads.find_dataset, place)

    async def find_records(self, query: RecordsQuery, session_id: bytes | None) -> RecordsFound:
        return self._read(reads.find_records, query, session_id)

    async def find_state(
        self, place: DatasetPlace, keys: Sequence[str] | None, session_id: bytes
    ) -> DatasetState:
        return self._read(reads.find_state, place, keys, session_id)

    async def measure_identity(self, identity_pool_id: str, identity_id: str) -> IdentityUsage:
        return self._read(reads.measure_identity, identity_pool_id, identity_id)

    async def find_pool(self, identity_pool_id: str) -> IdentityPool | None:
        return self._read(reads.find_pool, identity_pool_id)

    async def measure_pools(self, *, after: str, limit: int) -> list[PoolUsage]:
        return await self._read_much(reads.measure_pools, after, limit)

    async def measure_pool(self, identity_pool_id: str) -> PoolUsage | None:
        return await self._read_much(reads.measure_pool, identity_pool_id)

    async def find_access_key(self, access_key_id: str) -> AccessKey | None:
        return self._read(reads.find_access_key, access_key_id)

    async def list_access_keys(self) -> list[AccessKey]:
        return self._read(reads.list_access_keys)

    async def list_server_keys(self) -> list[bytes]:
        return self._read(reads.list_server_keys)

    async def find_identity(self, identity_id: str) -> Identity | None:
        return self._read(identity_reads.find_identity, identity_id)

    async def find_identities(
        self, identity_pool_id: str, logins: Collection[Login]
    ) -> list[Identity]:
        return self._read(identity_reads.find_identities, identity_pool_id, logins)

    async def list_identities(
        self, identity_pool_id: str, *, after: tuple[int, str], limit: int, hide_disabled: bool
    ) -> list[Identity]:
        return self._read(
            identity_reads.list_identities, identity_pool_id, after, limit, hide_disabled
        )

    async def list_dataset_names(self, identity_pool_id: str, identity_id: str) -> dict[str, bool]:
        return self._read(identity_reads.list_dataset_names, identity_pool_id, identity_id)

    async def dump_datasets(self, identity_pool_id: str, identity_id: str) -> list[StoredDataset]:
        return await self._read_much(identity_reads.dump_datasets, identity_pool_id, identity_id)

    async def list_pools(self, *, after: tuple[int, str], limit: int) -> list[IdentityPool]:
        return self._read(identity_reads.list_pools, after, limit)

    async def find_revocation(self, subject: str) -> Revocation | None:
        return self._read(identity_reads.find_revocation, subject)

    async def list_token_keys(self) -> list[TokenKey]:
        return self._read(identity_reads.list_token_keys)

    async def change_dataset(self, change: DatasetChange) -> bool:
        return await self._change(changes.change_dataset, change)

    async def create_pool(self, pool: IdentityPool) -> bool:
        return await self._change(changes.create_pool, pool)

    async def delete_pool(self, identity_pool_id: str) -> bool:
        delete = partial(changes.delete_pool, identity_pool_id=identity_pool_id)
        return await self._changes.submit(delete, slow=True)

    async def add_sync_sessions(self, counts: Mapping[str, int]) -> None:
        await self._change(changes.add_sync_sessions, counts)

    async def purge_consumed_sessions(self, expired_before: int, *, limit: int) -> int:
        purge = partial(changes.purge_consumed_sessions, expired_before=expired_before, limit=limit)
        return await self._changes.submit(purge, slow=True)

    async def create_access_key(self, key: AccessKey) -> None:
        await self._change(changes.create_access_key, key)

    async def revoke_access_key(self, access_key_id: str) -> bool:
        return await self._change(changes.revoke_access_key, access_key_id)

    async def create_server_key(self, sealed: bytes, creation_date: int, *, first: bool) -> bool:
        return await self._change(changes.create_server_key, sealed, creation_date, first)

    async def change_identities(self, change: IdentityChange) -> bool:
        apply = partial(identity_changes.change_identities, change=change)
        return await self._changes.submit(apply, slow=bool(change.merges))

    async def delete_identity(self, identity_id: str, *, date: int) -> bool:
        delete = partial(identity_changes.delete_identity, identity_id=identity_id, date=date)
        return await self._changes.submit(delete, slow=True)

    async def restore_identity(self, identity: Identity, datasets: Sequence[StoredDataset]) -> bool:
        restore = partial(identity_changes.restore_identity, identity=identity, datasets=datasets)
        return await self._changes.submit(restore, slow=True)

    async def update_pool(self, pool: IdentityPool, *, expected_version: int) -> bool:
        return await self._change(identity_changes.update_pool, pool, expected_version)

    async def purge_guests(
        self, created_before: int, *, after: tuple[int, str], limit: int, date: int
    ) -> GuestsPurged:
        purge = partial(
            identity_changes.purge_guests,
            created_before=created_before,
            after=after,
            limit=limit,
            date=date,
        )
        return await self._changes.submit(purge, slow=True)

    async def revoke(self, revocation: Revocation) -> None:
        await self._change(identity_changes.revoke, revocation)

    async def purge_revocations(self, not_before: int, *, limit: int) -> int:
        purge = partial(identity_changes.purge_revocations, not_before=not_before, limit=limit)
        return await self._changes.submit(purge, slow=True)

    async def create_token_key(self, key: TokenKey) -> bool:
        return await self._change(identity_changes.create_token_key, key)

    async def delete_token_key(self, number: int) -> bool:
        return await self._change(identity_changes.delete_token_key, number)

    async def list_due(
        self, partitions: Collection[int], now: int, *, after: Lane | None, limit: int
    ) -> list[QueuedMessage]:
        return self._read(delivery_reads.list_due, partitions, now, after, limit)

    async def list_outbox(
        self, wanted: OutboxFilter, *, after: tuple[Lane, int] | None, limit: int
    ) -> list[QueuedMessage]:
        return await self._read_much(delivery_reads.list_outbox, wanted, after, limit)

    async def measure_outbox(self) -> OutboxUsage:
        return await self._read_much(delivery_reads.measure_outbox)

    async def list_leases(self, prefix: str, now: int) -> list[Lease]:
        return self._read(delivery_reads.list_leases, prefix, now)

    async def list_subscribers(self, place: DatasetPlace) -> list[Device]:
        return self._read(delivery_reads.list_subscribers, place)

    async def list_devices(self, identity_pool_id: str, identity_id: str) -> list[Device]:
        return self._read(delivery_reads.list_devices, identity_pool_id, identity_id)

    async def find_bulk_publish(self, identity_pool_id: str) -> BulkPublish | None:
        return self._read(delivery_reads.find_bulk_publish, identity_pool_id)

    async def list_bulk_publishes(self) -> list[BulkPublish]:
        return self._read(delivery_reads.list_bulk_publishes)

    async def list_pool_datasets(
        self, identity_pool_id: str, *, after: tuple[str, str], limit: int
    ) -> list[DatasetPlace]:
        return await self._read_much(
            delivery_reads.list_pool_datasets, identity_pool_id, after, limit
        )

    async def find_sync_counts(self, places: Sequence[DatasetPlace]) -> list[int]:
        return self._read(delivery_reads.find_sync_counts, places)

    async def settle_outbox(
        self, delivered: Sequence[OutboxMessage], deferred: Sequence[QueuedMessage]
    ) -> None:
        await self._change(delivery_changes.settle_outbox, delivered, deferred)

    async def retry_outbox(self, wanted: OutboxFilter, *, now: int) -> int:
        retry = partial(delivery_changes.retry_outbox, wanted=wanted, now=now)
        return await self._changes.submit(retry, slow=True)

    async def drop_outbox(self, wanted: OutboxFilter) -> int:
        drop = partial(delivery_changes.drop_outbox, wanted=wanted)
        return await self._changes.submit(drop, slow=True)

    async def hold_leases(
        self, names: Collection[str], holder: str, *, now: int, until: int
    ) -> set[str]:
        return await self._change(delivery_changes.hold_leases, names, holder, now, until)

    async def release_leases(self, names: Collection[str], holder: str) -> None:
        await self._change(delivery_changes.release_leases, names, holder)

    async def register_device(self, device: Device, *, limit: int) -> Device | None:
        return await self._change(delivery_changes.register_device, device, limit)

    async def update_device(self, device: Device) -> bool:
        return await self._change(delivery_changes.update_device, device)

    async def delete_device(self, device: Device) -> bool:
        return await self._change(delivery_changes.delete_device, device)

    async def subscribe(self, place: DatasetPlace, device_id: str) -> bool:
        return await self._change(delivery_changes.subscribe, place, device_id)

    async def unsubscribe(self, place: DatasetPlace, device_id: str) -> bool:
        return await self._change(delivery_changes.unsubscribe, place, device_id)

    async def keep_bulk_publish(self, publish: BulkPublish) -> bool:
        return await self._change(delivery_changes.keep_bulk_publish, publish)

    async def scan(
        self, kind: type[RowType], *, after: str | None, limit: int
    ) -> ScannedRows[RowType]:
        return await self._read_much(copying.scan, kind, after, limit)

    async def find_copy(self) -> CopyProgress | None:
        return self._read(copying.find_copy)

    async def begin_copy(self, progress: CopyProgress) -> None:
        await self._change(copying.begin_copy, progress)

    async def load(
        self, kind: type[RowType], rows: Sequence[RowType], progress: CopyProgress
    ) -> bool:
        load = partial(copying.load, kind=kind, rows=rows, progress=progress)
        return await self._changes.submit(load, slow=True)

    async def clear(self, kind: type[Row], progress: CopyProgress) -> bool:
        clear = partial(copying.clear, kind=kind, progress=progress)
        return await self._changes.submit(clear, slow=True)

    async def keep_progress(self, progress: CopyProgress) -> bool:
        return await self._change(copying.keep_progress, progress)

    async def end_copy(self, progress: CopyProgress) -> bool:
        return await self._change(copying.end_copy, progress)

    async def reserve(self) -> None:
        if self._lock is not None:
            copying.reserve(self._lock, self._path)

    async def check(self) -> None:
        self._read(reads.touch_tables)

    async def close(self) -> None:
        await self._changes.close()
        if self._snapshot is not None:
            self._snapshot.leave()
        self._reader.close()
        if self._lock is not None:
            self._lock.close()

    def _read(
        self,
        read: Callable[Concatenate[Connection, Given], Found],
        *given: Given.args,
        **named: Given.kwargs,
    ) -> Found:
        """Read one state, in any number of statements."""
        begun = time.perf_counter()
        try:
            if self._snapshot is not None:
                self._snapshot.enter()
            return read(self._reader, *given, **named)
        except sqlite3.Error as error:
            raise StoreUnavailable(explain(error, self._path)) from error
        finally:
            self._observer.observe_read(time.perf_counter() - begun)

    async def _change(
        self,
        change: Callable[Concatenate[Connection, Given], Found],
        *given: Given.args,
        **named: Given.kwargs,
    ) -> Found:
        """Make a change of a few statements."""
        return await self._changes.submit(lambda connection: change(connection, *given, **named))

    async def _read_much(
        self,
        read: Callable[Concatenate[Connection, Given], Found],
        *given: Given.args,
        **named: Given.kwargs,
    ) -> Found:
        """Read one state on a thread and a connection of its own."""
        if self._lock is None:
            return self._read(read, *given, **named)
        begun = time.perf_counter()
        try:
            return await asyncio.to_thread(
                self._read_apart, lambda connection: read(connection, *given, **named)
            )
        finally:
            self._observer.observe_read(time.perf_counter() - begun)

    def _read_apart(self, read: Callable[[Connection], Found]) -> Found:
        try:
            with closing(connect(self._path)) as connection:
                connection.execute("BEGIN")
                return read(connection)
        except sqlite3.Error as error:
            raise StoreUnavailable(explain(error, self._path)) from error
