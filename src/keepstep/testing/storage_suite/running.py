"""Runs a case on an empty store, and makes the values that cases write."""

import asyncio
import inspect
from collections.abc import Callable, Coroutine, Mapping
from contextlib import AbstractAsyncContextManager
from typing import Any, Concatenate, ParamSpec, TypeVar

import msgspec

from keepstep.domain.dataset_changes import DatasetChange
from keepstep.domain.datasets import Dataset, DatasetPlace, Record, SyncSession
from keepstep.domain.identities import Identity, IdentityChange, IdentityWrite, Login, Merge
from keepstep.domain.limits import OUTBOX_PARTITIONS
from keepstep.domain.outbox import Channel, Lane, OutboxMessage, QueuedMessage
from keepstep.domain.pools import IdentityPool
from keepstep.domain.revocations import identity_subject
from keepstep.interfaces.storage import RecordsFound, RecordsQuery, Store

StoreFactory = Callable[[], AbstractAsyncContextManager[Store]]
"""Opens an empty store for as long as the block lasts; leaving the block closes it."""

CASE_SECONDS = 60
"""How long a case may take, so that a store that hangs is a failure."""

POOL = "us-east-1:00000000-0000-4000-8000-000000000001"
OTHER_POOL = "us-east-1:00000000-0000-4000-8000-000000000002"
IDENTITY = "us-east-1:00000000-0000-4000-8000-00000000000a"
OTHER_IDENTITY = "us-east-1:00000000-0000-4000-8000-00000000000b"
THIRD_IDENTITY = "us-east-1:00000000-0000-4000-8000-00000000000c"
DATE = 1_700_000_000_123
DEVICE = "device-1"
LOGIN = Login("accounts.example.com", "somebody")
OTHER_LOGIN = Login("accounts.example.com", "somebody else")

Arguments = ParamSpec("Arguments")
Result = TypeVar("Result")


def run(work: Coroutine[Any, Any, Result]) -> Result:
    """Run to the end on an event loop of its own, within the time of a case."""

    async def within_time() -> Result:
        async with asyncio.timeout(CASE_SECONDS):
            return await work

    return asyncio.run(within_time())


def on_empty_store(
    case: Callable[Concatenate[Store, Arguments], Coroutine[Any, Any, None]],
) -> Callable[Concatenate[StoreFactory, Arguments], None]:
    """Make a plain test of an async case: the fixture ``store_factory`` opens its store."""

    def test(
        store_factory: StoreFactory, *arguments: Arguments.args, **named: Arguments.kwargs
    ) -> None:
        async def open_and_run() -> None:
            async with store_factory() as store:
                await case(store, *arguments, **named)

        run(open_and_run())

    test.__name__, test.__qualname__ = case.__name__, case.__qualname__
    test.__module__, test.__doc__ = case.__module__, case.__doc__
    given = list(inspect.signature(case).parameters.values())
    factory = inspect.Parameter("store_factory", inspect.Parameter.POSITIONAL_OR_KEYWORD)
    signature = inspect.Signature([factory, *given[1:]])
    setattr(test, "__signature__", signature)  # noqa: B010 -- pytest reads it; types do not know it
    return test


def pool(identity_pool_id: str = POOL, **members: Any) -> IdentityPool:
    """Make an identity pool."""
    dates: dict[str, Any] = {"creation_date": DATE, "last_modified_date": DATE}
    return IdentityPool(identity_pool_id=identity_pool_id, name="A pöol 🌊", **{**dates, **members})


def place(
    dataset_name: str = "things", identity_id: str = IDENTITY, identity_pool_id: str = POOL
) -> DatasetPlace:
    """Name a dataset of an identity of a pool."""
    return DatasetPlace(identity_pool_id, identity_id, dataset_name)


def session(number: int = 1, expires_at: int = DATE) -> SyncSession:
    """Make a sync session; each number is another one, all with a NUL byte in the id."""
    return SyncSession(number.to_bytes(16, "big"), expires_at)


def records_of(values: Mapping[str, str | None], sync_count: int) -> list[Record]:
    """Make records, or tombstones, of one sync count, in byte order of their keys."""
    return [
        Record(
            key=key,
            value=values[key],
            sync_count=sync_count,
            last_modified_date=DATE + sync_count % 1000,
            last_modified_by=DEVICE,
            device_last_modified_date=DATE - sync_count % 1000,
        )
        for key in sorted(values, key=str.encode)
    ]


def writing(
    where: DatasetPlace,
    values: Mapping[str, str | None],
    *,
    expects: int | None = None,
    sync_count: int | None = None,
    consumes: SyncSession | None = None,
    below: int | None = None,
) -> DatasetChange:
    """Make a change that writes values with the next sync count, and a head that fits them."""
    count = sync_count if sync_count is not None else (expects or 0) + 1
    records = records_of(values, count)
    head = Dataset(
        dataset_name=where.dataset_name,
        sync_count=count,
        creation_date=DATE,
        last_modified_date=DATE + count % 1000,
        last_modified_by=DEVICE,
        data_storage=sum(record.size for record in records),
        num_records=sum(record.value is not None for record in records),
    )
    return DatasetChange(
        place=where,
        expected_sync_count=expects,
        dataset=head,
        records=tuple(records),
        consumes=consumes,
        datasets_below=below,
    )


def deleting(where: DatasetPlace, *, expects: int) -> DatasetChange:
    """Make a change that deletes a dataset's data and leaves its counter."""
    count = expects + 1
    return DatasetChange(
        place=where,
        expected_sync_count=expects,
        dataset=Dataset(
            dataset_name=where.dataset_name,
            sync_count=count,
            deleted_sync_count=count,
            last_modified_date=DATE + count % 1000,
        ),
        erases_records=True,
    )


