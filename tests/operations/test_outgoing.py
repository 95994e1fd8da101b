"""What an update or a deletion leaves to be sent: written with the change, or not at all."""

import json
from typing import Any

import pytest

from keepstep.domain.devices import Device
from keepstep.domain.limits import DEVICES_PER_IDENTITY_MAX
from keepstep.domain.outbox import Channel, OutboxMessage
from keepstep.domain.pools import PoolSettings
from keepstep.domain.push import Notice, open_notice
from keepstep.operations.sync.datasets import delete_dataset
from keepstep.operations.sync.devices import register_device
from keepstep.wire import sync
from keepstep.wire.errors import InvalidParameterException, ResourceConflictException
from keepstep.wire.sync import CognitoStreams, PushSync

from .conftest import IDENTITY_ID, PLACE, POOL_ID, World, place_members

STREAM = CognitoStreams(stream_name="changes", streaming_status="ENABLED")
PUSH = PushSync(application_arns=["arn:aws:sns:us-east-1:000000000000:app/GCM/app"])


def subscribe(world: World, device_id: str = "tablet") -> None:
    """Subscribe a device to the dataset, which is there afterwards."""
    world.update({"first": "x"})
    device = Device(
        device_id=device_id,
        identity_pool_id=POOL_ID,
        identity_id=IDENTITY_ID,
        platform="GCM",
        token=device_id,
        creation_date=0,
    )
    world.run(world.store.register_device(device, limit=9))
    assert world.run(world.store.subscribe(PLACE, device_id))


def channels_of(messages: list[OutboxMessage]) -> list[tuple[Channel, int]]:
    return sorted((message.channel, message.sync_count) for message in messages)


@pytest.mark.parametrize(
    "settings", [PoolSettings(), PoolSettings(push_sync=PUSH, cognito_streams=STREAM)]
)
def test_an_update_is_one_read_and_one_change_whatever_leaves_because_of_it(
    world: World, settings: PoolSettings
) -> None:
    world.set_up(settings)
    token = world.token()
    world.asked.names.clear()
    world.update({"a": "1"}, token=token)
    assert world.asked.names == ["find_state", "change_dataset"]
    assert bool(world.outbox()) == (settings.cognito_streams is not None)


def test_an_update_of_a_pool_that_streams_leaves_one_message_of_its_records(world: World) -> None:
    world.set_up(PoolSettings(cognito_streams=STREAM))
    world.update({"a": "1", "b": None})
    world.update({"a": "2"})
    first, second = world.outbox()
    assert channels_of([first, second]) == [(Channel.STREAM, 1), (Channel.STREAM, 2)]
    assert first.place == PLACE
    bodies: list[Any] = [json.loads(message.body) for message in (first, second)]
    sent = [
        [(one["key"], one["value"], one["op"]) for one in body["kinesisSyncRecords"]]
        for body in bodies
    ]
    assert sent == [[("a", "1", "replace"), ("b", None, "remove")], [("a", "2", "replace")]]


@pytest.mark.parametrize(
    "streams",
    [
        CognitoStreams(stream_name="changes", streaming_status="DISABLED"),
        CognitoStreams(stream_name="changes"),
    ],
)
def test_a_stream_that_is_not_enabled_gets_nothing(world: World, streams: CognitoStreams) -> None:
    world.set_up(PoolSettings(cognito_streams=streams))
    world.update({"a": "1"})
    assert world.outbox() == []


def test_an_update_leaves_a_push_message_only_if_somebody_subscribed(world: World) -> None:
    world.set_up(PoolSettings(push_sync=PUSH))
    world.update({"a": "1"})
    assert world.outbox() == []
    subscribe(world)
    world.update({"a": "2"}, device="phone")
    (message,) = world.outbox()
    assert channels_of([message]) == [(Channel.PUSH, 3)]
    assert open_notice(message.body) == Notice(written_by="phone")


def test_stream_and_push_messages_of_one_update_leave_together(world: World) -> None:
    world.set_up(PoolSettings(push_sync=PUSH))
    subscribe(world)
    world.set_up(PoolSettings(push_sync=PUSH, cognito_streams=STREAM))
    world.update({"a": "1"})
    assert channels_of(world.outbox()) == [(Channel.PUSH, 2), (Channel.STREAM, 2)]


def test_subscribers_of_a_pool_whose_push_was_taken_away_are_told_nothing(world: World) -> None:
    subscribe(world)
    world.set_up(PoolSettings(cognito_streams=STREAM))
    world.update({"a": "1"})
    assert channels_of(world.outbox()) == [(Channel.STREAM, 2)]


def test_a_deletion_is_streamed_and_pushed_to_nobody(world: World) -> None:
    world.set_up(PoolSettings(push_sync=PUSH))
    subscribe(world)
    world.set_up(PoolSettings(push_sync=PUSH, cognito_streams=STREAM))
    world.call(delete_dataset, sync.DeleteDatasetRequest(*place_members()))
    (message,) = world.outbox()
    body: Any = json.loads(message.body)
    assert (message.channel, message.sync_count) == (Channel.STREAM, 2)
    assert (body["operation"], body["kinesisSyncRecords"], body["syncCount"]) == ("remove", [], 2)


def test_what_is_refused_leaves_nothing_and_is_not_announced(world: World) -> None:
    world.set_up(PoolSettings(push_sync=PUSH))
    subscribe(world)
    token = world.token()
    world.update({"b": "1"}, token=token)
    world.set_up(PoolSettings(push_sync=PUSH, cognito_streams=STREAM))
    told, waiting = list(world.announced), world.outbox()
    with pytest.raises(ResourceConflictException):
        world.update({"first": "2"}, sync_count=0)
    with pytest.raises(InvalidParameterException):
        world.update({"b": "2"}, token=token)
    assert world.update({}) == {}
    assert (world.announced, world.outbox()) == (told, waiting)


def test_every_stored_change_is_announced_once_with_all_that_was_written(world: World) -> None:
    world.set_up(PoolSettings(cognito_streams=STREAM))
    world.update({"a": "1"})
    world.call(delete_dataset, sync.DeleteDatasetRequest(*place_members()))
    assert [change.dataset.sync_count for change in world.announced] == [1, 2]
    assert [message for change in world.announced for message in change.outbox] == world.outbox()


def test_an_identity_has_a_limited_number_of_devices(world: World) -> None:
    world.set_up(PoolSettings(push_sync=PUSH))

    def register(token: str) -> str:
        request = sync.RegisterDeviceRequest(POOL_ID, IDENTITY_ID, "GCM", token)
        return world.call(register_device, request).device_id

    ids = {register(str(number)) for number in range(DEVICES_PER_IDENTITY_MAX)}
    assert len(ids) == DEVICES_PER_IDENTITY_MAX
    with pytest.raises(InvalidParameterException, match="has 1024 devices"):
        register("one more")
    assert register("7") in ids
