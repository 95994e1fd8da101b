"""Structured logs: one JSON object a line on standard error.

A request's line holds its operation, caller kind, identity, status, duration and id, and never
a secret, token, signature or record value: those never reach this module.
"""

import asyncio
import logging
import sys
from collections.abc import Generator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any, BinaryIO, Final

import msgspec
import structlog

from keepstep.domain.access import Caller, Developer
from keepstep.interfaces.service import Clock
from keepstep.interfaces.storage import StoreUnavailable

from .request import Answer

FLUSH_SECONDS: Final = 0.1
"""How long a request's line may wait to be written together with others."""
LINES_MAX: Final = 64
"""How many lines may wait."""

_log = structlog.stdlib.get_logger()
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
    logging.basicConfig(level=logging.WARNING, handlers=[_Libraries()], force=True)


@contextmanager
def failures_logged(event: str, **fields: str) -> Generator[None]:
    """Log whatever a step of background work raises, and let that work go on."""
    try:
        yield
    except (StoreUnavailable, OSError) as error:
        _log.error(event, reason=str(error), **fields)
    except Exception:  # noqa: BLE001 -- logged whole; the server serves
        _log.exception(event, **fields)


class _Libraries(logging.Handler):
    """Gives what libraries log through the standard library the form of our own lines."""

    def emit(self, record: logging.LogRecord) -> None:
        """Log one record."""
        _log.log(
            record.levelno,
            "library",
            logger=record.name,
            reason=record.getMessage(),
            exc_info=record.exc_info,
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


class Answered(msgspec.Struct, frozen=True):
    """What a request's line is made of, kept until it is written."""

    time: int
    operation: str
    caller: Caller | None
    status: int
    code: str
    seconds: float
    request_id: str
    identity_id: str | None

    def line(self) -> RequestLine:
        """Give the line."""
        return RequestLine(
            "request",
            "info",
            datetime.fromtimestamp(self.time / 1000, UTC),
            self.operation,
            _kind(self.caller),
            self.status,
            self.code,
            round(self.seconds * 1000, 3),
            self.request_id,
            None if self.caller is None else self.caller.access_key_id,
            self.identity_id,
        )


def _kind(caller: Caller | None) -> str:
    if caller is None:
        return "anonymous"
    return "developer" if isinstance(caller, Developer) else "identity"


class RequestLog:
    """Writes the lines of requests, several at once: one by one they would cost more.

    A crash may lose the lines of its last tenth of a second.
    """

    def __init__(self, stream: BinaryIO, clock: Clock) -> None:
        """Lines go to ``stream``, dated by ``clock`` (milliseconds since the epoch)."""
        self._stream = stream
        self._clock = clock
        self._waiting: list[Answered] = []

    def write(self, answer: Answer, request_id: str, seconds: float) -> None:
        """Log one answered request."""
        waiting = self._waiting
        if not waiting:
            asyncio.get_running_loop().call_later(FLUSH_SECONDS, self.flush)
        waiting.append(
            Answered(
                self._clock(),
                answer.operation,
                answer.caller,
                answer.status,
                answer.code,
                seconds,
                request_id,
                answer.identity_id,
            )
        )
        if len(waiting) >= LINES_MAX:
            self.flush()

    def flush(self) -> None:
        """Write the lines that wait."""
        waiting, self._waiting = self._waiting, []
        if waiting:
            self._stream.write(_encoder.encode_lines([answered.line() for answered in waiting]))
            self._stream.flush()


def _render(logger: object, method: str, event: structlog.typing.EventDict) -> bytes:
    del logger, method
    fields: dict[str, Any] = dict(event)
    return _encoder.encode(fields)
