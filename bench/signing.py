"""Whole requests in bytes, signed as an SDK signs them."""

from datetime import UTC, datetime
from typing import Any, Final

from keepstep.wire import json_1_1
from keepstep.wire.operations import Operation
from keepstep.wire.rest_json import HttpRequest, encode_request
from keepstep.wire.sigv4 import Credentials, sign

from .servers import CREDENTIALS, Server

_UNSIGNED: Final = "user-agent: bench\r\naccept-encoding: identity\r\n"


def signed_request(
    server: Server,
    operation: Operation[Any, Any],
    shape: Any,
    credentials: Credentials = CREDENTIALS,
) -> bytes:
    """Give the bytes of a request to Cognito Sync, signed at this moment."""
    request = encode_request(operation, shape)
    headers = sign(
        request.method,
        request.target,
        {"host": server.host, **request.headers},
        request.body,
        credentials=credentials,
        time=datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ"),
        region="us-east-1",
        service="cognito-sync",
    )
    return _bytes(request, headers)


def unsigned_request(server: Server, operation: Operation[Any, Any], shape: Any) -> bytes:
    """Give the bytes of a request to Cognito Identity that needs no signature."""
    request = json_1_1.encode_request(operation, shape)
    return _bytes(request, {"host": server.host, **request.headers})


def _bytes(request: HttpRequest, headers: dict[str, str]) -> bytes:
    if request.body:
        headers["content-length"] = str(len(request.body))
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    head = f"{request.method} {request.target} HTTP/1.1\r\n{lines}{_UNSIGNED}\r\n"
    return head.encode("latin-1") + request.body
