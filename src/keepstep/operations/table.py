"""The table of contents of the API: each operation, its function, and who may call it."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Final

from keepstep.domain.access import CallerClass
from keepstep.interfaces.service import Call
from keepstep.wire import operations as wire
from keepstep.wire.operations import Operation, Request, Response

from .sync.datasets import delete_dataset, describe_dataset, list_datasets
from .sync.records import list_records, update_records
from .sync.unavailable import unavailable
from .sync.usage import (
    describe_identity_pool_usage,
    describe_identity_usage,
    list_identity_pool_usage,
)

ANY, DEVELOPER, IDENTITY = CallerClass.ANY, CallerClass.DEVELOPER, CallerClass.IDENTITY

Function = Callable[[Call, Any], Awaitable[Any]]


@dataclass(frozen=True, slots=True)
class Row:
    """One operation: what travels, what runs, which callers it takes, whether it only reads."""

    operation: Operation[Any, Any]
    function: Function
    callers: CallerClass
    reads: bool

    @property
    def available(self) -> bool:
        """Whether this version has the operation."""
        return self.function is not unavailable


def row(
    operation: Operation[Request, Response],
    function: Callable[[Call, Request], Awaitable[Response]],
    callers: CallerClass,
    *,
    reads: bool = False,
) -> Row:
    """Pair an operation with the function of exactly its request and response."""
    return Row(operation, function, callers, reads)


def missing(operation: Operation[Any, Any], callers: CallerClass) -> Row:
    """Name an operation that this version does not have yet."""
    return Row(operation, unavailable, callers, reads=True)


SYNC_TABLE: Final = (
    row(wire.LIST_DATASETS, list_datasets, ANY, reads=True),
    row(wire.DESCRIBE_DATASET, describe_dataset, ANY, reads=True),
    row(wire.DELETE_DATASET, delete_dataset, ANY),
    row(wire.LIST_RECORDS, list_records, ANY, reads=True),
    row(wire.UPDATE_RECORDS, update_records, ANY),
    missing(wire.SUBSCRIBE_TO_DATASET, IDENTITY),
    missing(wire.UNSUBSCRIBE_FROM_DATASET, IDENTITY),
    missing(wire.REGISTER_DEVICE, IDENTITY),
    row(wire.DESCRIBE_IDENTITY_USAGE, describe_identity_usage, ANY, reads=True),
    row(wire.DESCRIBE_IDENTITY_POOL_USAGE, describe_identity_pool_usage, DEVELOPER, reads=True),
    row(wire.LIST_IDENTITY_POOL_USAGE, list_identity_pool_usage, DEVELOPER, reads=True),
    missing(wire.GET_IDENTITY_POOL_CONFIGURATION, DEVELOPER),
    missing(wire.SET_IDENTITY_POOL_CONFIGURATION, DEVELOPER),
    missing(wire.GET_COGNITO_EVENTS, DEVELOPER),
    missing(wire.SET_COGNITO_EVENTS, DEVELOPER),
    missing(wire.BULK_PUBLISH, DEVELOPER),
    missing(wire.GET_BULK_PUBLISH_DETAILS, DEVELOPER),
)
