# ruff: noqa: D103 -- the name of a case says what holds
"""Cases of deleting an identity, or a pool with all of its identities."""

import pytest

from keepstep.domain.revocations import Reason, Revocation, identity_subject
from keepstep.interfaces.storage import Store

from .running import (
    DATE,
    IDENTITY,
    LOGIN,
    OTHER_IDENTITY,
    OTHER_LOGIN,
    OTHER_POOL,
    POOL,
    THIRD_IDENTITY,
    apply,
    changing,
    create,
    deleting,
    find,
    identity,
    on_empty_store,
    place,
    pool,
    records_of,
    state_of,
    writing,
)

USER = identity(IDENTITY, LOGIN)
OTHER_USER = identity(OTHER_IDENTITY, OTHER_LOGIN)
SUBJECT = identity_subject(IDENTITY)


async def _begin(store: Store) -> None:
    """Make two identities that have data, each with a deleted dataset."""
    await create(store, USER, OTHER_USER)
    for identity_id in (IDENTITY, OTHER_IDENTITY):
        deleted = place("deleted", identity_id)
        await apply(
            store,
            writing(place("things", identity_id), {"a": "1", "gone": None}, below=20),
            writing(deleted, {"a": "1"}, below=20),
            deleting(deleted, expects=1),
        )


@on_empty_store
async def test_an_identity_that_does_not_exist_is_not_deleted(store: Store) -> None:
    await _begin(store)
    before = await state_of(store)
    assert not await store.delete_identity(THIRD_IDENTITY, date=DATE)
    assert await state_of(store) == before


@on_empty_store
async def test_an_identity_is_deleted_with_its_logins_and_all_its_data(store: Store) -> None:
    await _begin(store)
    assert await store.delete_identity(IDENTITY, date=DATE)
    assert await store.find_identity(IDENTITY) is None
    assert await store.find_identities(POOL, [LOGIN]) == []
    assert await store.dump_datasets(POOL, IDENTITY) == []
    for name in ("things", "deleted"):
        found = await find(store, place(name))
        assert (found.dataset, found.records) == (None, [])
    listed = await store.list_identities(POOL, after=(0, ""), limit=10, hide_disabled=False)
    assert listed == [OTHER_USER]
    assert not await store.delete_identity(IDENTITY, date=DATE)


@on_empty_store
async def test_deleting_an_identity_leaves_other_identities_and_pools(store: Store) -> None:
    await _begin(store)
    kept = place("things", IDENTITY, OTHER_POOL)
    await apply(store, writing(kept, {"a": "1"}))
    before = await store.dump_datasets(POOL, OTHER_IDENTITY)
    assert await store.delete_identity(IDENTITY, date=DATE)
    assert await store.find_identities(POOL, [OTHER_LOGIN]) == [OTHER_USER]
    assert await store.dump_datasets(POOL, OTHER_IDENTITY) == before
    assert (await find(store, kept)).records == records_of({"a": "1"}, 1)
    assert await store.find_revocation(identity_subject(OTHER_IDENTITY)) is None


@on_empty_store
async def test_a_login_of_a_deleted_identity_is_free(store: Store) -> None:
    await _begin(store)
    assert await store.delete_identity(IDENTITY, date=DATE)
    await create(store, identity(THIRD_IDENTITY, LOGIN))


@on_empty_store
async def test_a_disabled_identity_can_be_deleted(store: Store) -> None:
    await create(store, identity(merged_into=OTHER_IDENTITY))
    assert await store.delete_identity(IDENTITY, date=DATE)
    assert await store.find_identity(IDENTITY) is None


@pytest.mark.parametrize("revoked_at", [None, DATE - 1, DATE, DATE + 1])
@on_empty_store
async def test_credentials_of_a_deleted_identity_are_revoked(
    store: Store, revoked_at: int | None
) -> None:
    await _begin(store)
    if revoked_at is not None:
        await store.revoke(Revocation(subject=SUBJECT, not_before=revoked_at))
    assert await store.delete_identity(IDENTITY, date=DATE)
    assert await store.find_revocation(SUBJECT) == Revocation(
        subject=SUBJECT, not_before=max(DATE, revoked_at or 0), reason=Reason.DELETED
    )


@on_empty_store
async def test_no_dataset_comes_to_exist_under_a_deleted_identity(store: Store) -> None:
    await _begin(store)
    assert await store.delete_identity(IDENTITY, date=DATE)
    before = await state_of(store)
    for name in ("things", "deleted", "new"):
        assert not await store.change_dataset(writing(place(name), {"a": "1"}, below=20))
    assert await state_of(store) == before
    await store.revoke(Revocation(subject=SUBJECT, not_before=DATE + 1))
    assert not await store.change_dataset(writing(place("new"), {"a": "1"}, below=20))
    await apply(store, writing(place("new", OTHER_IDENTITY), {"a": "1"}, below=20))


@on_empty_store
async def test_datasets_come_to_exist_again_once_the_deletion_is_forgotten(store: Store) -> None:
    await _begin(store)
    assert await store.delete_identity(IDENTITY, date=DATE)
    assert await store.purge_revocations(DATE + 1, limit=10) == 1
    await apply(store, writing(place("new"), {"a": "1"}, below=20))


@pytest.mark.parametrize("reason", [Reason.SIGNED_OUT, Reason.MERGED])
@on_empty_store
async def test_other_revocations_do_not_stop_datasets(store: Store, reason: Reason) -> None:
    await create(store)
    await store.revoke(Revocation(subject=SUBJECT, not_before=DATE, reason=reason))
    deleted = Revocation(
        subject=identity_subject(OTHER_IDENTITY), not_before=DATE, reason=Reason.DELETED
    )
    await store.revoke(deleted)
    await apply(store, writing(place(), {"a": "1"}, below=20))


@on_empty_store
async def test_deleting_a_pool_deletes_its_identities_and_no_others(store: Store) -> None:
    await _begin(store)
    await store.create_pool(pool(OTHER_POOL))
    kept = identity(THIRD_IDENTITY, LOGIN, identity_pool_id=OTHER_POOL)
    assert await store.change_identities(changing(kept, identity_pool_id=OTHER_POOL))
    assert await store.delete_pool(POOL)
    for each in (IDENTITY, OTHER_IDENTITY):
        assert await store.find_identity(each) is None
    assert await store.find_identities(POOL, [LOGIN, OTHER_LOGIN]) == []
    assert await store.find_identities(OTHER_POOL, [LOGIN]) == [kept]
    await create(store, identity(IDENTITY, OTHER_LOGIN), identity(OTHER_IDENTITY, LOGIN))
    assert await store.dump_datasets(POOL, IDENTITY) == []
