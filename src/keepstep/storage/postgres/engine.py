"""The engine for teams: one statement and one round trip for what devices do all day.

Any number of servers share one database; nothing of it is held in memory. Changes of several
identities are transactions, and everything is guarded by what is stored, so that nobody needs
to know of the others.
"""

from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from functools import partial
from typing import Concatenate, ParamSpec, TypeVar

import psycopg

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
    StoreUnusable,
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
from .connections import Connection, Connections, connect_arguments
from .failures import explain
from .pipelines import Pipelines
from .reads import Source
from .schema import check_schema
from .settings import PostgresSettings, name_of, split_url

Found = TypeVar("Found")
Given = ParamSpec("Given")


class PostgresStore:
    """A store in a PostgreSQL database. See ``interfaces.storage.Store`` for its guarantees."""

    def __init__(self, connections: Connections, pipelines: Pipelines) -> None:
        """Take over a pool of connections, and what sends reads over them; use ``open``."""
        self._connections = connections
        self._pipelines = pipelines

    @classmethod
    async def open(
        cls,
        url: str,
        observer: StoreObserver = NO_OBSERVER,
        settings: PostgresSettings | None = None,
        *,
        for_copy: bool = False,
    ) -> "PostgresStore":
        """Open the store at a URL, whose own parameters go before the settings.

        One whose copy from another store is unfinished is opened ``for_copy`` only.

        Raises StoreUnusable with what to do, also if the database has not this version's schema.
        """
        conninfo, used = split_url(url, settings)
        name = name_of(conninfo)
        arguments = connect_arguments(used)
        try:
            async with await Connection.connect(conninfo, **arguments) as connection:
                await check_schema(connection, name)
                if not for_copy:
                    await copying.check_finished(connection, name)
        except psycopg.Error as error:
            raise StoreUnusable(explain(error, name)) from error
        connections = Connections(conninfo, name, used, observer)
        await connections.open()
        prepares = used.prepare_threshold is not None
        return cls(connections, Pipelines(connections, observer, prepares=prepares))

    async def list_datasets(
        self, identity_pool_id: str, identity_id: str, *, after: str, limit: int
    ) -> list[Dataset]:
        return await self._read(reads.list_datasets, identity_pool_id, identity_id, after, limit)

    async def find_dataset(self, place: DatasetPlace) -> Dataset | None:
        return await self._read(reads.find_dataset, place)

    async def find_records(self, query: RecordsQuery, session_id: bytes | None) -> RecordsFound:
        return await self._read(reads.find_records, query, session_id)

    async def find_state(
        self, place: DatasetPlace, keys: Sequence[str] | None, session_id: bytes
    ) -> DatasetState:
        return await self._read(reads.find_state, place, keys, session_id)

    async def measure_identity(self, identity_pool_id: str, identity_id: str) -> IdentityUsage:
        return await self._read(reads.measure_identity, identity_pool_id, identity_id)

    async def find_pool(self, identity_pool_id: str) -> IdentityPool | None:
        return await self._read(reads.find_pool, identity_pool_id)

    async def measure_pools(self, *, after: str, limit: int) -> list[PoolUsage]:
        read = partial(reads.measure_pools, after=after, limit=limit)
        return await self._connections.read(read, much=True)

    async def measure_pool(self, identity_pool_id: str) -> PoolUsage | None:
        read = partial(reads.measure_pool, identity_pool_id=identity_pool_id)
        return await self._connections.read(read, much=True)

    async def find_access_key(self, access_key_id: str) -> AccessKey | None:
        return await self._read(reads.find_access_key, access_key_id)

    async def list_access_keys(self) -> list[AccessKey]:
        return await self._read(reads.list_access_keys)

    async def list_server_keys(self) -> list[bytes]:
        return await self._read(reads.list_server_keys)

    async def find_identity(self, identity_id: str) -> Identity | None:
        return await self._read(identity_reads.find_identity, identity_id)

    async def find_identities(
        self, identity_pool_id: str, logins: Collection[Login]
    ) -> list[Identity]:
        return await self._read(identity_reads.find_identities, identity_pool_id, logins)

    async def list_identities(
        self, identity_pool_id: str, *, after: tuple[int, str], limit: int, hide_disabled: bool
    ) -> list[Identity]:
        return await self._read(
            identity_reads.list_identities, identity_pool_id, after, limit, hide_disabled
        )

    async def list_dataset_names(self, identity_pool_id: str, identity_id: str) -> dict[str, bool]:
        return await self._read(identity_reads.list_dataset_names, identity_pool_id, identity_id)

    async def dump_datasets(self, identity_pool_id: str, identity_id: str) -> list[StoredDataset]:
        read = partial(
            identity_reads.dump_datasets,
            identity_pool_id=identity_pool_id,
            identity_id=identity_id,
        )
        return await self._connections.read(read)  # too much to hold up other reads

    async def list_pools(self, *, after: tuple[int, str], limit: int) -> list[IdentityPool]:
        return await self._read(identity_reads.list_pools, after, limit)

    async def find_revocation(self, subject: str) -> Revocation | None:
        return await self._read(identity_reads.find_revocation, subject)

    async def list_token_keys(self) -> list[TokenKey]:
        return await self._read(identity_reads.list_token_keys)

    async def change_dataset(self, change: DatasetChange) -> bool:
        return await self._connections.change(
            partial(changes.change_dataset, change=change),
            applied=partial(changes.was_changed, change=change),
        )

    async def create_pool(self, pool: IdentityPool) -> bool:
        return await self._change(changes.create_pool, pool)

    async def delete_pool(self, identity_pool_id: str) -> bool:
        delete = partial(changes.delete_pool, identity_pool_id=identity_pool_id)
        return await self._connections.change(delete, much=True)

    async def add_sync_sessions(self, counts: Mapping[str, int]) -> None:
        await self._change(changes.add_sync_sessions, counts)

    async def purge_consumed_sessions(self, expired_before: int, *, limit: int) -> int:
        return await self._change(changes.purge_consumed_sessions, expired_before, limit)

    async def create_access_key(self, key: AccessKey) -> None:
        await self._change(changes.create_access_key, key)

    async def revoke_access_key(self, access_key_id: str) -> bool:
        return await self._change(changes.revoke_access_key, access_key_id)

    async def create_server_key(self, sealed: bytes, creation_date: int, *, first: bool) -> bool:
        return await self._change(changes.create_server_key, sealed, creation_date, first)

    async def change_identities(self, change: IdentityChange) -> bool:
        return await self._connections.change(
            partial(identity_changes.change_identities, change=change),
            applied=partial(identity_changes.were_changed, change=change),
        )

    async def delete_identity(self, identity_id: str, *, date: int) -> bool:
        return await self._connections.change(
            partial(identity_changes.delete_identity, identity_id=identity_id, date=date),
            applied=partial(identity_changes.was_deleted, identity_id=identity_id, date=date),
        )

    async def restore_identity(self, identity: Identity, datasets: Sequence[StoredDataset]) -> bool:
        return await self._connections.change(
            partial(identity_changes.restore_identity, identity=identity, datasets=datasets),
            applied=partial(identity_changes.was_restored, identity=identity),
        )

    async def update_pool(self, pool: IdentityPool, *, expected_version: int) -> bool:
        return await self._change(changes.update_pool, pool, expected_version)

    async def purge_guests(
        self, created_before: int, *, after: tuple[int, str], limit: int, date: int
    ) -> GuestsPurged:
        return await self._change(identity_changes.purge_guests, created_before, after, limit, date)

    async def revoke(self, revocation: Revocation) -> None:
        await self._change(identity_changes.revoke, [revocation])

    async def purge_revocations(self, not_before: int, *, limit: int) -> int:
        return await self._change(identity_changes.purge_revocations, not_before, limit)

    async def create_token_key(self, key: TokenKey) -> bool:
        return await self._change(identity_changes.create_token_key, key)

    async def delete_token_key(self, number: int) -> bool:
        return await self._change(identity_changes.delete_token_key, number)

    async def list_due(
        self, partitions: Collection[int], now: int, *, after: Lane | None, limit: int
    ) -> list[QueuedMessage]:
        read = partial(
            delivery_reads.list_due, partitions=partitions, now=now, after=after, limit=limit
        )
        return await self._connections.read(read)  # too much to hold up other reads

    async def list_outbox(
        self, wanted: OutboxFilter, *, after: tuple[Lane, int] | None, limit: int
    ) -> list[QueuedMessage]:
        read = partial(delivery_reads.list_outbox, wanted=wanted, after=after, limit=limit)
        return await self._connections.read(read, much=True)

    async def measure_outbox(self) -> OutboxUsage:
        return await self._connections.read(delivery_reads.measure_outbox, much=True)

    async def list_leases(self, prefix: str, now: int) -> list[Lease]:
        return await self._read(delivery_reads.list_leases, prefix, now)

    async def list_subscribers(self, place: DatasetPlace) -> list[Device]:
        return await self._read(delivery_reads.list_subscribers, place)

    async def list_devices(self, identity_pool_id: str, identity_id: str) -> list[Device]:
        return await self._read(delivery_reads.list_devices, identity_pool_id, identity_id)

    async def find_bulk_publish(self, identity_pool_id: str) -> BulkPublish | None:
        return await self._read(delivery_reads.find_bulk_publish, identity_pool_id)

    async def list_bulk_publishes(self) -> list[BulkPublish]:
        return await self._read(delivery_reads.list_bulk_publishes)

    async def list_pool_datasets(
        self, identity_pool_id: str, *, after: tuple[str, str], limit: int
    ) -> list[DatasetPlace]:
        return await self._connections.read(
            partial(
                delivery_reads.list_pool_datasets,
                identity_pool_id=identity_pool_id,
                after=after,
                limit=limit,
            ),
            much=True,
        )

    async def find_sync_counts(self, places: Sequence[DatasetPlace]) -> list[int]:
        return await self._read(delivery_reads.find_sync_counts, places)

    async def settle_outbox(
        self, delivered: Sequence[OutboxMessage], deferred: Sequence[QueuedMessage]
    ) -> None:
        await self._change(delivery_changes.settle_outbox, delivered, deferred)

    async def retry_outbox(self, wanted: OutboxFilter, *, now: int) -> int:
        retry = partial(delivery_changes.retry_outbox, wanted=wanted, now=now)
        return await self._connections.change(retry, much=True)

    async def drop_outbox(self, wanted: OutboxFilter) -> int:
        drop = partial(delivery_changes.drop_outbox, wanted=wanted)
        return await self._connections.change(drop, much=True)

    async def hold_leases(
        self, names: Collection[str], holder: str, *, now: int, until: int
    ) -> set[str]:
        hold = partial(
            delivery_changes.hold_leases, names=names, holder=holder, now=now, until=until
        )
        held = partial(delivery_changes.leases_held, names=names, holder=holder, until=until)
        return await self._connections.change(hold, applied=held)

    async def release_leases(self, names: Collection[str], holder: str) -> None:
        await self._change(delivery_changes.release_leases, names, holder)

    async def register_device(self, device: Device, *, limit: int) -> Device | None:
        return await self._connections.change(
            partial(delivery_changes.register_device, device=device, limit=limit),
            applied=partial(delivery_changes.registered_device, device=device),
        )

    async def update_device(self, device: Device) -> bool:
        return await self._connections.change(
            partial(delivery_changes.update_device, device=device),
            applied=partial(delivery_changes.was_updated, device=device),
        )

    async def delete_device(self, device: Device) -> bool:
        return await self._change(delivery_changes.delete_device, device)

    async def subscribe(self, place: DatasetPlace, device_id: str) -> bool:
        return await self._connections.change(
            partial(delivery_changes.subscribe, place=place, device_id=device_id),
            applied=partial(delivery_changes.is_subscribed, place=place, device_id=device_id),
        )

    async def unsubscribe(self, place: DatasetPlace, device_id: str) -> bool:
        return await self._change(delivery_changes.unsubscribe, place, device_id)

    async def keep_bulk_publish(self, publish: BulkPublish) -> bool:
        return await self._connections.change(
            partial(delivery_changes.keep_bulk_publish, publish=publish),
            applied=partial(delivery_changes.was_kept, publish=publish),
        )

    async def scan(
        self, kind: type[RowType], *, after: str | None, limit: int
    ) -> ScannedRows[RowType]:
        return await self._connections.read(
            lambda connection: copying.scan(connection, kind, after, limit), much=True
        )

    async def find_copy(self) -> CopyProgress | None:
        return await self._read(copying.find_copy)

    async def begin_copy(self, progress: CopyProgress) -> None:
        await self._change(copying.begin_copy, progress)

    async def load(
        self, kind: type[RowType], rows: Sequence[RowType], progress: CopyProgress
    ) -> bool:
        load = partial(copying.load, kind=kind, rows=rows, progress=progress)
        return await self._connections.change(load, much=True)

    async def clear(self, kind: type[Row], progress: CopyProgress) -> bool:
        clear = partial(copying.clear, kind=kind, progress=progress)
        return await self._connections.change(clear, much=True)

    async def keep_progress(self, progress: CopyProgress) -> bool:
        return await self._change(copying.keep_progress, progress)

    async def end_copy(self, progress: CopyProgress) -> bool:
        return await self._change(copying.end_copy, progress)

    async def reserve(self) -> None:
        """Nothing to do: a database is there for any number of servers."""

    async def check(self) -> None:
        await self._connections.read(reads.touch_tables)

    async def close(self) -> None:
        await self._pipelines.close()
        await self._connections.close()

    async def _read(
        self,
        read: Callable[Concatenate[Source, Given], Awaitable[Found]],
        *given: Given.args,
        **named: Given.kwargs,
    ) -> Found:
        """Read something in statements that may go together with those of other reads."""
        return await read(self._pipelines, *given, **named)

    async def _change(
        self,
        change: Callable[Concatenate[Connection, Given], Awaitable[Found]],
        *given: Given.args,
        **named: Given.kwargs,
    ) -> Found:
        """Make a change of which nobody can tell afterwards whether it was this one."""
        return await self._connections.change(
            lambda connection: change(connection, *given, **named)
        )
