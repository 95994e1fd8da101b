"""The acceptance list of sign-in, through unmodified clients: flows, clocks, merges, revocation.

Points 5, 7 and 8 are in ``test_identity_acceptance_proofs``, point 9 in ``…_merges``, point 12
in ``…_logs``. What JavaScript clients do at points 2 and 6 is in ``clients``.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from keepstep.domain.limits import CACHE_AGE_MS, CREDENTIALS_MS, MINUTE_MS, SECOND_MS
from keepstep.domain.revocations import EVERYTHING, identity_subject, pool_subject, role_subject
from keepstep.testing import LocalServer, local_server
from keepstep.wire.sigv4 import Credentials
from tests.api.conftest import Clock
from tests.api.identity.aws_cli import Shell, keys_of
from tests.api.identity.keys_and_roles import (
    ANYTHING,
    OWN,
    App,
    allow,
    arn_of_role,
    assume,
    boto_arguments,
    classic_app,
    deny,
    enhanced,
    open_id_token,
    policy,
    role,
    session_policy,
    use_role,
)
from tests.api.identity.signing_in import COGNITO, place_of
from tests.api.identity.steps import (
    DEVELOPER,
    FACEBOOK,
    GOOGLE,
    Pool,
    forbidden,
    login,
    new_pool,
    not_authorized,
    sync_client,
)
from tests.api.identity.test_doors import WHO, ask_sts, xml_error
from tests.api.steps import contents, fill, identity_target, refused
from tests.conftest import Identity, StoreSettings, client_of, store_settings
from tests.raw import RawRequester

from .stores import revoke, stored_server

ADA = login(FACEBOOK, "ada")
AMR = f"{COGNITO}:amr"
ROLES = [
    role("Everything", policy(ANYTHING)),
    role("Own", policy(allow(f"{OWN}/dataset/mine"))),
    role("NoVersion", policy(allow(f"{OWN}/*"), version=None)),
    role("Denies", policy(ANYTHING, deny("cognito-sync:ListRecords"))),
    role("Tagged", policy(allow(f"{OWN}/dataset/${{aws:PrincipalTag/set}}"))),
    role("Facebook", policy(allow(**{"ForAnyValue:StringLike": {AMR: FACEBOOK}}))),
    role("UnknownKey", policy(allow(StringEquals={"aws:PrincipalTag/none": "x"}))),
]


@pytest.fixture(scope="module")
def server(clean_environment: None) -> Iterator[LocalServer]:
    with stored_server(open_pools=False, insecure_logins=True, roles=ROLES) as running:
        yield running


@pytest.fixture
def pool(server: LocalServer) -> Pool:
    return new_pool(server)


def test_acceptance_01_a_guest_of_a_new_pool_syncs_its_own_data_and_no_other(
    server: LocalServer, pool: Pool
) -> None:
    use_role(pool, "Everything")
    mine, yours = pool.guest(), pool.guest()
    sync = sync_client(server, boto_arguments(enhanced(pool, mine)))
    fill(sync, place_of(pool, mine, "notes"), milk="2 litres")
    assert contents(sync, place_of(pool, mine, "notes")) == {"milk": "2 litres"}
    with refused("NotAuthorizedException", 403, forbidden(yours)):
        sync.list_records(**place_of(pool, yours, "notes"))


def test_acceptance_02_the_aws_cli_does_the_same(server: LocalServer) -> None:
    developer, anybody = Shell.of_developer(server), Shell(server)
    create = ["--identity-pool-name", "people", "--allow-unauthenticated-identities"]
    created = developer.answer("cognito-identity", "create-identity-pool", *create)
    pool = ["--identity-pool-id", created["IdentityPoolId"]]
    roles = f"unauthenticated={arn_of_role('Everything')}"
    developer.answer("cognito-identity", "set-identity-pool-roles", *pool, "--roles", roles)
    mine, yours = (
        anybody.answer("cognito-identity", "get-id", *pool)["IdentityId"] for _ in range(2)
    )
    of_mine = ["--identity-id", mine]
    granted = anybody.answer("cognito-identity", "get-credentials-for-identity", *of_mine)
    user = Shell(server, keys_of(granted))
    notes = ["--dataset-name", "notes"]
    listed = user.answer("cognito-sync", "list-records", *pool, *of_mine, *notes)
    assert listed["Records"] == []
    said = user.refusal("cognito-sync", "list-records", *pool, "--identity-id", yours, *notes)
    assert "(NotAuthorizedException) when calling the ListRecords operation" in said
    assert forbidden(yours) in said


def test_acceptance_03_the_classic_flow_syncs_unless_the_pool_has_turned_it_off(
    server: LocalServer, pool: Pool
) -> None:
    signed_in = classic_app(server, pool, "Everything", ADA)
    fill(signed_in.sync, signed_in.place("notes"), milk="2 litres")
    assert contents(signed_in.sync, signed_in.place("notes")) == {"milk": "2 litres"}
    modern = new_pool(server, AllowClassicFlow=False)
    text = "Basic (classic) flow is not enabled, please use enhanced flow."
    with refused("InvalidParameterException", 400, text):
        open_id_token(modern, modern.guest())


def developer_token(pool: Pool, **arguments: Any) -> Any:
    return pool.developer.get_open_id_token_for_developer_identity(
        IdentityPoolId=pool.pool_id, Logins={DEVELOPER: "ada"}, **arguments
    )


def test_acceptance_04_a_developers_user_signs_in_with_a_token_of_any_allowed_life(
    server: LocalServer, pool: Pool
) -> None:
    for seconds in (0, 86_401):
        with refused("ValidationException", 400):
            developer_token(pool, TokenDuration=seconds)
    assert developer_token(pool, TokenDuration=1)["Token"]
    answer = developer_token(pool, TokenDuration=86_400)
    token = {COGNITO: answer["Token"]}
    keys = enhanced(pool, answer["IdentityId"], token)
    assert App(server, pool, answer["IdentityId"], keys).may_use("notes")
    with not_authorized("Invalid login token. Can't pass in a Cognito token."):
        pool.log_in(token)


def test_acceptance_06_boto3_shows_what_is_wrong_with_its_clock() -> None:
    for minutes, text in ((10, "Signature expired: "), (-10, "Signature not yet current: ")):
        clock = Clock()
        clock.now += minutes * MINUTE_MS
        with stored_server(clock=clock) as shifted:
            place: Identity = {"IdentityPoolId": shifted.new_id(), "IdentityId": shifted.new_id()}
            client = client_of(shifted)
            with pytest.raises(client.exceptions.ClientError, match=text) as caught:
                client.list_datasets(**place)
            error: Any = caught.value.response
            assert error["Error"]["Code"] == "InvalidSignatureException"


@pytest.mark.parametrize(
    ("role_name", "logins", "allowed", "denied"),
    [
        ("Own", [ADA], "mine", "notes"),
        ("NoVersion", [ADA], None, "notes"),
        ("Denies", [ADA], None, "notes"),
        ("Tagged", [ADA], None, "notes"),
        ("Facebook", [ADA], "notes", None),
        ("Facebook", [login(GOOGLE, "ada")], None, "notes"),
        ("UnknownKey", [ADA], None, "notes"),
    ],
)
def test_acceptance_10_policies_hold_with_their_variables_conditions_and_denials(
    server: LocalServer,
    pool: Pool,
    role_name: str,
    logins: list[dict[str, str]],
    allowed: str | None,
    denied: str | None,
) -> None:
    signed_in = classic_app(server, pool, role_name, *logins)
    assert allowed is None or signed_in.may_use(allowed)
    assert denied is None or not signed_in.may_use(denied)


def test_acceptance_10_a_session_policy_and_a_role_allow_what_both_allow(
    server: LocalServer, pool: Pool
) -> None:
    both = session_policy(allow(f"{OWN}/dataset/mine"), allow(f"{OWN}/dataset/notes"))
    signed_in = classic_app(server, pool, "Own", ADA, Policy=both)
    assert [signed_in.may_use(name) for name in ("mine", "notes")] == [True, False]
    narrower = session_policy(allow(f"{OWN}/dataset/notes"))
    assert not classic_app(server, pool, "Own", ADA, Policy=narrower).may_use("mine")


def test_acceptance_10_a_star_in_a_value_widens_nothing(server: LocalServer, pool: Pool) -> None:
    answer = developer_token(pool, PrincipalTags={"set": "*"})
    keys = assume(server, answer["Token"], arn_of_role("Tagged"))
    assert not App(server, pool, answer["IdentityId"], keys).may_use("notes")


@dataclass(frozen=True)
class Timed:
    """A server with a clock of the test's, its store, and two guests of two pools."""

    server: LocalServer
    clock: Clock
    store: StoreSettings
    pools: tuple[Pool, Pool]
    guests: tuple[tuple[str, Credentials], tuple[str, Credentials]]

    def outcomes(self) -> list[tuple[int, str]]:
        """Tell how each guest fares with its own data: the status, and the error's code."""
        raw = RawRequester(self.server)
        time = datetime.fromtimestamp(self.clock.now / SECOND_MS, UTC)
        found: list[tuple[int, str]] = []
        for pool, (identity_id, keys) in zip(self.pools, self.guests, strict=True):
            whose: Identity = {"IdentityPoolId": pool.pool_id, "IdentityId": identity_id}
            target = identity_target(whose, "/datasets")
            signed = raw.signed_headers("GET", target, credentials=keys, time=time)
            answer = raw.send("GET", target, headers=signed)
            found.append((answer.status, answer.error_type or ""))
        return found


