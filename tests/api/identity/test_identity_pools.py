"""CreateIdentityPool, UpdateIdentityPool, DescribeIdentityPool and DeleteIdentityPool."""

import re
from typing import TYPE_CHECKING, Any

import pytest

from keepstep.testing import LocalServer, local_server
from tests.api.conftest import Clock
from tests.api.steps import invalid, refused
from tests.conftest import Identity, client_of

from .conftest import NewPool
from .steps import (
    DEVELOPER,
    FACEBOOK,
    GOOGLE,
    Pool,
    forbidden,
    identity_client,
    login,
    new_pool,
    no_identity,
    no_pool,
    not_found,
    not_valid,
    sync_client,
)

if TYPE_CHECKING:
    from types_boto3_cognito_identity import CognitoIdentityClient

POOL_ID = re.compile(
    r"us-east-1:[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}"
)
USER_POOL = "cognito-idp.us-east-1.amazonaws.com/us-east-1_abc"
OIDC_ARN = "arn:aws:iam::000000000000:oidc-provider/accounts.example"
SAML_ARN = "arn:aws:iam::000000000000:saml-provider/example"
ROLE = "arn:aws:iam::000000000000:role/Somebody"
BARE: dict[str, Any] = {"IdentityPoolName": "bare", "AllowUnauthenticatedIdentities": False}
FULL: dict[str, Any] = {
    "IdentityPoolName": "every setting, of one pool",
    "AllowUnauthenticatedIdentities": True,
    "AllowClassicFlow": False,
    "SupportedLoginProviders": {FACEBOOK: "7346241598935552", "api.twitter.com": "key;secret"},
    "DeveloperProviderName": DEVELOPER,
    "OpenIdConnectProviderARNs": [OIDC_ARN],
    "CognitoIdentityProviders": [
        {"ProviderName": USER_POOL, "ClientId": "client1", "ServerSideTokenCheck": True}
    ],
    "SamlProviderARNs": [SAML_ARN],
    "IdentityPoolTags": {"stage": "test", "empty": ""},
}


ON_A_POOL = (
    "describe_identity_pool",
    "delete_identity_pool",
    "get_identity_pool_roles",
    "get_id",
)
PATTERN = "Member must satisfy regular expression pattern:"
AT_MOST = "Member must have length less than or equal to"
ELEVEN = {f"provider{n}": "app" for n in range(11)}


def settings_in(answer: Any) -> dict[str, Any]:
    """Give what an answer says of a pool, without its id."""
    return {
        name: value
        for name, value in answer.items()
        if name not in {"ResponseMetadata", "IdentityPoolId"}
    }


def clients_of_user_pools(count: int) -> list[dict[str, str]]:
    return [{"ProviderName": USER_POOL, "ClientId": f"client{n}"} for n in range(count)]


@pytest.mark.parametrize("settings", [BARE, FULL])
def test_a_created_pool_has_the_settings_it_was_given(
    cognito_identity: "CognitoIdentityClient", settings: dict[str, Any]
) -> None:
    created = cognito_identity.create_identity_pool(**settings)
    described = cognito_identity.describe_identity_pool(IdentityPoolId=created["IdentityPoolId"])
    expected: dict[str, Any] = {"IdentityPoolTags": {}, **settings}
    assert settings_in(created) == settings_in(described) == expected
    assert created["IdentityPoolId"] == described["IdentityPoolId"]


def test_a_new_pool_has_an_id_of_the_region_and_of_its_own(
    cognito_identity: "CognitoIdentityClient",
) -> None:
    ids = {cognito_identity.create_identity_pool(**BARE)["IdentityPoolId"] for _ in range(3)}
    assert len(ids) == 3
    assert all(POOL_ID.fullmatch(pool_id) for pool_id in ids)


