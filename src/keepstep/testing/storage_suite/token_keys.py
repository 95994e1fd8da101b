# ruff: noqa: D103 -- the name of a case says what holds
"""Cases of the sealed keys that sign OpenID tokens."""

import asyncio

from keepstep.interfaces.identity_storage import TokenKey
from keepstep.interfaces.storage import Store

from .running import DATE, on_empty_store


def _key(number: int, creation_date: int = DATE) -> TokenKey:
    return TokenKey(number, bytes(range(256)) + bytes([number]), creation_date)


@on_empty_store
async def test_an_empty_store_has_no_token_keys(store: Store) -> None:
    assert await store.list_token_keys() == []
    assert not await store.delete_token_key(1)


@on_empty_store
async def test_token_keys_are_listed_newest_first_whatever_a_clock_said(store: Store) -> None:
    keys = [_key(11, DATE - 5), _key(10, DATE + 5), _key(2), _key(1, 0)]
    for key in (keys[2], keys[0], keys[3], keys[1]):
        assert await store.create_token_key(key)
    assert await store.list_token_keys() == keys


@on_empty_store
async def test_a_token_key_of_a_taken_number_is_not_kept(store: Store) -> None:
    assert await store.create_token_key(_key(1))
    assert not await store.create_token_key(TokenKey(1, b"another", DATE + 1))
    assert await store.list_token_keys() == [_key(1)]


@on_empty_store
async def test_of_token_keys_of_one_number_at_the_same_time_exactly_one_is_kept(
    store: Store,
) -> None:
    keys = [TokenKey(1, bytes([number]), DATE) for number in range(8)]
    kept = await asyncio.gather(*(store.create_token_key(key) for key in keys))
    assert sum(kept) == 1
    assert await store.list_token_keys() == [keys[kept.index(True)]]


@on_empty_store
async def test_a_deleted_token_key_is_gone(store: Store) -> None:
    for number in (1, 2):
        assert await store.create_token_key(_key(number))
    assert await store.delete_token_key(1)
    assert not await store.delete_token_key(1)
    assert await store.list_token_keys() == [_key(2)]
