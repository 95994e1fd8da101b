"""The changes of the outbox, leases, devices, subscriptions and bulk publishes; see ``changes``.

A lane has a row in ``outbox_lanes`` exactly while messages wait in it, and that row's date is the
latest of their next attempts. Whoever adds messages to a lane, or settles some, locks the row
first; who has several lanes locks them in the order of their keys.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from typing import Final

from keepstep.domain.bulk_publishes import BulkPublish
from keepstep.domain.datasets import DatasetPlace
from keepstep.domain.devices import Device
from keepstep.domain.limits import HOUR_MS
from keepstep.domain.outbox import Lane, OutboxMessage, QueuedMessage, partition_of
from keepstep.domain.revocations import identity_subject
from keepstep.interfaces.delivery_storage import OutboxFilter

from .changes import whole_or_not, write, write_each
from .connections import Connection
from .delivery_reads import device_of, find_bulk_publish
from .reads import row_of
from .values import Values, encoded, key_digest, place_values, revocation_key

LEASES_KEPT_MS: Final = HOUR_MS
"""How long leases that ran out are kept, more than clocks of one store's servers ever differ."""


async def settle_outbox(
    connection: Connection,
    delivered: Sequence[OutboxMessage],
    deferred: Sequence[QueuedMessage],
) -> None:
    """Remove messages, keep what became of others, and settle their lanes."""
    removed: defaultdict[Lane, list[OutboxMessage]] = defaultdict(list)
    for message in delivered:
        removed[message.lane].append(message)
    lanes = sorted({*removed, *(queued.message.lane for queued in deferred)})
    if not lanes:
        return
    held = [_lane_values(lane) for lane in lanes]
    async with connection.transaction():
        await write_each(connection, "hold_lane", held)
        if removed:
            await write_each(connection, "remove_messages", _removals(removed.items()))
        if deferred:
            await write_each(connection, "keep_message", map(_queued_values, deferred))
        await write_each(connection, "settle_lane", held)


async def retry_outbox(connection: Connection, wanted: OutboxFilter, now: int) -> int:
    """Make messages due now."""
    values = _filter_values(wanted)
    async with connection.transaction():
        row = await row_of(connection, "count_outbox", values | {"states": _states(wanted)})
        values |= {"now": now}
        if wanted.set_aside is not True:
            for step in ("retry_waiting_lanes", "retry_waiting"):
                await write(connection, step, values)
        if wanted.set_aside is not False:
            await write(connection, "retry_set_aside", values)
    return row[0]


async def drop_outbox(connection: Connection, wanted: OutboxFilter) -> int:
    """Remove messages; all that waits in a lane goes, or nothing does."""
    values = _filter_values(wanted)
    count = 0
    async with connection.transaction():
        if wanted.set_aside is not True:
            await write(connection, "drop_lanes", values)
            count += await write(connection, "drop_waiting", values)
        if wanted.set_aside is not False:
            count += await write(connection, "drop_set_aside", values)
    return count


async def hold_leases(
    connection: Connection, names: Collection[str], holder: str, now: int, until: int
) -> set[str]:
    """Take or renew leases, and forget those that ran out long ago."""
    values = {
        "names": sorted(set(names)),
        "holder": holder,
        "now": now,
        "until": until,
        "forgotten": now - LEASES_KEPT_MS,
    }
    return {row[0] for row in await connection.rows("hold_leases", values)}


async def leases_held(
    connection: Connection, names: Collection[str], holder: str, until: int
) -> set[str]:
    """Read which leases a change of unknown outcome took or renewed."""
    values = {"names": list(names), "holder": holder, "until": until}
    return {row[0] for row in await connection.rows("find_leases", values)}


async def release_leases(connection: Connection, names: Collection[str], holder: str) -> None:
    """Give leases up."""
    values = [{"name": name, "holder": holder} for name in sorted(set(names))]
    if values:
        await write_each(connection, "release_lease", values)


async def register_device(connection: Connection, device: Device, limit: int) -> Device | None:
    """Keep a device if it is new and its identity may have another.

    It locks as whoever makes a dataset exist does: the pool, the identity, its count.
    """
    values = _device_values(device)
    found = await registered_device(connection, device)
    if found is not None:
        return found

    async def register(connection: Connection) -> bool:
        nonlocal found
        if await row_of(connection, "lock_pool", values) is None:
            return False
        await row_of(connection, "share_identity", values)
        subject = revocation_key(identity_subject(device.identity_id))
        if not (await row_of(connection, "may_create_datasets", subject))[0]:
            return False
        await write(connection, "add_to_count", values | {"live": 0})
        found = await registered_device(connection, device)
        if found is not None:
            return False
        return await write(connection, "register_device", values | {"limit": limit}) == 1

    return device if await whole_or_not(connection, register) else found


