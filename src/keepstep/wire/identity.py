"""The requests and responses of the 23 Cognito Identity operations, and the structures in them.

Member names travel in upper camel case, with the exceptions that are named here. A member that is
None is left out, and tokens and secrets are not printed.
"""

from typing import Annotated

from msgspec import Meta, field

from .members import (
    AccountId,
    AmbiguousRoleResolution,
    Arn,
    ClaimName,
    ClaimValue,
    CognitoIdentityProviderClientId,
    CognitoIdentityProviderName,
    DeveloperProviderName,
    DeveloperUserIdentifier,
    IdentityId,
    IdentityIds,
    IdentityPoolId,
    IdentityPoolName,
    IdentityProviderName,
    IdentityProviders,
    Logins,
    MatchType,
    OpenIdToken,
    PaginationKey,
    PrincipalTags,
    QueryLimit,
    RoleMappingType,
    Roles,
    SecretKey,
    SessionToken,
    TagKey,
    TagValue,
    Timestamp,
    TokenDuration,
    UnprocessedErrorCode,
)
from .sensitive import Shape


class CognitoIdentityProvider(Shape):
    """A client of a user pool."""

    provider_name: CognitoIdentityProviderName | None = None
    client_id: CognitoIdentityProviderClientId | None = None
    server_side_token_check: bool | None = None


class Credentials(Shape):
    """Temporary credentials; the secret is ``SecretKey`` here and ``SecretAccessKey`` in STS."""

    access_key_id: str
    secret_key: SecretKey
    session_token: SessionToken
    expiration: Timestamp


class IdentityDescription(Shape):
    """An identity; ``logins`` names providers and holds no tokens."""

    identity_id: IdentityId
    logins: list[IdentityProviderName] | None = None
    creation_date: Timestamp | None = None
    last_modified_date: Timestamp | None = None


class IdentityPool(Shape):
    """A pool: what UpdateIdentityPool takes, and what it and three others answer."""

    identity_pool_id: IdentityPoolId
    identity_pool_name: IdentityPoolName
    allow_unauthenticated_identities: bool
    allow_classic_flow: bool | None = None
    supported_login_providers: IdentityProviders | None = None
    developer_provider_name: DeveloperProviderName | None = None
    open_id_connect_provider_arns: list[Arn] | None = field(
        default=None, name="OpenIdConnectProviderARNs"
    )
    cognito_identity_providers: list[CognitoIdentityProvider] | None = None
    saml_provider_arns: list[Arn] | None = field(default=None, name="SamlProviderARNs")
    identity_pool_tags: dict[TagKey, TagValue] | None = None


class IdentityPoolShortDescription(Shape):
    identity_pool_id: IdentityPoolId
    identity_pool_name: IdentityPoolName


class MappingRule(Shape):
    claim: ClaimName
    match_type: MatchType
    value: ClaimValue
    role_arn: Arn = field(name="RoleARN")


class RulesConfiguration(Shape):
    rules: Annotated[list[MappingRule], Meta(min_length=1, max_length=400)]


class RoleMapping(Shape):
    type: RoleMappingType
    ambiguous_role_resolution: AmbiguousRoleResolution | None = None
    rules_configuration: RulesConfiguration | None = None


RoleMappings = Annotated[dict[IdentityProviderName, RoleMapping], Meta(max_length=10)]


class UnprocessedIdentityId(Shape):
    identity_id: IdentityId
    error_code: UnprocessedErrorCode


class CreateIdentityPoolRequest(Shape):
    identity_pool_name: IdentityPoolName
    allow_unauthenticated_identities: bool
    allow_classic_flow: bool | None = None
    supported_login_providers: IdentityProviders | None = None
    developer_provider_name: DeveloperProviderName | None = None
    open_id_connect_provider_arns: list[Arn] | None = field(
        default=None, name="OpenIdConnectProviderARNs"
    )
    cognito_identity_providers: list[CognitoIdentityProvider] | None = None
    saml_provider_arns: list[Arn] | None = field(default=None, name="SamlProviderARNs")
    identity_pool_tags: dict[TagKey, TagValue] | None = None


class DeleteIdentitiesRequest(Shape):
    identity_ids_to_delete: IdentityIds


class DeleteIdentitiesResponse(Shape):
    unprocessed_identity_ids: Annotated[list[UnprocessedIdentityId], Meta(max_length=60)] | None = (
        None
    )


class DeleteIdentityPoolRequest(Shape):
    identity_pool_id: IdentityPoolId


class DescribeIdentityRequest(Shape):
    identity_id: IdentityId


class DescribeIdentityPoolRequest(Shape):
    identity_pool_id: IdentityPoolId