@pytest.mark.parametrize(("asked", "kept"), [(None, False), (False, False), (True, True)])
def test_a_server_side_token_check_is_kept_and_off_unless_asked_for(
    make_pool: NewPool, asked: bool | None, kept: bool
) -> None:
    provider = {"ProviderName": USER_POOL, "ClientId": "client1", "ServerSideTokenCheck": asked}
    if asked is None:
        del provider["ServerSideTokenCheck"]
    pool = make_pool(CognitoIdentityProviders=[provider])
    described = pool.developer.describe_identity_pool(IdentityPoolId=pool.pool_id)
    assert described.get("CognitoIdentityProviders") == [{**provider, "ServerSideTokenCheck": kept}]


def test_an_openid_connect_provider_is_one_that_the_server_has() -> None:
    provider = {"name": "accounts.example", "issuer": "https://accounts.example", "arn": OIDC_ARN}
    other = OIDC_ARN.replace("example", "elsewhere")
    with local_server(login_providers=[provider]) as server:
        pool = new_pool(server, OpenIdConnectProviderARNs=[OIDC_ARN])
        described = pool.developer.describe_identity_pool(IdentityPoolId=pool.pool_id)
        text = (
            f"No login provider of this server has the ARN {other}. Configure the provider on "
            "the server, with this ARN, then name it in OpenIdConnectProviderARNs."
        )
        with invalid(text):
            new_pool(server, OpenIdConnectProviderARNs=[OIDC_ARN, other])
        with invalid(text):
            pool.developer.update_identity_pool(
                IdentityPoolId=pool.pool_id, **BARE, OpenIdConnectProviderARNs=[other]
            )
    assert described.get("OpenIdConnectProviderARNs") == [OIDC_ARN]


@pytest.mark.parametrize("update", [False, True])
def test_a_pool_has_50_clients_of_user_pools_at_most(make_pool: NewPool, update: bool) -> None:
    pool = make_pool(CognitoIdentityProviders=clients_of_user_pools(50))
    too_many = clients_of_user_pools(51)
    with refused("LimitExceededException", 400):
        if update:
            pool.developer.update_identity_pool(
                IdentityPoolId=pool.pool_id,
                **BARE,
                CognitoIdentityProviders=too_many,  # pyright: ignore[reportArgumentType] -- plain dicts
            )
        else:
            make_pool(CognitoIdentityProviders=too_many)


def test_a_pool_is_created_with_50_tags_at_most(make_pool: NewPool) -> None:
    make_pool(IdentityPoolTags={f"tag {n}": "" for n in range(50)})
    with invalid("An identity pool may have 50 tags; this would give it 51."):
        make_pool(IdentityPoolTags={f"tag {n}": "" for n in range(51)})


@pytest.mark.parametrize("provider", [{"ProviderName": USER_POOL}, {"ClientId": "client1"}])
def test_a_user_pool_without_its_name_or_client_is_refused(
    make_pool: NewPool, provider: dict[str, str]
) -> None:
    with invalid("Each of CognitoIdentityProviders needs a ProviderName and a ClientId."):
        make_pool(CognitoIdentityProviders=[provider])


@pytest.mark.parametrize(
    "settings",
    [
        {"DeveloperProviderName": GOOGLE},
        {"DeveloperProviderName": "cognito-identity.amazonaws.com"},
        {
            "DeveloperProviderName": "pool",
            "CognitoIdentityProviders": [{"ProviderName": "pool", "ClientId": "client1"}],
        },
    ],
)
def test_a_developer_provider_has_no_public_providers_name(
    make_pool: NewPool, settings: dict[str, Any]
) -> None:
    name = settings["DeveloperProviderName"]
    with invalid(f"DeveloperProviderName {name} is the name of a public provider; choose another."):
        make_pool(**settings)


def test_an_update_replaces_the_settings_and_answers_them(
    cognito_identity: "CognitoIdentityClient",
) -> None:
    pool_id = cognito_identity.create_identity_pool(**BARE)["IdentityPoolId"]
    updated = cognito_identity.update_identity_pool(IdentityPoolId=pool_id, **FULL)
    described = cognito_identity.describe_identity_pool(IdentityPoolId=pool_id)
    assert updated["IdentityPoolId"] == described["IdentityPoolId"] == pool_id
    assert settings_in(updated) == settings_in(described) == FULL


