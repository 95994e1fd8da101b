"""What became of messages, gathered until it is written down."""

from collections.abc import Iterable

import msgspec

from keepstep.domain.outbox import OutboxMessage, QueuedMessage
from keepstep.interfaces.storage import Store


class Settling:
    """What became of messages, to be kept in one change."""

    def __init__(self, store: Store) -> None:
        """Nothing has become of any message yet."""
        self._store = store
        self.delivered: list[OutboxMessage] = []
        self._deferred: list[QueuedMessage] = []

    def defer(self, messages: Iterable[QueuedMessage], until: int) -> None:
        """Keep messages for later."""
        self._deferred += [
            msgspec.structs.replace(queued, next_attempt_date=until) for queued in messages
        ]

    def set_aside(self, messages: Iterable[QueuedMessage], failure: str) -> None:
        """Keep messages for the operator."""
        self._deferred += [
            msgspec.structs.replace(queued, set_aside=True, failure=failure) for queued in messages
        ]

    async def settle(self) -> None:
        """Write it down. Raises StoreUnavailable; then all may be sent again."""
        if self.delivered or self._deferred:
            await self._store.settle_outbox(self.delivered, self._deferred)
            self.delivered, self._deferred = [], []
