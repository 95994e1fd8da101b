# ruff: noqa: D103 -- the name of a case says what holds
"""Cases of pools' settings: kept whole, changed by version, and the list of pools by age."""

import asyncio

import msgspec
import pytest

from keepstep.domain.pools import IdentityPool, PoolSettings, PrincipalTagMap
from keepstep.interfaces.storage import Store
from keepstep.wire import members
from keepstep.wire.identity import CognitoIdentityProvider, RoleMapping

from .running import DATE, OTHER_POOL, POOL, on_empty_store, pool

FULL = PoolSettings(
    allow_unauthenticated=True,
    allow_classic_flow=False,
    supported_login_providers={"graph.facebook.com": "7;8", "a": "'\x00\U0001f600"},
    developer_provider_name="login.mycompany",
    open_id_connect_provider_arns=("arn:b", "arn:a"),
    cognito_identity_providers=(
        CognitoIdentityProvider(
            provider_name="cognito-idp.eu-west-1.amazonaws.com/p",
            client_id="c",
            server_side_token_check=True,
        ),
        CognitoIdentityProvider(provider_name="other"),
    ),
    saml_provider_arns=("arn:saml",),
    tags={"k": "", "\u00fc": "v"},
    roles={"authenticated": "arn:role/a"},
    role_mappings={
        "graph.facebook.com": RoleMapping(type="Token", ambiguous_role_resolution="Deny")
    },
    principal_tags={
        "graph.facebook.com": PrincipalTagMap(use_defaults=True),
        "a": PrincipalTagMap(use_defaults=False, principal_tags={"team": "claim"}),
    },
)


async def _list(store: Store, after: tuple[int, str], limit: int) -> list[str]:
    return [each.identity_pool_id for each in await store.list_pools(after=after, limit=limit)]


@pytest.mark.parametrize(
    "settings",
    [PoolSettings(), FULL, PoolSettings(roles={}), PoolSettings(allow_classic_flow=True)],
    ids=["default", "full", "no_roles", "classic"],
)
@on_empty_store
async def test_every_setting_of_a_pool_is_kept(store: Store, settings: PoolSettings) -> None:
    created = pool(settings=settings, version=members.LONG_MAX)
    assert await store.create_pool(created)
    assert await store.find_pool(POOL) == created
    assert await store.list_pools(after=(0, ""), limit=10) == [created]
    usage = await store.measure_pool(POOL)
    assert usage is not None
    assert usage.pool == created
    assert await store.measure_pools(after="", limit=10) == [usage]


@on_empty_store
async def test_an_update_replaces_a_pools_name_dates_and_settings(store: Store) -> None:
    await store.create_pool(pool())
    await store.create_pool(pool(OTHER_POOL))
    renamed = IdentityPool(POOL, "Another name", 1, members.LONG_MAX, settings=FULL, version=2)
    assert await store.update_pool(renamed, expected_version=1)
    assert await store.find_pool(POOL) == renamed
    assert await store.find_pool(OTHER_POOL) == pool(OTHER_POOL)
    plain = pool(version=3)
    assert await store.update_pool(plain, expected_version=2)
    assert await store.find_pool(POOL) == plain


@on_empty_store
async def test_an_update_leaves_the_count_of_sync_sessions(store: Store) -> None:
    await store.create_pool(pool(sync_sessions_count=5))
    await store.add_sync_sessions({POOL: 2})
    assert await store.update_pool(pool(sync_sessions_count=90, version=2), expected_version=1)
    assert await store.find_pool(POOL) == pool(sync_sessions_count=7, version=2)


@pytest.mark.parametrize("expected", [0, 1, 3])
@on_empty_store
async def test_an_update_from_another_version_writes_nothing(store: Store, expected: int) -> None:
    await store.create_pool(pool(version=2))
    changed = pool(settings=FULL, last_modified_date=DATE + 1, version=9)
    assert not await store.update_pool(changed, expected_version=expected)
    assert await store.find_pool(POOL) == pool(version=2)


@on_empty_store
async def test_a_pool_that_does_not_exist_is_not_updated(store: Store) -> None:
    assert not await store.update_pool(pool(version=2), expected_version=1)
    assert await store.find_pool(POOL) is None


@on_empty_store
async def test_of_updates_of_one_version_at_the_same_time_exactly_one_applies(
    store: Store,
) -> None:
    await store.create_pool(pool())
    pools = [msgspec.structs.replace(pool(version=2), name=f"name {n}") for n in range(8)]
    updated = await asyncio.gather(*(store.update_pool(each, expected_version=1) for each in pools))
    assert sum(updated) == 1
    assert await store.find_pool(POOL) == pools[updated.index(True)]


@pytest.mark.parametrize("limit", [1, 2, 100])
@on_empty_store
async def test_pools_are_listed_oldest_first_then_in_byte_order_of_ids(
    store: Store, limit: int
) -> None:
    ids = ["us-east-1:B", "us-east-1:a", "eu-west-1:9", "us-east-1:\uffee", "us-east-1:\U0001f600"]
    dates = [DATE, DATE, DATE + 1, DATE + 10, DATE + 10]
    for identity_pool_id, date in reversed(list(zip(ids, dates, strict=True))):
        assert await store.create_pool(pool(identity_pool_id, creation_date=date))
    found: list[str] = []
    after = (0, "")
    while page := await _list(store, after, limit):
        assert len(page) <= limit
        found += page
        after = (dates[len(found) - 1], found[-1])
    assert found == ids
    assert await _list(store, (DATE, "us-east-1:C"), 1) == ["us-east-1:a"]
