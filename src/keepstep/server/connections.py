"""One HTTP/1.1 connection: uvicorn's, with limits, and with each answer sent in one piece.

uvicorn bounds bodies by back-pressure, and leaves the size of headers and the time a request
may take to arrive to a proxy; a server that is exposed directly needs its own.
"""

import asyncio
from functools import partial
from typing import Any, Final

import structlog
from uvicorn.protocols.http.httptools_impl import (
    STATUS_LINE,
    HttpToolsProtocol,
    RequestResponseCycle,
)

from keepstep.domain.limits import Limits
from keepstep.wire.rest_json import CONTENT_TYPE

from .request import ANSWER_AT_ONCE, RequestIds

_log = structlog.stdlib.get_logger()
_MALFORMED: Final = (400, "MalformedHttpRequestException", "The request is not HTTP/1.1.")
ANSWERS_MAX: Final = 4
"""Answers that wait for the end of the turn; with as many, they are written at once."""


class Answers:
    """The answers that one turn of the event loop has made, written together at its end.

    A write wakes the client if it sleeps, which is dear beside a short answer. So the head and
    body that uvicorn writes one after the other become one write, and answers to many clients go
    out in a row, while the first of them is still awake. They do not wait for all of a long turn:
    the clients go on while the server does.
    """

    def __init__(self) -> None:
        """Serve the connections of one event loop."""
        self._waiting: list[AnswerTransport] = []

    def add(self, transport: "AnswerTransport") -> None:
        """Write what a transport holds before the loop waits for anything."""
        if not self._waiting:
            asyncio.get_running_loop().call_soon(self._write)
        self._waiting.append(transport)
        if len(self._waiting) >= ANSWERS_MAX:
            self._write()

    def _write(self) -> None:
        waiting, self._waiting = self._waiting, []
        for transport in waiting:
            transport.flush()


class AnswerTransport(asyncio.Transport):
    """A transport that leaves it to ``Answers`` when to write."""

    def __init__(self, transport: asyncio.Transport, answers: Answers) -> None:
        """Write to another transport."""
        super().__init__()
        self._transport = transport
        self._answers = answers
        self._held: list[bytes | bytearray | memoryview] = []
        self.is_closing = transport.is_closing
        self.get_extra_info = transport.get_extra_info
        self.pause_reading = transport.pause_reading
        self.resume_reading = transport.resume_reading
        self.get_write_buffer_size = transport.get_write_buffer_size
        self.abort = transport.abort

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Hold data until the end of the loop's turn at most."""
        self._held.append(data)
        if len(self._held) == 1:
            self._answers.add(self)

    def flush(self) -> None:
        """Write what is held."""
        held, self._held = self._held, []
        if held and not self._transport.is_closing():
            self._transport.write(b"".join(held))

    def close(self) -> None:
        """Write what is held, then close."""
        self.flush()
        self._transport.close()


