"""The ASGI application: bodies and limits in front of ``handle``, headers and the log behind it.

Plain ASGI, because every request passes here; Starlette serves the operators' pages beside it.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, Final

from keepstep.wire.errors import (
    RequestEntityTooLargeException,
    ServiceError,
    TooManyRequestsException,
)
from keepstep.wire.json_protocols import encode_error

from . import names as header_names
from .cors import CrossOrigin
from .handle import Handler
from .live import LiveChanges
from .logs import RequestLog
from .metrics import Metrics
from .pages import WELL_KNOWN
from .request import EXCHANGE, Answer, Exchange, Request, RequestIds, by_name

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]

PAGES: Final = frozenset({"/health", "/ready", "/metrics", *WELL_KNOWN})
BODIES_BYTES_MAX: Final = 256 * 1024 * 1024
"""Bytes of unfinished request bodies that all connections together may hold."""


class ClientGone(Exception):
    """The client closed the connection before its request was whole."""


class KeepstepApplication:
    """Serves the AWS paths itself and hands the operators' pages to another application."""

    def __init__(
        self,
        handler: Handler,
        pages: Application,
        metrics: Metrics,
        cross_origin: CrossOrigin,
        request_ids: RequestIds,
        live_changes: LiveChanges,
        *,
        body_bytes: int,
        request_log: RequestLog | None,
    ) -> None:
        """``body_bytes`` limits one request's body."""
        self._handler = handler
        self._pages = pages
        self._metrics = metrics
        self._cross_origin = cross_origin
        self._request_ids = request_ids
        self._live = live_changes
        self._body_bytes = body_bytes
        self._request_log = request_log
        self._held_bytes = 0

    def end_streams(self) -> None:
        """End what would never end by itself, so that the server can stop."""
        self._live.close()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one HTTP request."""
        if scope["path"] in PAGES and scope["method"] != "OPTIONS":
            await self._pages(scope, receive, send)
            return
        begun = time.perf_counter()
        request_id = self._request_ids.next()
        headers: header_names.Headers = scope["headers"]
        # Taken out, not read: it refers back to the scope, and such a ring waits for the collector.
        exchange: Exchange | None = scope.pop("extensions", {}).get(EXCHANGE)
        names = exchange.names if exchange is not None else by_name(headers)
        closing = False
        if scope["method"] == "OPTIONS":
            answer = Answer(200, b"", operation="Preflight")
            extra = self._cross_origin.preflight(names)
        else:
            extra = self._cross_origin.headers(names)
            try:
                body = await self._body(names, exchange, receive) if _has_body(names) else b""
            except ClientGone:
                return
            except ServiceError as error:
                closing = True
                answer = Answer(error.status, encode_error(error), error.code)
            else:
                request = Request(
                    request_id,
                    scope["method"],
                    scope["raw_path"],
                    scope["query_string"],
                    headers,
                    names,
                    body,
                    scope["client"][0] if scope["client"] else "",
                    scope["scheme"] == "https",
                )
                answer = await self._handler.handle(request)
        answer_headers = _headers(answer, request_id, extra, closing=closing)
        if answer.stream is not None:
            await _send_stream(answer, answer_headers, receive, send)
        elif (
            closing
            or exchange is None
            or not exchange.answer_at_once(answer.status, answer_headers, answer.body)
        ):
            await send(_start(answer, answer_headers))
            await send({"type": "http.response.body", "body": answer.body})
        seconds = time.perf_counter() - begun
        self._metrics.observe_request(answer.operation, answer.code, seconds)
        if self._request_log is not None:
            self._request_log.write(answer, request_id, seconds)

    async def _body(
        self, names: dict[bytes, bytes], exchange: Exchange | None, receive: Receive
    ) -> bytes:
        """Collect a body up to the limits.

        Raises RequestEntityTooLargeException, TooManyRequestsException if all connections
        together hold too much, and ClientGone.
        """
        length = names.get(b"content-length")
        if length is not None and int(length) > self._body_bytes:
            raise self._too_large()
        whole = exchange.whole_body() if exchange is not None else None
        if whole is None:
            return await self._long_body(receive)
        if len(whole) > self._body_bytes:
            raise self._too_large()
        return whole

    async def _long_body(self, receive: Receive) -> bytes:
        body = bytearray()
        try:
            while True:
                message = await receive()
                if message["type"] != "http.request":
                    raise ClientGone
                part = message.get("body", b"")
                body += part
                self._held_bytes += len(part)
                if len(body) > self._body_bytes:
                    raise self._too_large()
                if self._held_bytes > BODIES_BYTES_MAX:
                    raise TooManyRequestsException("The server is busy; try again in a second.")
                if not message.get("more_body"):
                    return bytes(body)
        finally:
            self._held_bytes -= len(body)

    def _too_large(self) -> RequestEntityTooLargeException:
        return RequestEntityTooLargeException(
            f"The request body may have {self._body_bytes} bytes; send the patches in several "
            "requests."
        )


def _start(answer: Answer, headers: header_names.Headers) -> Message:
    return {"type": "http.response.start", "status": answer.status, "headers": headers}


async def _send_stream(
    answer: Answer, headers: header_names.Headers, receive: Receive, send: Send
) -> None:
    """Send a body part by part until it ends or the client has gone.

    Each part is made when the one before has left: a client that does not read holds one.
    """
    stream = answer.stream
    assert stream is not None, "only for answers with a stream"

    async def close_when_gone() -> None:
        while (await receive())["type"] != "http.disconnect":
            pass
        stream.close()

    watching = asyncio.create_task(close_when_gone())
    try:
        await send(_start(answer, headers))
        while part := await stream.next():
            await send({"type": "http.response.body", "body": part, "more_body": True})
            await asyncio.sleep(0)  # it is written at the end of the loop's turn
            await send({"type": "http.response.body", "body": b"", "more_body": True})
        await send({"type": "http.response.body", "body": b""})
    finally:
        watching.cancel()
        stream.close()


def _has_body(names: dict[bytes, bytes]) -> bool:
    return b"content-length" in names or b"transfer-encoding" in names


def _headers(
    answer: Answer, request_id: str, extra: header_names.Headers, *, closing: bool
) -> header_names.Headers:
    headers: header_names.Headers = [
        (header_names.CONTENT_TYPE, answer.content_type),
        (header_names.REQUEST_ID, request_id.encode()),
        *extra,
    ]
    if answer.stream is None:
        headers.append((header_names.CONTENT_LENGTH, str(len(answer.body)).encode()))
    else:
        headers += header_names.UNBUFFERED
    if answer.code != "OK":
        headers.append((header_names.ERROR_TYPE, answer.code.encode()))
    if answer.status == 429:
        headers.append((header_names.RETRY_AFTER, b"1"))
    if closing:
        headers.append((header_names.CONNECTION, b"close"))
    return headers
