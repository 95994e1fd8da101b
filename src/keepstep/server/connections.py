"""One HTTP/1.1 connection: uvicorn's, with limits, and with each answer sent in one piece.

uvicorn bounds bodies by back-pressure, and leaves the size of headers and the time a request
may take to arrive to a proxy; a server that is exposed directly needs its own.

Most of a short request's time would be uvicorn's, so its steps are taken here with less work
where no request to this server needs more; the rarer ones (long bodies, ``HEAD``, ends of
connections, streams) are left to it.
"""

import asyncio
import logging
from typing import Any, Final, cast

import httptools
import structlog
from uvicorn.protocols.http.flow_control import HIGH_WATER_LIMIT
from uvicorn.protocols.http.httptools_impl import (
    STATUS_LINE,
    HttpToolsProtocol,
    RequestResponseCycle,
)

from keepstep.domain.limits import Limits
from keepstep.wire.rest_json import CONTENT_TYPE

from .names import Headers
from .request import EXCHANGE, RequestIds, by_name

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


class LightCycle(RequestResponseCycle):
    """One request and its answer, and the ``request.Exchange`` of those that arrived whole.

    Everything else is uvicorn's, with what it seldom needs made when it does.
    """

    logger = logging.getLogger("uvicorn.error")
    access_log = False
    disconnected = False
    more_body = True
    response_started = False
    response_complete = False
    chunked_encoding = None
    expected_content_length = 0

    def __init__(
        self, connection: "LimitedConnection", names: dict[bytes, bytes], *, keep_alive: bool
    ) -> None:
        """Begin with the headers that a connection has read; uvicorn's own way takes longer."""
        self.scope = connection.scope
        self.transport = connection.transport
        self.flow = connection.flow
        self.default_headers = connection.server_state.default_headers
        self.waiting_for_100_continue = connection.expect_100_continue
        self.names = names
        self.keep_alive = keep_alive
        self.on_response = connection.on_response_complete
        self.body = bytearray()
        self._event: asyncio.Event | None = None

    @property
    def message_event(self) -> asyncio.Event:
        """What ``receive`` waits for."""
        if self._event is None:
            self._event = asyncio.Event()
            if self.body or not self.more_body:
                self._event.set()
        return self._event

    def arrived(self) -> None:
        """Wake who waits for more of the request."""
        if self._event is not None:
            self._event.set()

    def whole_body(self) -> bytes | None:
        """Give the body, or None while there is more to come."""
        return None if self.more_body else bytes(self.body)

    def answer_at_once(self, status: int, headers: Headers, body: bytes) -> bool:
        """Send a whole answer as ``send`` would in two steps.

        False leaves the ordinary way to answers that need more than that: while the client does
        not read, for HEAD, and for those that close the connection.
        """
        if self.flow.write_paused or self.disconnected or not self.keep_alive:
            return False
        if self.response_started or self.scope["method"] == "HEAD":
            return False
        self.response_started = self.response_complete = True
        self.waiting_for_100_continue = False
        lines = [b"%b: %b\r\n" % line for line in (*self.default_headers, *headers)]
        self.transport.write(b"".join((STATUS_LINE[status], *lines, b"\r\n", body)))
        self.arrived()
        self.on_response()
        return True


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
        self._idle_since: float | None = None
        self._idle_watch: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # pyright: ignore[reportIncompatibleMethodOverride] -- as uvicorn narrows it
        """Watch over the connection from its first moment."""
        answering = AnswerTransport(transport, self._answers)
        super().connection_made(answering)
        self._watch_again()
        self._idle_since = self.loop.time()
        self._watch_idleness(self._limits.idle_seconds)

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop watching."""
        for watch in (self._watch, self._idle_watch):
            if watch is not None:
                watch.cancel()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Feed the parser, within the limit on headers."""
        self._idle_since = None
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
        """Begin a request as uvicorn does, within the limit on headers.

        The path stays as it arrived: the API's is split before it is decoded, and the pages'
        have nothing to decode. What uvicorn does here for web sockets, mounted applications and
        a limit on connections is left out.
        """
        self._in_headers = False
        if self._header_bytes > self._limits.request_header_bytes:
            size = len(self.url) + sum(len(name) + len(value) + 4 for name, value in self.headers)
            if size > self._limits.request_header_bytes:
                self._refuse_headers()
                raise ValueError("headers too long")
        scope = self.scope
        parser: Any = self.parser
        app = cast("Any", self.app)  # pyright: ignore[reportUnknownMemberType] -- uvicorn's types
        before = self.cycle  # None at first, whatever uvicorn says
        target = httptools.parse_url(self.url)
        version = parser.get_http_version()
        scope["http_version"] = version
        scope["method"] = parser.get_method().decode("ascii")
        scope["path"] = target.path.decode("ascii")
        scope["raw_path"] = target.path
        scope["query_string"] = target.query or b""
        names = by_name(self.headers)
        if b"expect" in names:
            self.expect_100_continue = names[b"expect"].lower() == b"100-continue"
        keep_alive = version != "1.0" and parser.should_keep_alive()
        cycle = self.cycle = LightCycle(self, names, keep_alive=keep_alive)
        scope["extensions"] = {EXCHANGE: cycle}  # pyright: ignore[reportGeneralTypeIssues] -- our own extension
        if not before or before.response_complete:
            self._start_asgi_task(cycle, app)
        else:
            self.flow.pause_reading()
            self.pipeline.appendleft((cycle, app))

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take a header."""
        self.headers.append((name.lower(), value))

    def on_body(self, body: bytes) -> None:
        """Take a part of a body."""
        cycle = cast("LightCycle", self.cycle)
        if not cycle.response_complete:
            cycle.body += body
            if len(cycle.body) > HIGH_WATER_LIMIT:
                self.flow.pause_reading()
            cycle.arrived()

    def on_message_complete(self) -> None:
        """Let the next request have its own time."""
        self._begun_at = None
        cycle = cast("LightCycle", self.cycle)
        if not cycle.response_complete:
            cycle.more_body = False
            cycle.arrived()

    def on_response_complete(self) -> None:
        """Begin the next request if it is here, as uvicorn does; note the time if it is not."""
        self.server_state.total_requests += 1
        if self.transport.is_closing():
            return
        if self.flow.read_paused:
            self.flow.resume_reading()
        if self.pipeline:
            self._start_asgi_task(*self.pipeline.pop())
        else:
            self._idle_since = self.loop.time()

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

    def _refuse_headers(self) -> None:
        text = f"The request line and headers may have {self._limits.request_header_bytes} bytes."
        self._refusal = (431, "RequestEntityTooLargeException", text)

    def _watch_idleness(self, seconds: float) -> None:
        self._idle_watch = self.loop.call_later(seconds, self._look_for_idleness)

    def _look_for_idleness(self) -> None:
        """Close a connection that no request came on for long enough.

        One timer a connection, which asks when it is time, and not two changes of it a request.
        """
        since = self._idle_since
        left = self._limits.idle_seconds
        if since is not None:
            left -= self.loop.time() - since
        if left > 0:
            self._watch_idleness(left)
        elif not self.transport.is_closing():
            self.transport.close()

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
