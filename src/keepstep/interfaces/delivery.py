"""What leaves the server, as operations and the outbox worker see it: triggers, senders, news."""

from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Protocol

from keepstep.domain.dataset_changes import DatasetChange
from keepstep.domain.devices import Device
from keepstep.domain.outbox import OutboxMessage
from keepstep.domain.pools import IdentityPool


class DeliveryFailed(Exception):
    """A message could not be delivered now; it is tried again later. The text is for operators."""


class MessageUndeliverable(Exception):
    """A message can never be delivered as it is; others can. The text is for operators."""


class DestinationGone(Exception):
    """The destination cannot be used until its owner repairs it. The text is for operators."""


class DeviceGone(Exception):
    """The device takes no notifications any more; it is to be forgotten."""


Outcome = DeliveryFailed | MessageUndeliverable | None
"""What became of one message; None if it was delivered."""


class SyncTriggers(Protocol):
    """Calls the function that a pool's owner lets have a say in each update."""

    async def call(self, function: str, event: bytes) -> bytes:
        """Call a function, an ARN of the pool's settings, with an event; give its answer.

        Raises LambdaSocketTimeoutException after five seconds, LambdaThrottledException, and
        InvalidLambdaFunctionOutputException if it failed or cannot be called.
        """
        ...


class StreamSender(Protocol):
    """Sends messages to one stream."""

    batch_max: int
    """Messages that one call takes at most."""

    async def send(self, messages: Sequence[OutboxMessage]) -> Sequence[Outcome]:
        """Send messages, each once; tell of each, by position, what became of it.

        No two of them are of one lane. What was sent may have arrived even when the answer was
        lost.

        Raises DeliveryFailed if the destination itself failed, so that no message would fare any
        better: it is left alone for a while. Raises DestinationGone if none ever will be taken.
        """
        ...

    async def close(self) -> None:
        """Let go of connections and files."""
        ...


class StreamSenders(Protocol):
    """Knows which sender a pool's stream has."""

    def sender(self, pool: IdentityPool) -> AbstractAsyncContextManager[StreamSender]:
        """Give the sender of a pool's stream; it is not closed while the block lasts.

        It is the same one while the pool's settings are the same, unless it was closed between two
        uses. Raises DestinationGone if the settings name none that can be used.
        """
        ...


@dataclass(frozen=True, slots=True)
class Notification:
    """What a device is told: a dataset of its identity has a new sync count.

    ``message_id`` is the same each time that this device is told of this change, and no other's.
    """

    message_id: str
    identity_pool_id: str
    identity_id: str
    dataset_name: str
    sync_count: int


class PushSender(Protocol):
    """Sends notifications to devices."""

    async def send(self, pool: IdentityPool, device: Device, notification: Notification) -> Device:
        """Send a notification to a device; give the device, with its endpoint if one was made.

        Raises DeliveryFailed, DestinationGone if the pool's settings name nothing that can be
        used, and DeviceGone.
        """
        ...

    async def close(self) -> None:
        """Let go of connections."""
        ...


class Announcer(Protocol):
    """Tells those in this process who wait for changes."""

    def announce(self, change: DatasetChange) -> None:
        """Tell that a change was stored. Never waits, never fails."""
        ...
