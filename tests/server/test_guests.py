"""Guests that store nothing are removed in time, where the operator wants that, and no others."""

import asyncio

from botocore.exceptions import ClientError

from keepstep.domain.identities import Identity, IdentityChange, IdentityWrite
from keepstep.domain.limits import DAY_MS, SECOND_MS
from keepstep.domain.pools import IdentityPool
from keepstep.server.housekeeping import Housekeeping
from keepstep.server.metrics import Metrics
from keepstep.storage.sqlite import SQLiteStore
from keepstep.testing import local_server
from tests.api.conftest import Clock
from tests.api.identity.signing_in import place_of
from tests.api.identity.steps import FACEBOOK, Pool, login, new_pool
from tests.api.steps import fill
from tests.conftest import client_of

from .processes import eventually

POOL = "us-east-1:00000000-0000-4000-8000-000000000001"
GUEST = "us-east-1:00000000-0000-4000-8000-000000000002"
BORN = 10 * DAY_MS


def exists(pool: Pool, identity_id: str) -> bool:
    """Whether an identity exists, whoever may use it; asked without a signature."""
    try:
        pool.public.get_open_id_token(IdentityId=identity_id)
    except ClientError as error:
        return error.response.get("Error", {}).get("Code") != "ResourceNotFoundException"
    return True


def test_a_running_server_removes_guests_that_store_nothing(clean_environment: None) -> None:
    clock = Clock()
    with local_server(clock=clock, guest_days=1, insecure_logins=True) as server:
        pool = new_pool(server)
        idle, busy = pool.guest(), pool.guest()
        user = pool.log_in(login(FACEBOOK, "ada"))
        fill(client_of(server), place_of(pool, busy, "things"), key="value")
        clock.now += DAY_MS - SECOND_MS
        young = pool.guest()
        clock.now += 2 * SECOND_MS
        eventually(lambda: not exists(pool, idle), "the idle guest is gone")
        assert [exists(pool, one) for one in (busy, user, young)] == [True] * 3


def guests_after_a_purge(guest_days: int, now: int) -> int:
    """Tell how many guests of one born at ``BORN`` there are after housekeeping at a time."""

    async def run() -> int:
        store = SQLiteStore.in_memory()
        pool = IdentityPool(
            identity_pool_id=POOL, name="app", creation_date=1, last_modified_date=1
        )
        assert await store.create_pool(pool)
        guest = Identity(
            identity_id=GUEST, identity_pool_id=POOL, creation_date=BORN, last_modified_date=BORN
        )
        write = IdentityWrite(identity=guest, expected_version=None)
        change = IdentityChange(identity_pool_id=POOL, date=BORN, writes=(write,))
        assert await store.change_identities(change)
        await Housekeeping(store, Metrics(), lambda: now, guest_days=guest_days).purge()
        left = await store.list_identities(POOL, after=(0, ""), limit=9, hide_disabled=False)
        await store.close()
        return len(left)

    return asyncio.run(run())


def test_a_guest_is_kept_for_as_many_days_as_are_set() -> None:
    assert guests_after_a_purge(3, BORN + 3 * DAY_MS) == 1
    assert guests_after_a_purge(3, BORN + 3 * DAY_MS + 1) == 0


def test_without_a_number_of_days_guests_are_kept_for_ever() -> None:
    assert guests_after_a_purge(0, BORN + 10_000 * DAY_MS) == 1
