# ruff: noqa: D103 -- the name of a case says what holds
"""Cases of identities and their logins: kept whole, found, listed, and changed by version."""

import pytest

from keepstep.domain.identities import Identity, IdentityChange, IdentityWrite, Login
from keepstep.interfaces.storage import Store
from keepstep.wire import members

from .running import (
    DATE,
    IDENTITY,
    LOGIN,
    OTHER_IDENTITY,
    OTHER_LOGIN,
    OTHER_POOL,
    POOL,
    THIRD_IDENTITY,
    changed,
    changing,
    create,
    identity,
    on_empty_store,
    pool,
    state_of,
)

LOGINS = (
    Login("z.example.com", "first"),
    Login("a.example.com", "second"),
    Login("login.mycompany", "third\x00 'quoted' \U0001f600"),
)


async def _list(
    store: Store, after: tuple[int, str] = (0, ""), limit: int = 100, *, hide_disabled: bool = False
) -> list[Identity]:
    return await store.list_identities(POOL, after=after, limit=limit, hide_disabled=hide_disabled)


def _aged() -> list[Identity]:
    """Make identities in the order of lists; two are of one age, every third is disabled."""
    ids = ["us-east-1:B", "us-east-1:a", "eu-west-1:9", "us-east-1:0", "us-east-1:00", "A", "z"]
    dates = [DATE, DATE, DATE + 1, DATE + 2, DATE + 10, DATE + 20, DATE + 2**40]
    return [
        identity(each, creation_date=date, merged_into="us-east-1:B" if number % 3 == 2 else None)
        for number, (each, date) in enumerate(zip(ids, dates, strict=True))
    ]


@on_empty_store
async def test_an_empty_store_has_no_identities(store: Store) -> None:
    await store.create_pool(pool())
    assert await store.find_identity(IDENTITY) is None
    assert await store.find_identities(POOL, [LOGIN]) == []
    assert await _list(store) == []
    assert await store.list_dataset_names(POOL, IDENTITY) == {}


@pytest.mark.parametrize(
    "whole",
    [
        identity(),
        identity(IDENTITY, *LOGINS, creation_date=0, last_modified_date=members.LONG_MAX),
        identity(was_authenticated=True),
        identity(was_authenticated=True, merged_into=OTHER_IDENTITY),
        identity(merged_into=OTHER_IDENTITY, version=members.LONG_MAX),
    ],
    ids=["guest", "with_logins", "unlinked", "disabled", "disabled_guest"],
)
@on_empty_store
async def test_every_member_of_an_identity_is_kept(store: Store, whole: Identity) -> None:
    await store.create_pool(pool())
    write = IdentityWrite(identity=whole, expected_version=None)
    change = IdentityChange(identity_pool_id=POOL, date=DATE, writes=(write,))
    assert await store.change_identities(change)
    assert await store.find_identity(IDENTITY) == whole
    assert await _list(store, after=(-1, "")) == [whole]
    assert await store.find_identities(POOL, LOGINS) == ([whole] if whole.logins else [])
    assert await store.find_identity(OTHER_IDENTITY) is None


@on_empty_store
async def test_a_change_replaces_every_member_of_an_identity(store: Store) -> None:
    before = identity(IDENTITY, *LOGINS)
    await create(store, before)
    after = changed(
        before, logins=(OTHER_LOGIN, LOGINS[0]), creation_date=7, merged_into=OTHER_IDENTITY
    )
    assert await store.change_identities(changing(after))
    assert await store.find_identity(IDENTITY) == after
    assert await _list(store) == [after]
    bare = changed(after, logins=(), was_authenticated=False, merged_into=None)
    assert await store.change_identities(changing(bare))
    assert await store.find_identity(IDENTITY) == bare


@pytest.mark.parametrize(
    ("identity_id", "expected"),
    [(IDENTITY, None), (IDENTITY, 1), (IDENTITY, 3), (OTHER_IDENTITY, 0), (OTHER_IDENTITY, 1)],
    ids=["created_again", "too_old", "too_new", "none_is_not_zero", "none"],
)
@on_empty_store
async def test_a_change_from_another_version_writes_nothing(
    store: Store, identity_id: str, expected: int | None
) -> None:
    first = identity(IDENTITY, LOGIN)
    await create(store, first)
    assert await store.change_identities(changing(changed(first)))
    before = await state_of(store)
    write = IdentityWrite(
        identity=identity(identity_id, OTHER_LOGIN, version=9), expected_version=expected
    )
    change = IdentityChange(identity_pool_id=POOL, date=DATE, writes=(write,))
    assert not await store.change_identities(change)
    assert await state_of(store) == before


