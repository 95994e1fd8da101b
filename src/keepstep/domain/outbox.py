"""What must leave the server because of a change, written with the change, and how it waits.

Messages of one dataset and channel leave in the order of their sync counts. Dates are
milliseconds since the epoch.
"""

import enum
import hashlib
import zlib
from collections.abc import Sequence

import msgspec

from .datasets import DatasetPlace
from .limits import OUTBOX_BYTES_MAX, OUTBOX_PARTITIONS, OUTBOX_PAUSE_MS, OUTBOX_PAUSE_MS_MAX
from .sealing import Entropy


class Channel(enum.StrEnum):
    """Where a message goes: to the pool's stream, or to the devices that subscribed."""

    STREAM = "stream"
    PUSH = "push"


class Lane(msgspec.Struct, frozen=True, order=True):
    """The messages that keep their order among each other; lanes sort by their members."""

    identity_id: str
    identity_pool_id: str
    dataset_name: str
    channel: Channel


class OutboxMessage(msgspec.Struct, frozen=True, kw_only=True):
    """One message. ``sync_count`` is the dataset's after the change that it tells of.

    ``body`` is JSON: of a stream message the record as it travels (``domain.streams``), of a push
    message a ``domain.push.Notice``.
    """

    place: DatasetPlace
    channel: Channel
    sync_count: int
    creation_date: int
    body: bytes

    @property
    def lane(self) -> Lane:
        """The lane it leaves in."""
        place = self.place
        return Lane(place.identity_id, place.identity_pool_id, place.dataset_name, self.channel)

    @property
    def partition(self) -> int:
        """The part of the outbox it is in; one process at a time delivers each part."""
        return partition_of(self.place.identity_id)

    @property
    def message_id(self) -> str:
        """What receivers know a repeated delivery by: the same each time, 32 hexadecimal digits."""
        place = self.place
        named = (
            place.identity_pool_id,
            place.identity_id,
            place.dataset_name,
            self.channel,
            str(self.sync_count),
            str(self.creation_date),
        )
        return hashlib.sha256("\n".join(named).encode()).hexdigest()[:32]


class QueuedMessage(msgspec.Struct, frozen=True, kw_only=True):
    """A message in the outbox.

    ``attempts`` were made in vain, the last of them ended with ``failure``. One that is set aside
    waits for the operator; the messages behind it go on.
    """

    message: OutboxMessage
    attempts: int = 0
    next_attempt_date: int = 0
    set_aside: bool = False
    failure: str | None = None


class OutboxUsage(msgspec.Struct, frozen=True, kw_only=True):
    """How many messages wait, how many are set aside, and when the oldest that waits was made."""

    waiting: int = 0
    set_aside: int = 0
    oldest_creation_date: int | None = None


def is_full(page: Sequence[QueuedMessage], limit: int) -> bool:
    """Whether a page of the outbox ended at a limit, so that there may be more behind it."""
    size = sum(len(queued.message.body) for queued in page)
    return len(page) == limit or size >= OUTBOX_BYTES_MAX


def partition_of(identity_id: str) -> int:
    """Give the part of the outbox that an identity's messages are in."""
    return zlib.crc32(identity_id.encode()) % OUTBOX_PARTITIONS


def pause_ms(attempts: int, entropy: Entropy) -> int:
    """Give how long to wait after some attempts in vain: growing, and never the same twice.

    Between half and all of what the limits say, by chance, so that what failed together does not
    come back together.
    """
    longest = min(OUTBOX_PAUSE_MS << min(attempts - 1, 32), OUTBOX_PAUSE_MS_MAX)
    return longest // 2 + int.from_bytes(entropy(4), "big") % (longest // 2 + 1)
