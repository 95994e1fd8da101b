# ruff: noqa: D103 -- the name of a case says what holds
"""Cases of devices and their subscriptions to datasets."""

import asyncio
from typing import Any

import msgspec
import pytest

from keepstep.domain.datasets import DatasetPlace
from keepstep.domain.devices import Device
from keepstep.domain.outbox import Channel
from keepstep.domain.revocations import Reason, Revocation, identity_subject
from keepstep.interfaces.storage import Store

from .running import (
    DATE,
    IDENTITY,
    OTHER_IDENTITY,
    OTHER_POOL,
    POOL,
    THIRD_IDENTITY,
    apply,
    changing,
    create,
    deleting,
    due,
    identity,
    merging,
    message,
    on_empty_store,
    place,
    pool,
    queued,
    sending,
    writing,
)

LIMIT = 100


def _device(device_id: str = "device-1", token: str | None = None, **members: Any) -> Device:
    given: dict[str, Any] = {
        "identity_pool_id": POOL,
        "identity_id": IDENTITY,
        "platform": "GCM",
        "token": token or f"token of {device_id}",
        "creation_date": DATE,
    }
    return Device(device_id=device_id, **{**given, **members})


async def _register(store: Store, *devices: Device) -> None:
    for each in devices:
        assert await store.register_device(each, limit=LIMIT) == each


async def _begin(store: Store, *identity_ids: str) -> dict[str, Device]:
    """Make identities that have a dataset each, and a device that subscribed to it."""
    await create(store, *map(identity, identity_ids))
    devices = {each: _device(f"device of {each}", identity_id=each) for each in identity_ids}
    for each, device in devices.items():
        await _register(store, device)
        await apply(store, writing(place("things", each), {"a": "1"}))
        assert await store.subscribe(place("things", each), device.device_id)
    return devices


async def _check_gone(store: Store, identity_id: str, device: Device) -> None:
    where = place("things", identity_id)
    assert await store.list_devices(POOL, identity_id) == []
    assert await store.list_subscribers(where) == []
    assert not await store.update_device(device)
    assert not await store.delete_device(device)
    assert not await store.unsubscribe(where, device.device_id)


async def _check_there(store: Store, identity_id: str, device: Device) -> None:
    assert await store.list_devices(POOL, identity_id) == [device]
    assert await store.list_subscribers(place("things", identity_id)) == [device]


@on_empty_store
async def test_an_identity_has_no_devices_before_any_is_registered(store: Store) -> None:
    await create(store, identity())
    assert await store.list_devices(POOL, IDENTITY) == []
    assert await store.list_subscribers(place()) == []


@on_empty_store
async def test_every_member_of_a_device_is_kept(store: Store) -> None:
    await create(store)
    one = _device("a", "t\u00f6ken \U0001f4f1", platform="APNS_SANDBOX", endpoint="arn:\u00e9")
    other = _device("B", "t" * 4000, platform="ADM", creation_date=2**60)
    await _register(store, one, other)
    assert await store.list_devices(POOL, IDENTITY) == [other, one]
    await apply(store, writing(place(), {}))
    for each in (one, other):
        assert await store.subscribe(place(), each.device_id)
    assert await store.list_subscribers(place()) == [other, one]


@on_empty_store
async def test_a_device_registered_again_is_the_one_that_is_there(store: Store) -> None:
    await create(store)
    first = _device(endpoint="endpoint")
    await _register(store, first)
    again = _device("device-2", first.token, creation_date=DATE + 1)
    assert await store.register_device(again, limit=LIMIT) == first
    assert await store.register_device(again, limit=1) == first
    assert await store.list_devices(POOL, IDENTITY) == [first]


@pytest.mark.parametrize(
    "differing",
    [{"platform": "APNS"}, {"token": "another"}, {"identity_id": OTHER_IDENTITY}],
    ids=["platform", "token", "identity"],
)
@on_empty_store
async def test_another_platform_token_or_identity_is_another_device(
    store: Store, differing: dict[str, Any]
) -> None:
    await create(store)
    first = _device("device-1", "token")
    other = _device("device-2", **{"token": "token", **differing})
    await _register(store, first, other)
    listed = await store.list_devices(POOL, IDENTITY)
    listed += await store.list_devices(POOL, OTHER_IDENTITY)
    assert listed == [first, other]


@on_empty_store
async def test_devices_of_the_same_identity_id_in_another_pool_are_others(store: Store) -> None:
    await create(store)
    await store.create_pool(pool(OTHER_POOL))
    first, other = _device(), _device(identity_pool_id=OTHER_POOL)
    await _register(store, first, other)
    assert await store.list_devices(OTHER_POOL, IDENTITY) == [other]
    assert await store.delete_device(first)
    assert await store.list_devices(POOL, IDENTITY) == []
    assert await store.list_devices(OTHER_POOL, IDENTITY) == [other]


