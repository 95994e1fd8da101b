"""One request, in six steps: route, authenticate, decode, authorise, run, encode.

Errors raised on any floor below become answers here and nowhere else.
"""

from typing import Any

import structlog

from keepstep.domain.access import Developer, check_access
from keepstep.interfaces.service import Call, Service
from keepstep.interfaces.storage import StoreBusy, StoreUnavailable
from keepstep.operations.table import Row
from keepstep.wire.errors import (
    InternalErrorException,
    ServiceError,
    TooManyRequestsException,
)
from keepstep.wire.rest_json import decode_request, encode_error, encode_response

from .authenticate import Authenticator
from .request import Answer, Request
from .routes import METHOD_OVERRIDE, effective_method, route

SIGNING_NAME = "cognito-sync"

_log = structlog.stdlib.get_logger()


class Handler:
    """Answers requests with the operations of the table."""

    def __init__(self, service: Service, authenticator: Authenticator, region: str) -> None:
        """``region`` stands in the resource names of denials."""
        self._service = service
        self._authenticator = authenticator
        self._region = region

    async def handle(self, request: Request) -> Answer:
        """Answer a request; whatever happens inside, this does not raise."""
        row = caller = shape = None
        try:
            method = effective_method(request.method, request.by_name.get(METHOD_OVERRIDE))
            row, labels = route(method, request.raw_path)
            caller = await self._authenticator.authenticate(request, method, SIGNING_NAME)
            shape = decode_request(
                row.operation, labels, request.query, request.by_name, request.body
            )
            self._authorise(caller, row, shape)
            response = await row.function(Call(self._service, caller), shape)
            body = encode_response(response)
            identity_id = getattr(shape, "identity_id", None)
            return Answer(200, body, "OK", row.operation.name, caller, identity_id)
        except ServiceError as error:
            refusal = error
        except StoreBusy as error:
            refusal = TooManyRequestsException("The server is busy; try again in a second.")
            _log.warning("store_busy", request_id=request.request_id, reason=str(error))
        except StoreUnavailable as error:
            refusal = _internal(request)
            _log.error("store_unavailable", request_id=request.request_id, reason=str(error))
        except Exception:  # noqa: BLE001 -- logged whole; the caller gets a request id
            refusal = _internal(request)
            _log.exception("internal_error", request_id=request.request_id)
        return Answer(
            refusal.status,
            encode_error(refusal),
            refusal.code,
            row.operation.name if row is not None else "-",
            caller,
            getattr(shape, "identity_id", None),
        )

    def _authorise(self, caller: Developer, row: Row, shape: Any) -> None:
        check_access(
            caller,
            row.callers,
            action=f"{SIGNING_NAME}:{row.operation.name}",
            reads=row.reads,
            resource=lambda: self._resource(caller, row, shape),
        )

    def _resource(self, caller: Developer, row: Row, shape: Any) -> str:
        """Name what is acted on as IAM does; an id the request does not carry is ``null``."""
        pool = getattr(shape, "identity_pool_id", "null")
        name = f"arn:aws:cognito-sync:{self._region}:{caller.account_id}:identitypool/{pool}"
        if "{IdentityId}" in row.operation.uri:
            name += f"/identity/{shape.identity_id}"
        if "/datasets" in row.operation.uri:
            name += f"/dataset/{getattr(shape, 'dataset_name', 'null')}"
        return name


def _internal(request: Request) -> InternalErrorException:
    return InternalErrorException(
        f"The server failed; its log says why under the request id {request.request_id}."
    )