class GetCredentialsForIdentityRequest(Shape):
    identity_id: IdentityId
    logins: Logins | None = None
    custom_role_arn: Arn | None = None


class GetCredentialsForIdentityResponse(Shape):
    identity_id: IdentityId
    credentials: Credentials


class GetIdRequest(Shape):
    identity_pool_id: IdentityPoolId
    account_id: AccountId | None = None
    logins: Logins | None = None


class GetIdResponse(Shape):
    identity_id: IdentityId


class GetIdentityPoolRolesRequest(Shape):
    identity_pool_id: IdentityPoolId


class GetIdentityPoolRolesResponse(Shape):
    identity_pool_id: IdentityPoolId
    roles: Roles | None = None
    role_mappings: RoleMappings | None = None


class GetOpenIdTokenRequest(Shape):
    identity_id: IdentityId
    logins: Logins | None = None


class GetOpenIdTokenResponse(Shape):
    identity_id: IdentityId
    token: OpenIdToken


class GetOpenIdTokenForDeveloperIdentityRequest(Shape):
    identity_pool_id: IdentityPoolId
    logins: Logins
    identity_id: IdentityId | None = None
    principal_tags: PrincipalTags | None = None
    token_duration: TokenDuration | None = None


class GetOpenIdTokenForDeveloperIdentityResponse(Shape):
    identity_id: IdentityId
    token: OpenIdToken


class GetPrincipalTagAttributeMapRequest(Shape):
    identity_pool_id: IdentityPoolId
    identity_provider_name: IdentityProviderName


class GetPrincipalTagAttributeMapResponse(Shape):
    identity_pool_id: IdentityPoolId
    identity_provider_name: IdentityProviderName
    use_defaults: bool | None = None
    principal_tags: PrincipalTags | None = None


class ListIdentitiesRequest(Shape):
    identity_pool_id: IdentityPoolId
    max_results: QueryLimit
    next_token: PaginationKey | None = None
    hide_disabled: bool | None = None


class ListIdentitiesResponse(Shape):
    identity_pool_id: IdentityPoolId
    identities: list[IdentityDescription]
    next_token: PaginationKey | None = None


class ListIdentityPoolsRequest(Shape):
    max_results: QueryLimit
    next_token: PaginationKey | None = None


class ListIdentityPoolsResponse(Shape):
    identity_pools: list[IdentityPoolShortDescription]
    next_token: PaginationKey | None = None


class ListTagsForResourceRequest(Shape):
    resource_arn: Arn


class ListTagsForResourceResponse(Shape):
    tags: dict[TagKey, TagValue] | None = None


class LookupDeveloperIdentityRequest(Shape):
    identity_pool_id: IdentityPoolId
    identity_id: IdentityId | None = None
    developer_user_identifier: DeveloperUserIdentifier | None = None
    max_results: QueryLimit | None = None
    next_token: PaginationKey | None = None


class LookupDeveloperIdentityResponse(Shape):
    identity_id: IdentityId
    developer_user_identifier_list: list[DeveloperUserIdentifier] | None = None
    next_token: PaginationKey | None = None


class MergeDeveloperIdentitiesRequest(Shape):
    source_user_identifier: DeveloperUserIdentifier
    destination_user_identifier: DeveloperUserIdentifier
    developer_provider_name: DeveloperProviderName
    identity_pool_id: IdentityPoolId


class MergeDeveloperIdentitiesResponse(Shape):
    identity_id: IdentityId


class SetIdentityPoolRolesRequest(Shape):
    identity_pool_id: IdentityPoolId
    roles: Roles
    role_mappings: RoleMappings | None = None


class SetPrincipalTagAttributeMapRequest(Shape):
    identity_pool_id: IdentityPoolId
    identity_provider_name: IdentityProviderName
    use_defaults: bool | None = None
    principal_tags: PrincipalTags | None = None


class SetPrincipalTagAttributeMapResponse(Shape):
    identity_pool_id: IdentityPoolId
    identity_provider_name: IdentityProviderName
    use_defaults: bool | None = None
    principal_tags: PrincipalTags | None = None


class TagResourceRequest(Shape):
    resource_arn: Arn
    tags: dict[TagKey, TagValue]


class TagResourceResponse(Shape):
    pass


class UnlinkDeveloperIdentityRequest(Shape):
    identity_id: IdentityId
    identity_pool_id: IdentityPoolId
    developer_provider_name: DeveloperProviderName
    developer_user_identifier: DeveloperUserIdentifier


class UnlinkIdentityRequest(Shape):
    identity_id: IdentityId
    logins: Logins
    logins_to_remove: list[IdentityProviderName]


class UntagResourceRequest(Shape):
    resource_arn: Arn
    tag_keys: list[TagKey]


class UntagResourceResponse(Shape):
    pass
