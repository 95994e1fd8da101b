"""Whoever was merged away, deleted or signed out reaches nothing any more, with any operation."""

from collections.abc import Iterator
from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.strategies import DataObject

from keepstep.domain.limits import SECOND_MS
from keepstep.domain.revocations import identity_subject
from keepstep.operations.table import STS_TABLE, SYNC_TABLE
from keepstep.testing import LocalServer, local_server
from tests.api.conftest import Clock
from tests.api.identity.keys_and_roles import ANYTHING, policy, role, use_role
from tests.api.identity.steps import FACEBOOK, GOOGLE, Pool, forbidden, login, new_pool
from tests.conftest import StoreSettings, store_settings
from tests.raw import RawAnswer

from .people import (
    ALLOWS_ALL,
    FEW,
    KINDS,
    NEED_CREDENTIALS,
    ROWS,
    Person,
    any_request,
    send,
    sign_in,
)
from .stores import revoke

EXPIRED: Final = "The security token included in the request is expired"
WAYS: Final = ("merged", "deleted", "pool deleted", "signed out")
Gone = dict[str, list[Person]]


@pytest.fixture(scope="module")
def gone(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[LocalServer, Gone]]:
    """A server, and people whose credentials ended too early, by the way they did.

    Their role allows everything on everything.
    """
    clock = Clock()
    allows_all = role(ALLOWS_ALL, policy(ANYTHING))
    with (
        store_settings(tmp_path_factory.mktemp("gone")) as store,
        local_server(
            **store, open_pools=False, insecure_logins=True, roles=[allows_all], clock=clock
        ) as server,
    ):
        people: Gone = {}
        for way in WAYS:
            pool = new_pool(server)
            use_role(pool, ALLOWS_ALL)
            people[way] = [
                sign_in(server, pool, kind, ALLOWS_ALL, f"{kind}-user") for kind in KINDS
            ]
            clock.now += SECOND_MS
            end(way, pool, people[way], store, clock)
        clock.now += 10 * SECOND_MS
        yield server, people


def end(way: str, pool: Pool, people: list[Person], store: StoreSettings, clock: Clock) -> None:
    match way:
        case "merged":
            for person in people:
                merge_away(pool, person)
        case "deleted":
            ids = [person.identity_id for person in people]
            pool.developer.delete_identities(IdentityIdsToDelete=ids)
        case "pool deleted":
            pool.developer.delete_identity_pool(IdentityPoolId=pool.pool_id)
        case _:
            revoke(store, [identity_subject(one.identity_id) for one in people], clock.now)


def merge_away(pool: Pool, person: Person) -> None:
    """Make a person's identity part of another one."""
    another = login(GOOGLE, f"{person.kind}-another")
    survivor = pool.log_in(another)
    if "guest" in person.kind:
        assert pool.link(person.identity_id, another) == survivor
    else:
        assert pool.link(survivor, another, login(FACEBOOK, f"{person.kind}-user")) == survivor


def assert_refused(answer: RawAnswer, name: str, code: str, text: str) -> None:
    row = ROWS[name]
    if row in STS_TABLE:
        xml_code = {"ExpiredTokenException": "ExpiredToken"}.get(code, "AccessDenied")
        assert answer.status == 403
        assert f"<Code>{xml_code}</Code><Message>{text}</Message>" in answer.body.decode()
    else:
        status = 403 if row in SYNC_TABLE else 400
        found = answer.status, answer.error_type, answer.message
        assert found == (status, code, text)


@pytest.mark.parametrize("name", NEED_CREDENTIALS)
@FEW
@given(data=st.data())
def test_credentials_of_an_identity_that_is_gone_reach_nothing(
    gone: tuple[LocalServer, Gone], name: str, data: DataObject
) -> None:
    server, people = gone
    for way in ("merged", "deleted", "pool deleted"):
        for caller in people[way]:
            answer = send(server, ROWS[name], any_request(data, ROWS[name], caller), caller)
            text = forbidden(caller.identity_id)
            assert_refused(answer, name, "NotAuthorizedException", text)


@pytest.mark.parametrize("name", NEED_CREDENTIALS)
@FEW
@given(data=st.data())
def test_credentials_that_were_signed_out_are_as_expired(
    gone: tuple[LocalServer, Gone], name: str, data: DataObject
) -> None:
    server, people = gone
    for caller in people["signed out"]:
        answer = send(server, ROWS[name], any_request(data, ROWS[name], caller), caller)
        assert_refused(answer, name, "ExpiredTokenException", EXPIRED)
