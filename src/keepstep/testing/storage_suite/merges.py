# ruff: noqa: D103 -- the name of a case says what holds
"""Cases of merges: what moves, what is forgotten, what is reported, and what refuses."""

from collections.abc import Mapping
from dataclasses import replace

import msgspec
import pytest

from keepstep.domain.identities import Identity, Merge
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
    changed,
    changing,
    create,
    deleting,
    find,
    identity,
    merged_names,
    merging,
    on_empty_store,
    place,
    records_of,
    state_of,
    writing,
)

SOURCE = identity(IDENTITY, LOGIN)
DESTINATION = identity(OTHER_IDENTITY, OTHER_LOGIN)
VALUES: Mapping[str, str | None] = {"a": "1", "empty": "", "gone": None}


def _from_source(name: str) -> str:
    """Name a dataset that came from the source, as ``merging`` does."""
    return f"{name}.{IDENTITY}"


async def _begin(store: Store) -> None:
    """Make both identities; each has datasets, one of them deleted."""
    await create(store, SOURCE, DESTINATION)
    for identity_id in (IDENTITY, OTHER_IDENTITY):
        await apply(
            store,
            writing(place("things", identity_id), VALUES, below=20),
            writing(place("things", identity_id), {"b": "2"}, expects=1),
            writing(place("notes", identity_id), {"n": identity_id}, sync_count=70),
            writing(place("deleted", identity_id), VALUES),
            deleting(place("deleted", identity_id), expects=1),
        )


@on_empty_store
async def test_a_merge_moves_every_dataset_as_it_is(store: Store) -> None:
    await _begin(store)
    before = {each.dataset.dataset_name: each for each in await store.dump_datasets(POOL, IDENTITY)}
    kept = await store.dump_datasets(POOL, OTHER_IDENTITY)
    assert await store.change_identities(merging(SOURCE, DESTINATION, "things", "notes"))
    moved = [
        replace(
            before[name],
            dataset=msgspec.structs.replace(
                before[name].dataset, dataset_name=f"{name}.{IDENTITY}"
            ),
            merged_under=name,
        )
        for name in ("things", "notes")
    ]
    expected = sorted([*kept, *moved], key=lambda each: each.dataset.dataset_name)
    assert await store.dump_datasets(POOL, OTHER_IDENTITY) == expected
    listed = await store.list_datasets(POOL, OTHER_IDENTITY, after="", limit=10)
    assert listed == [each.dataset for each in expected if each.dataset.exists]


@on_empty_store
async def test_a_merge_leaves_nothing_under_its_source(store: Store) -> None:
    await _begin(store)
    assert await store.change_identities(merging(SOURCE, DESTINATION, "things", "notes"))
    assert await store.dump_datasets(POOL, IDENTITY) == []
    assert await store.list_dataset_names(POOL, IDENTITY) == {}
    for name in ("things", "notes", "deleted"):
        found = await find(store, place(name))
        assert (found.dataset, found.records) == (None, [])
        state = await store.find_state(place(name), ["a", "b", "n"], b"none")
        assert (state.dataset, dict(state.records), state.live_datasets) == (None, {}, 0)
        assert not await store.change_dataset(writing(place(name), {"late": "1"}, expects=2))


@on_empty_store
async def test_a_merge_changes_the_identities_with_it(store: Store) -> None:
    await _begin(store)
    change = merging(SOURCE, DESTINATION, "things", "notes")
    assert await store.change_identities(change)
    survivor, disabled = (write.identity for write in change.writes)
    assert await store.find_identity(IDENTITY) == disabled
    assert await store.find_identity(OTHER_IDENTITY) == survivor
    assert await store.find_identities(POOL, [LOGIN, OTHER_LOGIN]) == [survivor]


@on_empty_store
async def test_a_merged_dataset_goes_on_from_its_counts(store: Store) -> None:
    await _begin(store)
    assert await store.change_identities(merging(SOURCE, DESTINATION, "things", "notes"))
    where = place(_from_source("things"), OTHER_IDENTITY)
    assert not await store.change_dataset(writing(where, {"c": "3"}, expects=1))
    await apply(store, writing(where, {"c": "3"}, expects=2))
    found = await find(store, where)
    assert found.records == (
        records_of(VALUES, 1) + records_of({"b": "2"}, 2) + records_of({"c": "3"}, 3)
    )


@on_empty_store
async def test_credentials_of_a_merges_source_are_revoked(store: Store) -> None:
    await _begin(store)
    change = merging(SOURCE, DESTINATION, "things", "notes", date=DATE + 5)
    assert await store.change_identities(change)
    subject = identity_subject(IDENTITY)
    assert await store.find_revocation(subject) == Revocation(
        subject=subject, not_before=DATE + 5, reason=Reason.MERGED
    )
    assert await store.find_revocation(identity_subject(OTHER_IDENTITY)) is None


