"""The one value that changes a dataset."""

from collections.abc import Sequence

import msgspec

from .datasets import Dataset, DatasetPlace, Record, SyncSession
from .outbox import OutboxMessage


class DatasetChange(msgspec.Struct, frozen=True, kw_only=True):
    """A compare-and-set on one dataset: applied whole, or not at all.

    It applies only if the stored sync count is ``expected_sync_count`` (None: the name has no
    counter yet) and ``consumes`` has not been consumed before. With ``datasets_below``, which
    goes with a change that makes the dataset exist, the identity must have fewer live datasets
    than that, the pool must exist, and the identity must be neither disabled nor revoked with
    the reason DELETED: nothing is left behind where nobody could find it. With
    ``erases_records``, subscriptions to the dataset end as well. What must leave the server because
    of it is in ``outbox``, and in ``for_subscribers`` what leaves if a device subscribes to the
    dataset.
    """

    place: DatasetPlace
    expected_sync_count: int | None
    dataset: Dataset
    records: tuple[Record, ...] = ()
    erases_records: bool = False
    consumes: SyncSession | None = None
    datasets_below: int | None = None
    outbox: tuple[OutboxMessage, ...] = ()
    for_subscribers: OutboxMessage | None = None

    @property
    def sends(self) -> bool:
        """Whether there may be something to deliver because of it."""
        return bool(self.outbox) or self.for_subscribers is not None


def with_messages(
    change: DatasetChange,
    messages: Sequence[OutboxMessage],
    for_subscribers: OutboxMessage | None = None,
) -> DatasetChange:
    """Give a change together with the messages that tell of it."""
    return msgspec.structs.replace(change, outbox=tuple(messages), for_subscribers=for_subscribers)
