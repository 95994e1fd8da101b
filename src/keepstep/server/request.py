"""A request as it arrived and its answer: what passes between ``app`` and ``handle``."""

from typing import Final, Protocol

import msgspec

from keepstep.domain.access import Caller
from keepstep.domain.sealing import Entropy
from keepstep.wire.rest_json import CONTENT_TYPE

from .names import Headers


class Request(msgspec.Struct, frozen=True):
    """A whole HTTP request. Header names are in lower case.

    ``headers`` are all of them in order; ``by_name`` joins repeated ones with commas.
    ``address`` is the client's; ``secure`` says whether it came over TLS.
    """

    request_id: str
    method: str
    raw_path: bytes
    query: bytes
    headers: Headers
    by_name: dict[bytes, bytes]
    body: bytes
    address: str = ""
    secure: bool = False


JSON: Final = CONTENT_TYPE.encode()

EXCHANGE: Final = "keepstep.exchange"
"""The ASGI extension by which whole bodies and answers pass in one call."""


class Exchange(Protocol):
    """What the extension holds: the headers ``by_name``, and ways for what is whole."""

    names: dict[bytes, bytes]

    def whole_body(self) -> bytes | None:
        """Give the body, or None if it must be received the ordinary way."""
        ...

    def answer_at_once(self, status: int, headers: Headers, body: bytes) -> bool:
        """Send a whole answer; False if it must be sent the ordinary way."""
        ...


class Stream(Protocol):
    """A body that is made part by part, for as long as the client stays."""

    async def next(self) -> bytes:
        """Give the next part; nothing when the stream has ended."""
        ...

    def close(self) -> None:
        """End the stream, also for who waits for its next part."""
        ...


class Answer(msgspec.Struct, frozen=True):
    """What goes back, and what the log may know of the request; ``code`` is OK or an error's.

    With a ``stream``, the body is that.
    """

    status: int
    body: bytes
    code: str = "OK"
    operation: str = "-"
    caller: Caller | None = None
    identity_id: str | None = None
    content_type: bytes = JSON
    stream: Stream | None = None


def by_name(headers: Headers) -> dict[bytes, bytes]:
    """Give headers by name, repeated ones joined with commas in order of arrival."""
    names = dict(headers)
    if len(names) == len(headers):
        return names
    joined: dict[bytes, bytes] = {}
    for name, raw in headers:
        value = raw.strip()
        joined[name] = joined[name] + b"," + value if name in joined else value
    return joined


class RequestIds:
    """Ids for requests: random UUIDs (version 4) of one process, whose last part counts on."""

    def __init__(self, entropy: Entropy) -> None:
        """Draw what is random about them once."""
        digits = bytearray(entropy(16))
        digits[6] = digits[6] & 0x0F | 0x40
        digits[8] = digits[8] & 0x3F | 0x80
        text = digits.hex()
        self._start = f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-"
        self._number = int(text[20:], 16)

    def next(self) -> str:
        """Give an id that no request has had."""
        self._number = (self._number + 1) & 0xFFFF_FFFF_FFFF
        return f"{self._start}{self._number:012x}"
