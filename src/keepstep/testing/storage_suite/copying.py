# ruff: noqa: D103 -- the name of a case says what holds
"""Cases of copying a whole store: every kind of row, page by page, and the progress with it."""

import asyncio
from collections.abc import Callable, Sequence
from typing import Any, Final, cast

import msgspec

from keepstep.domain.access import AccessKey
from keepstep.domain.bulk_publishes import BulkPublish
from keepstep.domain.copying import (
    KINDS,
    AccessKeyRow,
    BulkPublishRow,
    ConsumedSessionRow,
    CopyProgress,
    DatasetRow,
    DeviceRow,
    IdentityPoolRow,
    IdentityRow,
    KindProgress,
    KindSum,
    LoginRow,
    OutboxLaneRow,
    OutboxRow,
    RecordRow,
    RevocationRow,
    Row,
    ServerKeyRow,
    SubscriptionRow,
    TokenKeyRow,
    sum_with,
)
from keepstep.domain.devices import Device
from keepstep.domain.identities import Login
from keepstep.domain.outbox import Channel
from keepstep.interfaces.copying import SCAN_BYTES, CopyableStore
from keepstep.interfaces.delivery_storage import OutboxFilter
from keepstep.interfaces.identity_storage import TokenKey
from keepstep.interfaces.storage import Store
from keepstep.wire.members import LONG_MAX

from .pool_settings import FULL
from .running import (
    DATE,
    DEVICE,
    IDENTITY,
    LOGIN,
    OTHER_IDENTITY,
    OTHER_LOGIN,
    OTHER_POOL,
    POOL,
    THIRD_IDENTITY,
    apply,
    create,
    deleting,
    due,
    find,
    identity,
    merging,
    on_empty_store,
    place,
    pool,
    queued,
    send,
    session,
    state_of,
    writing,
)

ODD: Final = "a\x00\u00fc'\"\\\U0001f600"
"""What a text may hold: NUL, quotes, a backslash, characters of two and of four bytes."""
_EVERY_BYTE: Final = bytes(range(256))
LONGEST_KEY: Final = "\U0001f511" * 1024
PROGRESS: Final = CopyProgress(source="sqlite:/old.db", deployment="one", run="run 1")

