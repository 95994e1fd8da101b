"""GetId, GetOpenIdToken, GetCredentialsForIdentity and the developer's way in."""

from collections.abc import Mapping

from keepstep.domain.identities import Identity, Login
from keepstep.domain.limits import CREDENTIALS_MS, DEVELOPER_TOKEN_MS, OPENID_TOKEN_MS, SECOND_MS
from keepstep.domain.linking import (
    Linking,
    check_developer_user,
    forbidden,
    logins_do_not_match,
    sign_in,
    sign_in_as,
)
from keepstep.domain.logins import COGNITO_LOGIN, VerifiedLogin
from keepstep.domain.openid_tokens import OpenIdToken, issue
from keepstep.domain.pools import IdentityPool, region_of
from keepstep.domain.roles import AUTHENTICATED, UNAUTHENTICATED, assumable, choose_role
from keepstep.domain.session_claims import GUEST_AMR, authentication_methods, principal_tags
from keepstep.interfaces.service import Call
from keepstep.wire import identity as wire
from keepstep.wire.errors import (
    InvalidIdentityPoolConfigurationException,
    InvalidParameterException,
    NotAuthorizedException,
)

from .credentials import Grant, grant_credentials
from .logins import (
    accepted_audiences,
    as_logins,
    cognito_token_misplaced,
    verified_logins,
    verified_own_token,
)
from .lookup import existing_identity, existing_pool, identity_in_pool, settle, surviving


async def get_id(call: Call, request: wire.GetIdRequest) -> wire.GetIdResponse:
    """Give the identity of the logins, made at first use; without any, a new guest each time.

    AccountId is not compared: apps that moved from AWS have its account number built in.

    Raises ResourceNotFoundException, NotAuthorizedException, ResourceConflictException,
    InvalidParameterException and ExternalServiceException.
    """
    pool = await existing_pool(call, request.identity_pool_id)
    logins = as_logins(await verified_logins(call, pool, request.logins or {}))
    if not logins:
        _check_guests(pool)

    async def decide() -> Linking:
        owners = await _owners(call, pool, logins)
        return sign_in(logins, owners, pool.settings.developer_provider_name)

    identity = await settle(call, pool, decide)
    return wire.GetIdResponse(identity_id=identity.identity_id)


async def get_open_id_token(
    call: Call, request: wire.GetOpenIdTokenRequest
) -> wire.GetOpenIdTokenResponse:
    """Give a token that says who signed in, for STS: the classic flow.

    Raises what ``get_id`` raises.
    """
    identity = await existing_identity(call, request.identity_id)
    pool = await existing_pool(call, identity.identity_pool_id)
    if pool.settings.allow_classic_flow is False:
        raise InvalidParameterException(
            "Basic (classic) flow is not enabled, please use enhanced flow."
        )
    verified = await verified_logins(call, pool, request.logins or {})
    identity = await _signed_in(call, pool, identity, verified)
    token = _token(pool, identity, verified, None)
    return wire.GetOpenIdTokenResponse(
        identity_id=identity.identity_id, token=await _issue(call, token, OPENID_TOKEN_MS)
    )


async def get_credentials_for_identity(
    call: Call, request: wire.GetCredentialsForIdentityRequest
) -> wire.GetCredentialsForIdentityResponse:
    """Give temporary credentials of an identity, in the role that its pool has for it.

    The answer's IdentityId is another one than the request's if that was merged away, or if the
    logins already had an identity.

    Raises what ``get_id`` raises, and InvalidIdentityPoolConfigurationException.
    """
    identity = await existing_identity(call, request.identity_id)
    pool = await existing_pool(call, identity.identity_pool_id)
    logins = request.logins or {}
    verified: list[VerifiedLogin] = []
    if COGNITO_LOGIN in logins:
        if len(logins) > 1:
            raise cognito_token_misplaced()
        token = await verified_own_token(call, identity, logins[COGNITO_LOGIN])
        if token.identity_id != identity.identity_id:
            raise logins_do_not_match()
        if identity.disabled:
            raise forbidden(identity.identity_id)
        if token.amr == GUEST_AMR:
            _check_guests(pool)
    else:
        verified = await verified_logins(call, pool, logins)
        identity = await _signed_in(call, pool, identity, verified)
        token = _token(pool, identity, verified, None)
    guest = token.amr == GUEST_AMR
    default = call.service.roles.of_pool(pool.settings).get(
        UNAUTHENTICATED if guest else AUTHENTICATED
    )
    role_arn = choose_role(pool.settings, default, verified, request.custom_role_arn)
    role = assumable(call.service.roles, role_arn, token)
    if role is None:
        raise InvalidIdentityPoolConfigurationException(
            "Invalid identity pool configuration. Check assigned IAM roles for this pool."
        )
    grant = Grant(token=token, role=role, life=CREDENTIALS_MS, scoped_down=guest)
    credentials, session_token = grant_credentials(call, grant)
    return wire.GetCredentialsForIdentityResponse(
        identity_id=identity.identity_id,
        credentials=wire.Credentials(
            access_key_id=credentials.caller.access_key_id,
            secret_key=credentials.secret,
            session_token=session_token,
            expiration=credentials.expires_at / SECOND_MS,
        ),
    )


