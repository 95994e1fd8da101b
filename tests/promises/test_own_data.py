"""Nobody reaches anybody else's data, with any operation, whatever their role allows.

Every operation of the table is in this matrix by being in the table.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.strategies import DataObject
from types_boto3_cognito_sync import CognitoSyncClient

from keepstep.domain.access import CallerClass
from keepstep.operations.table import SYNC_TABLE
from keepstep.testing import LocalServer
from tests.api.identity.keys_and_roles import ANYTHING, policy, role, use_role
from tests.api.identity.steps import FACEBOOK, Pool, forbidden, login, new_pool
from tests.api.steps import contents, fill
from tests.conftest import Place, client_of
from tests.raw import RawAnswer

from .people import (
    ALLOWS_ALL,
    FEW,
    KINDS,
    NEED_CREDENTIALS,
    ROWS,
    WRONG_CLASS,
    Person,
    any_request,
    names_identity,
    send,
    service_of,
    sign_in,
)
from .stores import stored_server

SECRET = {"diary": "a secret of somebody else"}
OWN_DATA_ROLE = "CognitoDefaultAuthenticatedRole"
OWN_DATA_ROLES = {
    "guest": OWN_DATA_ROLE,
    "logged in": OWN_DATA_ROLE,
    "classic": OWN_DATA_ROLE,
    "classic guest": "CognitoDefaultUnauthenticatedRole",
}


@dataclass(frozen=True)
class World:
    """A server with people in it who have data, and people who try to get at it.

    ``narrow`` have the built-in roles, ``wide`` a role that allows everything on everything.
    """

    server: LocalServer
    developer: CognitoSyncClient
    narrow: list[Person]
    wide: list[Person]
    others: list[Person]

    def targets(self, caller: Person) -> list[Person]:
        """Give everybody else, and the caller and the others in pools that are not theirs."""
        strange = replace(caller, identity_pool_id=self.others[-1].identity_pool_id)
        return [
            *self.others,
            strange,
            replace(self.others[0], identity_pool_id=self.server.new_id()),
        ]


@pytest.fixture(scope="module")
def world(clean_environment: None) -> Iterator[World]:
    allows_all = role(ALLOWS_ALL, policy(ANYTHING))
    with stored_server(open_pools=False, insecure_logins=True, roles=[allows_all]) as server:
        built_in, open_handed, elsewhere = (new_pool(server) for _ in range(3))
        for pool in (open_handed, elsewhere):
            use_role(pool, ALLOWS_ALL)
        developer = client_of(server)
        yield World(
            server,
            developer,
            [sign_in(server, built_in, kind, OWN_DATA_ROLES[kind], f"{kind}-1") for kind in KINDS],
            [sign_in(server, open_handed, kind, ALLOWS_ALL, f"{kind}-1") for kind in KINDS],
            [other(developer, pool) for pool in (built_in, open_handed, elsewhere)],
        )


def other(developer: CognitoSyncClient, pool: Pool) -> Person:
    """Make somebody who has a secret."""
    person = Person(pool.pool_id, pool.log_in(login(FACEBOOK, "victim")))
    fill(developer, place_of(person), **SECRET)
    return person


def place_of(person: Person) -> Place:
    return {
        "IdentityPoolId": person.identity_pool_id,
        "IdentityId": person.identity_id,
        "DatasetName": "diary",
    }


def refusal(answer: RawAnswer) -> tuple[int, str | None, str]:
    return answer.status, answer.error_type, answer.message


def assert_untouched(world: World) -> None:
    for person in world.others:
        listed = world.developer.list_datasets(
            IdentityPoolId=person.identity_pool_id, IdentityId=person.identity_id
        )
        assert [dataset.get("DatasetName") for dataset in listed["Datasets"]] == ["diary"]
        assert contents(world.developer, place_of(person)) == SECRET


RESTRICTED = [name for name in NEED_CREDENTIALS if ROWS[name].callers is not CallerClass.SIGNED]


@pytest.mark.parametrize("name", RESTRICTED)
@FEW
@given(data=st.data())
def test_a_built_in_role_allows_nothing_with_the_data_of_others(
    world: World, name: str, data: DataObject
) -> None:
    row = ROWS[name]
    status = 403 if row in SYNC_TABLE else 400
    for caller in world.narrow:
        for target in world.targets(caller):
            answer = send(world.server, row, any_request(data, row, target), caller)
            assert (answer.status, answer.error_type) == (status, "AccessDeniedException"), caller
            text = f" is not authorized to perform: {service_of(row)}:{name} on resource: "
            assert text in answer.message
    assert_untouched(world)


@pytest.mark.parametrize("name", RESTRICTED)
@FEW
@given(data=st.data())
def test_a_role_that_allows_everything_on_everything_widens_nothing(
    world: World, name: str, data: DataObject
) -> None:
    row = ROWS[name]
    status = 403 if row in SYNC_TABLE else 400
    for caller in world.wide:
        for target in world.targets(caller):
            expected = WRONG_CLASS
            if row.callers is not CallerClass.DEVELOPER:
                expected = forbidden(target.identity_id)
            answer = send(world.server, row, any_request(data, row, target), caller)
            assert refusal(answer) == (status, "NotAuthorizedException", expected), caller
    assert_untouched(world)


DEVELOPERS = [name for name, row in ROWS.items() if row.callers is CallerClass.DEVELOPER]


@pytest.mark.parametrize("name", DEVELOPERS)
@FEW
@given(data=st.data())
def test_what_is_for_developers_is_refused_to_identities_in_their_own_pool_too(
    world: World, name: str, data: DataObject
) -> None:
    row = ROWS[name]
    status = 403 if row in SYNC_TABLE else 400
    for caller in world.wide:
        answer = send(world.server, row, any_request(data, row, caller), caller)
        assert refusal(answer) == (status, "NotAuthorizedException", WRONG_CLASS), caller
    for caller in world.narrow:
        answer = send(world.server, row, any_request(data, row, caller), caller)
        assert (answer.status, answer.error_type) == (status, "AccessDeniedException"), caller
    assert_untouched(world)


PUBLIC = [
    name for name, row in ROWS.items() if row.callers is CallerClass.ANYBODY and names_identity(row)
]


@pytest.mark.parametrize("name", PUBLIC)
@FEW
@given(data=st.data())
def test_no_credentials_help_where_none_are_needed(
    world: World, name: str, data: DataObject
) -> None:
    row = ROWS[name]
    for target in world.others:
        request = any_request(data, row, target)
        unsigned = send(world.server, row, request, target)
        assert (unsigned.status, unsigned.error_type) == (400, "NotAuthorizedException")
        for caller in (*world.narrow, *world.wide):
            signed = send(world.server, row, request, caller)
            assert refusal(signed) == refusal(unsigned), caller
    assert_untouched(world)


OWN = [
    name
    for name, row in ROWS.items()
    if row.callers in (CallerClass.ANY, CallerClass.IDENTITY) and names_identity(row)
]


@pytest.mark.parametrize("name", OWN)
@FEW
@given(data=st.data())
def test_everybody_reaches_their_own_data(world: World, name: str, data: DataObject) -> None:
    for caller in (*world.narrow, *world.wide):
        answer = send(world.server, ROWS[name], any_request(data, ROWS[name], caller), caller)
        assert answer.status not in (401, 403), (caller, answer.body)


def test_the_matrix_has_every_operation_there_is() -> None:
    in_a_matrix = {*RESTRICTED, *PUBLIC}
    assert set(ROWS) - in_a_matrix == {"GetId", "AssumeRoleWithWebIdentity", "GetCallerIdentity"}
    assert len(ROWS) >= 17 + 23 + 2
