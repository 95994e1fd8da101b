"""Sessions of roles: whom a role trusts, what narrows a session, how long it lasts."""

from collections.abc import Iterator
from typing import Any

import pytest

from keepstep.testing import LocalServer, local_server
from tests.api.steps import refused

from .keys_and_roles import (
    ANYTHING,
    OWN,
    App,
    allow,
    arn_of_role,
    assume,
    caller_arn,
    classic_app,
    deny,
    enhanced,
    open_id_token,
    policy,
    role,
    session_policy,
    trust,
    use_role,
)
from .signing_in import COGNITO, sts_client
from .steps import FACEBOOK, Pool, login, new_pool

LONG_SESSION = 7200
ADA = login(FACEBOOK, "ada")
ROLES = [
    role("Everything", policy(ANYTHING)),
    role("Profiles", policy(allow(f"{OWN}/dataset/profile-?"))),
    role("Nested", policy(ANYTHING), path="/apps/mobile/"),
    role("LongSessions", policy(ANYTHING), max_session_seconds=LONG_SESSION),
    role(
        "UsersOnly",
        policy(ANYTHING),
        trust_policy=trust(**{"ForAnyValue:StringLike": {f"{COGNITO}:amr": "authenticated"}}),
    ),
]


@pytest.fixture(scope="module")
def server(clean_environment: None) -> Iterator[LocalServer]:
    with local_server(open_pools=False, insecure_logins=True, roles=ROLES) as running:
        yield running


@pytest.fixture
def own_pool(server: LocalServer) -> Pool:
    return new_pool(server)


def test_a_session_policy_narrows_a_role(server: LocalServer, own_pool: Pool) -> None:
    narrowed = session_policy(allow(f"{OWN}/dataset/notes"))
    signed_in = classic_app(server, own_pool, "Everything", ADA, Policy=narrowed)
    assert signed_in.may_use("notes")
    assert not signed_in.may_use("others")
    text = "because no session policy allows the cognito-sync:ListRecords action"
    with pytest.raises(signed_in.sync.exceptions.ClientError, match=text):
        signed_in.sync.list_records(**signed_in.place("others"))


def test_a_session_policy_widens_nothing(server: LocalServer, own_pool: Pool) -> None:
    widened = session_policy(ANYTHING)
    signed_in = classic_app(server, own_pool, "Profiles", ADA, Policy=widened)
    assert signed_in.may_use("profile-1")
    assert not signed_in.may_use("notes")


def test_a_deny_in_a_session_policy_wins(server: LocalServer, own_pool: Pool) -> None:
    denied = session_policy(ANYTHING, deny("cognito-sync:ListRecords"))
    signed_in = classic_app(server, own_pool, "Everything", ADA, Policy=denied)
    text = "with an explicit deny in a session policy"
    with pytest.raises(signed_in.sync.exceptions.ClientError, match=text):
        signed_in.sync.list_records(**signed_in.place("notes"))


def test_guests_may_sync_in_both_flows_whatever_narrows_them(
    server: LocalServer, own_pool: Pool
) -> None:
    use_role(own_pool, "Everything")
    guest = own_pool.guest()
    assert App(server, own_pool, guest, enhanced(own_pool, guest)).may_use("notes")
    assert classic_app(server, own_pool, "Everything").may_use("notes")


def test_a_role_trusts_whom_its_policy_says(server: LocalServer, own_pool: Pool) -> None:
    assert classic_app(server, own_pool, "UsersOnly", ADA).may_use("notes")
    refusals: list[Any] = []
    for role_name in ("UsersOnly", "Missing"):
        with pytest.raises(sts_client(server).exceptions.ClientError) as caught:
            classic_app(server, own_pool, role_name)
        refusals.append(caught.value.response.get("Error"))
    text = "Not authorized to perform sts:AssumeRoleWithWebIdentity"
    assert refusals == [{"Type": "Sender", "Code": "AccessDenied", "Message": text}] * 2


@pytest.mark.parametrize(
    ("authenticated", "unauthenticated", "logins"),
    [
        ("Missing", "Everything", [ADA]),
        ("Everything", "Missing", []),
        ("Everything", "UsersOnly", []),
    ],
)
def test_a_role_that_is_unknown_or_does_not_trust_is_a_fault_of_the_pool(
    own_pool: Pool, authenticated: str, unauthenticated: str, logins: list[dict[str, str]]
) -> None:
    use_role(own_pool, authenticated, unauthenticated)
    identity_id = own_pool.log_in(*logins)
    text = "Invalid identity pool configuration. Check assigned IAM roles for this pool."
    with refused("InvalidIdentityPoolConfigurationException", 400, text):
        enhanced(own_pool, identity_id, *logins)


def test_a_role_may_have_a_path_that_its_sessions_do_not_show(
    server: LocalServer, own_pool: Pool
) -> None:
    identity_id = own_pool.log_in(ADA)
    token = open_id_token(own_pool, identity_id, ADA)
    keys = assume(server, token, arn_of_role("apps/mobile/Nested"))
    arn = "arn:aws:sts::000000000000:assumed-role/Nested/web-identity"
    assert caller_arn(server, keys) == arn


@pytest.mark.parametrize(
    ("role_name", "seconds", "allowed"),
    [
        ("LongSessions", LONG_SESSION, True),
        ("LongSessions", LONG_SESSION + 1, False),
        ("Everything", 3600, True),
        ("Everything", 3601, False),
        ("Everything", 900, True),
    ],
)
def test_a_session_lasts_as_long_as_its_role_allows(
    server: LocalServer, own_pool: Pool, role_name: str, seconds: int, allowed: bool
) -> None:
    def begin() -> App:
        return classic_app(server, own_pool, role_name, ADA, DurationSeconds=seconds)

    if allowed:
        assert begin().may_use("notes")
        return
    with refused("ValidationError", 400):
        begin()