def test_an_update_resets_what_it_leaves_out_but_the_developer_provider_and_the_tags(
    cognito_identity: "CognitoIdentityClient",
) -> None:
    pool_id = cognito_identity.create_identity_pool(**FULL)["IdentityPoolId"]
    cognito_identity.update_identity_pool(IdentityPoolId=pool_id, **BARE)
    described = cognito_identity.describe_identity_pool(IdentityPoolId=pool_id)
    kept = {name: FULL[name] for name in ("DeveloperProviderName", "IdentityPoolTags")}
    assert settings_in(described) == {**BARE, **kept}


def test_an_update_leaves_roles_mappings_and_principal_tags_alone(pool: Pool) -> None:
    pool.developer.set_identity_pool_roles(
        IdentityPoolId=pool.pool_id,
        Roles={"authenticated": ROLE},
        RoleMappings={FACEBOOK: {"Type": "Token", "AmbiguousRoleResolution": "Deny"}},
    )
    named: dict[str, Any] = {"IdentityPoolId": pool.pool_id, "IdentityProviderName": FACEBOOK}
    pool.developer.set_principal_tag_attribute_map(**named, PrincipalTags={"who": "sub"})
    before = pool.developer.get_identity_pool_roles(IdentityPoolId=pool.pool_id)
    pool.developer.update_identity_pool(IdentityPoolId=pool.pool_id, **BARE)
    after = pool.developer.get_identity_pool_roles(IdentityPoolId=pool.pool_id)
    assert (before["Roles"], before["RoleMappings"]) == (after["Roles"], after["RoleMappings"])
    tags = pool.developer.get_principal_tag_attribute_map(**named)
    assert tags["PrincipalTags"] == {"who": "sub"}


@pytest.mark.parametrize("tags", [{}, {"other": "1"}])
def test_an_update_replaces_all_tags_if_it_has_some(pool: Pool, tags: dict[str, str]) -> None:
    place = {"IdentityPoolId": pool.pool_id}
    pool.developer.update_identity_pool(**place, **BARE, IdentityPoolTags={"first": "1"})
    pool.developer.update_identity_pool(**place, **BARE, IdentityPoolTags=tags)
    described = pool.developer.describe_identity_pool(**place)
    assert described.get("IdentityPoolTags") == tags


def test_a_developer_provider_can_be_added_but_not_changed(
    cognito_identity: "CognitoIdentityClient",
) -> None:
    pool_id = cognito_identity.create_identity_pool(**BARE)["IdentityPoolId"]
    for _ in range(2):
        cognito_identity.update_identity_pool(
            IdentityPoolId=pool_id, **BARE, DeveloperProviderName=DEVELOPER
        )
    with invalid(
        f"DeveloperProviderName is {DEVELOPER} and cannot be changed; leave it out, or create "
        "another identity pool."
    ):
        cognito_identity.update_identity_pool(
            IdentityPoolId=pool_id, **BARE, DeveloperProviderName="another.example"
        )


def test_a_kept_developer_provider_is_no_public_provider_either(pool: Pool) -> None:
    with invalid(
        f"DeveloperProviderName {DEVELOPER} is the name of a public provider; choose another."
    ):
        pool.developer.update_identity_pool(
            IdentityPoolId=pool.pool_id, **BARE, SupportedLoginProviders={DEVELOPER: "app"}
        )


def test_a_setting_holds_at_once(pool: Pool) -> None:
    guest = pool.guest()
    pool.developer.update_identity_pool(IdentityPoolId=pool.pool_id, **BARE)
    text = "Unauthenticated access is not supported for this identity pool."
    with refused("NotAuthorizedException", 400, text):
        pool.guest()
    with refused("NotAuthorizedException", 400, text):
        pool.public.get_credentials_for_identity(IdentityId=guest)


