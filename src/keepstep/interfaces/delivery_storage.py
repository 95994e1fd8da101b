"""What a storage engine does for what leaves the server; see ``storage`` for what always holds.

Messages come with the ``DatasetChange`` they tell of: each is there exactly if its change is. It
takes the place of one with the same lane and sync count, whatever had become of that (an identity
put back from an older export counts on from there). A pool takes its messages with it; those of
identities and datasets that are gone still leave.

Devices, with their subscriptions, go with their identity: when it is deleted, purged or merged
into another, and with its pool. Deleting a dataset ends its subscriptions; merging another into
it leaves them.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Protocol

from keepstep.domain.bulk_publishes import BulkPublish
from keepstep.domain.datasets import DatasetPlace
from keepstep.domain.devices import Device
from keepstep.domain.outbox import Lane, OutboxMessage, OutboxUsage, QueuedMessage


@dataclass(frozen=True, slots=True)
class Lease:
    """Who alone does something, and until when (milliseconds since the epoch).

    It has run out, and so is nobody's, from ``until`` on.
    """

    name: str
    holder: str
    until: int


@dataclass(frozen=True, slots=True)
class OutboxFilter:
    """Which messages of the outbox: those of a pool and of an identity, if named.

    A ``set_aside`` of None stands for those that wait and those set aside.
    """

    identity_pool_id: str | None = None
    identity_id: str | None = None
    set_aside: bool | None = None


class DeliveryReader(Protocol):
    """Reads of the outbox, leases, devices and bulk publishes.

    A page of messages ends early behind the one that brings their bodies to OUTBOX_BYTES_MAX.
    """

    async def list_due(
        self, partitions: Collection[int], now: int, *, after: Lane | None, limit: int
    ) -> list[QueuedMessage]:
        """Give messages of some partitions to deliver now, by lane, then sync count.

        Only lanes behind ``after``. Due is what is not set aside, unless it or anything else in
        its lane that is not set aside has its next attempt after ``now``. A lane that waits is
        passed over at the same small cost, however many messages are in it.
        """
        ...

    async def list_outbox(
        self, wanted: OutboxFilter, *, after: tuple[Lane, int] | None, limit: int
    ) -> list[QueuedMessage]:
        """Give messages behind a position, a lane and a sync count, in that order."""
        ...

    async def measure_outbox(self) -> OutboxUsage:
        """Count the messages; the oldest is of those that wait."""
        ...

    async def list_leases(self, prefix: str, now: int) -> list[Lease]:
        """Give the leases that have not run out and whose name begins so, in order of names."""
        ...

    async def list_subscribers(self, place: DatasetPlace) -> list[Device]:
        """Give the devices that subscribed to a dataset, in order of their ids."""
        ...

    async def list_devices(self, identity_pool_id: str, identity_id: str) -> list[Device]:
        """Give the devices of an identity, in order of their ids."""
        ...

    async def find_bulk_publish(self, identity_pool_id: str) -> BulkPublish | None:
        """Give the last bulk publish of a pool, or None if there never was one."""
        ...

    async def list_bulk_publishes(self) -> list[BulkPublish]:
        """Give the bulk publishes that are in progress, in order of their pools."""
        ...

    async def list_pool_datasets(
        self, identity_pool_id: str, *, after: tuple[str, str], limit: int
    ) -> list[DatasetPlace]:
        """Give a pool's existing datasets behind an (identity id, name), in byte order."""
        ...

    async def find_sync_counts(self, places: Sequence[DatasetPlace]) -> list[int]:
        """Give the sync count of each dataset, 0 for a name that never existed."""
        ...


class DeliveryWriter(Protocol):
    """Changes of the same. Each is one atomic, durable step."""

    async def settle_outbox(
        self, delivered: Sequence[OutboxMessage], deferred: Sequence[QueuedMessage]
    ) -> None:
        """Remove messages, and keep what became of others, body included.

        Everything of a deferred message's lane waits for its next attempt too, unless the message
        is set aside (see ``list_due``). Messages that are not there any more are passed over, and
        so are those in whose place another one is: they have another ``message_id``.
        """
        ...

    async def retry_outbox(self, wanted: OutboxFilter, *, now: int) -> int:
        """Make messages due now with no attempt or failure kept, those set aside too.

        Gives how many messages the filter names, those that were due before included.
        """
        ...

    async def drop_outbox(self, wanted: OutboxFilter) -> int:
        """Remove messages without delivering them; give how many."""
        ...

    async def hold_leases(
        self, names: Collection[str], holder: str, *, now: int, until: int
    ) -> set[str]:
        """Take or renew those of some leases that nobody else holds; give the names held."""
        ...

    async def release_leases(self, names: Collection[str], holder: str) -> None:
        """Give leases up; those that somebody else holds are passed over."""
        ...

    async def register_device(self, device: Device, *, limit: int) -> Device | None:
        """Keep a device; give it, or the one with the same identity, platform and token.

        None, with nothing written, if it is another one and the identity has ``limit`` devices,
        or no dataset could be created for the identity (see ``DatasetChange``).
        """
        ...

    async def update_device(self, device: Device) -> bool:
        """Replace a device's endpoint, and nothing else of it; False if it is gone."""
        ...

    async def delete_device(self, device: Device) -> bool:
        """Forget a device with its subscriptions; False if it is gone."""
        ...

    async def subscribe(self, place: DatasetPlace, device_id: str) -> bool:
        """Subscribe a device of the identity to an existing dataset, however often.

        False, with nothing written, if there is no such device or dataset.
        """
        ...

    async def unsubscribe(self, place: DatasetPlace, device_id: str) -> bool:
        """End a subscription; False if there is none."""
        ...

    async def keep_bulk_publish(self, publish: BulkPublish) -> bool:
        """Keep a bulk publish; False, with nothing written, unless its version is the next one.

        The first version is 1. The pool must exist, or else it is False too.
        """
        ...
