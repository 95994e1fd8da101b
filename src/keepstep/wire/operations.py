"""The 17 operations of Cognito Sync: method, path, shapes, and where members travel.

A member that is neither in the path nor under ``query`` or ``headers`` travels in the body.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Final, Generic, TypeVar

import msgspec
from msgspec import inspect

from . import errors, sync
from .errors import ServiceError

Request = TypeVar("Request", bound=sync.Shape)
Response = TypeVar("Response", bound=sync.Shape | None)


@dataclass(frozen=True)
class Operation(Generic[Request, Response]):
    """One published operation.

    ``query`` and ``headers`` map member names to their names on the wire. ``response`` is None
    where the operation answers an empty body. ``errors`` are the modelled ones.
    """

    name: str
    method: str
    uri: str
    request: type[Request]
    response: type[Response] | None
    errors: frozenset[type[ServiceError]]
    query: Mapping[str, str] = field(default_factory=dict[str, str])
    headers: Mapping[str, str] = field(default_factory=dict[str, str])

    @cached_property
    def labels(self) -> tuple[str, ...]:
        """The members in the path, in order."""
        return tuple(re.findall(r"{(\w+)}", self.uri))

    @cached_property
    def body_members(self) -> frozenset[str]:
        """The members that travel in the body."""
        names = {f.encode_name for f in msgspec.structs.fields(self.request)}
        return frozenset(names - set(self.labels) - set(self.query) - set(self.headers))

    @cached_property
    def integer_members(self) -> frozenset[str]:
        """The members whose value is a whole number."""
        shape = inspect.type_info(self.request)
        assert isinstance(shape, inspect.StructType)
        return frozenset(
            field.encode_name
            for field in shape.fields
            if isinstance(field.type, inspect.IntType)
            or (
                isinstance(field.type, inspect.UnionType)
                and any(isinstance(choice, inspect.IntType) for choice in field.type.types)
            )
        )


_PAGE = {"NextToken": "nextToken", "MaxResults": "maxResults"}
_POOL = "/identitypools/{IdentityPoolId}"
_IDENTITY = _POOL + "/identities/{IdentityId}"
_DATASET = _IDENTITY + "/datasets/{DatasetName}"
_SUBSCRIPTION = _DATASET + "/subscriptions/{DeviceId}"

_EVERY: Final = frozenset[type[ServiceError]](
    {
        errors.NotAuthorizedException,
        errors.InvalidParameterException,
        errors.InternalErrorException,
    }
)
_THROTTLED: Final = _EVERY | {errors.TooManyRequestsException}
_FOUND: Final = _THROTTLED | {errors.ResourceNotFoundException}
_PUSH: Final = _FOUND | {errors.InvalidConfigurationException}

LIST_DATASETS: Final = Operation(
    "ListDatasets",
    "GET",
    _IDENTITY + "/datasets",
    sync.ListDatasetsRequest,
    sync.ListDatasetsResponse,
    _THROTTLED,
    query=_PAGE,
)
DESCRIBE_DATASET: Final = Operation(
    "DescribeDataset",
    "GET",
    _DATASET,
    sync.DescribeDatasetRequest,
    sync.DescribeDatasetResponse,
    _FOUND,
)
DELETE_DATASET: Final = Operation(
    "DeleteDataset",
    "DELETE",
    _DATASET,
    sync.DeleteDatasetRequest,
    sync.DeleteDatasetResponse,
    _FOUND | {errors.ResourceConflictException},
)
LIST_RECORDS: Final = Operation(
    "ListRecords",
    "GET",
    _DATASET + "/records",
    sync.ListRecordsRequest,
    sync.ListRecordsResponse,
    _THROTTLED,
    query={**_PAGE, "LastSyncCount": "lastSyncCount", "SyncSessionToken": "syncSessionToken"},
)
UPDATE_RECORDS: Final = Operation(
    "UpdateRecords",
    "POST",
    _DATASET,
    sync.UpdateRecordsRequest,
    sync.UpdateRecordsResponse,
    _FOUND
    | {
        errors.LimitExceededException,
        errors.ResourceConflictException,
        errors.InvalidLambdaFunctionOutputException,
        errors.LambdaThrottledException,
        errors.LambdaSocketTimeoutException,
    },
    headers={"ClientContext": "x-amz-Client-Context"},
)
SUBSCRIBE_TO_DATASET: Final = Operation(
    "SubscribeToDataset",
    "POST",
    _SUBSCRIPTION,
    sync.SubscribeToDatasetRequest,
    sync.SubscribeToDatasetResponse,
    _PUSH,
)
UNSUBSCRIBE_FROM_DATASET: Final = Operation(
    "UnsubscribeFromDataset",
    "DELETE",
    _SUBSCRIPTION,
    sync.UnsubscribeFromDatasetRequest,
    sync.UnsubscribeFromDatasetResponse,
    _PUSH,
)
REGISTER_DEVICE: Final = Operation(
    "RegisterDevice",
    "POST",
    _POOL + "/identity/{IdentityId}/device",
    sync.RegisterDeviceRequest,
    sync.RegisterDeviceResponse,
    _PUSH,
)
DESCRIBE_IDENTITY_USAGE: Final = Operation(
    "DescribeIdentityUsage",
    "GET",
    _IDENTITY,
    sync.DescribeIdentityUsageRequest,
    sync.DescribeIdentityUsageResponse,
    _FOUND,
)
DESCRIBE_IDENTITY_POOL_USAGE: Final = Operation(
    "DescribeIdentityPoolUsage",
    "GET",
    _POOL,
    sync.DescribeIdentityPoolUsageRequest,
    sync.DescribeIdentityPoolUsageResponse,
    _FOUND,
)
LIST_IDENTITY_POOL_USAGE: Final = Operation(
    "ListIdentityPoolUsage",
    "GET",
    "/identitypools",
    sync.ListIdentityPoolUsageRequest,
    sync.ListIdentityPoolUsageResponse,
    _THROTTLED,
    query=_PAGE,
)
GET_IDENTITY_POOL_CONFIGURATION: Final = Operation(
    "GetIdentityPoolConfiguration",
    "GET",
    _POOL + "/configuration",
    sync.GetIdentityPoolConfigurationRequest,
    sync.GetIdentityPoolConfigurationResponse,
    _FOUND,
)
SET_IDENTITY_POOL_CONFIGURATION: Final = Operation(
    "SetIdentityPoolConfiguration",
    "POST",
    _POOL + "/configuration",
    sync.SetIdentityPoolConfigurationRequest,
    sync.SetIdentityPoolConfigurationResponse,
    _FOUND | {errors.ConcurrentModificationException},
)
GET_COGNITO_EVENTS: Final = Operation(
    "GetCognitoEvents",
    "GET",
    _POOL + "/events",
    sync.GetCognitoEventsRequest,
    sync.GetCognitoEventsResponse,
    _FOUND,
)
SET_COGNITO_EVENTS: Final = Operation[sync.SetCognitoEventsRequest, None](
    "SetCognitoEvents",
    "POST",
    _POOL + "/events",
    sync.SetCognitoEventsRequest,
    None,
    _FOUND,
)
BULK_PUBLISH: Final = Operation(
    "BulkPublish",
    "POST",
    _POOL + "/bulkpublish",
    sync.BulkPublishRequest,
    sync.BulkPublishResponse,
    _EVERY
    | {
        errors.ResourceNotFoundException,
        errors.DuplicateRequestException,
        errors.AlreadyStreamedException,
    },
)
GET_BULK_PUBLISH_DETAILS: Final = Operation(
    "GetBulkPublishDetails",
    "POST",
    _POOL + "/getBulkPublishDetails",
    sync.GetBulkPublishDetailsRequest,
    sync.GetBulkPublishDetailsResponse,
    _EVERY | {errors.ResourceNotFoundException},
)

SYNC_OPERATIONS: Final[tuple[Operation[Any, Any], ...]] = (
    LIST_DATASETS,
    DESCRIBE_DATASET,
    DELETE_DATASET,
    LIST_RECORDS,
    UPDATE_RECORDS,
    SUBSCRIBE_TO_DATASET,
    UNSUBSCRIBE_FROM_DATASET,
    REGISTER_DEVICE,
    DESCRIBE_IDENTITY_USAGE,
    DESCRIBE_IDENTITY_POOL_USAGE,
    LIST_IDENTITY_POOL_USAGE,
    GET_IDENTITY_POOL_CONFIGURATION,
    SET_IDENTITY_POOL_CONFIGURATION,
    GET_COGNITO_EVENTS,
    SET_COGNITO_EVENTS,
    BULK_PUBLISH,
    GET_BULK_PUBLISH_DETAILS,
)
