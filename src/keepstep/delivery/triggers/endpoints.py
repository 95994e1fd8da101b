"""A sync trigger at an HTTP endpoint: a signed POST of the event, whose answer is the body."""

from typing import Final

from keepstep.delivery.posts import PostFailed, PostTimedOut, SignedPosts
from keepstep.domain.limits import TRIGGER_ANSWER_BYTES_MAX
from keepstep.interfaces.service import Clock

from .outcomes import failed, throttled, timed_out, too_long

TOO_MANY_REQUESTS: Final = 429


class EndpointFunction:
    """One function at an endpoint."""

    def __init__(self, function: str, url: str, secret: str, clock: Clock, seconds: float) -> None:
        """Connect at the first call. Raises ValueError."""
        self._function = function
        self._seconds = seconds
        self._posts = SignedPosts(
            url, secret, clock, seconds=seconds, answer_bytes_max=TRIGGER_ANSWER_BYTES_MAX
        )

    async def call(self, event: bytes) -> bytes:
        """Call it with an event. See ``interfaces.delivery.SyncTriggers``."""
        try:
            answer = await self._posts.post(event)
        except PostTimedOut:
            raise timed_out(self._function, self._seconds) from None
        except PostFailed as failure:
            raise failed(self._function, str(failure)) from None
        if answer.status == TOO_MANY_REQUESTS:
            raise throttled(self._function)
        if not answer.is_success:
            raise failed(self._function, f"answered with status {answer.status}")
        if not answer.is_whole:
            raise too_long(self._function)
        return answer.body

    async def close(self) -> None:
        """Let go of connections."""
        await self._posts.close()
