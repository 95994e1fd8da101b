"""botocore's serializers and parsers, to hold the project's protocols against, both ways."""

from datetime import datetime
from typing import Any, Final

import msgspec
import pytest
from botocore.awsrequest import create_request_object, prepare_request_dict
from botocore.parsers import create_parser
from botocore.serialize import create_serializer

from keepstep.wire.json_protocols import HttpRequest
from keepstep.wire.operations import Operation

from .published import operation_model

AnyOperation = Operation[Any, Any]
_ENDPOINT: Final = "http://localhost"


def each(operations: tuple[AnyOperation, ...]) -> pytest.MarkDecorator:
    """Run a test for each operation."""
    cases = [pytest.param(operation, id=operation.name) for operation in operations]
    return pytest.mark.parametrize("operation", cases)


class Botocore:
    """What botocore makes of requests and answers in one protocol."""

    def __init__(self, protocol: str) -> None:
        self._serializer: Any = create_serializer(protocol)
        self._parser: Any = create_parser(protocol)

    def sent(self, operation: AnyOperation, request: Any) -> HttpRequest:
        """Give what botocore sends for a request, up to the signature."""
        arguments = present(msgspec.to_builtins(request))
        serialized = self._serializer.serialize_to_request(arguments, operation_model(operation))
        headers = dict(serialized["headers"])
        prepare_request_dict(serialized, endpoint_url=_ENDPOINT)
        prepared: Any = create_request_object(serialized).prepare()
        body = prepared.body or b""
        return HttpRequest(
            serialized["method"],
            prepared.url.removeprefix(_ENDPOINT),
            headers,
            body.encode() if isinstance(body, str) else body,
        )

    def parsed(
        self, operation: AnyOperation, status: int, headers: dict[str, str], body: bytes
    ) -> dict[str, Any]:
        """Give what botocore makes of an answer."""
        answer = {"status_code": status, "headers": headers, "body": body, "context": {}}
        parsed = self._parser.parse(answer, operation_model(operation).output_shape)
        del parsed["ResponseMetadata"]
        return plain(parsed)


def present(value: Any) -> Any:
    """Leave out what is None, as callers of boto3 do."""
    if isinstance(value, dict):
        return {k: present(v) for k, v in value.items() if v is not None}  # pyright: ignore[reportUnknownVariableType] -- builtins of any shape
    return [present(item) for item in value] if isinstance(value, list) else value  # pyright: ignore[reportUnknownVariableType] -- builtins of any shape


def plain(value: Any) -> Any:
    """Turn botocore's dates into epoch seconds with milliseconds."""
    if isinstance(value, dict):
        return {k: plain(v) for k, v in value.items()}  # pyright: ignore[reportUnknownVariableType] -- parsed values of any shape
    if isinstance(value, list):
        return [plain(item) for item in value]  # pyright: ignore[reportUnknownVariableType] -- parsed values of any shape
    return round(value.timestamp(), 3) if isinstance(value, datetime) else value
