"""The 23 operations of Cognito Identity; all are a POST of ``/`` and travel in the body alone."""

from typing import Any, Final

from . import errors, identity
from .errors import ServiceError
from .operations import Operation

_EVERY: Final = frozenset[type[ServiceError]](
    {
        errors.InvalidParameterException,
        errors.TooManyRequestsException,
        errors.InternalErrorException,
    }
)
_ALLOWED: Final = _EVERY | {errors.NotAuthorizedException}
_FOUND: Final = _ALLOWED | {errors.ResourceNotFoundException}
_CONFLICT: Final = _FOUND | {errors.ResourceConflictException}
_LOGINS: Final = _CONFLICT | {errors.ExternalServiceException}

CREATE_IDENTITY_POOL: Final = Operation(
    "CreateIdentityPool",
    "POST",
    "/",
    identity.CreateIdentityPoolRequest,
    identity.IdentityPool,
    _ALLOWED | {errors.ResourceConflictException, errors.LimitExceededException},
)
DELETE_IDENTITIES: Final = Operation(
    "DeleteIdentities",
    "POST",
    "/",
    identity.DeleteIdentitiesRequest,
    identity.DeleteIdentitiesResponse,
    _EVERY,
)
DELETE_IDENTITY_POOL: Final = Operation[identity.DeleteIdentityPoolRequest, None](
    "DeleteIdentityPool",
    "POST",
    "/",
    identity.DeleteIdentityPoolRequest,
    None,
    _FOUND,
)
DESCRIBE_IDENTITY: Final = Operation(
    "DescribeIdentity",
    "POST",
    "/",
    identity.DescribeIdentityRequest,
    identity.IdentityDescription,
    _FOUND,
)
DESCRIBE_IDENTITY_POOL: Final = Operation(
    "DescribeIdentityPool",
    "POST",
    "/",
    identity.DescribeIdentityPoolRequest,
    identity.IdentityPool,
    _FOUND,
)
GET_CREDENTIALS_FOR_IDENTITY: Final = Operation(
    "GetCredentialsForIdentity",
    "POST",
    "/",
    identity.GetCredentialsForIdentityRequest,
    identity.GetCredentialsForIdentityResponse,
    _LOGINS | {errors.InvalidIdentityPoolConfigurationException},
)
GET_ID: Final = Operation(
    "GetId",
    "POST",
    "/",
    identity.GetIdRequest,
    identity.GetIdResponse,
    _LOGINS | {errors.LimitExceededException},
)
GET_IDENTITY_POOL_ROLES: Final = Operation(
    "GetIdentityPoolRoles",
    "POST",
    "/",
    identity.GetIdentityPoolRolesRequest,
    identity.GetIdentityPoolRolesResponse,
    _CONFLICT,
)
GET_OPEN_ID_TOKEN: Final = Operation(
    "GetOpenIdToken",
    "POST",
    "/",
    identity.GetOpenIdTokenRequest,
    identity.GetOpenIdTokenResponse,
    _LOGINS,
)
GET_OPEN_ID_TOKEN_FOR_DEVELOPER_IDENTITY: Final = Operation(
    "GetOpenIdTokenForDeveloperIdentity",
    "POST",
    "/",
    identity.GetOpenIdTokenForDeveloperIdentityRequest,
    identity.GetOpenIdTokenForDeveloperIdentityResponse,
    _CONFLICT | {errors.DeveloperUserAlreadyRegisteredException},
)
GET_PRINCIPAL_TAG_ATTRIBUTE_MAP: Final = Operation(
    "GetPrincipalTagAttributeMap",
    "POST",
    "/",
    identity.GetPrincipalTagAttributeMapRequest,
    identity.GetPrincipalTagAttributeMapResponse,
    _FOUND,
)
LIST_IDENTITIES: Final = Operation(
    "ListIdentities",
    "POST",
    "/",
    identity.ListIdentitiesRequest,
    identity.ListIdentitiesResponse,
    _FOUND,
)
LIST_IDENTITY_POOLS: Final = Operation(
    "ListIdentityPools",
    "POST",
    "/",
    identity.ListIdentityPoolsRequest,
    identity.ListIdentityPoolsResponse,
    _FOUND,
)
LIST_TAGS_FOR_RESOURCE: Final = Operation(
    "ListTagsForResource",
    "POST",
    "/",
    identity.ListTagsForResourceRequest,
    identity.ListTagsForResourceResponse,
    _FOUND,
)
LOOKUP_DEVELOPER_IDENTITY: Final = Operation(
    "LookupDeveloperIdentity",
    "POST",
    "/",
    identity.LookupDeveloperIdentityRequest,
    identity.LookupDeveloperIdentityResponse,
    _CONFLICT,
)
MERGE_DEVELOPER_IDENTITIES: Final = Operation(
    "MergeDeveloperIdentities",
    "POST",
    "/",
    identity.MergeDeveloperIdentitiesRequest,
    identity.MergeDeveloperIdentitiesResponse,
    _CONFLICT,
)
SET_IDENTITY_POOL_ROLES: Final = Operation[identity.SetIdentityPoolRolesRequest, None](
    "SetIdentityPoolRoles",
    "POST",
    "/",
    identity.SetIdentityPoolRolesRequest,
    None,
    _CONFLICT | {errors.ConcurrentModificationException},
)
SET_PRINCIPAL_TAG_ATTRIBUTE_MAP: Final = Operation(
    "SetPrincipalTagAttributeMap",
    "POST",
    "/",
    identity.SetPrincipalTagAttributeMapRequest,
    identity.SetPrincipalTagAttributeMapResponse,
    _FOUND,
)
TAG_RESOURCE: Final = Operation(
    "TagResource",
    "POST",
    "/",
    identity.TagResourceRequest,
    identity.TagResourceResponse,
    _FOUND,
)
UNLINK_DEVELOPER_IDENTITY: Final = Operation[identity.UnlinkDeveloperIdentityRequest, None](
    "UnlinkDeveloperIdentity",
    "POST",
    "/",
    identity.UnlinkDeveloperIdentityRequest,
    None,
    _CONFLICT,
)
UNLINK_IDENTITY: Final = Operation[identity.UnlinkIdentityRequest, None](
    "UnlinkIdentity",
    "POST",
    "/",
    identity.UnlinkIdentityRequest,
    None,
    _LOGINS,
)
UNTAG_RESOURCE: Final = Operation(
    "UntagResource",
    "POST",
    "/",
    identity.UntagResourceRequest,
    identity.UntagResourceResponse,
    _FOUND,
)
UPDATE_IDENTITY_POOL: Final = Operation(
    "UpdateIdentityPool",
    "POST",
    "/",
    identity.IdentityPool,
    identity.IdentityPool,
    _CONFLICT | {errors.ConcurrentModificationException, errors.LimitExceededException},
)

