"""The data in every released schema's dump, and how a dump is made.

Each schema's dump has what the schemas before could hold, and what its own step made possible.

When a schema step is added and released, ``python -m tests.storage.released_store`` writes the
dump of a store of that schema into ``released/``; it is never changed afterwards.
"""

import asyncio
import sqlite3
import tempfile
from contextlib import closing
from pathlib import Path

from keepstep import __version__
from keepstep.domain.access import AccessKey
from keepstep.domain.bulk_publishes import BulkPublish
from keepstep.domain.devices import Device
from keepstep.domain.identities import Login
from keepstep.domain.outbox import Channel, QueuedMessage
from keepstep.domain.pools import IdentityPool
from keepstep.domain.revocations import Reason, Revocation, identity_subject
from keepstep.interfaces.delivery_storage import Lease, OutboxFilter
from keepstep.interfaces.identity_storage import TokenKey
from keepstep.interfaces.storage import Store
from keepstep.storage.sqlite import SQLiteStore
from keepstep.storage.sqlite.files import APPLICATION_ID, schema_steps
from keepstep.testing.storage_suite.pool_settings import FULL
from keepstep.testing.storage_suite.running import (
    DATE,
    IDENTITY,
    LOGIN,
    OTHER_IDENTITY,
    OTHER_POOL,
    POOL,
    THIRD_IDENTITY,
    apply,
    changing,
    deleting,
    due,
    find,
    identity,
    merging,
    message,
    place,
    pool,
    records_of,
    sending,
    session,
    writing,
)

RELEASED = Path(__file__).parent / "released"
VALUES = {
    "a": "1",
    "gone": None,
    "lines": "first\nsecond 'quoted' -- \u00fc\U0001f600",
    "z" * 1024: "x" * 2000,
}
CREATION = writing(place("kept"), VALUES, consumes=session(1, expires_at=DATE))
UPDATE = writing(place("kept"), {"a": "2"}, expects=1, consumes=session(2, expires_at=DATE + 1))
DELETION = deleting(place("deleted"), expects=1)
POOLS = [
    IdentityPool(
        identity_pool_id=identity_pool_id,
        name="A pool",
        creation_date=DATE,
        last_modified_date=DATE + 1,
        sync_sessions_count=count,
    )
    for identity_pool_id, count in ((POOL, 7), (OTHER_POOL, 2**40))
]
KEYS = [
    AccessKey(
        access_key_id=access_key_id,
        sealed_secret=bytes(range(256)),
        description="for the reports",
        read_only=read_only,
        creation_date=DATE,
    )
    for access_key_id, read_only in (("AKIAONE", False), ("AKIATWO", True))
]
REVOKED = AccessKey(
    access_key_id="AKIAOLD",
    sealed_secret=b"old",
    description="",
    read_only=False,
    creation_date=DATE,
)


SETTLED_POOL = "us-east-1:00000000-0000-4000-8000-000000000003"
SETTINGS = pool(SETTLED_POOL, settings=FULL, version=2)
GUEST = identity(THIRD_IDENTITY)
SOURCE = identity(OTHER_IDENTITY, LOGIN)
DESTINATION = identity(IDENTITY, Login("z", "the first"), Login("a", "the second \U0001f600"))
MERGE = merging(SOURCE, DESTINATION, "notes", date=DATE + 9)
MERGED = place(f"notes.{OTHER_IDENTITY}")
DELETED_IDENTITY = "us-east-1:00000000-0000-4000-8000-00000000000d"
TOKEN_KEYS = [TokenKey(2, bytes(range(256)), DATE + 1), TokenKey(1, b"older", DATE)]
STREAMED = place("streamed")
OUTBOX = [
    QueuedMessage(message=message(STREAMED, 1), attempts=9, set_aside=True, failure="too often"),
    QueuedMessage(
        message=message(STREAMED, 2), attempts=1, next_attempt_date=DATE + 9, failure="not now"
    ),
    QueuedMessage(message=message(STREAMED, 3, body=bytes(range(256)))),
]
PUSHED = QueuedMessage(message=message(STREAMED, 3, Channel.PUSH))
LEASE = Lease("outbox:partition:00", "a server", DATE + 9)
DEVICES = [
    Device(
        device_id=device_id,
        identity_pool_id=POOL,
        identity_id=IDENTITY,
        platform="APNS",
        token=f"token of {device_id}",
        creation_date=DATE,
        endpoint=endpoint,
    )
    for device_id, endpoint in (("one", "arn"), ("other", None))
]
PUBLISH = BulkPublish(
    identity_pool_id=POOL,
    status="IN_PROGRESS",
    start_date=DATE,
    complete_date=DATE + 9,
    failure_message="before",
    position=(IDENTITY, "kept"),
)


async def fill(store: Store) -> None:
    """Write what every release must still read."""
    await _fill_first_schema(store)
    await _fill_second_schema(store)
    await _fill_fourth_schema(store)


async def check_filled(store: Store, schema: int) -> None:
    """Read what ``fill`` wrote into a store of that schema."""
    await _check_first_schema(store)
    if schema >= 2:
        await _check_second_schema(store)
    if schema >= 4:
        await _check_fourth_schema(store)


