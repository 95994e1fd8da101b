"""One request, in six steps: route, authenticate, decode, authorise, run, encode.

Errors raised on any floor below become answers here and nowhere else.
"""

from functools import partial
from typing import Any

import structlog

from keepstep.domain.access import CallerClass
from keepstep.domain.authorization import Attempt, Authorizer, Circumstances
from keepstep.interfaces.service import Call, Service
from keepstep.interfaces.storage import StoreBusy, StoreUnavailable
from keepstep.operations.table import Row
from keepstep.wire.errors import (
    InternalErrorException,
    ServiceError,
    TooManyRequestsException,
)

from .authenticate import Authenticator
from .doors import Door, door_of
from .rate_limit import RateLimit
from .request import Answer, Request
from .resources import resource_name

_log = structlog.stdlib.get_logger()


class Handler:
    """Answers requests with the operations of the table."""

    def __init__(
        self, service: Service, authenticator: Authenticator, rate_limit: RateLimit
    ) -> None:
        """``rate_limit`` is for calls that need no credentials."""
        self._service = service
        self._authenticator = authenticator
        self._authorizer = Authorizer(service.roles)
        self._rate_limit = rate_limit

    async def handle(self, request: Request) -> Answer:
        """Answer a request; whatever happens inside, this does not raise."""
        door = door_of(request)
        row = caller = shape = None
        try:
            routed = door.route(request)
            row = routed.row
            if row.callers is CallerClass.ANYBODY:
                self._rate_limit.take(request.address)
            else:
                caller = await self._authenticator.authenticate(request, routed.method, door)
            shape = door.decode(routed, request)
            if caller is not None:
                attempt = partial(self._attempt, door, row, shape, request)
                self._authorizer.check(caller, row.callers, reads=row.reads, attempt=attempt)
            response = await row.function(Call(self._service, caller), shape)
            body = door.encode(row, response, request)
            identity_id = getattr(shape, "identity_id", None)
            return Answer(
                200, body, "OK", row.operation.name, caller, identity_id, door.content_type
            )
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
        status, code, body = door.refuse(refusal, request)
        return Answer(
            status,
            body,
            code,
            row.operation.name if row is not None else "-",
            caller,
            getattr(shape, "identity_id", None),
            door.content_type,
        )

    def _attempt(self, door: Door, row: Row, shape: Any, request: Request) -> Attempt:
        service = self._service
        return Attempt(
            action=f"{door.service}:{row.operation.name}",
            resource=resource_name(service.account, door.service, row, shape),
            identity_pool_id=getattr(shape, "identity_pool_id", None),
            identity_id=getattr(shape, "identity_id", None),
            circumstances=lambda: Circumstances(
                now=service.clock(),
                source_ip=request.address,
                secure=request.secure,
                user_agent=request.by_name.get(b"user-agent", b"").decode("latin-1"),
                region=service.account.region,
            ),
        )


def _internal(request: Request) -> InternalErrorException:
    return InternalErrorException(
        f"The server failed; its log says why under the request id {request.request_id}."
    )