OK, EXPIRED = (200, ""), (403, "ExpiredTokenException")


@pytest.fixture
def timed(clean_environment: None, tmp_path: Path) -> Iterator[Timed]:
    clock = Clock()
    with (
        store_settings(tmp_path) as store,
        local_server(**store, clock=clock, insecure_logins=True, roles=ROLES) as running,
    ):
        pools = new_pool(running), new_pool(running)
        use_role(pools[0], "Everything")
        first, second = ((pool, pool.guest()) for pool in pools)
        guests = (first[1], enhanced(*first)), (second[1], enhanced(*second))
        yield Timed(running, clock, store, pools, guests)


@pytest.mark.parametrize("whose", ["identity", "role", "pool", "all"])
def test_acceptance_11_revoked_credentials_are_refused_and_new_ones_taken(
    timed: Timed, whose: str
) -> None:
    subject = {
        "identity": identity_subject(timed.guests[0][0]),
        "role": role_subject(arn_of_role("Everything")),
        "pool": pool_subject(timed.pools[0].pool_id),
        "all": EVERYTHING,
    }[whose]
    assert timed.outcomes() == [OK, OK]
    timed.clock.now += SECOND_MS
    revoke(timed.store, [subject], timed.clock.now)
    timed.clock.now += CACHE_AGE_MS
    assert timed.outcomes() == [EXPIRED, EXPIRED if whose == "all" else OK]
    identity_id = timed.guests[0][0]
    keys = enhanced(timed.pools[0], identity_id)
    assert App(timed.server, timed.pools[0], identity_id, keys).may_use("notes")


def test_acceptance_11_credentials_end_after_their_hour(timed: Timed) -> None:
    timed.clock.now += CREDENTIALS_MS
    assert timed.outcomes() == [EXPIRED, EXPIRED]
    time = datetime.fromtimestamp(timed.clock.now / SECOND_MS, UTC)
    keys = timed.guests[0][1]
    answer = ask_sts(RawRequester(timed.server), WHO, credentials=keys, time=time)
    assert xml_error(answer)[:3] == (403, "Sender", "ExpiredToken")
