"""AWS JSON 1.1, both ways: every operation is a POST of ``/`` that a header names.

Reading answers and writing them and their errors is the same as in REST-JSON.
"""

from typing import Final

from . import errors
from .json_protocols import (
    HttpRequest,
    decode_object,
    decode_response,
    encode_body,
    encode_error,
    encode_response,
)
from .operations import Operation, Request, Response
from .validation import typed

__all__ = [
    "CONTENT_TYPE",
    "TARGET_PREFIX",
    "HttpRequest",
    "decode_request",
    "decode_response",
    "encode_error",
    "encode_request",
    "encode_response",
    "status",
]

CONTENT_TYPE: Final = "application/x-amz-json-1.1"
TARGET_PREFIX: Final = "AWSCognitoIdentityService."
"""Comes before the name of the operation in the header ``X-Amz-Target``."""


def decode_request(operation: Operation[Request, Response], body: bytes) -> Request:
    """Turn the body of an HTTP request into the typed request of an operation.

    Members the operation does not have are ignored, as newer SDKs may send them.

    Raises SerializationException for a body that is not a JSON object, and ValidationException,
    naming every violated constraint.
    """
    values = decode_object(body, errors.SerializationException)
    return typed(operation.request, values, errors.ValidationException)


def encode_request(operation: Operation[Request, Response], request: Request) -> HttpRequest:
    """Give the unsigned HTTP request of an operation, as an SDK would send it."""
    headers = {"Content-Type": CONTENT_TYPE, "X-Amz-Target": TARGET_PREFIX + operation.name}
    return HttpRequest(operation.method, operation.uri, headers, encode_body(request))


def status(error: errors.ServiceError) -> int:
    """Give the HTTP status of an error: 500 for a fault of the server, else 400."""
    return 500 if error.status >= 500 else 400