@on_empty_store
async def test_no_more_devices_are_registered_than_the_limit(store: Store) -> None:
    await create(store)
    await _register(store, *(_device(f"device-{number}") for number in range(3)))
    before = await store.list_devices(POOL, IDENTITY)
    assert await store.register_device(_device("one more"), limit=3) is None
    assert await store.list_devices(POOL, IDENTITY) == before
    other = _device("one more", identity_id=OTHER_IDENTITY)
    assert await store.register_device(other, limit=3) == other
    assert await store.delete_device(before[0])
    assert await store.register_device(_device("one more"), limit=3) == _device("one more")


@on_empty_store
async def test_registrations_at_the_same_time_keep_to_the_limit_and_to_one_device_per_token(
    store: Store,
) -> None:
    await create(store)
    same = [_device(f"same-{number}", "the same") for number in range(8)]
    registered = await asyncio.gather(*(store.register_device(each, limit=4) for each in same))
    (first,) = await store.list_devices(POOL, IDENTITY)
    assert registered == [first] * 8
    others = [_device(f"other-{number}") for number in range(8)]
    registered = await asyncio.gather(*(store.register_device(each, limit=4) for each in others))
    kept = [each for each in registered if each is not None]
    assert len(kept) == 3
    assert await store.list_devices(POOL, IDENTITY) == [*kept, first]


@on_empty_store
async def test_no_device_is_registered_where_no_dataset_could_be_created(store: Store) -> None:
    assert await store.register_device(_device(), limit=LIMIT) is None
    await create(store, identity(OTHER_IDENTITY, merged_into=THIRD_IDENTITY))
    await store.revoke(
        Revocation(subject=identity_subject(THIRD_IDENTITY), not_before=DATE, reason=Reason.DELETED)
    )
    for each in (OTHER_IDENTITY, THIRD_IDENTITY):
        assert await store.register_device(_device(identity_id=each), limit=LIMIT) is None
        assert await store.list_devices(POOL, each) == []
    await _register(store, _device())


@on_empty_store
async def test_an_update_replaces_the_endpoint_of_a_device_and_nothing_else(store: Store) -> None:
    await create(store)
    first, other = _device(), _device("device-2")
    await _register(store, first, other)
    changed = _device("device-1", "changed", endpoint="arn", creation_date=1, platform="ADM")
    assert await store.update_device(changed)
    stored = msgspec.structs.replace(first, endpoint="arn")
    assert await store.list_devices(POOL, IDENTITY) == [stored, other]
    assert await store.update_device(first)
    assert await store.list_devices(POOL, IDENTITY) == [first, other]
    assert not await store.update_device(_device("never registered"))
    assert not await store.update_device(_device(identity_id=OTHER_IDENTITY))


@on_empty_store
async def test_a_forgotten_device_is_gone_with_its_subscriptions(store: Store) -> None:
    devices = await _begin(store, IDENTITY, OTHER_IDENTITY)
    kept = _device("kept")
    await _register(store, kept)
    assert await store.subscribe(place(), "kept")
    assert await store.delete_device(devices[IDENTITY])
    assert await store.list_subscribers(place()) == [kept]
    await _register(store, devices[IDENTITY])
    assert await store.list_subscribers(place()) == [kept]
    await _check_there(store, OTHER_IDENTITY, devices[OTHER_IDENTITY])
    assert not await store.delete_device(_device("never registered"))


@on_empty_store
async def test_a_device_may_subscribe_however_often(store: Store) -> None:
    devices = await _begin(store, IDENTITY)
    for _ in range(2):
        assert await store.subscribe(place(), devices[IDENTITY].device_id)
    await _check_there(store, IDENTITY, devices[IDENTITY])
    assert await store.unsubscribe(place(), devices[IDENTITY].device_id)
    assert await store.list_subscribers(place()) == []
    assert not await store.unsubscribe(place(), devices[IDENTITY].device_id)


@pytest.mark.parametrize(
    ("where", "device_id"),
    [
        (place("never written"), f"device of {IDENTITY}"),
        (place("deleted"), f"device of {IDENTITY}"),
        (place(), "never registered"),
        (place(), f"device of {OTHER_IDENTITY}"),
        (place(identity_id=OTHER_IDENTITY), f"device of {IDENTITY}"),
        (place(identity_pool_id=OTHER_POOL), f"device of {IDENTITY}"),
    ],
    ids=["dataset", "deleted_dataset", "device", "others_device", "others_dataset", "pool"],
)
@on_empty_store
async def test_only_a_device_of_the_identity_subscribes_to_a_dataset_that_exists(
    store: Store, where: DatasetPlace, device_id: str
) -> None:
    devices = await _begin(store, IDENTITY, OTHER_IDENTITY)
    await apply(store, writing(place("deleted"), {}), deleting(place("deleted"), expects=1))
    assert not await store.subscribe(where, device_id)
    assert not await store.unsubscribe(where, device_id)
    for each, device in devices.items():
        await _check_there(store, each, device)
    assert await store.list_subscribers(place("deleted")) == []