async def registered_device(connection: Connection, device: Device) -> Device | None:
    """Read the device with the same identity, platform and token."""
    row = await row_of(connection, "find_device_of_token", _device_values(device))
    return device_of(row) if row is not None else None


async def update_device(connection: Connection, device: Device) -> bool:
    """Replace a device's endpoint."""
    return await write(connection, "update_device", _device_values(device)) == 1


async def was_updated(connection: Connection, device: Device) -> bool | None:
    """Read whether an update of unknown outcome applied: the endpoint says so."""
    row = await row_of(connection, "find_device", _device_values(device))
    return True if row is not None and device_of(row).endpoint == device.endpoint else None


async def delete_device(connection: Connection, device: Device) -> bool:
    """Forget a device with its subscriptions."""
    values = _device_values(device)

    async def delete(connection: Connection) -> bool:
        if await write(connection, "delete_device", values) != 1:
            return False
        await write(connection, "delete_device_subscriptions", values)
        return True

    return await whole_or_not(connection, delete)


async def subscribe(connection: Connection, place: DatasetPlace, device_id: str) -> bool:
    """Subscribe a device if it and the dataset exist."""
    return await row_of(connection, "subscribe", _subscription(place, device_id)) is not None


async def is_subscribed(connection: Connection, place: DatasetPlace, device_id: str) -> bool | None:
    """Read whether a subscription of unknown outcome is there."""
    row = await row_of(connection, "find_subscription", _subscription(place, device_id))
    return True if row is not None else None


async def unsubscribe(connection: Connection, place: DatasetPlace, device_id: str) -> bool:
    """End a subscription."""
    return await write(connection, "unsubscribe", _subscription(place, device_id)) == 1


async def keep_bulk_publish(connection: Connection, publish: BulkPublish) -> bool:
    """Keep a bulk publish if its pool exists and its version is the next one."""
    step = "begin_bulk_publish" if publish.version == 1 else "update_bulk_publish"
    values: Values = {
        "identity_pool_id": publish.identity_pool_id,
        "status": publish.status,
        "start_date": publish.start_date,
        "complete_date": publish.complete_date,
        "failure_message": encoded(publish.failure_message),
        "position_identity_id": publish.position[0],
        "position_dataset_name": publish.position[1].encode(),
        "version": publish.version,
    }

    async def keep(connection: Connection) -> bool:
        if await row_of(connection, "lock_pool", values) is None:
            return False
        return await write(connection, step, values) == 1

    return await whole_or_not(connection, keep)


async def was_kept(connection: Connection, publish: BulkPublish) -> bool | None:
    """Read whether a bulk publish of unknown outcome was kept."""
    found = await find_bulk_publish(connection, publish.identity_pool_id)
    return True if found == publish else None


def _lane_values(lane: Lane) -> Values:
    return {
        "identity_id": lane.identity_id,
        "identity_pool_id": lane.identity_pool_id,
        "dataset_name": lane.dataset_name,
        "channel": lane.channel.value,
        "partition": partition_of(lane.identity_id),
    }


def _removals(removed: Iterable[tuple[Lane, Sequence[OutboxMessage]]]) -> list[Values]:
    return [
        _lane_values(lane)
        | {
            "sync_counts": [message.sync_count for message in messages],
            "creation_dates": [message.creation_date for message in messages],
        }
        for lane, messages in removed
    ]


def _queued_values(queued: QueuedMessage) -> Values:
    message = queued.message
    return _lane_values(message.lane) | {
        "sync_count": message.sync_count,
        "creation_date": message.creation_date,
        "attempts": queued.attempts,
        "next_attempt_date": queued.next_attempt_date,
        "set_aside": queued.set_aside,
        "failure": encoded(queued.failure),
        "body": message.body,
    }


def _filter_values(wanted: OutboxFilter) -> Values:
    return {"identity_pool_id": wanted.identity_pool_id, "identity_id": wanted.identity_id}


def _states(wanted: OutboxFilter) -> list[bool]:
    return [False, True] if wanted.set_aside is None else [wanted.set_aside]


def _device_values(device: Device) -> Values:
    return {
        "identity_id": device.identity_id,
        "identity_pool_id": device.identity_pool_id,
        "device_id": device.device_id.encode(),
        "platform": device.platform,
        "token": device.token.encode(),
        "token_digest": key_digest(device.token),
        "creation_date": device.creation_date,
        "endpoint": encoded(device.endpoint),
    }


def _subscription(place: DatasetPlace, device_id: str) -> Values:
    return place_values(place) | {"device_id": device_id.encode()}
