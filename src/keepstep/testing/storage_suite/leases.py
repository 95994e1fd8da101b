# ruff: noqa: D103 -- the name of a case says what holds
"""Cases of leases: who alone does something, until when, and who is next."""

import asyncio

import pytest

from keepstep.interfaces.delivery_storage import Lease
from keepstep.interfaces.storage import Store

from .running import DATE, on_empty_store

UNTIL = DATE + 1000
NAMES = ["outbox:partition:00", "outbox:partition:01", "outbox:partition:02"]


async def _hold(store: Store, holder: str, *names: str, now: int = DATE) -> set[str]:
    return await store.hold_leases(names, holder, now=now, until=now + 1000)


@on_empty_store
async def test_an_empty_store_has_no_leases(store: Store) -> None:
    assert await store.list_leases("", DATE) == []
    assert await _hold(store, "one") == set()


@on_empty_store
async def test_leases_that_nobody_holds_are_taken(store: Store) -> None:
    assert await _hold(store, "one", *NAMES) == set(NAMES)
    assert await store.list_leases("", DATE) == [Lease(name, "one", UNTIL) for name in NAMES]


@on_empty_store
async def test_leases_that_somebody_else_holds_are_not_taken(store: Store) -> None:
    await _hold(store, "one", *NAMES[:2])
    assert await _hold(store, "other", *NAMES, now=DATE + 1) == {NAMES[2]}
    assert await store.list_leases("", DATE + 1) == [
        Lease(NAMES[0], "one", UNTIL),
        Lease(NAMES[1], "one", UNTIL),
        Lease(NAMES[2], "other", UNTIL + 1),
    ]


@on_empty_store
async def test_a_holder_renews_its_leases(store: Store) -> None:
    await _hold(store, "one", *NAMES)
    assert await _hold(store, "one", NAMES[1], now=DATE + 500) == {NAMES[1]}
    assert await store.list_leases("", UNTIL) == [Lease(NAMES[1], "one", UNTIL + 500)]


@pytest.mark.parametrize(("now", "taken"), [(UNTIL - 1, False), (UNTIL, True), (UNTIL + 1, True)])
@on_empty_store
async def test_a_lease_is_free_once_it_has_run_out(store: Store, now: int, taken: bool) -> None:
    await _hold(store, "one", NAMES[0])
    listed = await store.list_leases("", now)
    assert listed == ([] if taken else [Lease(NAMES[0], "one", UNTIL)])
    assert await _hold(store, "other", NAMES[0], now=now) == ({NAMES[0]} if taken else set())
    assert await _hold(store, "one", NAMES[0], now=now) == (set() if taken else {NAMES[0]})


@on_empty_store
async def test_a_holder_takes_back_a_lease_that_ran_out_if_nobody_was_faster(
    store: Store,
) -> None:
    await _hold(store, "one", NAMES[0])
    long_after = UNTIL + 10**9
    assert await _hold(store, "one", NAMES[0], now=long_after) == {NAMES[0]}
    assert await store.list_leases("", long_after) == [Lease(NAMES[0], "one", long_after + 1000)]


@on_empty_store
async def test_leases_given_up_are_free_and_those_of_others_stay(store: Store) -> None:
    await _hold(store, "one", *NAMES[:2])
    await _hold(store, "other", NAMES[2])
    await store.release_leases([*NAMES[1:], "never held"], "one")
    assert await store.list_leases("", DATE) == [
        Lease(NAMES[0], "one", UNTIL),
        Lease(NAMES[2], "other", UNTIL),
    ]
    assert await _hold(store, "other", *NAMES) == set(NAMES[1:])
    await store.release_leases([], "one")


@on_empty_store
async def test_leases_are_listed_by_the_beginning_of_their_names(store: Store) -> None:
    names = ["a:", "a:B", "a:b", "a:\U0001f600", "a_b", "aa:b", "b:a:b", "A:b"]
    await _hold(store, "one", *reversed(names))
    for prefix in ("a:", "a:b", "a_", "", "%", "c", "A"):
        expected = sorted((name for name in names if name.startswith(prefix)), key=str.encode)
        assert [lease.name for lease in await store.list_leases(prefix, DATE)] == expected


@on_empty_store
async def test_of_holders_at_the_same_time_one_gets_each_lease(store: Store) -> None:
    for turn in range(5):
        now = DATE + 1000 * turn
        orders = [NAMES[number % 3 :] + NAMES[: number % 3] for number in range(8)]
        held = await asyncio.gather(
            *(_hold(store, f"holder-{n}", *order, now=now) for n, order in enumerate(orders))
        )
        assert sorted(name for names in held for name in names) == NAMES
        listed = {(lease.name, lease.holder) for lease in await store.list_leases("", now)}
        assert listed == {(name, f"holder-{n}") for n, names in enumerate(held) for name in names}
