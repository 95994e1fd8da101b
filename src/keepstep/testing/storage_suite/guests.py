# ruff: noqa: D103 -- the name of a case says what holds
"""Cases of purging guests: those without a dataset, in steps that each look at a few."""

import pytest

from keepstep.domain.revocations import Reason, Revocation, identity_subject
from keepstep.interfaces.identity_storage import GuestsPurged
from keepstep.interfaces.storage import Store

from .running import (
    DATE,
    LOGIN,
    OTHER_POOL,
    POOL,
    apply,
    changing,
    create,
    deleting,
    identity,
    on_empty_store,
    place,
    pool,
    records_of,
    writing,
)

NOW = DATE + 1000
START = (0, "")


async def _purge(
    store: Store, before: int = NOW, after: tuple[int, str] = START, limit: int = 100
) -> GuestsPurged:
    return await store.purge_guests(before, after=after, limit=limit, date=NOW)


async def _left(store: Store) -> list[str]:
    listed = await store.list_identities(POOL, after=START, limit=100, hide_disabled=False)
    return [each.identity_id for each in listed]


@on_empty_store
async def test_an_empty_store_has_no_guests_to_purge(store: Store) -> None:
    assert await _purge(store) == GuestsPurged(count=0, position=None)


@on_empty_store
async def test_guests_without_a_dataset_are_purged_and_all_others_stay(store: Store) -> None:
    await create(
        store,
        identity("guest"),
        identity("guest-with-a-dataset"),
        identity("user", LOGIN),
        identity("unlinked", was_authenticated=True),
        identity("disabled", merged_into="user"),
    )
    where = place("things", "guest-with-a-dataset")
    await apply(store, writing(where, {"a": "1"}, below=20))
    await apply(store, writing(place("things", "guest", OTHER_POOL), {"a": "1"}))
    assert await _purge(store) == GuestsPurged(count=1, position=None)
    assert await store.find_identity("guest") is None
    assert await _left(store) == ["disabled", "guest-with-a-dataset", "unlinked", "user"]
    assert (await store.dump_datasets(POOL, where.identity_id))[0].records == records_of(
        {"a": "1"}, 1
    )
    assert await store.list_dataset_names(OTHER_POOL, "guest") == {"things": True}
    assert await _purge(store) == GuestsPurged(count=0, position=None)


@on_empty_store
async def test_only_guests_made_before_the_time_are_purged(store: Store) -> None:
    dates = {"older": DATE - 1, "same": DATE, "newer": DATE + 1}
    await create(store, *(identity(each, creation_date=date) for each, date in dates.items()))
    assert (await _purge(store, DATE)).count == 1
    assert await _left(store) == ["same", "newer"]


@on_empty_store
async def test_a_guest_whose_datasets_are_all_deleted_is_purged_with_their_counters(
    store: Store,
) -> None:
    await create(store, identity("guest"))
    where = place("things", "guest")
    await apply(store, writing(where, {"a": "1"}), deleting(where, expects=1))
    assert (await _purge(store)).count == 1
    assert await store.list_dataset_names(POOL, "guest") == {}
    assert await store.find_dataset(where) is None


@on_empty_store
async def test_guests_of_every_pool_are_purged(store: Store) -> None:
    await create(store, identity("guest"))
    await store.create_pool(pool(OTHER_POOL))
    other = identity("other-guest", identity_pool_id=OTHER_POOL)
    assert await store.change_identities(changing(other, identity_pool_id=OTHER_POOL))
    assert (await _purge(store)).count == 2
    assert await store.find_identity("other-guest") is None


@on_empty_store
async def test_a_purged_guest_is_revoked_and_leaves_no_data_behind(store: Store) -> None:
    await create(store, identity("guest"), identity("kept", creation_date=NOW))
    assert (await _purge(store)).count == 1
    subject = identity_subject("guest")
    assert await store.find_revocation(subject) == Revocation(
        subject=subject, not_before=NOW, reason=Reason.DELETED
    )
    assert await store.find_revocation(identity_subject("kept")) is None
    assert not await store.change_dataset(writing(place("things", "guest"), {}, below=20))
    await apply(store, writing(place("things", "kept"), {}, below=20))


@pytest.mark.parametrize("limit", [1, 2, 3, 5, 6, 7])
@on_empty_store
async def test_a_purge_looks_at_no_more_guests_than_its_limit(store: Store, limit: int) -> None:
    ids = ["B", "a", "d", "c", "\uffee", "\U0001f600"]
    dates = [DATE, DATE, DATE + 1, DATE + 2, DATE + 3, DATE + 3]
    keeping = ids[::2]
    positions = list(zip(dates, ids, strict=True))
    await create(store, *(identity(each, creation_date=date) for date, each in positions))
    for each in keeping:
        await apply(store, writing(place("things", each), {}, below=20))
    looked_at = 0
    while True:
        purged = await _purge(
            store, after=positions[looked_at - 1] if looked_at else START, limit=limit
        )
        seen = ids[looked_at : looked_at + limit]
        assert purged.count == sum(each not in keeping for each in seen)
        looked_at += len(seen)
        assert await _left(store) == [
            each for each in ids if each in keeping or each in ids[looked_at:]
        ]
        if purged.position is None:
            break
        assert purged.position == positions[looked_at - 1]
    assert looked_at == len(ids)
