"""Which identity a sign-in comes to: the rules of linking and merging, row by row."""

from collections.abc import Callable, Iterator

import pytest

from keepstep.testing import LocalServer, local_server
from tests.api.steps import refused
from tests.conftest import client_of

from .signing_in import (
    ENTRANCES,
    Logins,
    Providers,
    datasets_of,
    disabled,
    enter,
    living,
    nothing_changes,
    place_of,
    two_providers,
)
from .steps import (
    DEVELOPER,
    DO_NOT_MATCH,
    Pool,
    forbidden,
    new_pool,
    no_identity,
    not_authorized,
    not_found,
)

Enter = Callable[..., str]


@pytest.fixture(scope="module")
def providers() -> Iterator[Providers]:
    with two_providers() as running:
        yield running


@pytest.fixture(scope="module")
def signing_server(clean_environment: None, providers: Providers) -> Iterator[LocalServer]:
    with local_server(open_pools=False, login_providers=providers.settings) as running:
        yield running


@pytest.fixture
def own_pool(signing_server: LocalServer, providers: Providers) -> Pool:
    """A pool that nobody has used, with both providers."""
    return providers.new_pool(signing_server)


@pytest.fixture(params=ENTRANCES)
def come_in(request: pytest.FixtureRequest, own_pool: Pool) -> Enter:
    """Sign in to an identity by one of the two operations that take one."""

    def come_in(identity_id: str, *logins: Logins) -> str:
        return enter(own_pool, request.param, identity_id, *logins)

    return come_in


def test_row_01_get_id_without_logins_makes_a_new_guest_each_time(own_pool: Pool) -> None:
    guests = {own_pool.guest() for _ in range(3)}
    assert living(own_pool) == {guest: [] for guest in guests}
    assert len(guests) == 3


def test_row_01_does_not_hold_where_guests_are_not_allowed(signing_server: LocalServer) -> None:
    closed = new_pool(signing_server, AllowUnauthenticatedIdentities=False)
    with not_authorized("Unauthenticated access is not supported for this identity pool."):
        closed.guest()


def test_row_02_an_unknown_login_gets_a_new_identity(own_pool: Pool, providers: Providers) -> None:
    identity = own_pool.log_in(providers.first("alice"))
    assert living(own_pool) == {identity: [providers.one.name]}


def test_row_03_a_known_login_gets_its_identity(own_pool: Pool, providers: Providers) -> None:
    alice, bob = (own_pool.log_in(providers.first(user)) for user in ("alice", "bob"))
    assert own_pool.log_in(providers.first("alice")) == alice != bob
    assert living(own_pool).keys() == {alice, bob}


def test_row_04_several_unknown_logins_get_one_new_identity(
    own_pool: Pool, providers: Providers
) -> None:
    identity = own_pool.log_in(providers.first("alice"), providers.second("alice"))
    assert living(own_pool) == {identity: [providers.one.name, providers.two.name]}
    assert own_pool.log_in(providers.first("alice")) == identity
    assert own_pool.log_in(providers.second("alice")) == identity


def test_row_05_unknown_logins_are_linked_to_the_identity_of_the_known_one(
    own_pool: Pool, providers: Providers
) -> None:
    identity = own_pool.log_in(providers.second("alice"))
    assert own_pool.log_in(providers.first("alice"), providers.second("alice")) == identity
    assert living(own_pool) == {identity: [providers.two.name, providers.one.name]}
    assert own_pool.log_in(providers.first("alice")) == identity


def test_row_06_logins_of_two_identities_merge_the_younger_into_the_older(
    own_pool: Pool, providers: Providers
) -> None:
    older = own_pool.log_in(providers.second("alice"))
    younger = own_pool.log_in(providers.first("alice"))
    assert own_pool.log_in(providers.first("alice"), providers.second("alice")) == older
    assert living(own_pool) == {older: [providers.two.name, providers.one.name]}
    assert disabled(own_pool) == {younger}
    assert own_pool.providers(younger) == []
    assert own_pool.log_in(providers.first("alice")) == older


def test_row_07_a_guest_that_logs_in_keeps_its_id(
    own_pool: Pool, providers: Providers, come_in: Enter
) -> None:
    guest = own_pool.guest()
    assert come_in(guest) == guest
    assert come_in(guest, providers.first("alice")) == guest
    assert own_pool.log_in(providers.first("alice")) == guest
    assert living(own_pool) == {guest: [providers.one.name]}
    with not_authorized(forbidden(guest)):
        come_in(guest)


