"""Push: who is told of a change through the push webhook, and who is told again."""

import asyncio
import json
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import msgspec
import pytest

from keepstep.delivery.notices import PushChannel
from keepstep.delivery.push_webhook import PushWebhook
from keepstep.delivery.worker import retry
from keepstep.domain.devices import Device
from keepstep.domain.limits import PUSHES_AT_ONCE_MAX
from keepstep.domain.outbox import Channel, OutboxMessage
from keepstep.domain.pools import IdentityPool
from keepstep.domain.push import Notice, encode_notice, open_notice
from keepstep.interfaces.delivery import DeliveryFailed, DestinationGone, Notification
from keepstep.interfaces.delivery_storage import OutboxFilter
from keepstep.interfaces.storage import StoreUnavailable
from keepstep.testing.storage_suite.running import (
    DATE,
    IDENTITY,
    POOL,
    apply,
    message,
    place,
    queued,
    writing,
)

from .conftest import SECRET, clock, pool, run
from .endpoints import Endpoint, Planned
from .outboxes import Outbox, Watched, eventually, outbox

PLACE = place()
DEVICES_MANY = 300


def ids(count: int) -> list[str]:
    return [f"device-{number:04}" for number in range(count)]


def notice(written_by: str | None = None, sync_count: int = 2) -> OutboxMessage:
    body = encode_notice(Notice(written_by=written_by))
    return message(PLACE, sync_count, Channel.PUSH, body=body)


async def subscribe(box: Outbox, count: int) -> None:
    """Let so many devices subscribe to a dataset."""
    await apply(box.store, writing(PLACE, {"a": "1"}))
    for device_id in ids(count):
        device = Device(
            device_id=device_id,
            identity_pool_id=POOL,
            identity_id=IDENTITY,
            platform="GCM",
            token=f"token of {device_id}",
            creation_date=DATE,
        )
        assert await box.store.register_device(device, limit=count) == device
        assert await box.store.subscribe(PLACE, device_id)


@asynccontextmanager
async def pushing(receiver: Endpoint, subscribers: int) -> AsyncGenerator[Outbox]:
    """An outbox whose push goes to an endpoint, and a worker at work."""
    push = PushWebhook(receiver.url, SECRET, clock)
    try:
        async with outbox(push=push) as box:
            await subscribe(box, subscribers)
            async with box.worker():
                yield box
    finally:
        await push.close()


def told(receiver: Endpoint) -> list[str]:
    """Give the devices that the endpoint was to tell, in the order in which they came."""
    return [json.loads(each.body)["deviceId"] for each in receiver.received]


def answer(receiver: Endpoint, *statuses: int) -> None:
    """Answer the first requests so, and all others with success."""
    receiver.planned = [Planned(status) for status in statuses]


def test_every_subscriber_but_the_writer_is_told_once(receiver: Endpoint) -> None:
    async def case() -> None:
        async with pushing(receiver, 5) as box:
            await box.send(notice("device-0002"))
            await eventually(box.is_empty)
        assert sorted(told(receiver)) == [each for each in ids(5) if each != "device-0002"]

    run(case())


def test_each_notification_has_an_id_that_only_its_repetitions_share(receiver: Endpoint) -> None:
    async def case() -> None:
        answer(receiver, 500, 500)
        async with pushing(receiver, 3) as box:
            await box.send(notice())
            await box.pass_on()
            await eventually(box.is_empty)
            await box.send(notice(sync_count=3))
            await eventually(box.is_empty)
        posted = [json.loads(each.body) for each in receiver.received]
        assert [each.headers["keepstep-message-id"] for each in receiver.received] == [
            each["messageId"] for each in posted
        ]
        named = {
            (each["messageId"], each["deviceId"], each["message"]["data"]["syncCount"])
            for each in posted
        }
        assert len(posted) == 8
        assert len(named) == len({message_id for message_id, *_ in named}) == 6

    run(case())


def test_those_that_failed_are_told_again_and_nobody_else(receiver: Endpoint) -> None:
    async def case() -> None:
        answer(receiver, 500, 200, 503, 200)
        async with pushing(receiver, 4) as box:
            await box.send(notice())
            (kept,) = await box.waiting()
            first = told(receiver)
            failed = sorted([first[0], first[2]])
            assert open_notice(kept.message.body).remaining == tuple(failed)
            assert kept.attempts == 1
            await box.pass_on()
            await eventually(box.is_empty)
        assert sorted(told(receiver)[4:]) == failed

    run(case())