ROWS: Final[Sequence[Sequence[Row]]] = (
    [ServerKeyRow(_EVERY_BYTE, DATE), ServerKeyRow(b"\x00", 0), ServerKeyRow(b"a", LONG_MAX)],
    [
        AccessKeyRow(
            "AKIAONE", _EVERY_BYTE, ODD, read_only=False, creation_date=DATE, revoked=False
        ),
        AccessKeyRow("AKIAOLD", b"", "", read_only=True, creation_date=1, revoked=True),
    ],
    [TokenKeyRow(1, _EVERY_BYTE, DATE), TokenKeyRow(LONG_MAX, b"\x00", 0)],
    [
        IdentityPoolRow(POOL, ODD, DATE, DATE + 1, LONG_MAX, "{}", 1),
        IdentityPoolRow(OTHER_POOL, "", 0, 0, 0, msgspec.json.encode(FULL).decode(), 7),
    ],
    [
        IdentityRow(IDENTITY, POOL, DATE, DATE + 1, True, None, 41),
        IdentityRow(OTHER_IDENTITY, POOL, DATE, DATE, True, IDENTITY, 3),
        IdentityRow(THIRD_IDENTITY, OTHER_POOL, 0, 0, False, None, 1),
    ],
    [
        LoginRow(POOL, ODD, ODD, IDENTITY, 0),
        LoginRow(POOL, ODD, ODD + "a", IDENTITY, 1),
        LoginRow(POOL, "a", "ab", OTHER_IDENTITY, 0),
        LoginRow(POOL, "aa", "b", OTHER_IDENTITY, 1),
        LoginRow(OTHER_POOL, "a", "ab", THIRD_IDENTITY, 0),
    ],
    [
        DatasetRow(IDENTITY, POOL, "a", LONG_MAX, 3, DATE, DATE + 1, ODD, LONG_MAX, 1024, None),
        DatasetRow(IDENTITY, POOL, "gone", 8, 8, None, DATE, None, 0, 0, None),
        DatasetRow(IDENTITY, POOL, f"a.{OTHER_IDENTITY}", 1, 0, 0, 0, "", 0, 0, "a"),
        DatasetRow(IDENTITY, OTHER_POOL, "a", 1, 0, DATE, DATE, DEVICE, 0, 0, None),
        DatasetRow(OTHER_IDENTITY, POOL, "A", 1, 0, DATE, DATE, DEVICE, 0, 0, None),
    ],
    [
        RecordRow(IDENTITY, POOL, "a", ODD, ODD, LONG_MAX, DATE, ODD, -DATE),
        RecordRow(IDENTITY, POOL, "a", "tombstone", None, 7, DATE, None, DATE),
        RecordRow(IDENTITY, POOL, "a", "empty", "", 7, DATE, "", DATE),
        RecordRow(IDENTITY, POOL, "a", LONGEST_KEY, "x" * 1024 * 1024, 1, 0, DEVICE, 0),
        RecordRow(IDENTITY, POOL, "a", LONGEST_KEY[:-1], "", 1, 0, DEVICE, 0),
        RecordRow(IDENTITY, OTHER_POOL, "a", "\uffff", "", 1, 0, DEVICE, 0),
        RecordRow(OTHER_IDENTITY, POOL, "A", "\x00", "\x00", 1, 0, DEVICE, 0),
    ],
    [
        ConsumedSessionRow(IDENTITY, b"\x00" * 16, DATE),
        ConsumedSessionRow(IDENTITY, _EVERY_BYTE[-16:], LONG_MAX),
        ConsumedSessionRow(OTHER_IDENTITY, b"\x00" * 16, 0),
    ],
    [
        RevocationRow(f"identity:{IDENTITY}", DATE, "deleted"),
        RevocationRow(f"guest:{IDENTITY}", DATE, "signed-out"),
        RevocationRow("all", 0, "signed-out"),
        RevocationRow(ODD, LONG_MAX, "merged"),
    ],
    [
        OutboxRow(False, IDENTITY, POOL, "a", "push", 1, DATE, 3, 0, 0, None, _EVERY_BYTE),
        OutboxRow(True, IDENTITY, POOL, "a", "push", 2, DATE, 3, 100, 0, ODD, b"2"),
        OutboxRow(False, IDENTITY, POOL, "a", "stream", LONG_MAX, 0, 3, 2, DATE, "", b""),
        OutboxRow(False, IDENTITY, POOL, "A", "push", 1, DATE, 3, 0, 0, None, b"x" * 1024 * 1024),
        OutboxRow(True, IDENTITY, OTHER_POOL, "a", "push", 1, DATE, 3, 1, DATE, "no", b"1"),
        OutboxRow(False, OTHER_IDENTITY, POOL, "a", "push", 1, DATE, 15, 0, 0, None, b"1"),
    ],
    [
        OutboxLaneRow(IDENTITY, POOL, "a", "push", 3, 0),
        OutboxLaneRow(IDENTITY, POOL, "a", "stream", 3, DATE),
        OutboxLaneRow(IDENTITY, OTHER_POOL, "A", "push", 3, LONG_MAX),
        OutboxLaneRow(OTHER_IDENTITY, POOL, "a", "push", 15, 0),
    ],
    [
        DeviceRow(IDENTITY, POOL, ODD, "APNS", ODD, DATE, ODD),
        DeviceRow(IDENTITY, POOL, "b", "GCM", "t" * 4000, 0, None),
        DeviceRow(IDENTITY, OTHER_POOL, "b", "GCM", "a", 0, ""),
        DeviceRow(OTHER_IDENTITY, POOL, "b", "GCM", "a", LONG_MAX, ""),
    ],
    [
        SubscriptionRow(IDENTITY, POOL, "a", ODD),
        SubscriptionRow(IDENTITY, POOL, "a", "b"),
        SubscriptionRow(IDENTITY, OTHER_POOL, "A", "b"),
        SubscriptionRow(OTHER_IDENTITY, POOL, "a", "b"),
    ],
    [
        BulkPublishRow(POOL, "FAILED", DATE, None, ODD, IDENTITY, "a", LONG_MAX),
        BulkPublishRow(OTHER_POOL, "SUCCEEDED", 0, DATE, None, "", "", 1),
    ],
)
"""Rows of every kind."""
_SENT: Final = place("sent", THIRD_IDENTITY)
_DEVICE: Final = Device(
    device_id=ODD,
    identity_pool_id=POOL,
    identity_id=THIRD_IDENTITY,
    platform="GCM",
    token=ODD,
    creation_date=DATE,
)