async def get_open_id_token_for_developer_identity(
    call: Call, request: wire.GetOpenIdTokenForDeveloperIdentityRequest
) -> wire.GetOpenIdTokenForDeveloperIdentityResponse:
    """Give a token for a user whom the developer's own backend has signed in.

    Raises what ``get_id`` raises, and DeveloperUserAlreadyRegisteredException if the user has
    another identity than the one asked for.
    """
    pool = await existing_pool(call, request.identity_pool_id)
    user, public = _developer_user(call, pool, request.logins)
    verified = await verified_logins(call, pool, public)
    logins = [user, *as_logins(verified)]

    async def decide() -> Linking:
        owners = await _owners(call, pool, logins)
        provider = pool.settings.developer_provider_name
        if request.identity_id is None:
            return sign_in(logins, owners, provider)
        asked = await identity_in_pool(call, pool.identity_pool_id, request.identity_id)
        identity = await surviving(call, asked, logins)
        check_developer_user(identity, user, owners, request.identity_id)
        return sign_in_as(identity, logins, owners, provider)

    identity = await settle(call, pool, decide)
    token = _token(pool, identity, verified, user, request.principal_tags or {})
    seconds = request.token_duration
    life = DEVELOPER_TOKEN_MS if seconds is None else seconds * SECOND_MS
    return wire.GetOpenIdTokenForDeveloperIdentityResponse(
        identity_id=identity.identity_id, token=await _issue(call, token, life)
    )


async def _signed_in(
    call: Call, pool: IdentityPool, asked: Identity, verified: list[VerifiedLogin]
) -> Identity:
    """Give the identity that a caller who asked for one ends up with.

    Raises NotAuthorizedException and ResourceConflictException.
    """
    logins = as_logins(verified)
    if not logins:
        _check_guests(pool)
        if not asked.is_guest:
            raise forbidden(asked.identity_id)
        return asked

    async def decide() -> Linking:
        identity = await existing_identity(call, asked.identity_id)
        identity = await surviving(call, identity, logins)
        owners = await _owners(call, pool, logins)
        return sign_in_as(identity, logins, owners, pool.settings.developer_provider_name)

    return await settle(call, pool, decide)


async def _owners(call: Call, pool: IdentityPool, logins: list[Login]) -> list[Identity]:
    if not logins:
        return []
    return await call.service.store.find_identities(pool.identity_pool_id, logins)


def _check_guests(pool: IdentityPool) -> None:
    if not pool.settings.allow_unauthenticated:
        raise NotAuthorizedException(
            "Unauthenticated access is not supported for this identity pool."
        )


def _developer_user(
    call: Call, pool: IdentityPool, logins: Mapping[str, str]
) -> tuple[Login, dict[str, str]]:
    """Part the developer's user from the public logins.

    Raises InvalidParameterException if there is none, or a second one of another provider;
    NotAuthorizedException for a pool without a developer provider.
    """
    provider = pool.settings.developer_provider_name
    if provider is None:
        raise NotAuthorizedException(
            "This identity pool does not support the specified developer provider"
        )
    public = dict(logins)
    user = public.pop(provider, None)
    if user is None:
        raise InvalidParameterException(
            f"Logins must have one user identifier of the developer provider {provider}."
        )
    for name in public:
        if name != COGNITO_LOGIN and accepted_audiences(call, pool, name) is None:
            raise InvalidParameterException(
                f"{name} is no login provider of this identity pool; beside {provider}, Logins may "
                "have those only."
            )
    return Login(provider_name=provider, subject=user), public


def _token(
    pool: IdentityPool,
    identity: Identity,
    verified: list[VerifiedLogin],
    user: Login | None,
    tags: Mapping[str, str] | None = None,
) -> OpenIdToken:
    signed_in = bool(verified) or user is not None
    amr = authentication_methods(verified, user, pool.identity_pool_id) if signed_in else GUEST_AMR
    return OpenIdToken(
        identity_id=identity.identity_id,
        identity_pool_id=pool.identity_pool_id,
        amr=amr,
        principal_tags={**principal_tags(pool.settings, verified), **(tags or {})},
    )


async def _issue(call: Call, token: OpenIdToken, life: int) -> str:
    account = call.service.account
    return issue(
        token,
        await call.service.token_keys.current(),
        issuer=account.token_issuer,
        region=region_of(token.identity_pool_id),
        account_id=account.account_id,
        now=call.service.clock(),
        life=life,
    )