def test_a_deleted_pool_is_gone_with_its_identities(pool: Pool) -> None:
    place = {"IdentityPoolId": pool.pool_id}
    people = [pool.guest(), pool.log_in(login(GOOGLE, "ann")), pool.developer_user("bob")]
    pool.developer.delete_identity_pool(**place)
    for call in ON_A_POOL:
        with not_found(no_pool(pool.pool_id)):
            getattr(pool.developer, call)(**place)
    for person in people:
        with not_found(no_identity(person)):
            pool.developer.describe_identity(IdentityId=person)


def test_credentials_of_a_deleted_pool_are_refused(
    pool: Pool, identity_server: LocalServer
) -> None:
    person = pool.guest()
    sync = sync_client(identity_server, pool.credentials(person))
    place: Identity = {"IdentityPoolId": pool.pool_id, "IdentityId": person}
    assert sync.list_datasets(**place)["Datasets"] == []
    pool.developer.delete_identity_pool(IdentityPoolId=pool.pool_id)
    with refused("NotAuthorizedException", 403, forbidden(person)):
        sync.list_datasets(**place)


def test_a_pool_shows_when_it_was_last_changed_in_its_usage() -> None:
    clock = Clock()
    with local_server(clock=clock) as server:
        pool = new_pool(server)
        clock.now += 5000
        pool.developer.update_identity_pool(IdentityPoolId=pool.pool_id, **BARE)
        usage = client_of(server).describe_identity_pool_usage(IdentityPoolId=pool.pool_id)
    modified = usage["IdentityPoolUsage"].get("LastModifiedDate")
    assert modified is not None
    assert round(modified.timestamp() * 1000) == clock.now


@pytest.mark.parametrize("call", ON_A_POOL)
def test_a_pool_that_does_not_exist_is_not_found(
    cognito_identity: "CognitoIdentityClient", identity_server: LocalServer, call: str
) -> None:
    pool_id = identity_server.new_id()
    with not_found(no_pool(pool_id)):
        getattr(cognito_identity, call)(IdentityPoolId=pool_id)
    with not_found(no_pool(pool_id)):
        cognito_identity.update_identity_pool(IdentityPoolId=pool_id, **BARE)


def test_with_open_pools_any_pool_can_be_described_and_changed() -> None:
    with local_server(open_pools=True) as server:
        place = {"IdentityPoolId": server.new_id()}
        developer = identity_client(server)
        assert developer.describe_identity_pool(**place)["AllowUnauthenticatedIdentities"] is True
        place = {"IdentityPoolId": server.new_id()}
        assert developer.update_identity_pool(**place, **BARE)["IdentityPoolName"] == "bare"


@pytest.mark.parametrize(
    ("member", "value", "shown", "rule"),
    [
        ("IdentityPoolName", "a/b", "'a/b'", rf"{PATTERN} [\w\s+=,.@-]+"),
        ("IdentityPoolName", "n" * 129, f"'{'n' * 128}…'", f"{AT_MOST} 128"),
        ("AllowUnauthenticatedIdentities", None, "null", "Member must not be null"),
        ("DeveloperProviderName", "a b", "'a b'", rf"{PATTERN} [\w._-]+"),
        ("SupportedLoginProviders", ELEVEN, "'11 entries'", f"{AT_MOST} 10"),
    ],
)
def test_a_pool_that_breaks_a_constraint_is_refused(
    cognito_identity: "CognitoIdentityClient", member: str, value: Any, shown: str, rule: str
) -> None:
    given = {**BARE, member: value}
    with not_valid(shown, member[0].lower() + member[1:], rule):
        cognito_identity.create_identity_pool(
            **{name: one for name, one in given.items() if one is not None}
        )


def test_a_pool_id_that_is_none_is_refused(cognito_identity: "CognitoIdentityClient") -> None:
    with not_valid("'us-east-1'", "identityPoolId", rf"{PATTERN} [\w-]+:[0-9a-f-]+"):
        cognito_identity.describe_identity_pool(IdentityPoolId="us-east-1")
