# ruff: noqa: D103 -- the name of a case says what holds
"""Cases of identities that several callers change at once, while others write their data."""

import asyncio

from keepstep.domain.identities import Identity, IdentityChange, Login
from keepstep.domain.revocations import Reason, identity_subject
from keepstep.interfaces.storage import Store

from .running import (
    DATE,
    IDENTITY,
    LOGIN,
    OTHER_IDENTITY,
    OTHER_LOGIN,
    POOL,
    THIRD_IDENTITY,
    apply,
    changed,
    changing,
    create,
    find,
    identity,
    merging,
    on_empty_store,
    place,
    pool,
    records_of,
    state_of,
    writing,
)

CALLERS = 16
SOURCE = identity(IDENTITY, LOGIN)
DESTINATION = identity(OTHER_IDENTITY, OTHER_LOGIN)


async def _write_datasets(store: Store) -> list[str]:
    """Create datasets of the source, then write to each; give the names of those created."""

    async def write(name: str) -> bool:
        created = await store.change_dataset(writing(place(name), {"a": "1"}, below=20))
        if created:
            await store.change_dataset(writing(place(name), {"b": "2"}, expects=1))
        return created

    names = [f"dataset-{number}" for number in range(CALLERS)]
    created: list[str] = []
    for name in names:
        if await write(name):
            created.append(name)
        await asyncio.sleep(0)
    return created


async def _merge_until_applied(store: Store) -> None:
    while True:
        names = await store.list_dataset_names(POOL, IDENTITY)
        await asyncio.sleep(0)
        if await store.change_identities(merging(SOURCE, DESTINATION, *names)):
            return


def _expected(applied: list[bool], changes: list[IdentityChange]) -> list[Identity]:
    assert sum(applied) == 1
    return [write.identity for write in changes[applied.index(True)].writes]


@on_empty_store
async def test_a_login_linked_at_the_same_time_goes_to_exactly_one_identity(store: Store) -> None:
    guests = [identity(IDENTITY), identity(OTHER_IDENTITY)]
    await create(store, *guests)
    changes = [changing(changed(guest, logins=(LOGIN,))) for guest in guests]
    applied = await asyncio.gather(*(store.change_identities(change) for change in changes))
    assert await store.find_identities(POOL, [LOGIN]) == _expected(applied, changes)
    loser = guests[applied.index(False)]
    assert await store.find_identity(loser.identity_id) == loser


@on_empty_store
async def test_of_identities_created_for_one_login_at_the_same_time_exactly_one_is(
    store: Store,
) -> None:
    await store.create_pool(pool())
    changes = [changing(identity(f"identity-{number}", LOGIN)) for number in range(CALLERS)]
    applied = await asyncio.gather(*(store.change_identities(change) for change in changes))
    created = _expected(applied, changes)
    assert await store.find_identities(POOL, [LOGIN]) == created
    listed = await store.list_identities(POOL, after=(0, ""), limit=100, hide_disabled=False)
    assert listed == created


@on_empty_store
async def test_of_changes_of_one_version_at_the_same_time_exactly_one_applies(
    store: Store,
) -> None:
    await create(store, SOURCE)
    changes = [changing(changed(SOURCE, last_modified_date=n)) for n in range(CALLERS)]
    applied = await asyncio.gather(*(store.change_identities(change) for change in changes))
    assert [await store.find_identity(IDENTITY)] == _expected(applied, changes)


@on_empty_store
async def test_of_merges_of_each_into_the_other_exactly_one_applies(store: Store) -> None:
    await create(store, SOURCE, DESTINATION)
    for where in (place("things", IDENTITY), place("things", OTHER_IDENTITY)):
        await apply(store, writing(where, {where.identity_id: "1"}, below=20))
    changes = [merging(SOURCE, DESTINATION, "things"), merging(DESTINATION, SOURCE, "things")]
    applied = await asyncio.gather(*(store.change_identities(change) for change in changes))
    survivor, disabled = _expected(applied, changes)
    assert await store.find_identity(survivor.identity_id) == survivor
    assert await store.find_identity(disabled.identity_id) == disabled
    assert await store.find_identities(POOL, [LOGIN, OTHER_LOGIN]) == [survivor]
    names = ["things", f"things.{disabled.identity_id}"]
    dumped = await store.dump_datasets(POOL, survivor.identity_id)
    assert [each.dataset.dataset_name for each in dumped] == names
    assert await store.list_dataset_names(POOL, disabled.identity_id) == {}
    assert await store.find_revocation(identity_subject(survivor.identity_id)) is None


@on_empty_store
async def test_no_dataset_is_lost_when_its_identity_is_merged_while_it_is_written(
    store: Store,
) -> None:
    await create(store, SOURCE, DESTINATION)
    created, _ = await asyncio.gather(_write_datasets(store), _merge_until_applied(store))
    assert await store.list_dataset_names(POOL, IDENTITY) == {}
    moved = await store.dump_datasets(POOL, OTHER_IDENTITY)
    assert {each.dataset.dataset_name for each in moved} == {
        f"{name}.{IDENTITY}" for name in created
    }
    for each in moved:
        written: list[dict[str, str | None]] = [{"a": "1"}, {"b": "2"}]
        records = [
            record
            for count in range(1, each.dataset.sync_count + 1)
            for record in records_of(written[count - 1], count)
        ]
        assert each.records == records


