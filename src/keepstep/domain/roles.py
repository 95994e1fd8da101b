"""Roles: what temporary credentials may do, who gets which, and the two that are built in."""

import base64
import hashlib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, cast

import msgspec

from keepstep.wire.errors import NotAuthorizedException
from keepstep.wire.identity import MappingRule, RoleMapping

from .logins import COGNITO_LOGIN, VerifiedLogin
from .openid_tokens import OpenIdToken
from .policies import Context, Policy, trusts
from .pools import PoolSettings

AUTHENTICATED: Final = "authenticated"
UNAUTHENTICATED: Final = "unauthenticated"
ASSUME: Final = "sts:AssumeRoleWithWebIdentity"
ROLE_SESSION_SECONDS_MAX: Final = 3600
"""Longest session of a role that does not say otherwise (IAM's default)."""

_OWN_IDENTITY = (
    "arn:aws:cognito-sync:*:*:identitypool/${cognito-identity.amazonaws.com:aud}"
    "/identity/${cognito-identity.amazonaws.com:sub}"
)
OWN_DATA_POLICY: Final = {
    "Version": "2012-10-17",
    "Statement": {
        "Effect": "Allow",
        "Action": "cognito-sync:*",
        "Resource": [_OWN_IDENTITY, f"{_OWN_IDENTITY}/*"],
    },
}
"""What the built-in roles allow: everything with the caller's own data."""

GUEST_POLICY: Final = Policy.parse(
    {
        "Version": "2012-10-17",
        "Statement": {
            "Effect": "Allow",
            "Action": ["cognito-sync:*", "cognito-identity:*", "sts:GetCallerIdentity"],
            "Resource": "*",
        },
    }
)
"""What is left to guests of the enhanced flow, whatever their role allows (developer guide,
"IAM roles")."""


class Role(msgspec.Struct, frozen=True, kw_only=True):
    """A role: who may take it on, and what it then may do."""

    arn: str
    trust: Policy
    policies: tuple[Policy, ...]
    max_session_seconds: int = ROLE_SESSION_SECONDS_MAX

    @property
    def role_id(self) -> str:
        """Its unique id, of AWS's form."""
        digest = hashlib.sha256(self.arn.encode()).digest()
        return f"AROA{base64.b32encode(digest).decode('ascii')[:17]}"


def role_arn(account_id: str, name: str, path: str = "/") -> str:
    """Give the ARN of a role."""
    return f"arn:aws:iam::{account_id}:role{path}{name}"


def built_in_roles(account_id: str) -> dict[str, Role]:
    """Give the roles of pools that have no others, by ``authenticated`` and ``unauthenticated``."""
    return {
        kind: Role(
            arn=role_arn(account_id, f"CognitoDefault{kind.capitalize()}Role"),
            trust=Policy.parse_trust(_trust(kind)),
            policies=(Policy.parse(OWN_DATA_POLICY),),
        )
        for kind in (AUTHENTICATED, UNAUTHENTICATED)
    }


class Roles:
    """The roles a server knows, by ARN."""

    def __init__(
        self, account_id: str, configured: Iterable[Role] = (), *, attach: bool = True
    ) -> None:
        """``attach`` gives the built-in roles to pools that were given none."""
        self._built_in = built_in_roles(account_id)
        self._roles = {role.arn: role for role in (*self._built_in.values(), *configured)}
        self._attach = attach

    def find(self, arn: str) -> Role | None:
        """Give a role, or None."""
        return self._roles.get(arn)

    def of_pool(self, settings: PoolSettings) -> Mapping[str, str]:
        """Give the role ARNs of a pool, by ``authenticated`` and ``unauthenticated``."""
        if settings.roles is not None:
            return settings.roles
        return {kind: role.arn for kind, role in self._built_in.items()} if self._attach else {}


def assumable(roles: Roles, arn: str | None, token: OpenIdToken) -> Role | None:
    """Give a role if there is such a one and it trusts the sign-in."""
    role = roles.find(arn) if arn is not None else None
    context = {
        **cognito_context(token.identity_id, token.identity_pool_id, token.amr),
        **{f"aws:requesttag/{name.lower()}": (tag,) for name, tag in token.principal_tags.items()},
    }
    if role is None or not trusts(
        role.trust, federated=COGNITO_LOGIN, action=ASSUME, context=context
    ):
        return None
    return role


