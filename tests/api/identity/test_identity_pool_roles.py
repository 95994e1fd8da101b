"""GetIdentityPoolRoles and SetIdentityPoolRoles."""

from typing import TYPE_CHECKING, Any

import pytest

from keepstep.testing import LocalServer, local_server
from tests.api.steps import invalid, refused

from .steps import FACEBOOK, GOOGLE, Pool, login, new_pool, no_pool, not_found, not_valid

if TYPE_CHECKING:
    from types_boto3_cognito_identity import CognitoIdentityClient

BUILT_IN = "arn:aws:iam::000000000000:role/CognitoDefault{}Role"
ROLE = "arn:aws:iam::123456789012:role/some/path/In"
OTHER = "arn:aws:iam::123456789012:role/Other"
BOTH = {"authenticated": ROLE, "unauthenticated": OTHER}
NO_ROLE = "Invalid identity pool configuration. Check assigned IAM roles for this pool."
RULE = {"Claim": "plan", "MatchType": "Equals", "Value": "paid", "RoleARN": OTHER}


def rules(count: int, **members: Any) -> dict[str, Any]:
    usual = {"Type": "Rules", "AmbiguousRoleResolution": "Deny"}
    return {**usual, "RulesConfiguration": {"Rules": [RULE] * count}, **members}


def set_roles(pool: Pool, **arguments: Any) -> None:
    pool.developer.set_identity_pool_roles(IdentityPoolId=pool.pool_id, **arguments)


def roles_of(pool: Pool) -> dict[str, Any]:
    answer = dict(pool.developer.get_identity_pool_roles(IdentityPoolId=pool.pool_id))
    del answer["ResponseMetadata"]
    return answer


def test_a_new_pool_has_the_built_in_roles(pool: Pool) -> None:
    assert roles_of(pool) == {
        "IdentityPoolId": pool.pool_id,
        "Roles": {
            "authenticated": BUILT_IN.format("Authenticated"),
            "unauthenticated": BUILT_IN.format("Unauthenticated"),
        },
    }


def test_without_automatic_roles_a_new_pool_has_none() -> None:
    with local_server(auto_roles=False) as server:
        assert roles_of(new_pool(server))["Roles"] == {}


def test_roles_and_mappings_are_as_they_were_set(pool: Pool) -> None:
    mappings = {
        GOOGLE: rules(25),
        f"{FACEBOOK}:client": {"Type": "Token", "AmbiguousRoleResolution": "AuthenticatedRole"},
    }
    set_roles(pool, Roles=BOTH, RoleMappings=mappings)
    assert roles_of(pool) == {
        "IdentityPoolId": pool.pool_id,
        "Roles": BOTH,
        "RoleMappings": mappings,
    }


def test_setting_roles_replaces_all_roles_and_mappings(pool: Pool) -> None:
    set_roles(pool, Roles=BOTH, RoleMappings={GOOGLE: rules(1)})
    only = {"authenticated": OTHER}
    set_roles(pool, Roles=only)
    assert roles_of(pool) == {"IdentityPoolId": pool.pool_id, "Roles": only}


@pytest.mark.parametrize("roles", [{}, {"authenticated": ROLE}, BOTH])
def test_a_role_that_is_missing_or_unknown_to_the_server_shows_at_sign_in(
    pool: Pool, roles: dict[str, str]
) -> None:
    ann = login(GOOGLE, "ann")
    set_roles(pool, Roles=roles)
    for person, logins in ((pool.guest(), {}), (pool.log_in(ann), ann)):
        with refused("InvalidIdentityPoolConfigurationException", 400, NO_ROLE):
            pool.credentials(person, logins)


@pytest.mark.parametrize(
    ("mapping", "text"),
    [
        ({"Type": "Token"}, "needs an AmbiguousRoleResolution."),
        (
            {"Type": "Rules", "AmbiguousRoleResolution": "Deny"},
            "is of type Rules and needs a RulesConfiguration.",
        ),
        (rules(26), "has 26 rules; 25 are allowed."),
    ],
)
def test_a_mapping_without_what_its_type_needs_changes_nothing(
    pool: Pool, mapping: dict[str, Any], text: str
) -> None:
    before = roles_of(pool)
    with invalid(f"The role mapping of {GOOGLE} {text}"):
        set_roles(pool, Roles=BOTH, RoleMappings={GOOGLE: mapping})
    assert roles_of(pool) == before


def test_roles_that_break_a_constraint_are_refused(pool: Pool) -> None:
    with not_valid("null", "roles", "Member must not be null"):
        set_roles(pool)
    with not_valid(
        f"'{{admin={ROLE}}}'",
        "roles",
        "Map keys must satisfy constraint: [Member must have length less than or equal to 128, "
        "Member must have length greater than or equal to 1, Member must satisfy regular "
        "expression pattern: (un)?authenticated]",
    ):
        set_roles(pool, Roles={"admin": ROLE})
    with not_valid(
        "'Neither'",
        f"roleMappings.{GOOGLE}.member.type",
        "Member must satisfy enum value set: [Rules, Token]",
    ):
        set_roles(pool, Roles={}, RoleMappings={GOOGLE: {"Type": "Neither"}})


def test_roles_of_a_pool_that_does_not_exist_cannot_be_set(
    cognito_identity: "CognitoIdentityClient", identity_server: LocalServer
) -> None:
    pool_id = identity_server.new_id()
    with not_found(no_pool(pool_id)):
        cognito_identity.set_identity_pool_roles(IdentityPoolId=pool_id, Roles=BOTH)
