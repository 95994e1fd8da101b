# ruff: noqa: D103 -- the name of a case says what holds
"""Cases of developers' access keys and of the server's own sealed keys."""

import asyncio

from keepstep.domain.access import AccessKey
from keepstep.interfaces.storage import Store

from .running import DATE, on_empty_store

_EVERY_BYTE = bytes(range(256))


def _key(access_key_id: str, creation_date: int = DATE, *, read_only: bool = False) -> AccessKey:
    return AccessKey(
        access_key_id=access_key_id,
        sealed_secret=_EVERY_BYTE + access_key_id.encode(),
        description=f"for \u00dc\x00 {access_key_id} \U0001f511",
        read_only=read_only,
        creation_date=creation_date,
    )


@on_empty_store
async def test_an_empty_store_has_no_keys(store: Store) -> None:
    assert await store.find_access_key("AKIAONE") is None
    assert await store.list_access_keys() == []
    assert await store.list_server_keys() == []
    assert not await store.revoke_access_key("AKIAONE")


@on_empty_store
async def test_every_member_of_an_access_key_is_kept(store: Store) -> None:
    for key in (_key("AKIAONE"), _key("AKIATWO", read_only=True)):
        await store.create_access_key(key)
        assert await store.find_access_key(key.access_key_id) == key
    assert await store.find_access_key("akiaone") is None


@on_empty_store
async def test_access_keys_are_listed_oldest_first(store: Store) -> None:
    keys = [_key("AKIAC", 1), _key("AKIAB", 2), _key("AKIAD", 10), _key("AKIAA", 2**40)]
    for key in (keys[2], keys[0], keys[3], keys[1]):
        await store.create_access_key(key)
    assert await store.list_access_keys() == keys


@on_empty_store
async def test_a_revoked_access_key_is_gone_from_every_read(store: Store) -> None:
    await store.create_access_key(_key("AKIAONE"))
    await store.create_access_key(_key("AKIATWO"))
    assert await store.revoke_access_key("AKIAONE")
    assert await store.find_access_key("AKIAONE") is None
    assert await store.list_access_keys() == [_key("AKIATWO")]
    assert await store.find_access_key("AKIATWO") == _key("AKIATWO")


@on_empty_store
async def test_revoking_a_key_that_does_not_exist_revokes_nothing(store: Store) -> None:
    await store.create_access_key(_key("AKIAONE"))
    assert not await store.revoke_access_key("AKIATWO")
    assert await store.list_access_keys() == [_key("AKIAONE")]


@on_empty_store
async def test_server_keys_are_listed_newest_first(store: Store) -> None:
    for sealed, creation_date in ((b"b", 2), (_EVERY_BYTE, 10), (b"\x00c", 1)):
        assert await store.create_server_key(sealed, creation_date, first=False)
    assert await store.list_server_keys() == [_EVERY_BYTE, b"b", b"\x00c"]


@on_empty_store
async def test_a_first_server_key_is_kept_only_if_there_is_none(store: Store) -> None:
    assert await store.create_server_key(b"one", DATE, first=True)
    assert not await store.create_server_key(b"two", DATE + 1, first=True)
    assert await store.list_server_keys() == [b"one"]
    assert await store.create_server_key(b"three", DATE + 2, first=False)
    assert await store.list_server_keys() == [b"three", b"one"]


@on_empty_store
async def test_of_first_server_keys_at_the_same_time_exactly_one_is_kept(store: Store) -> None:
    sealed = [bytes([number]) for number in range(8)]
    kept = await asyncio.gather(*(store.create_server_key(key, DATE, first=True) for key in sealed))
    assert sum(kept) == 1
    assert await store.list_server_keys() == [sealed[kept.index(True)]]