Case = Callable[..., Any]


def _on_empty_store(case: Case) -> Case:
    """Make a test of a case: every engine gives a store that can be copied."""
    return cast("Case", on_empty_store(case))


async def _scan(store: CopyableStore, kind: type[Row], limit: int = 1000) -> list[Row]:
    """Read every row of a kind in pages; none may be larger than was asked for."""
    rows: list[Row] = []
    position: str | None = None
    while True:
        page = await store.scan(kind, after=position, limit=limit)
        assert len(page.rows) <= limit
        assert (page.position is None) == (not page.rows)
        if page.position is None:
            return rows
        rows.extend(page.rows)
        position = page.position


async def _contents(store: CopyableStore) -> dict[str, KindSum]:
    return {kind.kind: sum_with(KindSum(), await _scan(store, kind)) for kind in KINDS}


async def _fill(store: Store) -> None:
    """Write something of every kind in the ways that servers do."""
    await store.create_pool(pool())
    await store.update_pool(pool(settings=FULL, version=2), expected_version=1)
    await store.add_sync_sessions({POOL: 7})
    source, destination = identity(OTHER_IDENTITY, LOGIN), identity(IDENTITY, OTHER_LOGIN)
    await create(store, source, destination, identity(THIRD_IDENTITY))
    await apply(
        store,
        writing(place("notes", OTHER_IDENTITY), {"n": "1"}, below=20),
        writing(place("notes"), {ODD: ODD, "gone": None, "": ""}, consumes=session(), below=20),
        writing(place("deleted"), {"a": "1"}, below=20),
        deleting(place("deleted"), expects=1),
    )
    assert await store.change_identities(merging(source, destination, "notes"))
    for access_key_id in ("AKIAONE", "AKIATWO"):
        key = AccessKey(
            access_key_id=access_key_id,
            sealed_secret=_EVERY_BYTE,
            description=ODD,
            read_only=True,
            creation_date=DATE,
        )
        await store.create_access_key(key)
    assert await store.revoke_access_key("AKIATWO")
    assert await store.create_server_key(_EVERY_BYTE, DATE, first=True)
    assert await store.create_token_key(TokenKey(1, _EVERY_BYTE, DATE))
    await _fill_delivery(store)


async def _fill_delivery(store: Store) -> None:
    """Write messages in each state, a subscribed device and a bulk publish."""
    sent = await send(store, _SENT, 1, 2, 3)
    aside = queued(sent[0], attempts=9, set_aside=True, failure=ODD)
    await store.settle_outbox([], aside + queued(sent[1], attempts=1, next_attempt_date=DATE + 9))
    await send(store, _SENT, 4, channel=Channel.PUSH)
    assert await store.register_device(_DEVICE, limit=1) == _DEVICE
    assert await store.subscribe(_SENT, ODD)
    publish = BulkPublish(identity_pool_id=POOL, status="IN_PROGRESS", start_date=DATE)
    assert await store.keep_bulk_publish(publish)