async def _fill_first_schema(store: Store) -> None:
    for each in POOLS:
        assert await store.create_pool(each)
    await apply(store, CREATION, UPDATE, writing(place("deleted"), VALUES), DELETION)
    for key in (*KEYS, REVOKED):
        await store.create_access_key(key)
    assert await store.revoke_access_key(REVOKED.access_key_id)
    for sealed, date in ((b"older", DATE), (b"newer", DATE + 1)):
        assert await store.create_server_key(sealed, date, first=False)


async def _check_first_schema(store: Store) -> None:
    assert [await store.find_pool(pool.identity_pool_id) for pool in POOLS] == POOLS
    listed = await store.list_datasets(POOL, IDENTITY, after="", limit=1)
    assert listed == [UPDATE.dataset]
    found = await find(store, place("kept"), session(2).session_id)
    assert found.session_consumed
    unchanged = {key: value for key, value in VALUES.items() if key != "a"}
    assert found.records == records_of(unchanged, 1) + records_of({"a": "2"}, 2)
    deleted = await find(store, place("deleted"), session(3).session_id)
    assert (deleted.dataset, deleted.records) == (DELETION.dataset, [])
    assert not deleted.session_consumed
    assert await store.list_access_keys() == KEYS
    assert await store.find_access_key(REVOKED.access_key_id) is None
    assert await store.list_server_keys() == [b"newer", b"older"]
    assert await store.purge_consumed_sessions(DATE + 1, limit=10) == 1


async def _fill_second_schema(store: Store) -> None:
    assert await store.create_pool(pool(SETTLED_POOL))
    assert await store.update_pool(SETTINGS, expected_version=1)
    for each in (GUEST, SOURCE, DESTINATION, identity(DELETED_IDENTITY)):
        assert await store.change_identities(changing(each))
    await apply(store, writing(place("notes", OTHER_IDENTITY), {"n": "1"}, below=20))
    assert await store.change_identities(MERGE)
    assert await store.delete_identity(DELETED_IDENTITY, date=DATE)
    for key in TOKEN_KEYS:
        assert await store.create_token_key(key)


async def _check_second_schema(store: Store) -> None:
    assert await store.find_pool(SETTLED_POOL) == SETTINGS
    survivor, disabled = (write.identity for write in MERGE.writes)
    listed = await store.list_identities(POOL, after=(0, ""), limit=10, hide_disabled=False)
    assert listed == [survivor, disabled, GUEST]
    assert await store.find_identities(POOL, [LOGIN, *DESTINATION.logins]) == [survivor]
    assert (await find(store, place("notes"))).merged_dataset_names == [MERGED.dataset_name]
    assert (await find(store, MERGED)).records == records_of({"n": "1"}, 1)
    revocations = [
        Revocation(
            subject=identity_subject(OTHER_IDENTITY), not_before=DATE + 9, reason=Reason.MERGED
        ),
        Revocation(
            subject=identity_subject(DELETED_IDENTITY), not_before=DATE, reason=Reason.DELETED
        ),
    ]
    assert [await store.find_revocation(each.subject) for each in revocations] == revocations
    assert await store.list_token_keys() == TOKEN_KEYS


async def _fill_fourth_schema(store: Store) -> None:
    for count, messages in ((1, OUTBOX[:1]), (2, OUTBOX[1:2]), (3, [OUTBOX[2], PUSHED])):
        change = writing(STREAMED, {"s": str(count)}, expects=count - 1 or None)
        await apply(store, sending(change, *(each.message for each in messages)))
    await store.settle_outbox([], OUTBOX[:2])
    held = await store.hold_leases([LEASE.name], LEASE.holder, now=DATE, until=LEASE.until)
    assert held == {LEASE.name}
    for device in DEVICES:
        assert await store.register_device(device, limit=2) == device
    assert await store.subscribe(STREAMED, DEVICES[0].device_id)
    assert await store.keep_bulk_publish(PUBLISH)


async def _check_fourth_schema(store: Store) -> None:
    assert await store.list_outbox(OutboxFilter(), after=None, limit=10) == [PUSHED, *OUTBOX]
    assert await due(store, DATE + 8) == [PUSHED]
    assert await due(store, DATE + 9) == [PUSHED, *OUTBOX[1:]]
    assert await store.list_leases("outbox:", DATE) == [LEASE]
    assert await store.list_devices(POOL, IDENTITY) == DEVICES
    assert await store.list_subscribers(STREAMED) == DEVICES[:1]
    assert await store.list_bulk_publishes() == [PUBLISH]


def dump(path: Path) -> str:
    """Give the statements that make a store again, schema number and mark included."""
    with closing(sqlite3.connect(path)) as connection:
        statements = "\n".join(connection.iterdump())
    return (
        f"-- A store of schema {len(schema_steps())}, as keepstep {__version__} wrote it.\n"
        f"{statements}\n"
        f"PRAGMA application_id = {APPLICATION_ID};\n"
        f"PRAGMA user_version = {len(schema_steps())};\n"
    )


async def release(folder: Path) -> None:
    """Write the dump of a store of this version's schema."""
    store = SQLiteStore.open(folder / "store.db")
    await fill(store)
    await store.close()
    target = RELEASED / f"schema_{len(schema_steps()):04}.sql"
    with target.open("x", encoding="utf-8") as file:
        file.write(dump(folder / "store.db"))


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as temporary:
        asyncio.run(release(Path(temporary)))
