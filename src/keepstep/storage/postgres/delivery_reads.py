"""The reads of the outbox, leases, devices, subscriptions and bulk publishes; see ``reads``.

What is due is found lane by lane: ``outbox_lanes`` has one small row for each lane in which
messages wait. One that is blocked, or is delivered by another process, is one row to step over,
be there one message in it or 100,000; no message of it is looked at.
"""

from collections.abc import Collection, Sequence
from typing import Any, Final

from keepstep.domain.bulk_publishes import BulkPublish
from keepstep.domain.datasets import DatasetPlace
from keepstep.domain.devices import Device
from keepstep.domain.limits import OUTBOX_BYTES_MAX
from keepstep.domain.outbox import Channel, Lane, OutboxMessage, OutboxUsage, QueuedMessage
from keepstep.interfaces.delivery_storage import Lease, OutboxFilter

from .reads import Source, row_of
from .values import Values, decoded, place_values

_BEHIND_EVERY_ID: Final = "\U0010ffff"


async def list_due(
    source: Source,
    partitions: Collection[int],
    now: int,
    after: Lane | None,
    limit: int,
) -> list[QueuedMessage]:
    """Read messages to deliver now."""
    values = _position(after) | {"now": now, "partitions": list(partitions), "limit": limit}
    values |= {"bytes": OUTBOX_BYTES_MAX}
    return [_queued_of(row) for row in await source.rows("list_due", values)]


async def list_outbox(
    source: Source,
    wanted: OutboxFilter,
    after: tuple[Lane, int] | None,
    limit: int,
) -> list[QueuedMessage]:
    """Read one page of the outbox."""
    lane, sync_count = after or (None, -1)
    values = _position(lane) | {"after_sync_count": sync_count}
    first = wanted.identity_id or ""
    if lane is None or lane.identity_id < first:
        values = _position(None) | {"after_identity_id": first, "after_sync_count": -1}
    values |= {
        "last_identity_id": wanted.identity_id or _BEHIND_EVERY_ID,
        "identity_pool_id": wanted.identity_pool_id,
        "waiting": wanted.set_aside is False,
        "limit": limit,
        "bytes": OUTBOX_BYTES_MAX,
    }
    query = "list_set_aside" if wanted.set_aside else "list_outbox"
    return [_queued_of(row) for row in await source.rows(query, values)]


async def measure_outbox(source: Source) -> OutboxUsage:
    """Count the messages."""
    row = await row_of(source, "measure_outbox")
    return OutboxUsage(waiting=row[0], set_aside=row[1], oldest_creation_date=row[2])


async def list_leases(source: Source, prefix: str, now: int) -> list[Lease]:
    """Read the leases that have not run out."""
    rows = await source.rows("list_leases", {"prefix": prefix, "now": now})
    return [Lease(*row) for row in rows]


async def list_subscribers(source: Source, place: DatasetPlace) -> list[Device]:
    """Read the subscribers of a dataset."""
    rows = await source.rows("list_subscribers", place_values(place))
    return [device_of(row) for row in rows]


async def list_devices(source: Source, identity_pool_id: str, identity_id: str) -> list[Device]:
    """Read the devices of an identity."""
    values = {"identity_id": identity_id, "identity_pool_id": identity_pool_id}
    return [device_of(row) for row in await source.rows("list_devices", values)]


async def find_bulk_publish(source: Source, identity_pool_id: str) -> BulkPublish | None:
    """Read the last bulk publish of a pool."""
    row = await row_of(source, "find_bulk_publish", {"identity_pool_id": identity_pool_id})
    return _bulk_publish_of(row) if row is not None else None


async def list_bulk_publishes(source: Source) -> list[BulkPublish]:
    """Read the bulk publishes in progress."""
    return [_bulk_publish_of(row) for row in await source.rows("list_bulk_publishes")]


async def list_pool_datasets(
    source: Source, identity_pool_id: str, after: tuple[str, str], limit: int
) -> list[DatasetPlace]:
    """Read one page of a pool's existing datasets."""
    values = {
        "identity_pool_id": identity_pool_id,
        "after_identity_id": after[0],
        "after_name": after[1],
        "limit": limit,
    }
    return [DatasetPlace(*row) for row in await source.rows("list_pool_datasets", values)]


async def find_sync_counts(source: Source, places: Sequence[DatasetPlace]) -> list[int]:
    """Read the sync counts of datasets."""
    distinct = set(places)
    values = {
        "identity_ids": [place.identity_id for place in distinct],
        "identity_pool_ids": [place.identity_pool_id for place in distinct],
        "dataset_names": [place.dataset_name for place in distinct],
    }
    rows = await source.rows("find_sync_counts", values)
    found = {DatasetPlace(row[1], row[0], row[2]): row[3] for row in rows}
    return [found.get(place, 0) for place in places]


def device_of(row: Any) -> Device:
    """Make a device of its row."""
    return Device(
        device_id=row[0].decode(),
        identity_pool_id=row[1],
        identity_id=row[2],
        platform=row[3],
        token=row[4].decode(),
        creation_date=row[5],
        endpoint=decoded(row[6]),
    )


def _queued_of(row: Any) -> QueuedMessage:
    message = OutboxMessage(
        place=DatasetPlace(row[1], row[0], row[2]),
        channel=Channel(row[3]),
        sync_count=row[4],
        creation_date=row[5],
        body=row[6],
    )
    return QueuedMessage(
        message=message,
        attempts=row[7],
        next_attempt_date=row[8],
        set_aside=row[9],
        failure=decoded(row[10]),
    )


def _bulk_publish_of(row: Any) -> BulkPublish:
    return BulkPublish(
        identity_pool_id=row[0],
        status=row[1],
        start_date=row[2],
        complete_date=row[3],
        failure_message=decoded(row[4]),
        position=(row[5], row[6].decode()),
        version=row[7],
    )


def _position(after: Lane | None) -> Values:
    """Give the lane to go on behind; None is before every one."""
    if after is None:
        return dict.fromkeys(
            ("after_identity_id", "after_pool_id", "after_name", "after_channel"), ""
        )
    return {
        "after_identity_id": after.identity_id,
        "after_pool_id": after.identity_pool_id,
        "after_name": after.dataset_name,
        "after_channel": after.channel.value,
    }