@on_empty_store
async def test_a_merged_dataset_is_reported_under_its_name_until_it_is_deleted(
    store: Store,
) -> None:
    await _begin(store)
    assert await merged_names(store, place("things", OTHER_IDENTITY)) == []
    assert await store.change_identities(merging(SOURCE, DESTINATION, "things", "notes"))
    merged = place(_from_source("things"), OTHER_IDENTITY)
    for _ in range(2):
        names = await merged_names(store, place("things", OTHER_IDENTITY))
        assert names == [merged.dataset_name]
    await apply(store, writing(merged, {"c": "3"}, expects=2))
    assert await merged_names(store, place("things", OTHER_IDENTITY)) == [merged.dataset_name]
    await apply(store, deleting(merged, expects=3))
    assert await merged_names(store, place("things", OTHER_IDENTITY)) == []
    await apply(store, writing(merged, {"again": "1"}, expects=4))
    assert await merged_names(store, place("things", OTHER_IDENTITY)) == []
    notes = await merged_names(store, place("notes", OTHER_IDENTITY))
    assert notes == [_from_source("notes")]


@on_empty_store
async def test_merged_datasets_are_reported_only_where_they_belong(store: Store) -> None:
    await _begin(store)
    assert await store.change_identities(merging(SOURCE, DESTINATION, "things", "notes"))
    for where in (
        place("thing", OTHER_IDENTITY),
        place("Things", OTHER_IDENTITY),
        place(_from_source("things"), OTHER_IDENTITY),
        place("things", IDENTITY),
        place("things", THIRD_IDENTITY),
        place("things", OTHER_IDENTITY, OTHER_POOL),
    ):
        assert await merged_names(store, where) == []


@on_empty_store
async def test_merged_datasets_are_reported_in_byte_order_also_without_the_dataset_itself(
    store: Store,
) -> None:
    sources = [identity(each) for each in ("b", "\U0001f600", "B", "\uffee", "a")]
    await create(store, DESTINATION, *sources)
    survivor = DESTINATION
    for source in sources:
        await apply(store, writing(place("things", source.identity_id), VALUES, below=20))
        change = merging(source, survivor, "things")
        assert await store.change_identities(change)
        survivor = change.writes[0].identity
    expected = [f"things.{each}" for each in ("B", "a", "b", "\uffee", "\U0001f600")]
    found = await find(store, place("things", OTHER_IDENTITY))
    assert (found.dataset, found.records, found.merged_dataset_names) == (None, [], expected)
    limited = await find(store, place("things", OTHER_IDENTITY), above=5, limit=1)
    assert limited.merged_dataset_names == expected


@on_empty_store
async def test_deleting_a_dataset_leaves_the_merged_ones_it_reports(store: Store) -> None:
    await _begin(store)
    assert await store.change_identities(merging(SOURCE, DESTINATION, "things", "notes"))
    await apply(store, deleting(place("things", OTHER_IDENTITY), expects=2))
    reported = await merged_names(store, place("things", OTHER_IDENTITY))
    assert reported == [_from_source("things")]


@on_empty_store
async def test_a_merged_dataset_can_be_merged_again(store: Store) -> None:
    third = identity(THIRD_IDENTITY)
    await _begin(store)
    await create(store, third)
    first = merging(SOURCE, DESTINATION, "things", "notes")
    assert await store.change_identities(first)
    nested = _from_source("things")
    names = ("things", "notes", nested, _from_source("notes"))
    second = merging(first.writes[0].identity, third, *names)
    assert await store.change_identities(second)
    things = await merged_names(store, place("things", THIRD_IDENTITY))
    assert things == sorted([f"things.{OTHER_IDENTITY}", f"{nested}.{OTHER_IDENTITY}"])
    assert await merged_names(store, place(nested, THIRD_IDENTITY)) == []


@on_empty_store
async def test_several_identities_are_merged_in_one_change(store: Store) -> None:
    third = identity(THIRD_IDENTITY)
    await _begin(store)
    await create(store, third)
    await apply(store, writing(place("things", THIRD_IDENTITY), {"t": "3"}))
    merges = (
        *merging(SOURCE, DESTINATION, "things", "notes").merges,
        *merging(third, DESTINATION, "things").merges,
    )
    change = changing(
        changed(DESTINATION, logins=(OTHER_LOGIN, LOGIN)),
        changed(SOURCE, logins=(), merged_into=OTHER_IDENTITY),
        changed(third, merged_into=OTHER_IDENTITY),
        merges=merges,
    )
    assert await store.change_identities(change)
    reported = await merged_names(store, place("things", OTHER_IDENTITY))
    assert reported == [f"things.{IDENTITY}", f"things.{THIRD_IDENTITY}"]
    for each in (IDENTITY, THIRD_IDENTITY):
        revocation = await store.find_revocation(identity_subject(each))
        assert revocation is not None
        assert revocation.reason == Reason.MERGED


