"""Devices that sign in at once: every login ends on one living identity, and no data is lost.

Each case races within one server, and between two server processes of one store.
"""

from collections.abc import Callable, Generator, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from itertools import count, cycle
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import pytest

from keepstep.testing import LocalServer, local_server
from tests.api.steps import contents, refused, replace, write
from tests.conftest import client_of
from tests.server.processes import ROOT, serving

from .signing_in import (
    ENTRANCES,
    Logins,
    Providers,
    at_once,
    datasets_of,
    disabled,
    enter,
    living,
    place_of,
    two_providers,
)
from .steps import Pool, forbidden, identity_client, sync_client

if TYPE_CHECKING:
    from types_boto3_cognito_sync import CognitoSyncClient

DEVICES = 8
ROUNDS = 3


@dataclass(frozen=True)
class Doors:
    """Servers of one store; every second device comes to the second one, if there is one."""

    servers: list[LocalServer]
    providers: Providers

    def new_pool(self) -> list[Pool]:
        """Create a pool, and give it as it is seen from each server."""
        pool = self.providers.new_pool(self.servers[0])
        return [
            Pool(pool.pool_id, identity_client(server), identity_client(server, signed=False))
            for server in self.servers
        ]

    def save(self, pool: Pool, identity_id: str, name: str = "notes") -> None:
        """Store a dataset that says whose it was at first."""
        write(self.client, place_of(pool, identity_id, name), replace("owner", identity_id))

    @property
    def client(self) -> "CognitoSyncClient":
        """A client of the first server, with the developer's key."""
        return client_of(self.servers[0])

    def owners(self, pool: Pool, identity_id: str) -> list[str | None]:
        """Give whose the datasets of an identity were at first."""
        return [
            contents(self.client, place_of(pool, identity_id, name))["owner"]
            for name in datasets_of(self.servers[0], pool, identity_id)
        ]


@contextmanager
def two_processes(directory: Path, providers: Providers) -> Generator[list[LocalServer]]:
    """Serve one store from two processes."""
    settings = {
        **ROOT,
        "KEEPSTEP_LOGIN_PROVIDERS": msgspec.json.encode(providers.settings).decode(),
        "KEEPSTEP_LOG_REQUESTS": "false",
        "KEEPSTEP_SIGN_INS_PER_SECOND": "0",
    }
    with ExitStack() as running:
        yield [
            running.enter_context(serving(directory, environment=settings)).server for _ in range(2)
        ]


@pytest.fixture(scope="module", params=["one server", "two processes"])
def doors(
    request: pytest.FixtureRequest,
    clean_environment: None,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Doors]:
    with two_providers() as providers:
        if request.param == "one server":
            with local_server(open_pools=False, login_providers=providers.settings) as server:
                yield Doors([server], providers)
        else:
            with two_processes(tmp_path_factory.mktemp("store"), providers) as servers:
                yield Doors(servers, providers)


@pytest.fixture
def views(doors: Doors) -> list[Pool]:
    """A pool that nobody has used, as each server sees it."""
    return doors.new_pool()


def check(doors: Doors, pool: Pool, survivor: str, savers: set[str], *logins: Logins) -> None:
    """Check that the logins are one living identity's, which has all that the savers stored."""
    for one in logins:
        (provider,) = one
        holders = [name for name, linked in living(pool).items() if provider in linked]
        assert holders == [survivor]
        assert pool.log_in(one) == survivor
        assert living(pool)[survivor].count(provider) == 1
    assert sorted(doors.owners(pool, survivor), key=str) == sorted(savers)
    for gone in savers - {survivor}:
        assert datasets_of(doors.servers[0], pool, gone) == []
    assert savers - {survivor} <= disabled(pool)


def sign_ins(views: list[Pool], asked: list[str], *logins: Logins) -> list[Callable[[], str]]:
    """Give one sign-in for each identity asked for, by turns of servers and entrances."""
    turns = zip(asked, cycle(views), cycle((*ENTRANCES, *reversed(ENTRANCES))), strict=False)
    return [partial(enter, pool, entrance, identity, *logins) for identity, pool, entrance in turns]


@pytest.mark.parametrize("turn", range(ROUNDS))
def test_devices_with_one_new_login_get_one_identity(
    doors: Doors, views: list[Pool], turn: int
) -> None:
    login = doors.providers.first("alice")
    ids = at_once([partial(pool.log_in, login) for _, pool in zip(range(8), cycle(views))])
    assert len(set(ids)) == 1
    assert living(views[0]) == {ids[0]: [doors.providers.one.name]}