def test_row_08_a_guest_becomes_part_of_the_identity_that_its_login_has(
    own_pool: Pool, providers: Providers, come_in: Enter
) -> None:
    identity = own_pool.log_in(providers.first("alice"))
    guest = own_pool.guest()
    assert come_in(guest, providers.first("alice")) == identity
    assert living(own_pool) == {identity: [providers.one.name]}
    assert disabled(own_pool) == {guest}


def test_row_08_holds_for_an_identity_that_is_younger_than_the_guest(
    own_pool: Pool, providers: Providers, come_in: Enter
) -> None:
    guest = own_pool.guest()
    identity = own_pool.log_in(providers.first("alice"))
    assert come_in(guest, providers.first("alice"), providers.second("alice")) == identity
    assert living(own_pool) == {identity: [providers.one.name, providers.two.name]}


def test_row_09_an_identity_never_has_two_logins_of_one_provider(
    own_pool: Pool, providers: Providers, come_in: Enter
) -> None:
    alice = own_pool.log_in(providers.first("alice"), providers.second("alice"))
    own_pool.log_in(providers.first("bob"))
    for other in ("bob", "unknown"):
        with nothing_changes(own_pool), refused("ResourceConflictException", 400):
            come_in(alice, providers.first(other), providers.second("alice"))


def test_row_09_holds_for_get_id(own_pool: Pool, providers: Providers) -> None:
    own_pool.log_in(providers.first("alice"), providers.second("alice"))
    own_pool.log_in(providers.first("bob"))
    with nothing_changes(own_pool), refused("ResourceConflictException", 400):
        own_pool.log_in(providers.first("bob"), providers.second("alice"))


def test_row_10_an_identity_is_not_for_the_logins_of_others(
    own_pool: Pool, providers: Providers, come_in: Enter
) -> None:
    alice = own_pool.log_in(providers.first("alice"))
    own_pool.log_in(providers.second("bob"))
    for other in (providers.first("carol"), providers.second("bob"), providers.second("alice")):
        with nothing_changes(own_pool), not_authorized(DO_NOT_MATCH):
            come_in(alice, other)


def test_row_11_an_unknown_login_is_linked_beside_one_of_the_identitys(
    own_pool: Pool, providers: Providers, come_in: Enter
) -> None:
    alice = own_pool.log_in(providers.first("alice"))
    assert come_in(alice, providers.second("alice"), providers.first("alice")) == alice
    assert living(own_pool) == {alice: [providers.one.name, providers.two.name]}
    assert come_in(alice, providers.second("alice")) == alice


def test_row_12_the_identity_that_was_asked_for_takes_in_the_other_one(
    own_pool: Pool, providers: Providers, come_in: Enter
) -> None:
    older = own_pool.log_in(providers.first("alice"))
    asked = own_pool.log_in(providers.second("alice"))
    assert come_in(asked, providers.first("alice"), providers.second("alice")) == asked
    assert living(own_pool) == {asked: [providers.two.name, providers.one.name]}
    assert disabled(own_pool) == {older}


def test_row_13_a_disabled_identity_is_out_of_reach_without_a_login_of_the_survivor(
    own_pool: Pool, providers: Providers, come_in: Enter
) -> None:
    own_pool.log_in(providers.first("alice"))
    guest = own_pool.guest()
    come_in(guest, providers.first("alice"))
    own_pool.log_in(providers.second("bob"))
    for other in ((), (providers.first("carol"),), (providers.second("bob"),)):
        with nothing_changes(own_pool), not_authorized(forbidden(guest)):
            come_in(guest, *other)


def test_row_13_a_disabled_identity_leads_to_the_survivor_however_far_away(
    own_pool: Pool, providers: Providers, come_in: Enter
) -> None:
    survivor = own_pool.log_in(providers.second("alice"))
    between = own_pool.log_in(providers.first("alice"))
    guest = own_pool.guest()
    assert come_in(guest, providers.first("alice")) == between
    assert come_in(survivor, providers.first("alice"), providers.second("alice")) == survivor
    for gone in (guest, between):
        assert come_in(gone, providers.second("alice")) == survivor
        assert come_in(gone, providers.first("alice")) == survivor


def test_row_13_a_new_login_is_linked_to_the_survivor_through_a_disabled_identity(
    own_pool: Pool, providers: Providers, come_in: Enter
) -> None:
    survivor = own_pool.log_in(providers.first("alice"))
    guest = own_pool.guest()
    come_in(guest, providers.first("alice"))
    assert come_in(guest, providers.first("alice"), providers.second("alice")) == survivor
    assert living(own_pool) == {survivor: [providers.one.name, providers.two.name]}


def test_row_13_a_disabled_identity_whose_survivor_was_deleted_is_not_found(
    own_pool: Pool, providers: Providers, come_in: Enter
) -> None:
    survivor = own_pool.log_in(providers.first("alice"))
    guest = own_pool.guest()
    come_in(guest, providers.first("alice"))
    own_pool.developer.delete_identities(IdentityIdsToDelete=[survivor])
    with not_found(no_identity(guest)):
        come_in(guest, providers.first("alice"))


