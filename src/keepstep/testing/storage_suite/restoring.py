# ruff: noqa: D103 -- the name of a case says what holds
"""Cases of dumping all that an identity stores, and of putting an identity back."""

from collections.abc import Awaitable, Callable

import pytest

from keepstep.domain.datasets import Dataset, Record
from keepstep.domain.revocations import Reason, Revocation, identity_subject
from keepstep.interfaces.identity_storage import StoredDataset
from keepstep.interfaces.storage import Store

from .running import (
    DATE,
    IDENTITY,
    LOGIN,
    OTHER_IDENTITY,
    OTHER_LOGIN,
    POOL,
    apply,
    create,
    deleting,
    find,
    identity,
    merged_names,
    on_empty_store,
    place,
    pool,
    records_of,
    state_of,
    writing,
)

USER = identity(IDENTITY, LOGIN, OTHER_LOGIN, creation_date=DATE - 9, version=41)
NEW_USER = identity(IDENTITY, LOGIN)
WHOLE = Dataset(
    dataset_name="whole",
    sync_count=70,
    deleted_sync_count=3,
    creation_date=DATE,
    last_modified_date=DATE + 1,
    last_modified_by="a \u00fcser's \U0001f4f1",
    data_storage=11,
    num_records=5,
)
DATASETS = [
    StoredDataset(WHOLE, None, records_of({"b": "1", "gone": None}, 3) + records_of({"a": ""}, 7)),
    StoredDataset(Dataset("whole.other", 1, creation_date=0), "whole", []),
    StoredDataset(deleting(place("wholly deleted"), expects=7).dataset, None, []),
    StoredDataset(
        Dataset("\U0001f600", 9, creation_date=DATE),
        None,
        [Record("\x00", "\x00\U0001f600", 9, DATE, None, -DATE)],
    ),
]
SUBJECT = identity_subject(IDENTITY)


async def _delete_pool(store: Store) -> None:
    assert await store.delete_pool(POOL)


async def _create_identity(store: Store) -> None:
    await create(store, identity())


async def _link_a_login(store: Store) -> None:
    await create(store, identity(OTHER_IDENTITY, OTHER_LOGIN))


async def _write_a_dataset(store: Store) -> None:
    await apply(store, writing(place(), {"a": "1"}))


async def _delete_a_dataset(store: Store) -> None:
    await apply(store, writing(place(), {"a": "1"}), deleting(place(), expects=1))


@on_empty_store
async def test_an_identity_without_data_has_an_empty_dump(store: Store) -> None:
    assert await store.dump_datasets(POOL, IDENTITY) == []
    await create(store, NEW_USER)
    assert await store.dump_datasets(POOL, IDENTITY) == []


@on_empty_store
async def test_a_dump_has_every_dataset_counter_and_record_in_order(store: Store) -> None:
    deletion = deleting(place("Z"), expects=1)
    creation = writing(place("a"), {"late": "1", "b": "1", "gone": None})
    update = writing(place("a"), {"a": "2", "late": "2"}, expects=1)
    await apply(store, creation, update, writing(place("Z"), {"a": "1"}), deletion)
    await apply(store, writing(place("a", OTHER_IDENTITY), {"other": "1"}))
    assert await store.dump_datasets(POOL, IDENTITY) == [
        StoredDataset(deletion.dataset, None, []),
        StoredDataset(
            update.dataset,
            None,
            records_of({"b": "1", "gone": None}, 1) + records_of({"a": "2", "late": "2"}, 2),
        ),
    ]
    assert await store.list_dataset_names(POOL, IDENTITY) == {"Z": False, "a": True}


