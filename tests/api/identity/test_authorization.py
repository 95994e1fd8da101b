"""What roles of the settings allow and deny: variables, conditions, explicit denials, texts."""

import json
from collections.abc import Callable, Iterator

import pytest

from keepstep.testing import LocalServer, local_server
from tests.api.steps import identity_target, refused
from tests.raw import RawRequester

from .keys_and_roles import (
    ANYTHING,
    OWN,
    App,
    allow,
    caller_arn,
    deny,
    enhanced,
    policy,
    role,
    use_role,
)
from .signing_in import COGNITO
from .steps import DEVELOPER, FACEBOOK, GOOGLE, Pool, login, new_pool

AMR = f"{COGNITO}:amr"


ROLES = [
    role("Everything", policy(ANYTHING)),
    role("Nothing"),
    role("Profiles", policy(allow(f"{OWN}/dataset/profile-?"))),
    role("NoVersion", policy(allow(f"{OWN}/*"), version=None)),
    role("OldVersion", policy(allow(f"{OWN}/*"), version="2008-10-17")),
    role("NoDeletes", policy(ANYTHING), policy(deny("cognito-sync:Delete*"))),
    role("Tagged", policy(allow(f"{OWN}/dataset/${{aws:PrincipalTag/username}}"))),
    role("TaggedElse", policy(allow(f"{OWN}/dataset/${{aws:PrincipalTag/username, 'notes'}}"))),
    role("SameTag", policy(allow(StringEquals={"aws:PrincipalTag/username": "ada"}))),
    role("Facebook", policy(allow(**{"ForAnyValue:StringLike": {AMR: FACEBOOK}}))),
    role("Guests", policy(allow(**{"ForAnyValue:StringEquals": {AMR: "unauthenticated"}}))),
    role("Nearby", policy(allow(IpAddress={"aws:SourceIp": "127.0.0.0/8"}))),
    role("FarAway", policy(allow(IpAddress={"aws:SourceIp": "10.0.0.0/8"}))),
    role("OverTls", policy(allow(Bool={"aws:SecureTransport": "true"}))),
    role("OverHttp", policy(allow(Bool={"aws:SecureTransport": "false"}))),
    role("OneAgent", policy(allow(StringLike={"aws:UserAgent": "the-app/*"}))),
    role(
        "OldRevoked",
        policy(ANYTHING, deny("*", DateLessThan={"aws:TokenIssueTime": "2100-01-01T00:00:00Z"})),
    ),
    role(
        "LongAgoRevoked",
        policy(ANYTHING, deny("*", DateLessThan={"aws:TokenIssueTime": "2001-01-01T00:00:00Z"})),
    ),
    role("Reads", policy(allow("*", ["cognito-sync:List*", "COGNITO-SYNC:describe*"]))),
]


@pytest.fixture(scope="module")
def server(clean_environment: None) -> Iterator[LocalServer]:
    with local_server(open_pools=False, insecure_logins=True, roles=ROLES) as running:
        yield running


@pytest.fixture(scope="module")
def shared_pool(server: LocalServer) -> Pool:
    """A pool whose roles the tests of this module change as they like, one test at a time."""
    pool = new_pool(server)
    pool.developer.set_principal_tag_attribute_map(
        IdentityPoolId=pool.pool_id, IdentityProviderName=FACEBOOK, UseDefaults=True
    )
    return pool


NewApp = Callable[..., App]


@pytest.fixture
def app(server: LocalServer, shared_pool: Pool) -> NewApp:
    """Signs somebody in with a role, the enhanced way."""

    def make(role_name: str, *logins: dict[str, str]) -> App:
        use_role(shared_pool, role_name)
        identity_id = shared_pool.log_in(*logins)
        return App(server, shared_pool, identity_id, enhanced(shared_pool, identity_id, *logins))

    return make


ADA = login(FACEBOOK, "ada")


