"""Structured logs: one JSON object a line on standard error.

A request's line holds its operation, caller kind, identity, status, duration and id, and never
a secret, token, signature or record value: those never reach this module.
"""

import sys
from typing import Any

import msgspec
import structlog

_encoder = msgspec.json.Encoder(enc_hook=str)


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


def _render(logger: object, method: str, event: structlog.typing.EventDict) -> bytes:
    del logger, method
    return _encoder.encode(_plain(event))


def _plain(event: structlog.typing.EventDict) -> dict[str, Any]:
    return dict(event)
