"""The statements of each change of the outbox, leases, devices and bulk publishes; see ``changes``.

A lane has a row in ``outbox_lanes`` exactly while messages wait in it, and that row's date is the
latest of their next attempts. New messages have none, so a change only makes sure of the row.
"""

import sqlite3
from collections.abc import Collection, Iterable, Sequence
from typing import Final

from keepstep.domain.bulk_publishes import BulkPublish
from keepstep.domain.datasets import DatasetPlace
from keepstep.domain.devices import Device
from keepstep.domain.limits import HOUR_MS
from keepstep.domain.outbox import OutboxMessage, QueuedMessage
from keepstep.interfaces.delivery_storage import OutboxFilter

from .delivery_reads import device_of
from .queries import QUERIES
from .reads import may_create_datasets

LEASES_KEPT_MS: Final = HOUR_MS
"""How long leases that ran out are kept, more than clocks of one store's servers ever differ."""

_ADD_MESSAGE = QUERIES["add_message"]
_FORGET_SET_ASIDE = QUERIES["forget_set_aside"]
_BEGIN_LANE = QUERIES["begin_lane"]

LaneKey = tuple[str, str, str, str]
"""Identity id, identity pool id, dataset name and channel."""
MessageKey = tuple[str, str, str, str, int, int]
"""A lane's key, a sync count and a creation date."""


def add_messages(connection: sqlite3.Connection, messages: Iterable[OutboxMessage]) -> None:
    """Put messages into the outbox, each in the place of one with its lane and sync count."""
    for message in messages:
        lane, partition = _lane_key(message), message.partition
        key = (*lane, message.sync_count)
        values = (*key, message.creation_date, partition, message.body)
        connection.execute(_BEGIN_LANE, (*lane, partition))
        connection.execute(_FORGET_SET_ASIDE, key)
        if connection.execute(_ADD_MESSAGE, values).rowcount != 1:
            connection.execute(QUERIES["forget_waiting"], key)
            connection.execute(_ADD_MESSAGE, values)
            _settle_lanes(connection, {lane})


def settle_outbox(
    connection: sqlite3.Connection,
    delivered: Sequence[OutboxMessage],
    deferred: Sequence[QueuedMessage],
) -> None:
    """Remove messages, keep what became of others, and settle their lanes."""
    _remove_messages(connection, list(map(_message_key, delivered)))
    connection.executemany(
        QUERIES["keep_message"],
        [
            (
                queued.attempts,
                queued.next_attempt_date,
                queued.set_aside,
                queued.failure,
                queued.message.body,
                *_message_key(queued.message),
            )
            for queued in deferred
        ],
    )
    # Somebody else may have set aside, or delivered, what waits again now.
    again = [queued.message for queued in deferred if not queued.set_aside]
    connection.executemany(_BEGIN_LANE, [(*_lane_key(each), each.partition) for each in again])
    messages = [*delivered, *(queued.message for queued in deferred)]
    _settle_lanes(connection, set(map(_lane_key, messages)))


def retry_outbox(connection: sqlite3.Connection, wanted: OutboxFilter, now: int) -> int:
    """Make messages due now."""
    count = connection.execute(QUERIES["count_outbox"], _filter_values(wanted)).fetchone()[0]
    values = (now, wanted.identity_pool_id, wanted.identity_id)
    if wanted.set_aside is not True:
        for step in ("retry_waiting_lanes", "retry_waiting"):
            connection.execute(QUERIES[step], values)
    if wanted.set_aside is not False:
        for step in ("retry_set_aside_lanes", "retry_set_aside"):
            connection.execute(QUERIES[step], values)
    return count


def drop_outbox(connection: sqlite3.Connection, wanted: OutboxFilter) -> int:
    """Remove messages; all that waits in a lane goes, or nothing does."""
    if wanted.set_aside is not True:
        values = (wanted.identity_pool_id, wanted.identity_id)
        connection.execute(QUERIES["drop_lanes"], values)
    return connection.execute(QUERIES["drop_outbox"], _filter_values(wanted)).rowcount


def hold_leases(
    connection: sqlite3.Connection, names: Collection[str], holder: str, now: int, until: int
) -> set[str]:
    """Take or renew leases, and forget those that ran out long ago."""
    connection.execute(QUERIES["forget_leases"], (now - LEASES_KEPT_MS,))
    return {
        name
        for name in names
        if connection.execute(QUERIES["hold_lease"], (name, holder, until, now)).rowcount == 1
    }


def release_leases(connection: sqlite3.Connection, names: Collection[str], holder: str) -> None:
    """Give leases up."""
    connection.executemany(QUERIES["release_lease"], [(name, holder) for name in names])


