"""REST-JSON 1.1, both ways: a server decodes what a client encodes, and the reverse.

It turns parts of an HTTP message into shapes and back; sending them is another floor's work.
"""

import re
from collections.abc import Iterable, Mapping
from typing import Any, Final, cast
from urllib.parse import quote, unquote_to_bytes

import msgspec

from . import errors, json_protocols
from .json_protocols import (
    HttpRequest,
    decode_object,
    decode_response,
    encode_body,
    encode_response,
)
from .operations import Operation, Request, Response
from .validation import member_path, message, typed, violation

__all__ = [
    "CONTENT_TYPE",
    "UNRESERVED",
    "HttpRequest",
    "decode_request",
    "decode_response",
    "encode_error",
    "encode_request",
    "encode_response",
]

CONTENT_TYPE: Final = "application/json"
UNRESERVED: Final = "-_.~"

_WHOLE_NUMBER: Final = re.compile(r"-?(?:0|[1-9][0-9]{0,18})\Z")


def decode_request(
    operation: Operation[Request, Response],
    labels: Iterable[bytes],
    query: bytes,
    headers: Mapping[bytes, bytes],
    body: bytes,
) -> Request:
    """Turn the parts of an HTTP request into the typed request of an operation.

    ``labels`` are the raw path segments of the members in the path, in order; each is
    percent-decoded once. ``headers`` are by lower-case name. Members the operation does not
    have are ignored, as newer SDKs may send them.

    Raises InvalidParameterException, naming every violated constraint.
    """
    values: dict[str, Any] = {}
    if operation.body_members and body:
        values = _decode_body(operation, body)
    for member, raw in zip(operation.labels, labels, strict=True):
        values[member] = _decode_text(raw, member)
    if query and operation.query:
        _decode_query(operation, query, values)
    for member, name in operation.headers.items():
        header = headers.get(name.lower().encode())
        if header is not None:
            values[member] = header.decode("latin-1")
    return typed(operation.request, values, errors.InvalidParameterException)


def encode_error(error: errors.ServiceError) -> bytes:
    """Give the body of an error answer; a BadRequest has a form of its own."""
    if isinstance(error, errors.BadRequest):
        return encode_body({"code": error.code, "message": error.message, "type": "client"})
    return json_protocols.encode_error(error)


def encode_request(operation: Operation[Request, Response], request: Request) -> HttpRequest:
    """Give the unsigned HTTP request of an operation, as an SDK would send it."""
    values = cast("dict[str, Any]", msgspec.to_builtins(request))
    present = {name: value for name, value in values.items() if value is not None}
    path = operation.uri
    for member in operation.labels:
        path = path.replace(f"{{{member}}}", quote(present[member], safe=UNRESERVED))
    pairs = [
        f"{name}={quote(str(present[member]), safe=UNRESERVED)}"
        for member, name in operation.query.items()
        if member in present
    ]
    headers = {
        name: str(present[member])
        for member, name in operation.headers.items()
        if member in present
    }
    body = b""
    if operation.body_members:
        headers["Content-Type"] = CONTENT_TYPE
        body = encode_body(
            {name: value for name, value in present.items() if name in operation.body_members}
        )
    target = f"{path}?{'&'.join(pairs)}" if pairs else path
    return HttpRequest(operation.method, target, headers, body)


def _decode_body(operation: Operation[Any, Any], body: bytes) -> dict[str, Any]:
    members = operation.body_members
    given = decode_object(body, errors.InvalidParameterException)
    return {name: value for name, value in given.items() if name in members}


def _decode_text(raw: bytes, member: str) -> str:
    raw = raw.replace(b"%3A", b":")  # all there is to decode in most identifiers
    try:
        return (unquote_to_bytes(raw) if b"%" in raw else raw).decode()
    except UnicodeDecodeError:
        text = violation(repr(raw)[2:-1], member_path(member), "be UTF-8")
        raise errors.InvalidParameterException(message([text]) or text) from None


def _decode_query(operation: Operation[Any, Any], query: bytes, values: dict[str, Any]) -> None:
    for member, name in operation.query.items():
        raw = _query_values(query, name.encode())
        if len(raw) > 1:
            text = f"The query parameter {name} is given {len(raw)} times; give it once."
            raise errors.InvalidParameterException(text)
        if raw:
            text = _decode_text(raw[0].replace(b"+", b" "), member)
            values[member] = _query_value(operation, member, text)


def _query_values(query: bytes, name: bytes) -> list[bytes]:
    pairs = (pair.partition(b"=") for pair in query.split(b"&"))
    return [
        value
        for key, _, value in pairs
        if key == name or (b"%" in key and unquote_to_bytes(key) == name)
    ]


def _query_value(operation: Operation[Any, Any], member: str, text: str) -> str | int:
    if member not in operation.integer_members:
        return text
    if _WHOLE_NUMBER.match(text):
        return int(text)
    constraint = r"satisfy regular expression pattern: ^[1-9]\d*"
    problem = violation(text, member_path(member), constraint)
    raise errors.InvalidParameterException(message([problem]) or problem)
