"""REST-JSON 1.1, both ways: a server decodes what a client encodes, and the reverse.

It turns parts of an HTTP message into shapes and back; sending them is another floor's work.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, cast
from urllib.parse import quote, unquote_to_bytes

import msgspec

from . import errors
from .operations import Operation, Request, Response
from .validation import explain, member_path, message, violation

CONTENT_TYPE: Final = "application/json"
UNRESERVED: Final = "-_.~"

_WHOLE_NUMBER: Final = re.compile(r"-?(?:0|[1-9][0-9]{0,18})\Z")
_encoder: Final = msgspec.json.Encoder()
_decoder: Final = msgspec.json.Decoder()


@dataclass(frozen=True)
class HttpRequest:
    """What a client sends, before it is signed: ``target`` is the raw path with the query."""

    method: str
    target: str
    headers: dict[str, str] = field(default_factory=dict[str, str])
    body: bytes = b""


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
    try:
        return msgspec.convert(values, operation.request, strict=False)
    except msgspec.ValidationError as error:
        text = explain(operation.request, values) or str(error)
        raise errors.InvalidParameterException(text) from None


def encode_response(response: object) -> bytes:
    """Give the body of a successful answer; empty where the operation has no response."""
    return b"" if response is None else _encoder.encode(response)


def encode_error(error: errors.ServiceError) -> bytes:
    """Give the body of an error answer.

    The code is repeated as ``__type`` for the SDKs that look there. A policy's denial also
    carries the capital ``Message`` of the real service, which iOS saw as a null ``message``.
    """
    if isinstance(error, errors.BadRequest):
        return _encoder.encode({"code": error.code, "message": error.message, "type": "client"})
    body = {"__type": error.code, "message": error.message}
    if isinstance(error, errors.AccessDeniedException):
        body["Message"] = error.message
    return _encoder.encode(body)


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
        body = _encoder.encode(
            {name: value for name, value in present.items() if name in operation.body_members}
        )
    target = f"{path}?{'&'.join(pairs)}" if pairs else path
    return HttpRequest(operation.method, target, headers, body)


def decode_response(
    operation: Operation[Request, Response], status: int, error_type: str | None, body: bytes
) -> Response:
    """Turn an HTTP answer into the typed response of an operation.

    ``error_type`` is the value of the ``x-amzn-ErrorType`` header.

    Raises the ServiceError that the answer stands for; one that this version does not know
    becomes an InternalErrorException with the code in its message.
    """
    if status >= 400:
        raise _decode_error(status, error_type, body)
    if operation.response is None:
        return cast("Response", None)
    return cast("Response", msgspec.json.decode(body, type=operation.response))


def _decode_body(operation: Operation[Any, Any], body: bytes) -> dict[str, Any]:
    try:
        decoded: Any = _decoder.decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        text = f"The request body is not JSON in UTF-8 that can be read: {error}."
        raise errors.InvalidParameterException(text) from None
    if not isinstance(decoded, dict):
        raise errors.InvalidParameterException("The request body is not a JSON object.")
    members = operation.body_members
    given = cast("dict[str, Any]", decoded)
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


def _decode_error(status: int, error_type: str | None, body: bytes) -> errors.ServiceError:
    try:
        decoded: Any = _decoder.decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        decoded = {}
    fields = cast("dict[str, Any]", decoded) if isinstance(decoded, dict) else {}
    code = error_type or str(fields.get("__type") or fields.get("code") or "")
    code = code.partition(":")[0].rpartition("#")[2]
    text = str(fields.get("message") or fields.get("Message") or "")
    known = getattr(errors, code, None)
    if isinstance(known, type) and issubclass(known, errors.ServiceError):
        return known(text)
    return errors.InternalErrorException(f"HTTP status {status} {code}: {text}")