def message(
    where: DatasetPlace, sync_count: int = 1, channel: Channel = Channel.STREAM, **members: Any
) -> OutboxMessage:
    """Make a message of a dataset."""
    given: dict[str, Any] = {"creation_date": DATE + sync_count, "body": b"%d" % sync_count}
    return OutboxMessage(
        place=where, channel=channel, sync_count=sync_count, **{**given, **members}
    )


def sending(change: DatasetChange, *messages: OutboxMessage) -> DatasetChange:
    """Make a change send messages: those given, or else one to the stream."""
    default = message(change.place, change.dataset.sync_count)
    return msgspec.structs.replace(change, outbox=messages or (default,))


async def send(
    store: Store,
    where: DatasetPlace | None = None,
    *counts: int,
    channel: Channel = Channel.STREAM,
) -> list[OutboxMessage]:
    """Change a dataset, once for each sync count, and send a message of each."""
    named = where or place()
    head = await store.find_dataset(named)
    expects = head.sync_count if head is not None else None
    messages = [message(named, count, channel) for count in counts or (1,)]
    for each in messages:
        change = writing(named, {"a": "1"}, expects=expects, sync_count=each.sync_count)
        await apply(store, sending(change, each))
        expects = each.sync_count
    return messages


async def due(
    store: Store, now: int = DATE, *, after: Lane | None = None, limit: int = 1000
) -> list[QueuedMessage]:
    """Read what is due in the whole outbox."""
    return await store.list_due(range(OUTBOX_PARTITIONS), now, after=after, limit=limit)


def queued(*messages: OutboxMessage, **members: Any) -> list[QueuedMessage]:
    """Make messages of the outbox: as they are when they are new, unless the members differ."""
    return [QueuedMessage(message=each, **members) for each in messages]


async def apply(store: Store, *changes: DatasetChange) -> None:
    """Make changes one after the other; each must apply."""
    for change in changes:
        assert await store.change_dataset(change), f"{change} did not apply"


async def find(
    store: Store, where: DatasetPlace, session_id: bytes | None = None, **query: Any
) -> RecordsFound:
    """Read records of a dataset, all of them unless the query says less."""
    return await store.find_records(RecordsQuery(where, **query), session_id)


async def keys_found(store: Store, where: DatasetPlace, **query: Any) -> list[str]:
    """Read the keys that a query of a dataset gives."""
    return [record.key for record in (await find(store, where, **query)).records]


def identity(identity_id: str = IDENTITY, *logins: Login, **members: Any) -> Identity:
    """Make an identity of the pool, as it is when it is new: a guest's unless it has logins."""
    given: dict[str, Any] = {
        "identity_pool_id": POOL,
        "creation_date": DATE,
        "last_modified_date": DATE,
        "was_authenticated": bool(logins),
    }
    return Identity(identity_id=identity_id, logins=logins, **{**given, **members})


def changed(before: Identity, **members: Any) -> Identity:
    """Make the next version of an identity."""
    later = {"version": before.version + 1, "last_modified_date": before.last_modified_date + 1}
    return msgspec.structs.replace(before, **{**later, **members})


def changing(
    *identities: Identity,
    merges: tuple[Merge, ...] = (),
    date: int = DATE,
    identity_pool_id: str = POOL,
) -> IdentityChange:
    """Make a change that makes identities what is given, each from the version before."""
    writes = tuple(
        IdentityWrite(identity=each, expected_version=each.version - 1 or None)
        for each in identities
    )
    return IdentityChange(
        identity_pool_id=identity_pool_id, date=date, writes=writes, merges=merges
    )


async def create(store: Store, *identities: Identity) -> None:
    """Make a pool, if it is not there, and new identities in it."""
    await store.create_pool(pool())
    for each in identities:
        assert await store.change_identities(changing(each)), f"{each} was not created"


def merging(
    source: Identity, destination: Identity, *names: str, date: int = DATE
) -> IdentityChange:
    """Make a change that merges an identity, with the datasets of these names, into another."""
    merge = Merge(
        source=source.identity_id,
        destination=destination.identity_id,
        names={name: f"{name}.{source.identity_id}" for name in names},
    )
    return changing(
        changed(destination, logins=(*destination.logins, *source.logins)),
        changed(source, logins=(), merged_into=destination.identity_id),
        merges=(merge,),
        date=date,
    )


async def merged_names(store: Store, where: DatasetPlace) -> list[str]:
    """Read the names of the merged datasets that a dataset reports."""
    return (await find(store, where)).merged_dataset_names


async def state_of(store: Store) -> list[Any]:
    """Read all that a refused change of identities could have touched."""
    identities = (IDENTITY, OTHER_IDENTITY, THIRD_IDENTITY)
    return [
        [await store.find_pool(pool_id) for pool_id in (POOL, OTHER_POOL)],
        [await store.find_identity(identity_id) for identity_id in identities],
        [
            await store.list_identities(pool_id, after=(0, ""), limit=100, hide_disabled=False)
            for pool_id in (POOL, OTHER_POOL)
        ],
        [
            await store.find_identities(pool_id, [login])
            for pool_id in (POOL, OTHER_POOL)
            for login in (LOGIN, OTHER_LOGIN)
        ],
        [
            await store.dump_datasets(pool_id, identity_id)
            for pool_id in (POOL, OTHER_POOL)
            for identity_id in identities
        ],
        [await store.find_revocation(identity_subject(each)) for each in identities],
    ]