def test_a_device_that_is_gone_is_forgotten(receiver: Endpoint) -> None:
    async def case() -> None:
        answer(receiver, 410)
        async with pushing(receiver, 3) as box:
            await box.send(notice())
            await eventually(box.is_empty)
            left = [each.device_id for each in await box.store.list_devices(POOL, IDENTITY)]
            assert left == sorted(told(receiver)[1:])
            await box.send(notice(sync_count=3))
            await eventually(box.is_empty)
        assert sorted(told(receiver)[3:]) == left

    run(case())


def test_one_that_unsubscribes_before_it_is_told_again_is_not(receiver: Endpoint) -> None:
    async def case() -> None:
        answer(receiver, 500)
        async with pushing(receiver, 2) as box:
            await box.send(notice())
            await box.waiting()
            assert await box.store.unsubscribe(PLACE, told(receiver)[0])
            await box.pass_on()
            await eventually(box.is_empty)
        assert len(told(receiver)) == 2

    run(case())


def test_many_devices_are_told_a_bounded_number_at_a_time(receiver: Endpoint) -> None:
    async def case() -> None:
        async with pushing(receiver, DEVICES_MANY) as box:
            await box.send(notice())
            await eventually(box.is_empty)
        assert sorted(told(receiver)) == ids(DEVICES_MANY)
        assert 1 < receiver.open_max <= PUSHES_AT_ONCE_MAX

    run(case())


class Unusable:
    """A sender for which some devices' platform has no application; others fail for now."""

    def __init__(self, *devices: str, failing: Sequence[str] = ()) -> None:
        self.devices = set(devices)
        self.failing = set(failing)
        self.told: list[str] = []

    async def send(self, pool: IdentityPool, device: Device, notification: Notification) -> Device:
        del pool, notification
        if device.device_id in self.devices:
            raise DestinationGone("no application")
        if device.device_id in self.failing:
            raise DeliveryFailed("not now")
        self.told.append(device.device_id)
        return msgspec.structs.replace(device, endpoint=f"made for {device.device_id}")

    async def close(self) -> None:
        """Nothing is open."""


def test_devices_that_cannot_be_reached_as_the_pool_is_are_left_to_the_operator() -> None:
    async def case() -> None:
        push = Unusable("device-0001")
        async with outbox(push=push) as box:
            await subscribe(box, 3)
            async with box.worker():
                await box.send(notice())
                await box.waiting()
            (kept,) = await box.queued(set_aside=True)
            assert kept.failure == "no application"
            assert open_notice(kept.message.body).remaining == ("device-0001",)
            assert push.told == ["device-0000", "device-0002"]
            made = {each.endpoint for each in await box.store.list_devices(POOL, IDENTITY)}
            assert made == {"made for device-0000", None, "made for device-0002"}

    run(case())


class Slow(Unusable):
    """Reaches the first device at once, and the others when it is told to."""

    def __init__(self) -> None:
        super().__init__()
        self.open = asyncio.Event()

    async def send(self, pool: IdentityPool, device: Device, notification: Notification) -> Device:
        if device.device_id != "device-0000":
            await self.open.wait()
        return await super().send(pool, device, notification)


def test_nothing_is_on_its_way_any_more_when_the_store_fails_amid_notifications() -> None:
    async def case() -> None:
        push = Slow()
        async with outbox(push=push) as box:
            await subscribe(box, 3)
            watched: Any = Watched(box.store)
            watched.failing = {"update_device"}
            channel = PushChannel(watched, push)
            sending = asyncio.create_task(channel.send(pool(), queued(notice())))
            await eventually(lambda: watched.asked["update_device"])
            push.open.set()
            with pytest.raises(StoreUnavailable):
                await sending
            assert sorted(push.told) == ids(3)

    run(case())


def test_a_notice_is_set_aside_once_only_devices_that_cannot_be_reached_are_left_in_it() -> None:
    async def case() -> None:
        push = Unusable("device-0000", failing=["device-0001"])
        async with outbox(push=push) as box:
            await subscribe(box, 3)
            async with box.worker():
                await box.send(notice())
                (kept,) = await box.waiting()
                assert (kept.attempts, kept.failure) == (1, "not now")
                assert open_notice(kept.message.body).remaining == ("device-0000", "device-0001")
                push.failing.clear()
                await box.pass_on()
                assert await box.waiting() == []
                (kept,) = await box.queued(set_aside=True)
                assert kept.failure == "no application"
                assert open_notice(kept.message.body).remaining == ("device-0000",)
                push.devices.clear()
                assert await retry(box.store, OutboxFilter(), now=box.clock()) == 1
                box.wake()
                await eventually(box.is_empty)
            assert push.told == ["device-0002", "device-0001", "device-0000"]

    run(case())