@on_empty_store
async def test_a_change_in_a_pool_that_does_not_exist_writes_nothing(store: Store) -> None:
    guest = identity(identity_pool_id=OTHER_POOL)
    await create(store)
    before = await state_of(store)
    assert not await store.change_identities(changing(guest, identity_pool_id=OTHER_POOL))
    assert await state_of(store) == before
    await store.create_pool(pool(OTHER_POOL))
    assert await store.change_identities(changing(guest, identity_pool_id=OTHER_POOL))


@on_empty_store
async def test_an_identity_of_another_pool_is_not_changed(store: Store) -> None:
    guest = identity()
    await create(store, guest)
    await store.create_pool(pool(OTHER_POOL))
    before = await state_of(store)
    moved = changed(guest, identity_pool_id=OTHER_POOL)
    assert not await store.change_identities(changing(moved, identity_pool_id=OTHER_POOL))
    taken = identity(identity_pool_id=OTHER_POOL)
    assert not await store.change_identities(changing(taken, identity_pool_id=OTHER_POOL))
    assert await state_of(store) == before


@pytest.mark.parametrize("position", [0, 1, 2])
@on_empty_store
async def test_a_change_of_several_identities_is_whole_or_absent(
    store: Store, position: int
) -> None:
    guests = [identity(each) for each in (IDENTITY, OTHER_IDENTITY, THIRD_IDENTITY)]
    await create(store, *guests)
    before = await state_of(store)
    logins = [(LOGIN,), (OTHER_LOGIN,), LOGINS]
    after = [changed(guest, logins=each) for guest, each in zip(guests, logins, strict=True)]
    stale = [*after]
    stale[position] = changed(after[position])
    assert not await store.change_identities(changing(*stale))
    assert await state_of(store) == before
    assert await store.change_identities(changing(*after))
    assert [await store.find_identity(guest.identity_id) for guest in guests] == after


@on_empty_store
async def test_a_login_of_another_identity_is_not_linked(store: Store) -> None:
    guest = identity(OTHER_IDENTITY)
    await create(store, identity(IDENTITY, LOGIN), guest)
    before = await state_of(store)
    linked = changed(guest, logins=(OTHER_LOGIN, LOGIN))
    assert not await store.change_identities(changing(linked))
    assert not await store.change_identities(changing(identity(THIRD_IDENTITY, OTHER_LOGIN, LOGIN)))
    assert await state_of(store) == before


@on_empty_store
async def test_two_identities_of_one_change_cannot_have_one_login(store: Store) -> None:
    await create(store)
    before = await state_of(store)
    change = changing(identity(IDENTITY, LOGIN), identity(OTHER_IDENTITY, LOGIN))
    assert not await store.change_identities(change)
    assert await state_of(store) == before


@on_empty_store
async def test_a_login_goes_from_one_identity_to_another_in_one_change(store: Store) -> None:
    first, second = identity(IDENTITY, LOGIN), identity(OTHER_IDENTITY, OTHER_LOGIN)
    await create(store, first, second)
    swapped = [changed(first, logins=(OTHER_LOGIN,)), changed(second, logins=(LOGIN,))]
    assert await store.change_identities(changing(*swapped))
    assert await store.find_identities(POOL, [LOGIN]) == [swapped[1]]
    assert await store.find_identities(POOL, [OTHER_LOGIN]) == [swapped[0]]


@on_empty_store
async def test_an_unlinked_login_is_free(store: Store) -> None:
    first = identity(IDENTITY, LOGIN, OTHER_LOGIN)
    await create(store, first)
    unlinked = changed(first, logins=(OTHER_LOGIN,))
    assert await store.change_identities(changing(unlinked))
    assert await store.find_identities(POOL, [LOGIN]) == []
    await create(store, identity(OTHER_IDENTITY, LOGIN))
    assert await store.find_identity(IDENTITY) == unlinked


