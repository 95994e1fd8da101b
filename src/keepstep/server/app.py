"""The ASGI application: bodies and limits in front of ``handle``, headers and the log behind it.

Plain ASGI, because every request passes here; Starlette serves the operators' pages beside it.
"""

import time
import uuid
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, Final

import structlog

from keepstep.domain.sealing import Entropy
from keepstep.wire.errors import (
    RequestEntityTooLargeException,
    ServiceError,
    TooManyRequestsException,
)
from keepstep.wire.rest_json import CONTENT_TYPE as JSON
from keepstep.wire.rest_json import encode_error

from . import names
from .cors import CrossOrigin
from .handle import Answer, Handler, Request
from .metrics import Metrics

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]

PAGES: Final = frozenset({"/health", "/ready", "/metrics"})
BODIES_BYTES_MAX: Final = 256 * 1024 * 1024
"""Bytes of unfinished request bodies that all connections together may hold."""

_JSON: Final = JSON.encode()
_log = structlog.stdlib.get_logger()


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
        entropy: Entropy,
        *,
        body_bytes: int,
        log_requests: bool,
    ) -> None:
        """``body_bytes`` limits one request's body."""
        self._handler = handler
        self._pages = pages
        self._metrics = metrics
        self._cross_origin = cross_origin
        self._entropy = entropy
        self._body_bytes = body_bytes
        self._log_requests = log_requests
        self._held_bytes = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one HTTP request."""
        if scope["path"] in PAGES:
            await self._pages(scope, receive, send)
            return
        begun = time.perf_counter()
        request_id = str(uuid.UUID(bytes=self._entropy(16), version=4))
        headers: list[tuple[bytes, bytes]] = scope["headers"]
        closing = False
        if scope["method"] == "OPTIONS":
            answer = Answer(200, b"", operation="Preflight")
            extra = self._cross_origin.preflight(dict(headers))
        else:
            try:
                body = await self._body(headers, receive)
            except ClientGone:
                return
            except ServiceError as error:
                closing = True
                answer = Answer(error.status, encode_error(error), error.code)
            else:
                answer = await self._handler.handle(
                    Request(
                        request_id,
                        scope["method"],
                        scope["raw_path"],
                        scope["query_string"],
                        headers,
                        body,
                    )
                )
            extra = self._cross_origin.headers(dict(headers))
        await send(_start(answer, request_id, extra, closing=closing))
        await send({"type": "http.response.body", "body": answer.body})
        self._observe(answer, request_id, time.perf_counter() - begun)

    async def _body(self, headers: list[tuple[bytes, bytes]], receive: Receive) -> bytes:
        """Collect a body up to the limits.

        Raises RequestEntityTooLargeException, TooManyRequestsException if all connections
        together hold too much, and ClientGone.
        """
        for name, value in headers:
            if name == b"content-length" and int(value) > self._body_bytes:
                raise self._too_large()
        message = await receive()
        if not message.get("more_body") and message["type"] == "http.request":
            return message["body"]
        return await self._long_body(message, receive)

    async def _long_body(self, message: Message, receive: Receive) -> bytes:
        body = bytearray()
        try:
            while True:
                if message["type"] != "http.request":
                    raise ClientGone
                body += message["body"]
                self._held_bytes += len(message["body"])
                if len(body) > self._body_bytes:
                    raise self._too_large()
                if self._held_bytes > BODIES_BYTES_MAX:
                    raise TooManyRequestsException("The server is busy; try again in a second.")
                if not message["more_body"]:
                    return bytes(body)
                message = await receive()
        finally:
            self._held_bytes -= len(body)

    def _too_large(self) -> RequestEntityTooLargeException:
        return RequestEntityTooLargeException(
            f"The request body may have {self._body_bytes} bytes; send the patches in several "
            "requests."
        )

    def _observe(self, answer: Answer, request_id: str, seconds: float) -> None:
        self._metrics.observe_request(answer.operation, answer.code, seconds)
        if self._log_requests:
            _log.info(
                "request",
                operation=answer.operation,
                caller="anonymous" if answer.caller is None else "developer",
                access_key_id=None if answer.caller is None else answer.caller.access_key_id,
                identity_id=answer.identity_id,
                status=answer.status,
                code=answer.code,
                milliseconds=round(seconds * 1000, 3),
                request_id=request_id,
            )


def _start(answer: Answer, request_id: str, extra: names.Headers, *, closing: bool) -> Message:
    headers: names.Headers = [
        (names.CONTENT_TYPE, _JSON),
        (names.CONTENT_LENGTH, str(len(answer.body)).encode()),
        (names.REQUEST_ID, request_id.encode()),
        *extra,
    ]
    if answer.code != "OK":
        headers.append((names.ERROR_TYPE, answer.code.encode()))
    if answer.status == 429:
        headers.append((names.RETRY_AFTER, b"1"))
    if closing:
        headers.append((names.CONNECTION, b"close"))
    return {"type": "http.response.start", "status": answer.status, "headers": headers}
