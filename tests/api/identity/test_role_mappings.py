"""Which role a sign-in gets: the pool's, that of a rule or of the token, or one asked for."""

from collections.abc import Iterator
from typing import Any

import pytest

from keepstep.testing import LocalServer, local_server
from tests.tokens import unsigned_token

from .keys_and_roles import ANYTHING, arn_of_role, caller_arn, enhanced, policy, role, use_role
from .signing_in import COGNITO, Logins
from .steps import DEVELOPER, FACEBOOK, GOOGLE, Pool, login, new_pool, not_authorized

DEFAULT, GUESTS = "Default", "Guests"
FIRST, SECOND, THIRD = "First", "Second", "Third"
AMBIGUOUS = f"The ambiguous role mapping rules for: {GOOGLE} denied this request."


@pytest.fixture(scope="module")
def server(clean_environment: None) -> Iterator[LocalServer]:
    roles = [role(name, policy(ANYTHING)) for name in (DEFAULT, GUESTS, FIRST, SECOND, THIRD)]
    with local_server(open_pools=False, insecure_logins=True, roles=roles) as running:
        yield running


def rule(claim: str, match: str, value: str, role_name: str) -> dict[str, str]:
    arn = arn_of_role(role_name)
    return {"Claim": claim, "MatchType": match, "Value": value, "RoleARN": arn}


def rules(*listed: dict[str, str], otherwise: str = "AuthenticatedRole") -> dict[str, Any]:
    return {
        "Type": "Rules",
        "AmbiguousRoleResolution": otherwise,
        "RulesConfiguration": {"Rules": list(listed)},
    }


def by_token(otherwise: str = "AuthenticatedRole") -> dict[str, Any]:
    return {"Type": "Token", "AmbiguousRoleResolution": otherwise}


def mapped_pool(server: LocalServer, mappings: dict[str, Any]) -> Pool:
    """Create a pool with a role for users, one for guests, and role mappings."""
    pool = new_pool(server)
    use_role(pool, DEFAULT, GUESTS)
    roles = pool.developer.get_identity_pool_roles(IdentityPoolId=pool.pool_id)["Roles"]
    pool.developer.set_identity_pool_roles(
        IdentityPoolId=pool.pool_id, Roles=roles, RoleMappings=mappings
    )
    return pool


def claims(**given: Any) -> Logins:
    """Give Logins with a Google token that makes claims."""
    return {GOOGLE: unsigned_token({"sub": "ada", "aud": "app", **given})}


def role_of(server: LocalServer, pool: Pool, *logins: Logins, asked: str | None = None) -> str:
    """Sign in, with a custom role if one is asked for, and give the name of the role."""
    custom = {} if asked is None else {"CustomRoleArn": arn_of_role(asked)}
    keys = enhanced(pool, pool.log_in(*logins), *logins, **custom)
    return caller_arn(server, keys).split("/")[1]


ROLES_CLAIM, PREFERRED = "cognito:roles", "cognito:preferred_role"
FIRST_ARN, SECOND_ARN = arn_of_role(FIRST), arn_of_role(SECOND)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({}, DEFAULT),
        ({ROLES_CLAIM: []}, DEFAULT),
        ({ROLES_CLAIM: [FIRST_ARN]}, FIRST),
        ({ROLES_CLAIM: [FIRST_ARN, SECOND_ARN]}, DEFAULT),
        ({ROLES_CLAIM: [FIRST_ARN, SECOND_ARN], PREFERRED: SECOND_ARN}, SECOND),
        ({PREFERRED: SECOND_ARN}, SECOND),
    ],
)
def test_a_token_names_its_role(server: LocalServer, given: dict[str, Any], expected: str) -> None:
    pool = mapped_pool(server, {GOOGLE: by_token()})
    assert role_of(server, pool, claims(**given)) == expected


def test_roles_of_a_token_may_be_one_text_with_commas(server: LocalServer) -> None:
    pool = mapped_pool(server, {GOOGLE: by_token()})
    both = f"{FIRST_ARN},{SECOND_ARN}"
    assert role_of(server, pool, claims(**{ROLES_CLAIM: both}), asked=SECOND) == SECOND
    assert role_of(server, pool, claims(**{ROLES_CLAIM: arn_of_role(THIRD)})) == THIRD


