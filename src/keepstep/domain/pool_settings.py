"""Changes of an identity pool's settings: what a request makes of them, and what is refused."""

from collections.abc import Collection, Iterable, Mapping

import msgspec

from keepstep.wire import identity as wire
from keepstep.wire.errors import InvalidParameterException, LimitExceededException

from .limits import MAPPING_RULES_MAX, POOL_TAGS_MAX, USER_POOL_PROVIDERS_MAX
from .logins import COGNITO_LOGIN
from .pools import IdentityPool, PoolSettings, PrincipalTagMap


def requested_settings(
    request: wire.CreateIdentityPoolRequest | wire.IdentityPool, before: PoolSettings
) -> PoolSettings:
    """Give the settings a request asks for; what it leaves out goes back to its default.

    The developer provider's name stays once it is set (developer guide, "Developer authenticated
    identities"), tags stay unless some are given, and what other operations set stays.

    Raises InvalidParameterException for another developer provider's name, one that is a public
    provider's, a user pool without its name or client, and too many tags; LimitExceededException
    for too many clients of user pools.
    """
    user_pools = _user_pools(request.cognito_identity_providers or ())
    public = request.supported_login_providers or {}
    developer = _developer_provider(request.developer_provider_name, before)
    if developer in {COGNITO_LOGIN, *public, *(one.provider_name for one in user_pools)}:
        raise InvalidParameterException(
            f"DeveloperProviderName {developer} is the name of a public provider; choose another."
        )
    tags = request.identity_pool_tags
    return msgspec.structs.replace(
        before,
        allow_unauthenticated=request.allow_unauthenticated_identities,
        allow_classic_flow=request.allow_classic_flow,
        supported_login_providers=public,
        developer_provider_name=developer,
        open_id_connect_provider_arns=tuple(request.open_id_connect_provider_arns or ()),
        cognito_identity_providers=user_pools,
        saml_provider_arns=tuple(request.saml_provider_arns or ()),
        tags=before.tags if tags is None else _checked_tags(tags),
    )


def with_roles(
    settings: PoolSettings,
    roles: Mapping[str, str],
    role_mappings: Mapping[str, wire.RoleMapping],
) -> PoolSettings:
    """Replace all roles and role mappings.

    Raises InvalidParameterException for a mapping that lacks what its type needs, or has too many
    rules.
    """
    for provider_name, mapping in role_mappings.items():
        _check_mapping(provider_name, mapping)
    return msgspec.structs.replace(settings, roles=roles, role_mappings=role_mappings)


def with_principal_tags(
    settings: PoolSettings, provider_name: str, mapping: PrincipalTagMap
) -> PoolSettings:
    """Replace which session tags the claims of one provider become."""
    mappings = {**settings.principal_tags, provider_name: mapping}
    return msgspec.structs.replace(settings, principal_tags=mappings)


def with_tags(settings: PoolSettings, tags: Mapping[str, str]) -> PoolSettings:
    """Add tags, or give those that are there new values.

    Raises InvalidParameterException if there would be too many.
    """
    return msgspec.structs.replace(settings, tags=_checked_tags({**settings.tags, **tags}))


def without_tags(settings: PoolSettings, keys: Collection[str]) -> PoolSettings:
    """Take tags off; those that are not there are passed over."""
    left = {key: value for key, value in settings.tags.items() if key not in keys}
    return msgspec.structs.replace(settings, tags=left)


def changed_pool(
    pool: IdentityPool, settings: PoolSettings, *, now: int, name: str | None = None
) -> IdentityPool:
    """Give the next version of a pool, and a new name if there is one."""
    return msgspec.structs.replace(
        pool,
        name=pool.name if name is None else name,
        last_modified_date=now,
        settings=settings,
        version=pool.version + 1,
    )


def _developer_provider(name: str | None, before: PoolSettings) -> str | None:
    kept = before.developer_provider_name
    if name is not None and kept not in (None, name):
        raise InvalidParameterException(
            f"DeveloperProviderName is {kept} and cannot be changed; leave it out, or create "
            "another identity pool."
        )
    return kept if name is None else name


def _user_pools(
    providers: Iterable[wire.CognitoIdentityProvider],
) -> tuple[wire.CognitoIdentityProvider, ...]:
    found = tuple(
        msgspec.structs.replace(
            provider, server_side_token_check=provider.server_side_token_check or False
        )
        for provider in providers
    )
    if any(provider.provider_name is None or provider.client_id is None for provider in found):
        raise InvalidParameterException(
            "Each of CognitoIdentityProviders needs a ProviderName and a ClientId."
        )
    if len(found) > USER_POOL_PROVIDERS_MAX:
        raise LimitExceededException(
            f"An identity pool may have {USER_POOL_PROVIDERS_MAX} CognitoIdentityProviders."
        )
    return found


def _checked_tags(tags: Mapping[str, str]) -> Mapping[str, str]:
    if len(tags) > POOL_TAGS_MAX:
        raise InvalidParameterException(
            f"An identity pool may have {POOL_TAGS_MAX} tags; this would give it {len(tags)}."
        )
    return tags


def _check_mapping(provider_name: str, mapping: wire.RoleMapping) -> None:
    if mapping.ambiguous_role_resolution is None:
        raise InvalidParameterException(
            f"The role mapping of {provider_name} needs an AmbiguousRoleResolution."
        )
    rules = mapping.rules_configuration
    if mapping.type == "Rules" and rules is None:
        raise InvalidParameterException(
            f"The role mapping of {provider_name} is of type Rules and needs a RulesConfiguration."
        )
    if rules is not None and len(rules.rules) > MAPPING_RULES_MAX:
        raise InvalidParameterException(
            f"The role mapping of {provider_name} has {len(rules.rules)} rules; "
            f"{MAPPING_RULES_MAX} are allowed."
        )
