"""The engine for teams: one statement and one round trip for what devices do all day.

Any number of servers share one database; nothing of it is held in memory. Changes of several
identities are transactions, and everything is guarded by what is stored, so that nobody needs
to know of the others.
"""

from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from functools import partial
from typing import Concatenate, ParamSpec, TypeVar

import psycopg
from psycopg import AsyncConnection

from keepstep.domain.access import AccessKey
from keepstep.domain.datasets import Dataset, DatasetChange, DatasetPlace
from keepstep.domain.identities import Identity, IdentityChange, Login
from keepstep.domain.patches import DatasetState
from keepstep.domain.pools import IdentityPool, IdentityUsage, PoolUsage
from keepstep.domain.revocations import Revocation
from keepstep.interfaces.identity_storage import GuestsPurged, StoredDataset, TokenKey
from keepstep.interfaces.storage import (
    NO_OBSERVER,
    RecordsFound,
    RecordsQuery,
    StoreObserver,
    StoreUnusable,
)

from . import changes, identity_changes, identity_reads, reads
from .connections import Connection, Connections, connect_arguments
from .failures import explain
from .schema import check_schema
from .settings import PostgresSettings, name_of, split_url

Found = TypeVar("Found")
Given = ParamSpec("Given")


class PostgresStore:
    """A store in a PostgreSQL database. See ``interfaces.storage.Store`` for its guarantees."""

    def __init__(self, connections: Connections) -> None:
        """Take over a pool of connections; use ``open``."""
        self._connections = connections

    @classmethod
    async def open(
        cls,
        url: str,
        observer: StoreObserver = NO_OBSERVER,
        settings: PostgresSettings | None = None,
    ) -> "PostgresStore":
        """Open the store at a URL, whose own parameters go before the settings.

        Raises StoreUnusable with what to do, also if the database has not this version's schema.
        """
        conninfo, used = split_url(url, settings)
        name = name_of(conninfo)
        arguments = connect_arguments(used)
        try:
            async with await AsyncConnection.connect(conninfo, **arguments) as connection:
                await check_schema(connection, name)
        except psycopg.Error as error:
            raise StoreUnusable(explain(error, name)) from error
        connections = Connections(conninfo, name, used, observer)
        await connections.open()
        return cls(connections)

    async def list_datasets(
        self, identity_pool_id: str, identity_id: str, *, after: str, limit: int
    ) -> list[Dataset]:
        return await self._read(reads.list_datasets, identity_pool_id, identity_id, after, limit)

    async def find_dataset(self, place: DatasetPlace) -> Dataset | None:
        return await self._read(reads.find_dataset, place)

    async def find_records(self, query: RecordsQuery, session_id: bytes | None) -> RecordsFound:
        return await self._read(reads.find_records, query, session_id)

    async def find_state(
        self, place: DatasetPlace, keys: Sequence[str], session_id: bytes
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
        return await self._read(identity_reads.dump_datasets, identity_pool_id, identity_id)

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

    async def check(self) -> None:
        await self._read(reads.touch_tables)

    async def close(self) -> None:
        await self._connections.close()

    async def _read(
        self,
        read: Callable[Concatenate[Connection, Given], Awaitable[Found]],
        *given: Given.args,
        **named: Given.kwargs,
    ) -> Found:
        return await self._connections.read(lambda connection: read(connection, *given, **named))

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