@on_empty_store
async def test_a_reader_never_sees_a_half_merged_identity(store: Store) -> None:
    await create(store, SOURCE, DESTINATION)
    names = [f"dataset-{number}" for number in range(8)]
    for name in names:
        await apply(store, writing(place(name), dict.fromkeys("abcdefgh", "1"), below=20))
    merged = [f"{name}.{IDENTITY}" for name in names]
    merging_task = asyncio.create_task(_merge_until_applied(store))
    while True:
        done = merging_task.done()
        found = await find(store, place(names[-1]))
        assert len(found.records) == (8 if found.dataset is not None else 0)
        moved = await store.dump_datasets(POOL, OTHER_IDENTITY)
        assert [each.dataset.dataset_name for each in moved] in ([], merged)
        assert all(len(each.records) == 8 for each in moved)
        if done:
            assert (found.dataset, len(moved)) == (None, len(names))
            break
        await asyncio.sleep(0)
    await merging_task


@on_empty_store
async def test_nothing_is_left_of_an_identity_deleted_while_it_is_written(store: Store) -> None:
    await create(store, SOURCE)

    async def delete() -> None:
        for _ in range(CALLERS):
            await asyncio.sleep(0)
        assert await store.delete_identity(IDENTITY, date=DATE)

    await asyncio.gather(_write_datasets(store), delete(), _write_datasets(store))
    assert await store.find_identity(IDENTITY) is None
    assert await store.dump_datasets(POOL, IDENTITY) == []
    assert await store.find_identities(POOL, [LOGIN]) == []


@on_empty_store
async def test_a_merge_and_a_deletion_at_the_same_time_lose_no_kept_data(store: Store) -> None:
    await create(store, SOURCE, DESTINATION)
    await apply(store, writing(place(), {"a": "1"}, below=20))
    merged, deleted = await asyncio.gather(
        store.change_identities(merging(SOURCE, DESTINATION, "things")),
        store.delete_identity(IDENTITY, date=DATE),
    )
    assert deleted
    assert await store.find_identity(IDENTITY) is None
    assert await store.list_dataset_names(POOL, IDENTITY) == {}
    moved = await store.list_dataset_names(POOL, OTHER_IDENTITY)
    assert moved == ({f"things.{IDENTITY}": True} if merged else {})
    revocation = await store.find_revocation(identity_subject(IDENTITY))
    assert revocation is not None
    assert revocation.reason == Reason.DELETED


@on_empty_store
async def test_an_identity_restored_twice_at_the_same_time_is_restored_once(store: Store) -> None:
    await create(store, SOURCE)
    await apply(store, writing(place(), {"a": "1"}, below=20))
    dump = await store.dump_datasets(POOL, IDENTITY)
    assert await store.delete_identity(IDENTITY, date=DATE)
    restored = await asyncio.gather(*(store.restore_identity(SOURCE, dump) for _ in range(4)))
    assert sum(restored) == 1
    assert await store.dump_datasets(POOL, IDENTITY) == dump


@on_empty_store
async def test_a_guest_is_not_purged_from_under_the_data_it_writes(store: Store) -> None:
    guests = [identity(f"guest-{number:02}") for number in range(CALLERS)]
    await create(store, *guests)
    places = [place("things", guest.identity_id) for guest in guests]
    outcomes = await asyncio.gather(
        *(store.change_dataset(writing(where, {"a": "1"}, below=20)) for where in places[::2]),
        store.purge_guests(DATE + 1, after=(0, ""), limit=CALLERS, date=DATE + 1),
        *(store.change_dataset(writing(where, {"a": "1"}, below=20)) for where in places[1::2]),
    )
    written = dict(zip(places[::2] + places[1::2], outcomes[:8] + outcomes[9:], strict=True))
    for where, applied in written.items():
        there = await store.find_identity(where.identity_id) is not None
        names = await store.list_dataset_names(POOL, where.identity_id)
        assert (there, names) == (applied, {"things": True} if applied else {})


@on_empty_store
async def test_a_pool_deleted_while_identities_are_created_leaves_none(store: Store) -> None:
    await store.create_pool(pool())

    async def create_some(first: int) -> None:
        for number in range(first, first + CALLERS):
            await store.change_identities(changing(identity(f"identity-{number}")))

    await asyncio.gather(create_some(0), store.delete_pool(POOL), create_some(CALLERS))
    assert await store.list_identities(POOL, after=(0, ""), limit=100, hide_disabled=False) == []


@on_empty_store
async def test_an_answered_change_of_identities_is_seen_by_every_later_read(store: Store) -> None:
    await create(store, identity(THIRD_IDENTITY))
    before = await state_of(store)

    async def link(number: int) -> None:
        guest = identity(f"guest-{number}")
        await create(store, guest)
        assert await store.find_identity(guest.identity_id) == guest
        login = Login("provider", str(number))
        linked = changed(guest, logins=(login,))
        assert await store.change_identities(changing(linked))
        assert await store.find_identities(POOL, [login]) == [linked]
        assert await store.delete_identity(guest.identity_id, date=DATE)
        assert await store.find_identities(POOL, [login]) == []

    await asyncio.gather(*(link(number) for number in range(8)))
    assert await state_of(store) == before