RULES = rules(
    rule("plan", "Equals", "paid", FIRST),
    rule("mail", "StartsWith", "admin@", SECOND),
    rule("groups", "Contains", "staff", THIRD),
    rule("country", "NotEqual", "fr", THIRD),
)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"plan": "paid"}, FIRST),
        ({"plan": "Paid"}, DEFAULT),
        ({"plan": "paid "}, DEFAULT),
        ({"mail": "admin@example.org"}, SECOND),
        ({"mail": "no-admin@example.org"}, DEFAULT),
        ({"plan": "paid", "mail": "admin@example.org"}, FIRST),
        ({"groups": "our-staff-only"}, THIRD),
        ({"groups": ["guests", "staff"]}, THIRD),
        ({"groups": ["guests"]}, DEFAULT),
        ({"plan": ["free", "paid"]}, FIRST),
        ({"country": "de"}, THIRD),
        ({"country": "fr"}, DEFAULT),
        ({"country": ["de", "fr"]}, DEFAULT),
        ({}, DEFAULT),
    ],
)
def test_the_first_rule_that_holds_gives_the_role(
    server: LocalServer, given: dict[str, Any], expected: str
) -> None:
    pool = mapped_pool(server, {GOOGLE: RULES})
    assert role_of(server, pool, claims(**given)) == expected


@pytest.mark.parametrize("value", [("true", True), ("7", 7), ("a,b", "a,b")])
def test_a_rule_compares_a_claim_as_text(server: LocalServer, value: tuple[str, Any]) -> None:
    pool = mapped_pool(server, {GOOGLE: rules(rule("claim", "Equals", value[0], FIRST))})
    assert role_of(server, pool, claims(claim=value[1])) == FIRST


@pytest.mark.parametrize(
    "mapping", [by_token("Deny"), rules(rule("plan", "Equals", "paid", FIRST), otherwise="Deny")]
)
def test_a_mapping_without_a_role_for_the_user_may_deny(
    server: LocalServer, mapping: dict[str, Any]
) -> None:
    pool = mapped_pool(server, {GOOGLE: mapping})
    identity_id = pool.log_in(claims())
    with not_authorized(AMBIGUOUS):
        enhanced(pool, identity_id, claims())


@pytest.mark.parametrize(
    ("mapping", "given", "asked", "allowed"),
    [
        (by_token(), {ROLES_CLAIM: [FIRST_ARN, SECOND_ARN]}, SECOND, True),
        (by_token(), {ROLES_CLAIM: [FIRST_ARN]}, SECOND, False),
        (by_token(), {}, DEFAULT, False),
        (RULES, {"plan": "paid", "groups": "staff"}, THIRD, True),
        (RULES, {"plan": "paid"}, SECOND, False),
        (RULES, {}, DEFAULT, False),
        (None, {}, FIRST, False),
        (None, {}, DEFAULT, False),
    ],
)
def test_a_custom_role_is_one_that_the_users_mapping_has_for_them(
    server: LocalServer, mapping: Any, given: dict[str, Any], asked: str, allowed: bool
) -> None:
    pool = mapped_pool(server, {} if mapping is None else {GOOGLE: mapping})
    if allowed:
        assert role_of(server, pool, claims(**given), asked=asked) == asked
        return
    with not_authorized(f"Access to Role '{arn_of_role(asked)}' is forbidden."):
        role_of(server, pool, claims(**given), asked=asked)


def test_guests_have_no_mapped_and_no_custom_role(server: LocalServer) -> None:
    pool = mapped_pool(server, {GOOGLE: RULES})
    assert role_of(server, pool) == GUESTS
    with not_authorized(f"Access to Role '{arn_of_role(DEFAULT)}' is forbidden."):
        role_of(server, pool, asked=DEFAULT)


def test_of_several_logins_the_first_with_a_mapping_decides(server: LocalServer) -> None:
    first = rules(rule("plan", "Equals", "paid", FIRST))
    pool = mapped_pool(server, {GOOGLE: first})
    facebook = login(FACEBOOK, "ada")
    assert role_of(server, pool, facebook, claims(plan="paid")) == FIRST
    assert role_of(server, pool, facebook) == DEFAULT


def test_a_mapping_may_be_for_one_client_of_a_user_pool(server: LocalServer) -> None:
    user_pool = "cognito-idp.us-east-1.amazonaws.com/us-east-1_AbCdEf"
    mapping = rules(rule("plan", "Equals", "paid", FIRST))
    pool = mapped_pool(server, {f"{user_pool}:mobile": mapping})

    def from_client(client_id: str) -> Logins:
        return {user_pool: unsigned_token({"sub": "ada", "aud": client_id, "plan": "paid"})}

    assert role_of(server, pool, from_client("mobile")) == FIRST
    assert role_of(server, pool, from_client("web")) == DEFAULT


def test_a_developers_user_has_the_pools_role(server: LocalServer) -> None:
    pool = mapped_pool(server, {DEVELOPER: rules(rule("sub", "NotEqual", "x", FIRST))})
    answer = pool.developer.get_open_id_token_for_developer_identity(
        IdentityPoolId=pool.pool_id, Logins={DEVELOPER: "ada"}
    )
    keys = enhanced(pool, answer["IdentityId"], {COGNITO: answer["Token"]})
    assert caller_arn(server, keys).split("/")[1] == DEFAULT
