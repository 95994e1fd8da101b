"""The two operations of the Security Token Service that the Cognito flows need, and their shapes.

A member that is None is left out, and tokens and secrets are not printed.
"""

from typing import Any, Final

from msgspec import field

from . import errors
from .members import (
    AccessKeyId,
    AssumedRoleId,
    MinimumSessionTokenSize,
    ProviderUrl,
    RoleDurationSeconds,
    RoleSessionName,
    SecretKey,
    SessionPolicy,
    SessionToken,
    SourceIdentity,
    StsArn,
    Timestamp,
    WebIdentitySubject,
    WebIdentityToken,
    WholeNumber,
)
from .operations import Operation
from .sensitive import Shape


class PolicyDescriptor(Shape):
    """A managed policy that narrows a session."""

    arn: StsArn | None = field(default=None, name="arn")


class Credentials(Shape):
    """Temporary credentials; the secret is ``SecretAccessKey`` here, ``SecretKey`` in Cognito."""

    access_key_id: AccessKeyId
    secret_access_key: SecretKey
    session_token: SessionToken
    expiration: Timestamp


class AssumedRoleUser(Shape):
    assumed_role_id: AssumedRoleId
    arn: StsArn


class AssumeRoleWithWebIdentityRequest(Shape):
    role_arn: StsArn
    role_session_name: RoleSessionName
    web_identity_token: WebIdentityToken
    provider_id: ProviderUrl | None = None
    policy_arns: list[PolicyDescriptor] | None = None
    policy: SessionPolicy | None = None
    duration_seconds: RoleDurationSeconds | None = None
    minimum_session_token_size: MinimumSessionTokenSize | None = None


class AssumeRoleWithWebIdentityResponse(Shape):
    credentials: Credentials
    subject_from_web_identity_token: WebIdentitySubject
    assumed_role_user: AssumedRoleUser
    packed_policy_size: WholeNumber | None = None
    provider: str | None = None
    audience: str | None = None
    source_identity: SourceIdentity | None = None
    session_token_utilization: WholeNumber | None = None
    session_token_size: WholeNumber | None = None


class GetCallerIdentityRequest(Shape):
    pass


class GetCallerIdentityResponse(Shape):
    user_id: str
    account: str
    arn: StsArn


ASSUME_ROLE_WITH_WEB_IDENTITY: Final = Operation(
    "AssumeRoleWithWebIdentity",
    "POST",
    "/",
    AssumeRoleWithWebIdentityRequest,
    AssumeRoleWithWebIdentityResponse,
    frozenset(
        {
            errors.MalformedPolicyDocumentException,
            errors.PackedPolicyTooLargeException,
            errors.IDPRejectedClaimException,
            errors.IDPCommunicationErrorException,
            errors.InvalidIdentityTokenException,
            errors.IdentityTokenExpiredException,
            errors.RegionDisabledException,
        }
    ),
)
GET_CALLER_IDENTITY: Final = Operation(
    "GetCallerIdentity",
    "POST",
    "/",
    GetCallerIdentityRequest,
    GetCallerIdentityResponse,
    frozenset(),
)

STS_OPERATIONS: Final[tuple[Operation[Any, Any], ...]] = (
    ASSUME_ROLE_WITH_WEB_IDENTITY,
    GET_CALLER_IDENTITY,
)
UNSIGNED: Final = frozenset({ASSUME_ROLE_WITH_WEB_IDENTITY.name})
"""The operations that take no signature."""
