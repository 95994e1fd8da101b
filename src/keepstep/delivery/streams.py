"""The stream channel: each message of a pool to the stream that its owner configured."""

from collections.abc import Sequence

import msgspec

from keepstep.domain.limits import STALE_RETRIES_MAX
from keepstep.domain.outbox import QueuedMessage
from keepstep.domain.pool_settings import changed_pool
from keepstep.domain.pools import IdentityPool
from keepstep.domain.streams import is_streaming
from keepstep.interfaces.delivery import DestinationGone, Outcome, StreamSenders
from keepstep.interfaces.service import Clock
from keepstep.interfaces.storage import Store


class StreamChannel:
    """Sends the messages of pools that stream. See ``worker.ChannelSender``."""

    def __init__(self, store: Store, senders: StreamSenders, clock: Clock) -> None:
        """``senders`` know where each pool's stream is."""
        self._store = store
        self._senders = senders
        self._clock = clock

    async def batch_max(self, pool: IdentityPool) -> int:
        """Give the sender's own limit."""
        if not is_streaming(pool.settings):
            raise DestinationGone("the pool's StreamingStatus is not ENABLED")
        async with self._senders.sender(pool) as sender:
            return sender.batch_max

    async def send(
        self, pool: IdentityPool, messages: Sequence[QueuedMessage]
    ) -> Sequence[tuple[QueuedMessage, Outcome]]:
        """Send messages as they are."""
        async with self._senders.sender(pool) as sender:
            outcomes = await sender.send([queued.message for queued in messages])
        return list(zip(messages, outcomes, strict=True))

    async def give_up(self, pool: IdentityPool) -> bool:
        """Turn streaming off, as AWS does when a stream is deleted or its role is (service model).

        The owner repairs it and turns it on again. A stream that was set up anew meanwhile is left
        alone.
        """
        failed = pool.settings.cognito_streams
        for _ in range(STALE_RETRIES_MAX):
            now = await self._store.find_pool(pool.identity_pool_id)
            if now is None:
                return False
            if failed is None or not is_streaming(now.settings):
                return True
            if now.settings.cognito_streams != failed:
                return False
            off = msgspec.structs.replace(failed, streaming_status="DISABLED")
            settings = msgspec.structs.replace(now.settings, cognito_streams=off)
            changed = changed_pool(now, settings, now=self._clock())
            if await self._store.update_pool(changed, expected_version=now.version):
                return True
        return False