IDENTITY_OPERATIONS: Final[tuple[Operation[Any, Any], ...]] = (
    CREATE_IDENTITY_POOL,
    DELETE_IDENTITIES,
    DELETE_IDENTITY_POOL,
    DESCRIBE_IDENTITY,
    DESCRIBE_IDENTITY_POOL,
    GET_CREDENTIALS_FOR_IDENTITY,
    GET_ID,
    GET_IDENTITY_POOL_ROLES,
    GET_OPEN_ID_TOKEN,
    GET_OPEN_ID_TOKEN_FOR_DEVELOPER_IDENTITY,
    GET_PRINCIPAL_TAG_ATTRIBUTE_MAP,
    LIST_IDENTITIES,
    LIST_IDENTITY_POOLS,
    LIST_TAGS_FOR_RESOURCE,
    LOOKUP_DEVELOPER_IDENTITY,
    MERGE_DEVELOPER_IDENTITIES,
    SET_IDENTITY_POOL_ROLES,
    SET_PRINCIPAL_TAG_ATTRIBUTE_MAP,
    TAG_RESOURCE,
    UNLINK_DEVELOPER_IDENTITY,
    UNLINK_IDENTITY,
    UNTAG_RESOURCE,
    UPDATE_IDENTITY_POOL,
)
UNSIGNED: Final = frozenset(
    operation.name
    for operation in (GET_ID, GET_CREDENTIALS_FOR_IDENTITY, GET_OPEN_ID_TOKEN, UNLINK_IDENTITY)
)
"""The operations that anyone may call without a signature; all others are for developers."""
