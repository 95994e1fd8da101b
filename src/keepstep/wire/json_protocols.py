"""What both JSON protocols share: reading bodies, and answers and errors both ways."""

from dataclasses import dataclass, field
from typing import Any, Final, cast

import msgspec

from . import errors
from .operations import Operation, Request, Response

_encoder: Final = msgspec.json.Encoder()
_decoder: Final = msgspec.json.Decoder()


@dataclass(frozen=True)
class HttpRequest:
    """What a client sends, before it is signed: ``target`` is the raw path with the query."""

    method: str
    target: str
    headers: dict[str, str] = field(default_factory=dict[str, str])
    body: bytes = b""


def encode_body(value: object) -> bytes:
    """Write a body."""
    return _encoder.encode(value)


def decode_object(body: bytes, refusal: type[errors.ServiceError]) -> dict[str, Any]:
    """Read the members of a request's body; raises the refusal if it is not a JSON object."""
    try:
        decoded: Any = _decoder.decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        text = f"The request body is not JSON in UTF-8 that can be read: {error}."
        raise refusal(text) from None
    if not isinstance(decoded, dict):
        raise refusal("The request body is not a JSON object.")
    return cast("dict[str, Any]", decoded)


def encode_response(response: object) -> bytes:
    """Give the body of a successful answer; empty where the operation has no response."""
    return b"" if response is None else _encoder.encode(response)


def encode_error(error: errors.ServiceError) -> bytes:
    """Give the body of an error answer.

    The code is repeated as ``__type`` for the SDKs that look there. A policy's denial also
    carries the capital ``Message`` of the real service, which iOS saw as a null ``message``.
    """
    body = {"__type": error.code, "message": error.message}
    if isinstance(error, errors.AccessDeniedException):
        body["Message"] = error.message
    return _encoder.encode(body)


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


def _decode_error(status: int, error_type: str | None, body: bytes) -> errors.ServiceError:
    try:
        decoded: Any = _decoder.decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        decoded = {}
    fields = cast("dict[str, Any]", decoded) if isinstance(decoded, dict) else {}
    code = error_type or str(fields.get("__type") or fields.get("code") or "")
    code = code.partition(":")[0].rpartition("#")[2]
    text = str(fields.get("message") or fields.get("Message") or "")
    known = errors.JSON_ERRORS.get(code)
    if known is not None:
        return known(text)
    return errors.InternalErrorException(f"HTTP status {status} {code}: {text}")