async def _delivery_of(store: Store) -> list[Any]:
    """Read all that ``_fill_delivery`` wrote."""
    return [
        [await due(store, now) for now in (DATE + 8, DATE + 9)],
        await store.list_outbox(OutboxFilter(), after=None, limit=9),
        await store.list_subscribers(_SENT),
        await store.list_bulk_publishes(),
    ]


@_on_empty_store
async def test_every_member_of_every_kind_is_loaded_and_scanned(store: CopyableStore) -> None:
    await store.begin_copy(PROGRESS)
    for rows in ROWS:
        kind = type(rows[0])
        assert await _scan(store, kind) == []
        assert await store.load(kind, rows, PROGRESS)
        found = await _scan(store, kind)
        assert len(found) == len(rows)
        assert set(found) == set(rows)


@_on_empty_store
async def test_pages_of_one_row_give_the_same_rows_in_the_same_order(store: CopyableStore) -> None:
    await store.begin_copy(PROGRESS)
    for rows in ROWS:
        kind = type(rows[0])
        assert await store.load(kind, rows, PROGRESS)
        found = await _scan(store, kind)
        assert await _scan(store, kind, limit=1) == found
        assert await _scan(store, kind, limit=2) == found


@_on_empty_store
async def test_rows_that_are_loaded_twice_are_there_once(store: CopyableStore) -> None:
    await store.begin_copy(PROGRESS)
    for rows in ROWS:
        kind = type(rows[0])
        for part in (rows[:2], rows[1:], rows):
            assert await store.load(kind, part, PROGRESS)
        assert sum_with(KindSum(), await _scan(store, kind)) == sum_with(KindSum(), rows)


@_on_empty_store
async def test_a_page_of_large_rows_ends_early(store: CopyableStore) -> None:
    count, size = 20, SCAN_BYTES // 8
    rows = [
        RecordRow(IDENTITY, POOL, "a", f"{n:02}", "x" * size, 1, 0, None, 0) for n in range(count)
    ]
    await store.begin_copy(PROGRESS)
    assert await store.load(RecordRow, rows, PROGRESS)
    messages = [
        OutboxRow(False, IDENTITY, POOL, "a", "push", n, 0, 3, 0, 0, None, b"x" * size)
        for n in range(count)
    ]
    assert await store.load(OutboxRow, messages, PROGRESS)
    for kind in (RecordRow, OutboxRow):
        first = await store.scan(kind, after=None, limit=count)
        assert 8 <= len(first.rows) <= 10
        assert len(await _scan(store, kind, limit=count)) == count


@_on_empty_store
async def test_what_servers_wrote_comes_back_as_it_was_after_clearing_and_loading(
    store: CopyableStore,
) -> None:
    empty = await state_of(store)
    await _fill(store)
    before, sums = await state_of(store), await _contents(store)
    leaving = await _delivery_of(store)
    rows = {kind: await _scan(store, kind) for kind in KINDS}
    assert all(rows.values())
    await store.begin_copy(PROGRESS)
    for kind in KINDS:
        assert await store.clear(kind, PROGRESS)
    assert await state_of(store) == empty
    assert await store.list_server_keys() == []
    for kind in KINDS:
        assert await store.load(kind, rows[kind], PROGRESS)
    assert (await state_of(store), await _contents(store)) == (before, sums)
    assert await _delivery_of(store) == leaving
    other = msgspec.structs.replace(_DEVICE, device_id="another")
    assert await store.register_device(other, limit=2) == _DEVICE
    assert (await find(store, place("notes"), session().session_id)).session_consumed
    assert [key.access_key_id for key in await store.list_access_keys()] == ["AKIAONE"]