@pytest.mark.parametrize("turn", range(ROUNDS))
def test_devices_with_overlapping_new_logins_get_one_identity(
    doors: Doors, views: list[Pool], turn: int
) -> None:
    first, second = doors.providers.first("alice"), doors.providers.second("alice")
    calls = zip(((first,), (second,), (first, second)) * 3, cycle(views), strict=False)
    at_once([partial(pool.log_in, *logins) for logins, pool in calls])
    survivor = views[0].log_in(first, second)
    assert living(views[0]) == {survivor: living(views[0])[survivor]}
    check(doors, views[0], survivor, set(), first, second)


@pytest.mark.parametrize("turn", range(ROUNDS))
def test_row_07_devices_that_link_a_login_to_one_guest_keep_its_id(
    doors: Doors, views: list[Pool], turn: int
) -> None:
    login = doors.providers.first("alice")
    guest = views[0].guest()
    doors.save(views[0], guest)
    assert set(at_once(sign_ins(views, [guest] * DEVICES, login))) == {guest}
    check(doors, views[0], guest, {guest}, login)


@pytest.mark.parametrize("turn", range(ROUNDS))
def test_row_07_guests_that_log_in_as_one_new_user_become_one_identity(
    doors: Doors, views: list[Pool], turn: int
) -> None:
    login = doors.providers.first("alice")
    guests = [views[0].guest() for _ in range(DEVICES)]
    for guest in guests:
        doors.save(views[0], guest)
    (survivor,) = set(at_once(sign_ins(views, guests, login)))
    assert survivor in guests
    check(doors, views[0], survivor, set(guests), login)


@pytest.mark.parametrize("turn", range(ROUNDS))
def test_row_08_guests_that_log_in_become_part_of_the_users_identity(
    doors: Doors, views: list[Pool], turn: int
) -> None:
    login = doors.providers.first("alice")
    identity = views[0].log_in(login)
    guests = [views[0].guest() for _ in range(DEVICES)]
    for owner in (identity, *guests):
        doors.save(views[0], owner)
    assert set(at_once(sign_ins(views, guests, login))) == {identity}
    check(doors, views[0], identity, {identity, *guests}, login)


@pytest.mark.parametrize("turn", range(ROUNDS))
def test_row_12_two_identities_that_take_each_other_in_become_one(
    doors: Doors, views: list[Pool], turn: int
) -> None:
    first, second = doors.providers.first("alice"), doors.providers.second("alice")
    identities = [views[0].log_in(first), views[0].log_in(second)]
    for owner in identities:
        doors.save(views[0], owner)
    asked = identities * (DEVICES // 2)
    (survivor,) = set(at_once(sign_ins(views, asked, first, second)))
    assert survivor in identities
    check(doors, views[0], survivor, set(identities), first, second)


def test_what_a_guest_was_told_is_stored_is_there_after_a_login_meanwhile(
    doors: Doors, views: list[Pool]
) -> None:
    login = doors.providers.first("alice")
    pool = views[0]
    identity, guest = pool.log_in(login), pool.guest()
    client = sync_client(doors.servers[0], pool.credentials(guest))
    place = place_of(pool, guest, "notes")
    write(client, place, replace("number", "0"))
    written = [0]

    def write_on() -> str:
        for number in count(1):
            write(client, place, replace("number", str(number), number))
            written.append(number)
        raise AssertionError

    def log_in() -> str:
        return enter(views[-1], ENTRANCES[1], guest, login)

    with refused("NotAuthorizedException", 403, forbidden(guest)):
        at_once([write_on, log_in])
    assert pool.log_in(login) == identity
    merged = place_of(pool, identity, f"notes.{guest}")
    assert contents(doors.client, merged) == {"number": str(written[-1])}


def test_a_device_is_not_told_that_its_data_was_deleted_when_it_was_merged(
    doors: Doors, views: list[Pool]
) -> None:
    login = doors.providers.first("alice")
    pool = views[0]
    pool.log_in(login)
    guest = pool.guest()
    client = sync_client(doors.servers[0], pool.credentials(guest))
    place = place_of(pool, guest, "notes")
    write(client, place, replace("number", "1"))
    enter(views[-1], ENTRANCES[0], guest, login)
    with refused("NotAuthorizedException", 403, forbidden(guest)):
        client.list_records(**place, LastSyncCount=1)
