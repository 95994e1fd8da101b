"""Sends a pool's stream to an HTTP endpoint: one signed POST a message, a few at a time."""

import asyncio
from collections.abc import Sequence
from typing import ClassVar, Final

import msgspec

from keepstep.domain.limits import KIB
from keepstep.domain.outbox import OutboxMessage
from keepstep.interfaces.delivery import DeliveryFailed, DestinationGone, Outcome

from .outcomes import Met, Stopped, outcomes_of
from .posts import PostFailed, SignedPosts
from .senders import SenderContext
from .signing import checked_secret, checked_url
from .together import together

BATCH_MAX: Final = 64
"""Messages of one batch: enough to keep the connections busy, few to repeat after a crash."""
ANSWER_BYTES_MAX: Final = 64 * KIB
"""Bytes of an answer that are read, so that its connection can be used again."""
GONE: Final = 410


class WebhookOptions(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where to, with which secret; how long an answer may take, and how many may be awaited."""

    url: str
    secret: str
    seconds: float = 10.0
    connections: int = 8

    def __post_init__(self) -> None:
        """Refuse what cannot be used. Raises ValueError."""
        for name, check in (("url", checked_url), ("secret", checked_secret)):
            try:
                check(getattr(self, name))
            except ValueError as error:
                raise ValueError(f"{name} {error}") from None
        if not 0 < self.seconds <= 60:
            raise ValueError("seconds has to be over 0 and 60 at most")
        if not 1 <= self.connections <= 64:
            raise ValueError("connections has to be 1 to 64")


class WebhookSender:
    """Sends messages to one endpoint."""

    Options: ClassVar = WebhookOptions
    batch_max = BATCH_MAX

    def __init__(self, options: WebhookOptions, context: SenderContext) -> None:
        """Connect when there is something to send."""
        self._posts = SignedPosts(
            options.url,
            options.secret,
            context.clock,
            seconds=options.seconds,
            answer_bytes_max=ANSWER_BYTES_MAX,
        )
        self._turns = asyncio.Semaphore(options.connections)

    async def send(self, messages: Sequence[OutboxMessage]) -> Sequence[Outcome]:
        """Send messages. See ``interfaces.delivery.StreamSender``."""
        return outcomes_of(await together(map(self._send, messages)))

    async def _send(self, message: OutboxMessage) -> Met:
        async with self._turns:
            try:
                answer = await self._posts.post(message.body, message.message_id)
            except PostFailed as failure:
                return Stopped(DeliveryFailed(f"the endpoint {failure}"))
        if answer.is_success:
            return None
        text = f"the endpoint answered with status {answer.status}"
        return Stopped(DestinationGone(text)) if answer.status == GONE else DeliveryFailed(text)

    async def close(self) -> None:
        """Let go of connections."""
        await self._posts.close()