def choose_role(
    settings: PoolSettings,
    default: str | None,
    logins: Sequence[VerifiedLogin],
    custom_role_arn: str | None,
) -> str | None:
    """Choose the role of a signed-in identity; None if the pool has none for it.

    The first login that has a mapping decides (developer guide, "Role-based access control").

    Raises NotAuthorizedException if the mapping denies, or the custom role is not the user's.
    """
    for login in logins:
        mapping = settings.role_mappings.get(_mapping_key(login, settings))
        if mapping is None:
            continue
        candidates = _mapped(mapping, login.claims)
        if custom_role_arn is not None:
            if custom_role_arn in candidates:
                return custom_role_arn
            raise _role_forbidden(custom_role_arn)
        chosen = _chosen(mapping, login.claims, candidates)
        if chosen is not None:
            return chosen
        if mapping.ambiguous_role_resolution != "AuthenticatedRole":
            raise NotAuthorizedException(
                f"The ambiguous role mapping rules for: {login.provider_name} denied this request."
            )
        return default
    if custom_role_arn is not None:
        raise _role_forbidden(custom_role_arn)
    return default


def cognito_context(identity_id: str, identity_pool_id: str, amr: tuple[str, ...]) -> Context:
    """Give what policies may ask about a sign-in."""
    return {
        "cognito-identity.amazonaws.com:sub": (identity_id,),
        "cognito-identity.amazonaws.com:aud": (identity_pool_id,),
        "cognito-identity.amazonaws.com:amr": amr,
        "aws:federatedprovider": (COGNITO_LOGIN,),
    }


def _trust(kind: str) -> dict[str, Any]:
    """Trust sign-ins of one kind in any pool: every pool has the built-in roles."""
    return {
        "Version": "2012-10-17",
        "Statement": {
            "Effect": "Allow",
            "Principal": {"Federated": COGNITO_LOGIN},
            "Action": [ASSUME, "sts:TagSession"],
            "Condition": {
                "ForAnyValue:StringLike": {"cognito-identity.amazonaws.com:amr": kind},
            },
        },
    }


def _mapping_key(login: VerifiedLogin, settings: PoolSettings) -> str:
    """Give the key of a login's mapping; for a user pool it ends in the client id."""
    with_client = f"{login.provider_name}:{login.audience}"
    return with_client if with_client in settings.role_mappings else login.provider_name


def _mapped(mapping: RoleMapping, claims: Mapping[str, Any]) -> list[str]:
    """Give every role that a mapping has for the claims, the first choice first."""
    if mapping.type == "Token":
        return _texts(claims.get("cognito:roles"))
    rules = mapping.rules_configuration.rules if mapping.rules_configuration is not None else []
    return [rule.role_arn for rule in rules if _holds(rule, claims)]


def _chosen(
    mapping: RoleMapping, claims: Mapping[str, Any], candidates: Sequence[str]
) -> str | None:
    if mapping.type == "Rules":
        return candidates[0] if candidates else None
    preferred = claims.get("cognito:preferred_role")
    if isinstance(preferred, str):
        return preferred
    return candidates[0] if len(candidates) == 1 else None


def _holds(rule: MappingRule, claims: Mapping[str, Any]) -> bool:
    values = _texts(claims.get(rule.claim), separator=None)
    match rule.match_type:
        case "Equals":
            return any(value == rule.value for value in values)
        case "NotEqual":
            return bool(values) and all(value != rule.value for value in values)
        case "StartsWith":
            return any(value.startswith(rule.value) for value in values)
        case "Contains":
            return any(rule.value in value for value in values)


def _texts(claim: object, separator: str | None = ",") -> list[str]:
    """Give a claim's values; a list, a text, or several texts with a separator."""
    if isinstance(claim, list):
        return [str(value) for value in cast("list[object]", claim)]
    if isinstance(claim, str):
        return claim.split(separator) if separator is not None else [claim]
    if isinstance(claim, bool):
        return ["true" if claim else "false"]
    return [] if claim is None else [str(claim)]


def _role_forbidden(arn: str) -> NotAuthorizedException:
    return NotAuthorizedException(f"Access to Role '{arn}' is forbidden.")