@on_empty_store
async def test_an_identity_without_datasets_is_merged(store: Store) -> None:
    await create(store, SOURCE, DESTINATION)
    assert await store.change_identities(merging(SOURCE, DESTINATION))
    assert await store.list_dataset_names(POOL, OTHER_IDENTITY) == {}


@on_empty_store
async def test_a_name_of_a_merge_whose_dataset_was_deleted_is_passed_over(store: Store) -> None:
    await _begin(store)
    change = merging(SOURCE, DESTINATION, "things", "notes", "deleted", "never")
    assert await store.change_identities(change)
    assert await store.list_dataset_names(POOL, OTHER_IDENTITY) == {
        "deleted": False,
        "notes": True,
        _from_source("notes"): True,
        "things": True,
        _from_source("things"): True,
    }


@on_empty_store
async def test_a_merge_leaves_the_data_of_other_identities_and_pools(store: Store) -> None:
    others = [
        place("things", THIRD_IDENTITY),
        place("things", IDENTITY, OTHER_POOL),
        place("things", OTHER_IDENTITY, OTHER_POOL),
    ]
    await _begin(store)
    for where in others:
        await apply(store, writing(where, VALUES))
    usage = await store.measure_pool(POOL)
    assert await store.change_identities(merging(SOURCE, DESTINATION, "things", "notes"))
    for where in others:
        assert (await find(store, where)).records == records_of(VALUES, 1)
    assert await store.measure_pool(POOL) == usage


@pytest.mark.parametrize("there", ["exists", "deleted"])
@on_empty_store
async def test_a_merge_onto_a_name_that_has_a_counter_writes_nothing(
    store: Store, there: str
) -> None:
    await _begin(store)
    taken = place(_from_source("things"), OTHER_IDENTITY)
    await apply(store, writing(taken, VALUES))
    if there == "deleted":
        await apply(store, deleting(taken, expects=1))
    before = await state_of(store)
    assert not await store.change_identities(merging(SOURCE, DESTINATION, "notes", "things"))
    assert await state_of(store) == before


@on_empty_store
async def test_two_datasets_are_not_merged_onto_one_name(store: Store) -> None:
    await _begin(store)
    before = await state_of(store)
    names: dict[str, str] = dict.fromkeys(["things", "notes"], "one")
    merge = Merge(source=IDENTITY, destination=OTHER_IDENTITY, names=names)
    change = changing(changed(DESTINATION), changed(SOURCE), merges=(merge,))
    assert not await store.change_identities(change)
    assert await state_of(store) == before


@on_empty_store
async def test_a_merge_that_does_not_name_an_existing_dataset_writes_nothing(
    store: Store,
) -> None:
    await _begin(store)
    before = await state_of(store)
    assert not await store.change_identities(merging(SOURCE, DESTINATION, "notes", "deleted"))
    assert not await store.change_identities(merging(SOURCE, DESTINATION))
    assert await state_of(store) == before


@pytest.mark.parametrize(
    ("source", "destination"),
    [
        (SOURCE, changed(DESTINATION)),
        (changed(SOURCE), DESTINATION),
        (identity(THIRD_IDENTITY, version=4), DESTINATION),
        (SOURCE, identity(THIRD_IDENTITY, version=4)),
        (SOURCE, changed(DESTINATION, logins=(LOGIN, LOGIN), version=1)),
    ],
    ids=["stale_destination", "stale_source", "no_source", "no_destination", "login_twice"],
)
@on_empty_store
async def test_a_merge_whose_identities_cannot_be_written_moves_nothing(
    store: Store, source: Identity, destination: Identity
) -> None:
    await _begin(store)
    before = await state_of(store)
    assert not await store.change_identities(merging(source, destination, "things", "notes"))
    assert await state_of(store) == before


@on_empty_store
async def test_no_dataset_comes_to_exist_under_a_disabled_identity(store: Store) -> None:
    await _begin(store)
    await create(store, identity(THIRD_IDENTITY, merged_into=OTHER_IDENTITY))
    assert await store.change_identities(merging(SOURCE, DESTINATION, "things", "notes"))
    before = await state_of(store)
    for name in ("things", "deleted", "new"):
        for identity_id in (IDENTITY, THIRD_IDENTITY):
            where = place(name, identity_id)
            assert not await store.change_dataset(writing(where, VALUES, below=20))
    assert await state_of(store) == before
    await apply(store, writing(place("new", OTHER_IDENTITY), VALUES, below=20))