class LimitedConnection(HttpToolsProtocol):
    """Refuses headers over a size, requests over a time, and clients that do not read."""

    def __init__(
        self,
        *arguments: Any,
        limits: Limits,
        answers: Answers,
        request_ids: RequestIds,
        **options: Any,
    ) -> None:
        """Take uvicorn's arguments, the limits, and what is shared in one server."""
        super().__init__(*arguments, **options)
        self._limits = limits
        self._answers = answers
        self._request_ids = request_ids
        self._begun_at: float | None = None
        self._in_headers = True
        self._header_bytes = 0
        self._unread_bytes = 0
        self._refusal = _MALFORMED
        self._watch: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # pyright: ignore[reportIncompatibleMethodOverride] -- as uvicorn narrows it
        """Watch over the connection from its first moment."""
        answering = AnswerTransport(transport, self._answers)
        super().connection_made(answering)
        self._watch_again()
        self.timeout_keep_alive_task = self.loop.call_later(
            self._limits.idle_seconds, self.timeout_keep_alive_handler
        )

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop watching."""
        if self._watch is not None:
            self._watch.cancel()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Feed the parser, within the limit on headers."""
        if self._begun_at is None:
            self._begun_at = self.loop.time()
            self._header_bytes = 0
            self._in_headers = True
        if self._in_headers:
            self._header_bytes += len(data)
        super().data_received(data)
        too_long = self._header_bytes > self._limits.request_header_bytes
        if self._in_headers and too_long and not self.transport.is_closing():
            self._refuse_headers()
            self.send_400_response("")

    def on_headers_complete(self) -> None:
        """Check the exact size when one read brought headers and body together."""
        self._in_headers = False
        if self._header_bytes > self._limits.request_header_bytes:
            size = len(self.url) + sum(len(name) + len(value) + 4 for name, value in self.headers)
            if size > self._limits.request_header_bytes:
                self._refuse_headers()
                raise ValueError("headers too long")
        super().on_headers_complete()
        at_once = partial(self._answer_at_once, self.cycle)
        self.scope["extensions"] = {ANSWER_AT_ONCE: at_once}  # pyright: ignore[reportGeneralTypeIssues] -- our own extension

    def on_message_complete(self) -> None:
        """Let the next request have its own time."""
        self._begun_at = None
        super().on_message_complete()

    def send_400_response(self, msg: str) -> None:
        """Refuse a request that cannot be served, in the service's error form, and close."""
        del msg
        status, code, text = self._refusal
        request_id = self._request_ids.next()
        _log.info("connection_refused", status=status, code=code, request_id=request_id)
        body = b'{"__type":"%b","message":"%b"}' % (code.encode(), text.encode())
        head = [
            STATUS_LINE[status],
            b"content-type: %b\r\n" % CONTENT_TYPE.encode(),
            b"content-length: %d\r\n" % len(body),
            b"x-amzn-ErrorType: %b\r\n" % code.encode(),
            b"x-amzn-RequestId: %b\r\n" % request_id.encode(),
            *(b"%b: %b\r\n" % header for header in self.server_state.default_headers),
            b"connection: close\r\n\r\n",
        ]
        self.transport.write(b"".join(head) + body)
        self.transport.close()

    def _answer_at_once(
        self,
        cycle: RequestResponseCycle,
        status: int,
        headers: list[tuple[bytes, bytes]],
        body: bytes,
    ) -> bool:
        """Send a whole answer as ``RequestResponseCycle.send`` would in two steps.

        The ordinary way is left to answers that need more than that: while the client does not
        read, for HEAD, and for those that close the connection.
        """
        if self.flow.write_paused or cycle.disconnected or not cycle.keep_alive:
            return False
        if cycle.response_started or cycle.scope["method"] == "HEAD":
            return False
        cycle.response_started = cycle.response_complete = True
        cycle.waiting_for_100_continue = False
        lines = [b"%b: %b\r\n" % line for line in (*self.server_state.default_headers, *headers)]
        self.transport.write(b"".join((STATUS_LINE[status], *lines, b"\r\n", body)))
        cycle.message_event.set()
        cycle.on_response()
        return True

    def _refuse_headers(self) -> None:
        text = f"The request line and headers may have {self._limits.request_header_bytes} bytes."
        self._refusal = (431, "RequestEntityTooLargeException", text)

    def _watch_again(self) -> None:
        self._watch = self.loop.call_later(self._limits.request_seconds, self._look)

    def _look(self) -> None:
        """End a request that has not arrived whole, or a connection whose client does not read."""
        seconds = self._limits.request_seconds
        unread = self.transport.get_write_buffer_size()
        if unread and unread == self._unread_bytes:
            self.transport.abort()
            return
        self._unread_bytes = unread
        late = self._begun_at is not None and self.loop.time() - self._begun_at >= seconds
        if late and not self.transport.is_closing():
            text = f"The request did not arrive whole within {seconds} seconds."
            self._refusal = (408, "RequestTimeoutException", text)
            self.send_400_response("")
        self._watch_again()