@on_empty_store
async def test_what_is_restored_is_what_was_dumped(store: Store) -> None:
    await store.create_pool(pool())
    assert await store.restore_identity(USER, DATASETS)
    assert await store.find_identity(IDENTITY) == USER
    assert await store.find_identities(POOL, [LOGIN, OTHER_LOGIN]) == [USER]
    dump = await store.dump_datasets(POOL, IDENTITY)
    assert dump == DATASETS
    assert await store.delete_identity(IDENTITY, date=DATE)
    assert await store.restore_identity(USER, dump)
    assert await store.dump_datasets(POOL, IDENTITY) == DATASETS
    assert await store.find_revocation(identity_subject(OTHER_IDENTITY)) is None


@on_empty_store
async def test_a_restored_identity_syncs_on_from_its_counts(store: Store) -> None:
    await store.create_pool(pool())
    assert await store.restore_identity(USER, DATASETS)
    found = await find(store, place("whole"))
    assert (found.dataset, found.records) == (WHOLE, list(DATASETS[0].records))
    assert found.merged_dataset_names == ["whole.other"]
    await apply(store, writing(place("whole"), {"c": "1"}, expects=70))
    await apply(store, deleting(place("whole.other"), expects=1))
    assert await merged_names(store, place("whole")) == []
    assert not await store.change_dataset(writing(place("wholly deleted"), {}, below=20))
    await apply(store, writing(place("wholly deleted"), {}, expects=8, below=20))


@on_empty_store
async def test_a_disabled_identity_is_restored_as_it_was(store: Store) -> None:
    await store.create_pool(pool())
    disabled = identity(was_authenticated=True, merged_into=OTHER_IDENTITY, version=3)
    assert await store.restore_identity(disabled, [])
    assert await store.find_identity(IDENTITY) == disabled


@pytest.mark.parametrize(
    "stand_in_the_way",
    [_delete_pool, _create_identity, _link_a_login, _write_a_dataset, _delete_a_dataset],
)
@on_empty_store
async def test_an_identity_is_not_restored_over_what_is_there(
    store: Store, stand_in_the_way: Callable[[Store], Awaitable[None]]
) -> None:
    await store.create_pool(pool())
    await store.revoke(Revocation(subject=SUBJECT, not_before=DATE, reason=Reason.DELETED))
    await stand_in_the_way(store)
    before = await state_of(store)
    assert not await store.restore_identity(USER, DATASETS)
    assert await state_of(store) == before


@on_empty_store
async def test_a_restored_identity_is_no_longer_deleted_but_signed_out(store: Store) -> None:
    await create(store, NEW_USER)
    assert await store.delete_identity(IDENTITY, date=DATE)
    assert await store.restore_identity(USER, DATASETS)
    assert await store.find_revocation(SUBJECT) == Revocation(
        subject=SUBJECT, not_before=DATE, reason=Reason.SIGNED_OUT
    )
    await apply(store, writing(place("new"), {"a": "1"}, below=20))


@on_empty_store
async def test_a_restored_identity_that_was_merged_stays_revoked_as_merged(store: Store) -> None:
    await store.create_pool(pool())
    merged = Revocation(subject=SUBJECT, not_before=DATE, reason=Reason.MERGED)
    other = Revocation(
        subject=identity_subject(OTHER_IDENTITY), not_before=DATE, reason=Reason.DELETED
    )
    for revocation in (merged, other):
        await store.revoke(revocation)
    assert await store.restore_identity(USER, [])
    for revocation in (merged, other):
        assert await store.find_revocation(revocation.subject) == revocation


@on_empty_store
async def test_full_datasets_are_dumped_and_restored(store: Store) -> None:
    values = {f"key-{number:04}": "v" * 900 for number in range(1024)}
    names = [f"dataset-{number}" for number in range(3)]
    await create(store, NEW_USER)
    for name in names:
        await apply(store, writing(place(name), values, below=20))
    dump = await store.dump_datasets(POOL, IDENTITY)
    assert [each.records for each in dump] == [records_of(values, 1)] * 3
    assert await store.delete_identity(IDENTITY, date=DATE)
    assert await store.restore_identity(NEW_USER, dump)
    assert await store.dump_datasets(POOL, IDENTITY) == dump
