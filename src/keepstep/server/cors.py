"""Cross-origin requests: what browsers need before and after a call from another origin.

No cookies are used, so ``*`` is safe; the same headers go on error answers, or a page would see
only a network error.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Final

from .names import Headers

ALLOWED_METHODS: Final = b"GET, POST, PUT, DELETE, HEAD, OPTIONS"
MAX_AGE_SECONDS: Final = 86_400
EXPOSED: Final = b"x-amzn-RequestId, x-amzn-ErrorType, x-amzn-ErrorMessage, Date"

_ALLOWED_HEADER: Final = re.compile(
    rb"authorization|content-type|cache-control|last-event-id|x-http-method-override"
    rb"|(x-amz-|amz-sdk-)[a-z0-9-]+"
)


class CrossOrigin:
    """Answers preflights and marks answers, for the origins of the settings."""

    def __init__(self, origins: Sequence[str]) -> None:
        """``*`` among the origins allows all of them."""
        self._all = "*" in origins
        self._origins = frozenset(origin.encode() for origin in origins)

    def headers(self, request_headers: Mapping[bytes, bytes]) -> Headers:
        """Give the headers for an answer; none if no allowed page asked."""
        allowed = self._allowed(request_headers.get(b"origin"))
        if allowed is None:
            return []
        return [
            (b"access-control-allow-origin", allowed),
            (b"access-control-expose-headers", EXPOSED),
            (b"vary", b"origin"),
        ]

    def preflight(self, request_headers: Mapping[bytes, bytes]) -> Headers:
        """Give the headers that answer an OPTIONS request, which is never signed."""
        allowed = self._allowed(request_headers.get(b"origin"))
        if allowed is None:
            return []
        asked = request_headers.get(b"access-control-request-headers", b"").lower()
        names = [name.strip() for name in asked.split(b",")]
        granted = [name for name in names if _ALLOWED_HEADER.fullmatch(name)]
        return [
            (b"access-control-allow-origin", allowed),
            (b"access-control-allow-methods", ALLOWED_METHODS),
            (b"access-control-allow-headers", b", ".join(granted)),
            (b"access-control-max-age", str(MAX_AGE_SECONDS).encode()),
            (b"vary", b"origin"),
        ]

    def _allowed(self, origin: bytes | None) -> bytes | None:
        if origin is None:
            return None
        if self._all:
            return b"*"
        return origin if origin in self._origins else None
