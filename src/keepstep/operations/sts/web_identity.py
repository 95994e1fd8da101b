"""AssumeRoleWithWebIdentity: the second half of the classic flow."""

from keepstep.domain.limits import SECOND_MS
from keepstep.domain.logins import COGNITO_LOGIN
from keepstep.domain.openid_tokens import OpenIdToken, TokenExpired, TokenInvalid, verify
from keepstep.domain.policies import Policy, PolicyInvalid
from keepstep.domain.roles import ROLE_SESSION_SECONDS_MAX, Role, assumable
from keepstep.interfaces.service import Call
from keepstep.operations.identity.credentials import Grant, grant_credentials
from keepstep.operations.identity.logins import is_revoked
from keepstep.wire import sts as wire
from keepstep.wire.errors import (
    AccessDeniedException,
    IdentityTokenExpiredException,
    InvalidIdentityTokenException,
    MalformedPolicyDocumentException,
    ValidationException,
)

_SESSION_POLICY_LENGTH_MAX = 2048


async def assume_role_with_web_identity(
    call: Call, request: wire.AssumeRoleWithWebIdentityRequest
) -> wire.AssumeRoleWithWebIdentityResponse:
    """Give temporary credentials of the identity that a Cognito token is about, in a role.

    Only this server's own tokens are taken.

    Raises InvalidIdentityTokenException, IdentityTokenExpiredException, AccessDeniedException
    with one text for an unknown role and for one that trusts others,
    MalformedPolicyDocumentException, and ValidationException for too long a duration.
    """
    token = await _opened(call, request.web_identity_token)
    role = assumable(call.service.roles, request.role_arn, token)
    if role is None:
        raise AccessDeniedException("Not authorized to perform sts:AssumeRoleWithWebIdentity")
    grant = Grant(
        token=token,
        role=role,
        life=_seconds(request.duration_seconds, role) * SECOND_MS,
        session_name=request.role_session_name,
        session_policies=_session_policies(request),
    )
    credentials, session_token = grant_credentials(call, grant)
    caller = credentials.caller
    size = sum(map(len, caller.session_policies))
    return wire.AssumeRoleWithWebIdentityResponse(
        credentials=wire.Credentials(
            access_key_id=caller.access_key_id,
            secret_access_key=credentials.secret,
            session_token=session_token,
            expiration=credentials.expires_at / SECOND_MS,
        ),
        subject_from_web_identity_token=caller.identity_id,
        assumed_role_user=wire.AssumedRoleUser(assumed_role_id=caller.user_id, arn=caller.arn),
        packed_policy_size=100 * size // _SESSION_POLICY_LENGTH_MAX if size else None,
        provider=COGNITO_LOGIN,
        audience=caller.identity_pool_id,
    )


async def _opened(call: Call, web_identity_token: str) -> OpenIdToken:
    service = call.service
    try:
        token = verify(
            web_identity_token,
            await service.token_keys.published(),
            issuer=service.account.token_issuer,
            now=service.clock(),
        )
    except TokenInvalid:
        raise InvalidIdentityTokenException(
            "The token is not one that this server issued."
        ) from None
    except TokenExpired as error:
        raise IdentityTokenExpiredException(
            f"Token expired: current date/time {error.now} must be before the expiration "
            f"date/time {error.expiry}"
        ) from None
    if await is_revoked(call, token):
        raise InvalidIdentityTokenException("The token has been revoked.")
    return token


def _seconds(asked: int | None, role: Role) -> int:
    if asked is None:
        return min(ROLE_SESSION_SECONDS_MAX, role.max_session_seconds)
    if asked > role.max_session_seconds:
        raise ValidationException(
            "The requested DurationSeconds exceeds the MaxSessionDuration set for this role."
        )
    return asked


def _session_policies(request: wire.AssumeRoleWithWebIdentityRequest) -> tuple[str, ...]:
    if request.policy_arns:
        raise MalformedPolicyDocumentException(
            "Managed policies are not kept here; give the policy itself as Policy."
        )
    if request.policy is None:
        return ()
    try:
        Policy.parse(request.policy)
    except PolicyInvalid as error:
        raise MalformedPolicyDocumentException(str(error)) from None
    return (request.policy,)