@pytest.mark.parametrize(
    ("role_name", "logins", "allowed", "refused_names"),
    [
        ("Everything", [ADA], ["notes"], []),
        ("Nothing", [ADA], [], ["notes"]),
        ("Nothing", [], [], ["notes"]),
        ("Profiles", [ADA], ["profile-1", "profile-x"], ["profile-", "profile-10", "notes"]),
        ("NoVersion", [ADA], [], ["notes"]),
        ("OldVersion", [ADA], [], ["notes"]),
        ("Tagged", [ADA], ["ada"], ["bob", "notes"]),
        ("Tagged", [login(GOOGLE, "ada")], [], ["ada"]),
        ("TaggedElse", [login(GOOGLE, "ada")], ["notes"], ["ada"]),
        ("SameTag", [ADA], ["notes"], []),
        ("SameTag", [login(FACEBOOK, "bob")], [], ["notes"]),
        ("SameTag", [], [], ["notes"]),
        ("Facebook", [ADA], ["notes"], []),
        ("Facebook", [login(GOOGLE, "ada")], [], ["notes"]),
        ("Facebook", [], [], ["notes"]),
        ("Guests", [], ["notes"], []),
        ("Guests", [ADA], [], ["notes"]),
        ("Nearby", [ADA], ["notes"], []),
        ("FarAway", [ADA], [], ["notes"]),
        ("OverTls", [ADA], [], ["notes"]),
        ("OverHttp", [ADA], ["notes"], []),
        ("OldRevoked", [ADA], [], ["notes"]),
        ("LongAgoRevoked", [ADA], ["notes"], []),
    ],
)
def test_a_role_allows_what_its_policies_allow_and_no_more(
    app: NewApp,
    role_name: str,
    logins: list[dict[str, str]],
    allowed: list[str],
    refused_names: list[str],
) -> None:
    signed_in = app(role_name, *logins)
    names = allowed + refused_names
    assert [name for name in names if signed_in.may_use(name)] == allowed


@pytest.mark.parametrize("wildcard", ["*", "?????", "note*"])
def test_a_wildcard_in_a_tags_value_does_not_act_as_one(
    server: LocalServer, shared_pool: Pool, wildcard: str
) -> None:
    use_role(shared_pool, "Tagged")
    answer = shared_pool.developer.get_open_id_token_for_developer_identity(
        IdentityPoolId=shared_pool.pool_id,
        Logins={DEVELOPER: "somebody"},
        PrincipalTags={"username": wildcard},
    )
    keys = enhanced(shared_pool, answer["IdentityId"], {COGNITO: answer["Token"]})
    assert not App(server, shared_pool, answer["IdentityId"], keys).may_use("notes")


def test_tags_of_a_developers_user_are_principal_tags(
    server: LocalServer, shared_pool: Pool
) -> None:
    use_role(shared_pool, "Tagged")
    answer = shared_pool.developer.get_open_id_token_for_developer_identity(
        IdentityPoolId=shared_pool.pool_id,
        Logins={DEVELOPER: "tagged"},
        PrincipalTags={"username": "notes"},
    )
    keys = enhanced(shared_pool, answer["IdentityId"], {COGNITO: answer["Token"]})
    signed_in = App(server, shared_pool, answer["IdentityId"], keys)
    assert signed_in.may_use("notes")
    assert not signed_in.may_use("others")


def test_a_condition_on_the_call_is_looked_at_in_every_call(app: NewApp) -> None:
    signed_in = app("OneAgent", ADA)
    target = identity_target(signed_in.identity, "/datasets")
    agents = ["the-app/1", "curl/8", "the-app/2", "curl/8"]
    assert [signed_in.get(target, {"user-agent": agent}) for agent in agents] == [200, 403] * 2


def test_actions_are_matched_in_any_case_and_with_wildcards(app: NewApp) -> None:
    sync = app("Reads", ADA).sync
    signed_in = app("Reads", ADA)
    sync.list_datasets(**signed_in.identity)
    sync.describe_identity_usage(**signed_in.identity)
    with refused("AccessDeniedException", 403):
        sync.delete_dataset(**signed_in.place("notes"))