@on_empty_store
async def test_a_login_is_linked_once_in_each_pool(store: Store) -> None:
    await create(store, identity(IDENTITY, LOGIN))
    await store.create_pool(pool(OTHER_POOL))
    other = identity(OTHER_IDENTITY, LOGIN, identity_pool_id=OTHER_POOL)
    assert await store.change_identities(changing(other, identity_pool_id=OTHER_POOL))
    assert await store.find_identities(POOL, [LOGIN]) == [identity(IDENTITY, LOGIN)]
    assert await store.find_identities(OTHER_POOL, [LOGIN]) == [other]


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (Login("a.example.com", "somebody"), Login("a.example.com", "Somebody")),
        (Login("a.example.com", "somebody"), Login("a.example.com", "somebody ")),
        (Login("a.example.com", "\u00e9"), Login("a.example.com", "e\u0301")),
        (Login("a.example.com", "a\x00b"), Login("a.example.com", "a")),
        (Login("a.example.com", "0"), Login("a.example.com", "00")),
        (Login("a.example.com", "x"), Login("A.example.com", "x")),
        (Login("a", "bc"), Login("ab", "c")),
        (Login("a.example.com", "x" * 1024), Login("a.example.com", "x" * 1023)),
        (Login("a.example.com", "\U0001f600" * 1024), Login("a.example.com", "\U0001f600" * 1023)),
    ],
)
@on_empty_store
async def test_logins_that_only_look_alike_are_different(
    store: Store, first: Login, second: Login
) -> None:
    await create(store, identity(IDENTITY, first))
    assert await store.find_identities(POOL, [second]) == []
    await create(store, identity(OTHER_IDENTITY, second))
    assert await store.find_identities(POOL, [first]) == [identity(IDENTITY, first)]
    assert await store.find_identities(POOL, [second]) == [identity(OTHER_IDENTITY, second)]


@on_empty_store
async def test_find_identities_gives_each_once_oldest_first(store: Store) -> None:
    identities = [
        identity("z", LOGIN, creation_date=DATE - 1),
        identity("B", *LOGINS),
        identity("a", OTHER_LOGIN),
        identity("\uffee", Login("d", "u"), creation_date=DATE + 1),
        identity("\U0001f600", Login("d", "v"), creation_date=DATE + 1),
    ]
    await create(store, *reversed(identities))
    absent = Login("a.example.com", "nobody")
    logins = [OTHER_LOGIN, *LOGINS, absent, LOGIN, LOGIN, Login("d", "v"), Login("d", "u")]
    assert await store.find_identities(POOL, logins) == identities
    assert await store.find_identities(POOL, {absent}) == []
    assert await store.find_identities(POOL, ()) == []
    assert await store.find_identities(OTHER_POOL, logins) == []


@on_empty_store
async def test_identities_are_listed_oldest_first_then_in_byte_order_of_ids(
    store: Store,
) -> None:
    await store.create_pool(pool(OTHER_POOL))
    await create(store, *reversed(_aged()))
    other = identity("other", LOGIN, identity_pool_id=OTHER_POOL)
    assert await store.change_identities(changing(other, identity_pool_id=OTHER_POOL))
    assert await _list(store) == _aged()
    living = [each for each in _aged() if not each.disabled]
    assert await _list(store, hide_disabled=True) == living


@pytest.mark.parametrize("limit", [1, 2, 3, 100])
@pytest.mark.parametrize("hide_disabled", [False, True], ids=["all", "living"])
@on_empty_store
async def test_list_identities_pages_without_gap_or_repetition(
    store: Store, hide_disabled: bool, limit: int
) -> None:
    await create(store, *_aged())
    expected = [each for each in _aged() if not (hide_disabled and each.disabled)]
    found: list[Identity] = []
    after = (0, "")
    while page := await _list(store, after, limit, hide_disabled=hide_disabled):
        assert len(page) == min(limit, len(expected) - len(found))
        found += page
        after = (page[-1].creation_date, page[-1].identity_id)
    assert found == expected


@on_empty_store
async def test_list_identities_goes_on_behind_a_position_that_is_no_identity(store: Store) -> None:
    await create(store, *_aged())
    assert (await _list(store, (DATE, "us-east-1:C")))[0].identity_id == "us-east-1:a"
    assert (await _list(store, (DATE, "zzz")))[0].identity_id == "eu-west-1:9"
    assert await _list(store, (members.LONG_MAX, "")) == []
