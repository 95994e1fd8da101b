"""The three front doors on one address, told apart by the shape of a request.

Each door is one AWS protocol: how its requests name an operation, and how they and their
answers, errors too, are written. What happens in between is ``handle``'s, the same for all.
"""

from typing import Any, Final, Protocol

import msgspec

from keepstep.domain.limits import CLOCK_SKEW_MS, STS_CLOCK_SKEW_MS
from keepstep.operations.table import IDENTITY_TABLE, STS_TABLE, Row
from keepstep.wire import json_1_1, json_protocols, query, rest_json
from keepstep.wire.errors import ServiceError, UnknownOperationException

from .request import Request
from .routes import METHOD_OVERRIDE, effective_method, route

TARGET: Final = b"x-amz-target"


class Routed(msgspec.Struct, frozen=True):
    """An operation, the method its request stands for, and what the door read on the way."""

    row: Row
    method: str
    parts: Any


class Refusal(msgspec.Struct, frozen=True):
    """An error as a door writes it."""

    status: int
    code: str
    body: bytes


class Door(Protocol):
    """One protocol. ``service`` is its signing name, and the name space of its permissions."""

    service: str
    content_type: bytes
    clock_skew_ms: int
    unsigned: str
    """The text for a request without a signature."""
    presigned: bool
    """Whether a signature may stand in the query."""

    def route(self, request: Request) -> Routed:
        """Find the operation. Raises ServiceError."""
        ...

    def decode(self, routed: Routed, request: Request) -> Any:
        """Give the typed request. Raises ServiceError."""
        ...

    def encode(self, row: Row, response: Any, request: Request) -> bytes:
        """Give the body of an answer."""
        ...

    def refuse(self, error: ServiceError, request: Request) -> Refusal:
        """Write an error."""
        ...


class SyncDoor:
    """Cognito Sync: REST-JSON, under ``/identitypools``."""

    service = "cognito-sync"
    content_type = rest_json.CONTENT_TYPE.encode()
    clock_skew_ms = CLOCK_SKEW_MS
    unsigned = "Missing Authentication Token"
    presigned = False

    def route(self, request: Request) -> Routed:
        method = effective_method(request.method, request.by_name.get(METHOD_OVERRIDE))
        row, labels = route(method, request.raw_path)
        return Routed(row, method, labels)

    def decode(self, routed: Routed, request: Request) -> Any:
        return rest_json.decode_request(
            routed.row.operation, routed.parts, request.query, request.by_name, request.body
        )

    def encode(self, row: Row, response: Any, request: Request) -> bytes:
        del row, request
        return json_protocols.encode_response(response)

    def refuse(self, error: ServiceError, request: Request) -> Refusal:
        del request
        return Refusal(error.status, error.code, rest_json.encode_error(error))


class IdentityDoor:
    """Cognito Identity: JSON 1.1, named by the header ``X-Amz-Target``."""

    service = "cognito-identity"
    content_type = json_1_1.CONTENT_TYPE.encode()
    clock_skew_ms = CLOCK_SKEW_MS
    unsigned = "Request is missing Authentication Token"
    presigned = False

    _rows: Final = {
        f"{json_1_1.TARGET_PREFIX}{row.operation.name}".encode(): row for row in IDENTITY_TABLE
    }

    def route(self, request: Request) -> Routed:
        row = self._rows.get(request.by_name[TARGET])
        if row is None or request.method != "POST":
            raise UnknownOperationException(
                "No operation of Amazon Cognito Identity has this X-Amz-Target and method."
            )
        return Routed(row, request.method, None)

    def decode(self, routed: Routed, request: Request) -> Any:
        return json_1_1.decode_request(routed.row.operation, request.body)

    def encode(self, row: Row, response: Any, request: Request) -> bytes:
        del row, request
        return json_protocols.encode_response(response)

    def refuse(self, error: ServiceError, request: Request) -> Refusal:
        del request
        return Refusal(json_1_1.status(error), error.code, json_protocols.encode_error(error))


class StsDoor:
    """The Security Token Service: a form in the body or the query, answered in XML."""

    service = "sts"
    content_type = query.CONTENT_TYPE.encode()
    clock_skew_ms = STS_CLOCK_SKEW_MS
    unsigned = "Request is missing Authentication Token"
    presigned = True

    _rows: Final = {row.operation.name: row for row in STS_TABLE}

    def route(self, request: Request) -> Routed:
        parameters = query.parse_form(request.body or request.query)
        return Routed(self._rows[query.action(parameters)], request.method, parameters)

    def decode(self, routed: Routed, request: Request) -> Any:
        del request
        return query.decode_request(routed.row.operation, routed.parts)

    def encode(self, row: Row, response: Any, request: Request) -> bytes:
        return query.encode_response(row.operation, response, request.request_id)

    def refuse(self, error: ServiceError, request: Request) -> Refusal:
        code, status = query.code_and_status(error)
        return Refusal(status, code, query.encode_error(error, request.request_id))


_SYNC: Final = SyncDoor()
_IDENTITY: Final = IdentityDoor()
_STS: Final = StsDoor()


def door_of(request: Request) -> Door:
    """Give the door that a request came to; Cognito Sync's if it looks like none."""
    if request.raw_path != b"/":
        return _SYNC
    if TARGET in request.by_name:
        return _IDENTITY
    if b"Action=" in request.body or b"Action=" in request.query:
        return _STS
    return _SYNC
