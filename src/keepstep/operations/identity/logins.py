"""The logins of a call, verified against the providers that its pool accepts."""

from collections.abc import Mapping

from keepstep.domain.identities import Identity, Login
from keepstep.domain.logins import COGNITO_LOGIN, UNSUPPORTED_PROVIDER, VerifiedLogin
from keepstep.domain.openid_tokens import OpenIdToken, TokenExpired, TokenInvalid, is_own, verify
from keepstep.domain.pools import IdentityPool
from keepstep.domain.revocations import EVERYTHING, guest_subject, identity_subject, pool_subject
from keepstep.domain.session_claims import GUEST_AMR
from keepstep.interfaces.service import Call
from keepstep.wire.errors import InvalidParameterException, NotAuthorizedException


async def verified_logins(
    call: Call, pool: IdentityPool, logins: Mapping[str, str]
) -> list[VerifiedLogin]:
    """Verify every login of a call; one that fails fails them all.

    Raises NotAuthorizedException with the text of the first failed check,
    InvalidParameterException for the developer provider's name, ExternalServiceException.
    """
    verified: list[VerifiedLogin] = []
    for provider_name, token in logins.items():
        if provider_name == pool.settings.developer_provider_name:
            raise InvalidParameterException("Please provide a valid public provider.")
        if provider_name == COGNITO_LOGIN or is_own(token, call.service.account.token_issuer):
            raise cognito_token_misplaced()
        audiences = accepted_audiences(call, pool, provider_name)
        if audiences is None:
            raise NotAuthorizedException(UNSUPPORTED_PROVIDER)
        verified.append(await call.service.logins.verify(provider_name, token, audiences))
    return verified


def as_logins(verified: list[VerifiedLogin]) -> list[Login]:
    """Give verified logins as identities are linked to them."""
    return [Login(provider_name=one.provider_name, subject=one.subject) for one in verified]


async def verified_own_token(call: Call, identity: Identity, token: str) -> OpenIdToken:
    """Verify a token of this server, which stands for all logins of its identity.

    Raises NotAuthorizedException.
    """
    service = call.service
    try:
        opened = verify(
            token,
            await service.token_keys.published(),
            issuer=service.account.token_issuer,
            now=service.clock(),
        )
    except TokenInvalid:
        raise _no_cognito_token() from None
    except TokenExpired as error:
        raise NotAuthorizedException(
            f"Invalid login token. Token expired: {error.now} >= {error.expiry}"
        ) from None
    if opened.identity_pool_id != identity.identity_pool_id:
        raise _no_cognito_token()
    if await is_revoked(call, opened):
        raise NotAuthorizedException("Invalid login token. Token has been revoked.")
    return opened


async def is_revoked(call: Call, token: OpenIdToken) -> bool:
    """Whether the identity or the pool of a token was revoked after it was issued."""
    subjects = (
        EVERYTHING,
        pool_subject(token.identity_pool_id),
        identity_subject(token.identity_id),
        *((guest_subject(token.identity_id),) if token.amr == GUEST_AMR else ()),
    )
    return await call.service.revocations.find(subjects, token.issued_at) is not None


def cognito_token_misplaced() -> NotAuthorizedException:
    """Give the error for a Cognito token where a provider's belongs (aws-sdk-net issue 420)."""
    return NotAuthorizedException("Invalid login token. Can't pass in a Cognito token.")


def _no_cognito_token() -> NotAuthorizedException:
    return NotAuthorizedException("Invalid login token. Not a Cognito token.")


def accepted_audiences(call: Call, pool: IdentityPool, provider_name: str) -> list[str] | None:
    """Give the client ids that a pool accepts from a provider; empty for the provider's own.

    None if the provider is not one of the pool's.
    """
    settings = pool.settings
    user_pools = settings.cognito_identity_providers
    clients = [
        provider.client_id
        for provider in user_pools
        if provider.provider_name == provider_name and provider.client_id is not None
    ]
    if clients:
        return clients
    if provider_name in settings.supported_login_providers:
        return settings.supported_login_providers[provider_name].split(";")
    logins = call.service.logins
    arns = settings.open_id_connect_provider_arns
    if logins.takes_any_provider or provider_name in map(logins.find_arn, arns):
        return []
    return None