@on_empty_store
async def test_subscriptions_are_to_one_dataset_each(store: Store) -> None:
    await create(store)
    await apply(store, *(writing(place(name), {}) for name in ("thing", "things", "things2")))
    one, other = _device("one"), _device("other")
    await _register(store, one, other)
    assert await store.subscribe(place("thing"), "one")
    assert await store.subscribe(place("things2"), "one")
    assert await store.subscribe(place("things2"), "other")
    found = [await store.list_subscribers(place(name)) for name in ("thing", "things", "things2")]
    assert found == [[one], [], [one, other]]
    assert await store.unsubscribe(place("things2"), "one")
    assert await store.list_subscribers(place("things2")) == [other]
    assert await store.list_subscribers(place("thing")) == [one]


@on_empty_store
async def test_what_is_for_subscribers_leaves_only_where_a_device_subscribes(store: Store) -> None:
    await _begin(store, IDENTITY)
    await apply(store, writing(place("others"), {"a": "1"}))
    notices = [message(place(name), 2, Channel.PUSH) for name in ("others", "things")]
    streamed = message(place("others"), 2)
    for notice in notices:
        update = sending(writing(notice.place, {"a": "2"}, expects=1))
        update = msgspec.structs.replace(update, for_subscribers=notice)
        await apply(store, update)
    assert await due(store) == queued(streamed, notices[1], message(place("things"), 2))


@on_empty_store
async def test_a_deletion_ends_the_subscriptions_of_the_dataset(store: Store) -> None:
    devices = await _begin(store, IDENTITY)
    await apply(store, deleting(place(), expects=1))
    assert await store.list_subscribers(place()) == []
    assert not await store.unsubscribe(place(), devices[IDENTITY].device_id)
    await apply(store, writing(place(), {"a": "1"}, expects=2))
    assert await store.list_subscribers(place()) == []
    assert await store.subscribe(place(), devices[IDENTITY].device_id)


@on_empty_store
async def test_a_deleted_identity_takes_its_devices_with_it(store: Store) -> None:
    devices = await _begin(store, IDENTITY, OTHER_IDENTITY)
    assert await store.delete_identity(IDENTITY, date=DATE)
    await _check_gone(store, IDENTITY, devices[IDENTITY])
    await _check_there(store, OTHER_IDENTITY, devices[OTHER_IDENTITY])
    assert await store.register_device(devices[IDENTITY], limit=LIMIT) is None
    assert await store.restore_identity(identity(), [])
    await _check_gone(store, IDENTITY, devices[IDENTITY])
    await _register(store, devices[IDENTITY])


@on_empty_store
async def test_a_purged_guest_takes_its_devices_with_it(store: Store) -> None:
    devices = await _begin(store, IDENTITY, OTHER_IDENTITY)
    await apply(store, deleting(place(), expects=1))
    purged = await store.purge_guests(DATE + 1, after=(0, ""), limit=10, date=DATE)
    assert purged.count == 1
    await _check_gone(store, IDENTITY, devices[IDENTITY])
    await _check_there(store, OTHER_IDENTITY, devices[OTHER_IDENTITY])


@on_empty_store
async def test_a_merged_identity_takes_its_devices_with_it(store: Store) -> None:
    devices = await _begin(store, IDENTITY, OTHER_IDENTITY)
    merge = merging(identity(IDENTITY), identity(OTHER_IDENTITY), "things")
    assert not await store.change_identities(merging(identity(IDENTITY), identity(OTHER_IDENTITY)))
    await _check_there(store, IDENTITY, devices[IDENTITY])
    assert await store.change_identities(merge)
    await _check_gone(store, IDENTITY, devices[IDENTITY])
    await _check_there(store, OTHER_IDENTITY, devices[OTHER_IDENTITY])
    assert await store.register_device(devices[IDENTITY], limit=LIMIT) is None
    assert await store.list_subscribers(place(f"things.{IDENTITY}", OTHER_IDENTITY)) == []


@on_empty_store
async def test_a_deleted_pool_takes_its_devices_with_it_and_no_others(store: Store) -> None:
    devices = await _begin(store, IDENTITY, OTHER_IDENTITY)
    await store.create_pool(pool(OTHER_POOL))
    kept = identity(THIRD_IDENTITY, identity_pool_id=OTHER_POOL)
    assert await store.change_identities(changing(kept, identity_pool_id=OTHER_POOL))
    where = place("things", THIRD_IDENTITY, OTHER_POOL)
    other = _device("other", identity_id=THIRD_IDENTITY, identity_pool_id=OTHER_POOL)
    await _register(store, other)
    await apply(store, writing(where, {}))
    assert await store.subscribe(where, "other")
    assert await store.delete_pool(POOL)
    for each, device in devices.items():
        await _check_gone(store, each, device)
    assert await store.list_devices(OTHER_POOL, THIRD_IDENTITY) == [other]
    assert await store.list_subscribers(where) == [other]


@on_empty_store
async def test_a_device_registered_while_its_identity_is_deleted_is_not_left_behind(
    store: Store,
) -> None:
    await create(store, identity())
    registering = [store.register_device(_device(f"device-{n}"), limit=LIMIT) for n in range(6)]
    await asyncio.gather(
        *registering[:3], store.delete_identity(IDENTITY, date=DATE), *registering[3:]
    )
    assert await store.list_devices(POOL, IDENTITY) == []
