"""The reads of the outbox, leases, devices, subscriptions and bulk publishes; see ``reads``.

What is due is found lane by lane: ``outbox_lanes`` has one small row for each lane in which
messages wait. A lane that waits for a later time, or that another process delivers, is that one row
to step over, under a microsecond, be there one message in it or 100,000: none of them is looked at.
"""

import sqlite3
from collections.abc import Collection, Iterable, Sequence
from heapq import merge
from itertools import islice
from typing import Any

from msgspec.structs import astuple

from keepstep.domain.bulk_publishes import BulkPublish
from keepstep.domain.datasets import DatasetPlace
from keepstep.domain.devices import Device
from keepstep.domain.limits import OUTBOX_BYTES_MAX
from keepstep.domain.outbox import Channel, Lane, OutboxMessage, OutboxUsage, QueuedMessage
from keepstep.interfaces.delivery_storage import Lease, OutboxFilter

from .queries import QUERIES

_HAS_SUBSCRIBERS = QUERIES["has_subscribers"]
_FIND_SYNC_COUNT = QUERIES["find_sync_count"]
_CHANNELS = {channel.value: channel for channel in Channel}


def list_due(
    connection: sqlite3.Connection,
    partitions: Collection[int],
    now: int,
    after: Lane | None,
    limit: int,
) -> list[QueuedMessage]:
    """Read messages to deliver now."""
    position = astuple(after) if after is not None else ("", "", "", "")
    bits = sum(1 << partition for partition in set(partitions))
    return _page(connection.execute(QUERIES["list_due"], (*position, now, bits, limit)))


def list_outbox(
    connection: sqlite3.Connection,
    wanted: OutboxFilter,
    after: tuple[Lane, int] | None,
    limit: int,
) -> list[QueuedMessage]:
    """Read one page of the outbox; the caller holds a read transaction open."""
    start = (wanted.identity_id or "", "", "", "", -1)
    position = max(start, (*astuple(after[0]), after[1])) if after is not None else start
    values = (*position, wanted.identity_id, wanted.identity_pool_id, limit)
    states = (False, True) if wanted.set_aside is None else (wanted.set_aside,)
    found = [connection.execute(QUERIES["list_outbox"], (state, *values)) for state in states]
    return _page(islice(merge(*found, key=lambda row: row[:5]), limit))


def measure_outbox(connection: sqlite3.Connection) -> OutboxUsage:
    """Count the messages."""
    row = connection.execute(QUERIES["measure_outbox"]).fetchone()
    return OutboxUsage(waiting=row[0], set_aside=row[1], oldest_creation_date=row[2])


def list_leases(connection: sqlite3.Connection, prefix: str, now: int) -> list[Lease]:
    """Read the leases that have not run out."""
    return [Lease(*row) for row in connection.execute(QUERIES["list_leases"], (prefix, now))]


def has_subscribers(connection: sqlite3.Connection, row_key: tuple[str, str, str]) -> bool:
    """Read whether a dataset, by identity id, identity pool id and name, has a subscriber."""
    return connection.execute(_HAS_SUBSCRIBERS, row_key).fetchone() is not None


def list_subscribers(connection: sqlite3.Connection, place: DatasetPlace) -> list[Device]:
    """Read the subscribers of a dataset."""
    return [
        device_of(row) for row in connection.execute(QUERIES["list_subscribers"], _row_key(place))
    ]


def list_devices(
    connection: sqlite3.Connection, identity_pool_id: str, identity_id: str
) -> list[Device]:
    """Read the devices of an identity."""
    rows = connection.execute(QUERIES["list_devices"], (identity_id, identity_pool_id))
    return [device_of(row) for row in rows]


def find_bulk_publish(connection: sqlite3.Connection, identity_pool_id: str) -> BulkPublish | None:
    """Read the last bulk publish of a pool."""
    row = connection.execute(QUERIES["find_bulk_publish"], (identity_pool_id,)).fetchone()
    return _bulk_publish(row) if row is not None else None


def list_bulk_publishes(connection: sqlite3.Connection) -> list[BulkPublish]:
    """Read the bulk publishes in progress."""
    return [_bulk_publish(row) for row in connection.execute(QUERIES["list_bulk_publishes"])]


def list_pool_datasets(
    connection: sqlite3.Connection, identity_pool_id: str, after: tuple[str, str], limit: int
) -> list[DatasetPlace]:
    """Read one page of a pool's existing datasets."""
    values = (after[0], identity_pool_id, after[1], identity_pool_id, limit)
    return [DatasetPlace(*row) for row in connection.execute(QUERIES["list_pool_datasets"], values)]


def find_sync_counts(connection: sqlite3.Connection, places: Sequence[DatasetPlace]) -> list[int]:
    """Read the sync counts of datasets; the caller holds a read transaction open."""
    rows = [connection.execute(_FIND_SYNC_COUNT, _row_key(place)).fetchone() for place in places]
    return [row[0] if row is not None else 0 for row in rows]


def device_of(row: Any) -> Device:
    """Make a device of its row."""
    return Device(
        device_id=row[0],
        identity_pool_id=row[1],
        identity_id=row[2],
        platform=row[3],
        token=row[4],
        creation_date=row[5],
        endpoint=row[6],
    )


def _page(rows: Iterable[Any]) -> list[QueuedMessage]:
    """Make the messages of a page of rows, which are read up to the bytes of a page."""
    page: list[QueuedMessage] = []
    size = 0
    for row in rows:
        page.append(_queued(row))
        size += len(page[-1].message.body)
        if size >= OUTBOX_BYTES_MAX:
            break
    return page


def _queued(row: Any) -> QueuedMessage:
    message = OutboxMessage(
        place=DatasetPlace(row[1], row[0], row[2]),
        channel=_CHANNELS[row[3]],
        sync_count=row[4],
        creation_date=row[5],
        body=row[6],
    )
    return QueuedMessage(
        message=message,
        attempts=row[7],
        next_attempt_date=row[8],
        set_aside=bool(row[9]),
        failure=row[10],
    )


def _bulk_publish(row: Any) -> BulkPublish:
    return BulkPublish(
        identity_pool_id=row[0],
        status=row[1],
        start_date=row[2],
        complete_date=row[3],
        failure_message=row[4],
        position=(row[5], row[6]),
        version=row[7],
    )


def _row_key(place: DatasetPlace) -> tuple[str, str, str]:
    return (place.identity_id, place.identity_pool_id, place.dataset_name)