def denial(role_name: str, action: str, resource: str, reason: str) -> str:
    return (
        f"User: arn:aws:sts::000000000000:assumed-role/{role_name}/CognitoIdentityCredentials "
        f"is not authorized to perform: {action} on resource: {resource} {reason}"
    )


@pytest.mark.parametrize(
    ("operation", "members", "resource"),
    [
        ("list_datasets", ["IdentityId"], "{pool}/identity/{identity}/dataset/null"),
        ("list_records", ["IdentityId", "DatasetName"], "{pool}/identity/{identity}/dataset/notes"),
        ("describe_identity_usage", ["IdentityId"], "{pool}/identity/{identity}"),
        ("describe_identity_pool_usage", [], "{pool}"),
    ],
)
def test_a_denial_names_who_what_and_where_as_the_real_service_does(
    app: NewApp, operation: str, members: list[str], resource: str
) -> None:
    signed_in = app("Nothing", ADA)
    place = signed_in.place("notes")
    given: dict[str, str] = {name: place[name] for name in ("IdentityPoolId", *members)}
    named = resource.format(pool=place["IdentityPoolId"], identity=place["IdentityId"])
    action = f"cognito-sync:{operation.title().replace('_', '')}"
    text = denial(
        "Nothing",
        action,
        f"arn:aws:cognito-sync:us-east-1:000000000000:identitypool/{named}",
        f"because no identity-based policy allows the {action} action",
    )
    with refused("AccessDeniedException", 403, text):
        getattr(signed_in.sync, operation)(**given)


def test_a_denial_without_a_pool_names_a_null_pool(app: NewApp) -> None:
    signed_in = app("Nothing", ADA)
    action = "cognito-sync:ListIdentityPoolUsage"
    text = denial(
        "Nothing",
        action,
        "arn:aws:cognito-sync:us-east-1:000000000000:identitypool/null",
        f"because no identity-based policy allows the {action} action",
    )
    with refused("AccessDeniedException", 403, text):
        signed_in.sync.list_identity_pool_usage()


def test_an_explicit_deny_wins_and_is_called_one(app: NewApp) -> None:
    signed_in = app("NoDeletes", ADA)
    assert signed_in.may_use("notes")
    place = signed_in.place("notes")
    own = f"{place['IdentityPoolId']}/identity/{place['IdentityId']}"
    text = denial(
        "NoDeletes",
        "cognito-sync:DeleteDataset",
        f"arn:aws:cognito-sync:us-east-1:000000000000:identitypool/{own}/dataset/notes",
        "with an explicit deny in an identity-based policy",
    )
    with refused("AccessDeniedException", 403, text):
        signed_in.sync.delete_dataset(**place)


def test_a_denial_has_its_text_under_both_names_that_sdks_look_for(app: NewApp) -> None:
    signed_in = app("Nothing", ADA)
    raw = RawRequester(signed_in.server)
    target = identity_target(signed_in.identity, "/datasets")
    signed = raw.signed_headers("GET", target, credentials=signed_in.credentials)
    answer = raw.send("GET", target, headers=signed)
    assert answer.json["message"] == answer.json["Message"]
    assert answer.json["__type"] == answer.error_type == "AccessDeniedException"


def test_get_caller_identity_needs_no_permission_and_no_deny_takes_it_away(
    server: LocalServer, app: NewApp
) -> None:
    for role_name in ("Nothing", "OldRevoked"):
        arn = caller_arn(server, app(role_name, ADA).credentials)
        assert arn.endswith(f":assumed-role/{role_name}/CognitoIdentityCredentials")


def test_roles_of_the_environment_are_json(
    monkeypatch: pytest.MonkeyPatch, clean_environment: None
) -> None:
    monkeypatch.setenv("KEEPSTEP_ROLES", json.dumps([role("FromOutside", policy(ANYTHING))]))
    with local_server(insecure_logins=True) as running:
        pool = new_pool(running)
        use_role(pool, "FromOutside")
        keys = enhanced(pool, pool.guest())
        assert ":assumed-role/FromOutside/" in caller_arn(running, keys)
