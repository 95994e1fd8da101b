"""One request, in six steps: route, authenticate, decode, authorise, run, encode.

Errors raised on any floor below become answers here and nowhere else.
"""

from dataclasses import dataclass
from functools import partial
from typing import Any

import structlog

from keepstep.domain.access import CallerClass
from keepstep.domain.authorization import Attempt, Authorizer, Circumstances
from keepstep.domain.datasets import DatasetPlace
from keepstep.interfaces.service import Call, Service
from keepstep.interfaces.storage import StoreBusy, StoreUnavailable
from keepstep.operations.sync.changes import (
    check_watched,
    last_count,
    watch_dataset,
    watching_since,
)
from keepstep.operations.table import Row
from keepstep.wire import live, sync
from keepstep.wire.errors import (
    InternalErrorException,
    ServiceError,
    TooManyRequestsException,
)

from .authenticate import Authenticator
from .doors import Door, door_of
from .live import LiveChanges
from .rate_limit import RateLimit
from .request import Answer, Request
from .resources import resource_name

_log = structlog.stdlib.get_logger()


class Handler:
    """Answers requests with the operations of the table."""

    def __init__(
        self,
        service: Service,
        authenticator: Authenticator,
        rate_limit: RateLimit,
        live_changes: LiveChanges,
    ) -> None:
        """``rate_limit`` is for calls that need no credentials."""
        self._service = service
        self._authenticator = authenticator
        self._authorizer = Authorizer(service.roles)
        self._rate_limit = rate_limit
        self._live = live_changes

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
                caller = await self._authenticator.authenticate(
                    request, routed.method, door, presigned=row.live
                )
            shape = door.decode(routed, request)
            if caller is not None:
                attempt = partial(self._attempt, door, row, shape, request)
                self._authorizer.check(caller, row.callers, reads=row.reads, attempt=attempt)
            call = Call(self._service, caller)
            if row.live:
                return await self._watch(row, call, shape, request, door)
            response = await row.function(call, shape)
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
        refused = door.refuse(refusal, request)
        return Answer(
            refused.status,
            refused.body,
            refused.code,
            row.operation.name if row is not None else "-",
            caller,
            getattr(shape, "identity_id", None),
            door.content_type,
        )

    async def _watch(
        self, row: Row, call: Call, shape: Any, request: Request, door: Door
    ) -> Answer:
        """Answer with a stream, which has its first event already. Raises ServiceError."""
        assert call.caller is not None, "live changes are for callers with credentials"
        place = DatasetPlace(shape.identity_pool_id, shape.identity_id, shape.dataset_name)
        watch = _Watch(self._authenticator, call, shape, request, door)
        stream = self._live.open(place, call.caller)
        try:
            first = await row.function(call, shape)
        except BaseException:
            stream.close()
            raise
        stream.begin(watch, first, last_count(shape))
        return Answer(
            200,
            b"",
            operation=row.operation.name,
            caller=call.caller,
            identity_id=shape.identity_id,
            content_type=live.CONTENT_TYPE.encode(),
            stream=stream,
        )

    def _attempt(self, door: Door, row: Row, shape: Any, request: Request) -> Attempt:
        service = self._service
        return Attempt(
            action=f"{door.service}:{row.permission}",
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


@dataclass(frozen=True, slots=True)
class _Watch:
    """What a stream asks in the name of who opened it."""

    authenticator: Authenticator
    call: Call
    shape: live.WatchDatasetRequest
    request: Request
    door: Door

    async def list_since(self, sync_count: int) -> sync.ListRecordsResponse:
        return await watch_dataset(self.call, watching_since(self.shape, sync_count))

    async def check_caller(self) -> None:
        await self.authenticator.check_again(self.request, self.door)

    async def check_place(self) -> None:
        await check_watched(self.call, self.shape)


def _internal(request: Request) -> InternalErrorException:
    return InternalErrorException(
        f"The server failed; its log says why under the request id {request.request_id}."
    )
