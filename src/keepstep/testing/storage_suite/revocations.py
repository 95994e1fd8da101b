# ruff: noqa: D103 -- the name of a case says what holds
"""Cases of revocations: the later time and the graver reason stay, until they are purged."""

import asyncio
from itertools import product

import pytest

from keepstep.domain.revocations import (
    EVERYTHING,
    Reason,
    Revocation,
    identity_subject,
    pool_subject,
    role_subject,
)
from keepstep.interfaces.storage import Store
from keepstep.wire import members

from .running import DATE, IDENTITY, POOL, on_empty_store

SUBJECT = identity_subject(IDENTITY)
LIGHTEST_FIRST = (Reason.SIGNED_OUT, Reason.MERGED, Reason.DELETED)


def _at(number: int) -> Revocation:
    return Revocation(subject=role_subject(f"role-{number}"), not_before=DATE + number)


async def _left(store: Store) -> list[int]:
    """Give which of five revocations are still kept."""
    found = [await store.find_revocation(_at(number).subject) for number in range(5)]
    return [number for number, revocation in enumerate(found) if revocation is not None]


@on_empty_store
async def test_an_empty_store_has_no_revocations(store: Store) -> None:
    assert await store.find_revocation(EVERYTHING) is None
    assert await store.purge_revocations(members.LONG_MAX, limit=10) == 0


@on_empty_store
async def test_every_member_of_a_revocation_is_kept(store: Store) -> None:
    subjects = [
        EVERYTHING,
        SUBJECT,
        SUBJECT.upper(),
        pool_subject(POOL),
        role_subject("arn:aws:iam::000000000000:role/\u00dc \x00 \U0001f600"),
        role_subject("arn:aws:iam::000000000000:role/\u00dc "),
    ]
    dates = [0, DATE, members.LONG_MAX, DATE, DATE, 1]
    revocations = [
        Revocation(subject=subject, not_before=date, reason=LIGHTEST_FIRST[number % 3])
        for number, (subject, date) in enumerate(zip(subjects, dates, strict=True))
    ]
    for revocation in revocations:
        await store.revoke(revocation)
    assert [await store.find_revocation(subject) for subject in subjects] == revocations
    assert await store.find_revocation("") is None


@pytest.mark.parametrize("step", [-1, 0, 1], ids=["earlier", "same", "later"])
@pytest.mark.parametrize(("first", "second"), [*product(LIGHTEST_FIRST, repeat=2)])
@on_empty_store
async def test_of_two_revocations_the_later_time_and_the_graver_reason_stay(
    store: Store, first: Reason, second: Reason, step: int
) -> None:
    await store.revoke(Revocation(subject=SUBJECT, not_before=DATE, reason=first))
    await store.revoke(Revocation(subject=SUBJECT, not_before=DATE + step, reason=second))
    assert await store.find_revocation(SUBJECT) == Revocation(
        subject=SUBJECT,
        not_before=max(DATE, DATE + step),
        reason=max(first, second, key=LIGHTEST_FIRST.index),
    )


@on_empty_store
async def test_of_revocations_at_the_same_time_the_latest_stays(store: Store) -> None:
    times = [DATE + (number * 7) % 16 for number in range(16)]
    await asyncio.gather(
        *(store.revoke(Revocation(subject=EVERYTHING, not_before=time)) for time in times)
    )
    assert await store.find_revocation(EVERYTHING) == Revocation(
        subject=EVERYTHING, not_before=DATE + 15
    )


@on_empty_store
async def test_revocations_of_before_a_time_are_purged(store: Store) -> None:
    for number in range(5):
        await store.revoke(_at(number))
    assert await store.purge_revocations(DATE, limit=10) == 0
    assert await store.purge_revocations(DATE + 2, limit=10) == 2
    assert await _left(store) == [2, 3, 4]


@pytest.mark.parametrize("limit", [1, 2, 4, 5])
@on_empty_store
async def test_a_purge_forgets_no_more_revocations_than_its_limit(store: Store, limit: int) -> None:
    for number in range(5):
        await store.revoke(_at(number))
    assert await store.purge_revocations(DATE + 4, limit=limit) == min(limit, 4)
    left = await _left(store)
    assert len(left) == 5 - min(limit, 4)
    assert left[-1] == 4
