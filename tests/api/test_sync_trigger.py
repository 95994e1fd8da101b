"""UpdateRecords of an identity whose pool has a sync trigger, through boto3."""

from collections.abc import Iterator

import pytest

from keepstep.testing import LocalServer, local_server
from tests.conftest import client_of

from .owners import FUNCTION, Guest, new_guest
from .steps import begin, contents, fill, invalid, refused, replace, values_of, write

TRIGGERS = [{"function": FUNCTION, "python": "tests.api.sync_trigger:check"}]


@pytest.fixture(scope="module")
def triggering(clean_environment: None) -> Iterator[LocalServer]:
    """A server that runs the function of the tests."""
    with local_server(triggers=TRIGGERS) as running:
        yield running


@pytest.fixture
def guest(triggering: LocalServer) -> Guest:
    """A guest of a pool with a trigger."""
    pool_id = triggering.new_id()
    client_of(triggering).set_cognito_events(
        IdentityPoolId=pool_id, Events={"SyncTrigger": FUNCTION}
    )
    return new_guest(triggering, pool_id)


def test_the_function_changes_and_adds_records_that_come_back(guest: Guest) -> None:
    written = write(guest.client, guest.place, replace("do", "add"), replace("key", "x"))
    assert values_of(written) == {"do": "add", "key": "x", "added": "for things"}
    assert {record.get("SyncCount") for record in written} == {1}
    written = write(guest.client, guest.place, replace("do", "trim", 1), replace("new", " y ", 0))
    assert values_of(written) == {"do": "trim", "new": "y"}


def test_what_the_function_drops_comes_back_as_it_is_stored(guest: Guest) -> None:
    fill(guest.client, guest.place, key="kept")
    written = write(guest.client, guest.place, replace("do", "drop"), replace("key", "lost", 1))
    assert values_of(written) == {"do": None, "key": "kept"}
    assert {record.get("SyncCount") for record in written} == {2}


@pytest.mark.parametrize("what", ["fail", "rename"])
def test_a_function_that_fails_or_answers_something_else_stores_nothing(
    guest: Guest, what: str
) -> None:
    token = begin(guest.client, guest.place)
    with refused("InvalidLambdaFunctionOutputException", 400):
        guest.client.update_records(
            **guest.place, SyncSessionToken=token, RecordPatches=[replace("do", what)]
        )
    assert guest.client.list_records(**guest.place)["DatasetExists"] is False
    guest.client.update_records(
        **guest.place, SyncSessionToken=token, RecordPatches=[replace("key", "x")]
    )
    with invalid():
        guest.client.list_records(**guest.place, SyncSessionToken=token)


def test_a_function_that_takes_over_five_seconds_times_out(guest: Guest) -> None:
    token = begin(guest.client, guest.place)
    with refused("LambdaSocketTimeoutException", 400):
        guest.client.update_records(
            **guest.place, SyncSessionToken=token, RecordPatches=[replace("do", "hang")]
        )
    assert contents(guest.client, guest.place) == {}


def test_a_developer_writes_without_the_function(guest: Guest) -> None:
    developer = client_of(guest.server)
    assert values_of(write(developer, guest.place, replace("do", "fail"))) == {"do": "fail"}


def test_a_server_may_be_set_up_to_let_developers_writes_be_checked_too() -> None:
    with local_server(triggers=TRIGGERS, trigger_developers=True) as server:
        developer, pool_id = client_of(server), server.new_id()
        developer.set_cognito_events(IdentityPoolId=pool_id, Events={"SyncTrigger": FUNCTION})
        guest = new_guest(server, pool_id)
        written = write(developer, guest.place, replace("do", "add"))
        assert values_of(written)["added"] == "for things"


def test_a_function_that_is_nowhere_fails_the_update(server: LocalServer) -> None:
    pool_id = server.new_id()
    client_of(server).set_cognito_events(IdentityPoolId=pool_id, Events={"SyncTrigger": FUNCTION})
    guest = new_guest(server, pool_id)
    token = begin(guest.client, guest.place)
    with refused("InvalidLambdaFunctionOutputException", 400):
        guest.client.update_records(
            **guest.place, SyncSessionToken=token, RecordPatches=[replace("key", "x")]
        )
