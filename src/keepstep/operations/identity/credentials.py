"""Granting temporary credentials: the last step of every sign-in, here and in STS."""

from dataclasses import dataclass

from keepstep.domain.access import new_secret
from keepstep.domain.credentials import (
    ENHANCED_SESSION_NAME,
    IdentityCaller,
    TemporaryCredentials,
    new_temporary_key_id,
    seal_credentials,
)
from keepstep.domain.openid_tokens import OpenIdToken
from keepstep.domain.roles import Role
from keepstep.interfaces.service import Call


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant:
    """Who gets which role for how long (milliseconds), under which session policies."""

    token: OpenIdToken
    role: Role
    life: int
    session_name: str = ENHANCED_SESSION_NAME
    session_policies: tuple[str, ...] = ()
    scoped_down: bool = False


def grant_credentials(call: Call, grant: Grant) -> tuple[TemporaryCredentials, str]:
    """Make credentials and their session token."""
    service = call.service
    now = service.clock()
    credentials = TemporaryCredentials(
        caller=IdentityCaller(
            account_id=call.account_id,
            access_key_id=new_temporary_key_id(service.entropy),
            identity_id=grant.token.identity_id,
            identity_pool_id=grant.token.identity_pool_id,
            role_arn=grant.role.arn,
            role_id=grant.role.role_id,
            session_name=grant.session_name,
            issued_at=now,
            amr=grant.token.amr,
            principal_tags=grant.token.principal_tags,
            session_policies=grant.session_policies,
            scoped_down=grant.scoped_down,
        ),
        secret=new_secret(service.entropy),
        expires_at=now + grant.life,
    )
    return credentials, seal_credentials(credentials, service.sealer)
