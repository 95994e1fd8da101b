"""Structured logs: one JSON object a line on standard error.

A request's line holds its operation, caller kind, identity, status, duration and id, and never
a secret, token, signature or record value: those never reach this module.
"""

import asyncio
import sys
from datetime import UTC, datetime
from typing import Any, BinaryIO, Final

import msgspec
import structlog

from keepstep.interfaces.service import Clock

from .request import Answer

FLUSH_SECONDS: Final = 0.1
"""How long a request's line may wait to be written together with others."""

_encoder: Final = msgspec.json.Encoder(enc_hook=str)


def configure_logs() -> None:
    """Send every structured log line of this process to standard error."""
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            _render,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(0),
        logger_factory=structlog.BytesLoggerFactory(sys.stderr.buffer),
        cache_logger_on_first_use=True,
    )


class RequestLine(msgspec.Struct, frozen=True, omit_defaults=True):
    """The log line of one request."""

    event: str
    level: str
    timestamp: datetime
    operation: str
    caller: str
    status: int
    code: str
    milliseconds: float
    request_id: str
    access_key_id: str | None = None
    identity_id: str | None = None


class RequestLog:
    """Writes the lines of requests, several at once: a system call for each would cost more.

    A crash may lose the lines of its last tenth of a second.
    """

    def __init__(self, stream: BinaryIO, clock: Clock) -> None:
        """Lines go to ``stream``, dated by ``clock`` (milliseconds since the epoch)."""
        self._stream = stream
        self._clock = clock
        self._lines: list[bytes] = []

    def write(self, answer: Answer, request_id: str, seconds: float) -> None:
        """Log one answered request."""
        if not self._lines:
            asyncio.get_running_loop().call_later(FLUSH_SECONDS, self.flush)
        caller = answer.caller
        line = RequestLine(
            "request",
            "info",
            datetime.fromtimestamp(self._clock() / 1000, UTC),
            answer.operation,
            "anonymous" if caller is None else "developer",
            answer.status,
            answer.code,
            round(seconds * 1000, 3),
            request_id,
            None if caller is None else caller.access_key_id,
            answer.identity_id,
        )
        self._lines.append(_encoder.encode(line))

    def flush(self) -> None:
        """Write the lines that wait."""
        if self._lines:
            lines, self._lines = self._lines, []
            self._stream.write(b"\n".join(lines) + b"\n")
            self._stream.flush()


def _render(logger: object, method: str, event: structlog.typing.EventDict) -> bytes:
    del logger, method
    fields: dict[str, Any] = dict(event)
    return _encoder.encode(fields)