def test_row_14_a_developers_user_gets_an_identity_and_keeps_it(own_pool: Pool) -> None:
    alice = own_pool.developer_user("alice")
    assert own_pool.developer_user("alice") == alice != own_pool.developer_user("bob")
    assert living(own_pool)[alice] == [DEVELOPER]


def test_row_15_a_guest_becomes_the_identity_of_a_new_developers_user(own_pool: Pool) -> None:
    guest = own_pool.guest()
    assert own_pool.developer_user("alice", IdentityId=guest) == guest
    assert own_pool.developer_user("alice") == guest
    assert living(own_pool) == {guest: [DEVELOPER]}


def test_row_16_a_developer_needs_a_login_of_an_identity_that_has_some(
    own_pool: Pool, providers: Providers
) -> None:
    alice = own_pool.log_in(providers.first("alice"))
    with nothing_changes(own_pool), not_authorized(DO_NOT_MATCH):
        own_pool.developer_user("alice", IdentityId=alice)
    proved = own_pool.developer_user("alice", IdentityId=alice, Logins=providers.first("alice"))
    assert proved == alice
    assert living(own_pool) == {alice: [providers.one.name, DEVELOPER]}


@pytest.mark.parametrize("authenticated", [False, True])
def test_row_17_a_developers_user_is_not_given_a_second_identity(
    own_pool: Pool, providers: Providers, authenticated: bool
) -> None:
    alice = own_pool.developer_user("alice")
    other = own_pool.log_in(providers.first("bob")) if authenticated else own_pool.guest()
    logins = providers.first("bob") if authenticated else {}
    with (
        nothing_changes(own_pool),
        refused("DeveloperUserAlreadyRegisteredException", 400),
    ):
        own_pool.developer_user("alice", IdentityId=other, Logins=logins)
    assert own_pool.developer_user("alice", IdentityId=alice) == alice


def test_row_18_public_logins_beside_a_developers_user_are_linked(
    own_pool: Pool, providers: Providers
) -> None:
    alice = own_pool.developer_user("alice", Logins=providers.first("alice"))
    assert own_pool.log_in(providers.first("alice")) == alice
    assert living(own_pool) == {alice: [DEVELOPER, providers.one.name]}


def test_row_18_public_logins_beside_a_developers_user_merge(
    own_pool: Pool, providers: Providers
) -> None:
    public = own_pool.log_in(providers.first("alice"))
    developers = own_pool.developer_user("alice")
    assert own_pool.developer_user("alice", Logins=providers.first("alice")) == public
    assert living(own_pool) == {public: [providers.one.name, DEVELOPER]}
    assert disabled(own_pool) == {developers}


def test_row_18_merges_nothing_if_there_would_be_two_logins_of_one_provider(
    own_pool: Pool, providers: Providers
) -> None:
    own_pool.developer_user("alice", Logins=providers.first("alice"))
    own_pool.log_in(providers.first("bob"))
    with nothing_changes(own_pool), refused("ResourceConflictException", 400):
        own_pool.developer_user("alice", Logins=providers.first("bob"))


@pytest.mark.parametrize(
    "logins", [{}, {DEVELOPER: "alice", "login.other.app": "alice"}, {"login.other.app": "alice"}]
)
def test_row_19_logins_have_one_user_of_the_pools_developer_provider(
    own_pool: Pool, logins: dict[str, str]
) -> None:
    with nothing_changes(own_pool), refused("InvalidParameterException", 400):
        own_pool.developer.get_open_id_token_for_developer_identity(
            IdentityPoolId=own_pool.pool_id, Logins=logins
        )


def test_a_merge_brings_the_datasets_along(
    signing_server: LocalServer, own_pool: Pool, providers: Providers, come_in: Enter
) -> None:
    client = client_of(signing_server)
    identity, guest = own_pool.log_in(providers.first("alice")), own_pool.guest()
    for owner in (identity, guest):
        place = place_of(own_pool, owner, "notes")
        token = client.list_records(**place)["SyncSessionToken"]
        patch = {"Op": "replace", "Key": "owner", "Value": owner, "SyncCount": 0}
        client.update_records(**place, SyncSessionToken=token, RecordPatches=[patch])  # pyright: ignore[reportArgumentType] -- a patch, spelt out
    assert come_in(guest, providers.first("alice")) == identity
    assert datasets_of(signing_server, own_pool, identity) == ["notes", f"notes.{guest}"]
    assert datasets_of(signing_server, own_pool, guest) == []