def register_device(connection: sqlite3.Connection, device: Device, limit: int) -> Device | None:
    """Keep a device if it is new and its identity may have another."""
    identity = (device.identity_id, device.identity_pool_id)
    by_token = (*identity, device.platform, device.token)
    row = connection.execute(QUERIES["find_device_of_token"], by_token).fetchone()
    if row is not None:
        return device_of(row)
    if connection.execute(QUERIES["count_devices"], identity).fetchone()[0] >= limit:
        return None
    if not may_create_datasets(connection, device.identity_pool_id, device.identity_id):
        return None
    values = (
        device.device_id,
        device.identity_pool_id,
        device.identity_id,
        device.platform,
        device.token,
        device.creation_date,
        device.endpoint,
    )
    connection.execute(QUERIES["register_device"], values)
    return device


def update_device(connection: sqlite3.Connection, device: Device) -> bool:
    """Replace a device's endpoint."""
    values = (device.endpoint, *_device_key(device))
    return connection.execute(QUERIES["update_device"], values).rowcount == 1


def delete_device(connection: sqlite3.Connection, device: Device) -> bool:
    """Forget a device with its subscriptions."""
    if connection.execute(QUERIES["delete_device"], _device_key(device)).rowcount != 1:
        return False
    connection.execute(QUERIES["delete_device_subscriptions"], _device_key(device))
    return True


def subscribe(connection: sqlite3.Connection, place: DatasetPlace, device_id: str) -> bool:
    """Subscribe a device if it and the dataset exist."""
    identity = (place.identity_id, place.identity_pool_id)
    row_key = (*identity, place.dataset_name)
    values = (*row_key, *identity, device_id)
    if connection.execute(QUERIES["may_subscribe"], values).fetchone()[0] != 1:
        return False
    connection.execute(QUERIES["subscribe"], (*row_key, device_id))
    return True


def unsubscribe(connection: sqlite3.Connection, place: DatasetPlace, device_id: str) -> bool:
    """End a subscription."""
    values = (place.identity_id, place.identity_pool_id, place.dataset_name, device_id)
    return connection.execute(QUERIES["unsubscribe"], values).rowcount == 1


def forget_devices(connection: sqlite3.Connection, identity_id: str, identity_pool_id: str) -> None:
    """Forget the devices of an identity with their subscriptions."""
    for step in ("delete_identity_devices", "delete_identity_subscriptions"):
        connection.execute(QUERIES[step], (identity_id, identity_pool_id))


def keep_bulk_publish(connection: sqlite3.Connection, publish: BulkPublish) -> bool:
    """Keep a bulk publish if its pool exists and its version is the next one."""
    identity_pool_id = publish.identity_pool_id
    if connection.execute(QUERIES["pool_exists"], (identity_pool_id,)).fetchone() is None:
        return False
    values = (
        publish.status,
        publish.start_date,
        publish.complete_date,
        publish.failure_message,
        *publish.position,
        publish.version,
        identity_pool_id,
    )
    if publish.version == 1:
        written = connection.execute(QUERIES["begin_bulk_publish"], values)
    else:
        before = publish.version - 1
        written = connection.execute(QUERIES["update_bulk_publish"], (*values, before))
    return written.rowcount == 1


def _remove_messages(connection: sqlite3.Connection, keys: Sequence[MessageKey]) -> None:
    """Remove messages; those that somebody has set aside meanwhile take a second look."""
    removed = connection.executemany(QUERIES["remove_waiting"], keys).rowcount
    if removed < len(keys):
        connection.executemany(QUERIES["remove_set_aside"], keys)


def _settle_lanes(connection: sqlite3.Connection, lanes: Collection[LaneKey]) -> None:
    """Make the rows of lanes fit the messages that wait in them; mostly none waits any more."""
    ended = connection.executemany(QUERIES["end_lane"], lanes).rowcount
    if ended < len(lanes):
        connection.executemany(QUERIES["defer_lane"], lanes)


def _lane_key(message: OutboxMessage) -> LaneKey:
    place = message.place
    return (
        place.identity_id,
        place.identity_pool_id,
        place.dataset_name,
        str(message.channel),
    )


def _message_key(message: OutboxMessage) -> MessageKey:
    return (*_lane_key(message), message.sync_count, message.creation_date)


def _filter_values(wanted: OutboxFilter) -> tuple[bool, bool, str | None, str | None]:
    least, greatest = wanted.set_aside is True, wanted.set_aside is not False
    return (least, greatest, wanted.identity_pool_id, wanted.identity_id)


def _device_key(device: Device) -> tuple[str, str, str]:
    return (device.identity_id, device.identity_pool_id, device.device_id)