@_on_empty_store
async def test_logins_that_are_loaded_one_by_one_are_their_identities(store: CopyableStore) -> None:
    logins = [Login(f"provider {number}", ODD) for number in range(3)]
    rows = [
        LoginRow(POOL, login.provider_name, login.subject, IDENTITY, position)
        for position, login in enumerate(logins)
    ]
    await store.begin_copy(PROGRESS)
    row = IdentityRow(IDENTITY, POOL, DATE, DATE, True, None, 1)
    assert await store.load(IdentityRow, [row], PROGRESS)
    for login in reversed(rows):
        assert await store.load(LoginRow, [login], PROGRESS)
    whole = identity(IDENTITY, *logins)
    assert await store.find_identity(IDENTITY) == whole
    assert await store.find_identities(POOL, logins[1:2]) == [whole]
    assert await store.clear(LoginRow, PROGRESS)
    assert await store.find_identity(IDENTITY) == msgspec.structs.replace(whole, logins=())
    assert await store.find_identities(POOL, logins) == []


@_on_empty_store
async def test_loaded_datasets_count_towards_the_limit_and_deleted_ones_do_not(
    store: CopyableStore,
) -> None:
    await _fill(store)
    rows = {kind: await _scan(store, kind) for kind in KINDS}
    await store.begin_copy(PROGRESS)
    assert await store.clear(DatasetRow, PROGRESS)
    for _ in range(2):
        assert await store.load(DatasetRow, rows[DatasetRow], PROGRESS)
    assert not await store.change_dataset(writing(place("new"), {}, below=2))
    await apply(store, writing(place("new"), {}, below=3))


@_on_empty_store
async def test_progress_is_kept_with_the_rows_until_the_copy_ends(store: CopyableStore) -> None:
    assert await store.find_copy() is None
    await store.begin_copy(PROGRESS)
    assert await store.find_copy() == PROGRESS
    keys = ROWS[0]
    further = PROGRESS.at(ServerKeyRow, KindProgress(3, '["\\u0000"]', done=True))
    assert await store.load(ServerKeyRow, keys, further)
    assert await store.find_copy() == further
    differing = PROGRESS.at(ServerKeyRow, KindProgress(differs=True))
    assert await store.keep_progress(differing)
    assert await store.find_copy() == differing
    assert await store.clear(ServerKeyRow, PROGRESS)
    assert (await store.find_copy(), await _scan(store, ServerKeyRow)) == (PROGRESS, [])
    assert await store.end_copy(PROGRESS)
    assert await store.find_copy() is None


@_on_empty_store
async def test_a_run_that_was_taken_over_changes_nothing_any_more(store: CopyableStore) -> None:
    keys = ROWS[0]
    await store.begin_copy(PROGRESS)
    assert await store.load(ServerKeyRow, keys[:1], PROGRESS)
    other = msgspec.structs.replace(PROGRESS, run="run 2")
    await store.begin_copy(other)
    further = PROGRESS.at(ServerKeyRow, KindProgress(3))
    assert not await store.load(ServerKeyRow, keys, further)
    assert not await store.clear(ServerKeyRow, further)
    assert not await store.keep_progress(further)
    assert not await store.end_copy(further)
    assert await store.find_copy() == other
    assert await _scan(store, ServerKeyRow) == [keys[0]]
    assert await store.end_copy(other)
    assert not await store.load(ServerKeyRow, keys, other)


@_on_empty_store
async def test_of_two_runs_at_once_one_goes_on_with_the_copy(store: CopyableStore) -> None:
    runs = [msgspec.structs.replace(PROGRESS, run=f"run {number}") for number in range(4)]
    await asyncio.gather(*(store.begin_copy(run) for run in runs))
    loaded = await asyncio.gather(
        *(store.load(ServerKeyRow, [ServerKeyRow(run.run.encode(), DATE)], run) for run in runs)
    )
    kept = await store.find_copy()
    assert kept is not None
    assert loaded == [run == kept for run in runs]
    assert await _scan(store, ServerKeyRow) == [ServerKeyRow(kept.run.encode(), DATE)]


@_on_empty_store
async def test_a_reserved_store_is_read_and_written_as_before(store: CopyableStore) -> None:
    await store.reserve()
    await _fill(store)
    await store.check()
