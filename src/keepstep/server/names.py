"""Headers, and the names of those in answers, as the SDKs look for them.

The Android SDK looks ``x-amzn-ErrorType`` up with exact case, and uvicorn lower-cases what it
sends over HTTP/1.1; a name of this type stays as written.
"""

from typing import Final

Headers = list[tuple[bytes, bytes]]


class AsWritten(bytes):
    """A header name that keeps its case."""

    def lower(self) -> "AsWritten":
        """Give the name itself."""
        return self


REQUEST_ID: Final = AsWritten(b"x-amzn-RequestId")
ERROR_TYPE: Final = AsWritten(b"x-amzn-ErrorType")
CONTENT_TYPE: Final = b"content-type"
CONTENT_LENGTH: Final = b"content-length"
RETRY_AFTER: Final = b"retry-after"
CONNECTION: Final = b"connection"
UNBUFFERED: Final = [(b"cache-control", b"no-store"), (b"x-accel-buffering", b"no")]
"""Tell caches and proxies to pass a stream on as it comes."""
