"""Live changes: the events of a stream, resuming, who may open one, and how many."""

import re
import time
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from types_boto3_cognito_sync import CognitoSyncClient

from keepstep.domain.limits import HOUR_MS, LIVE_HEARTBEAT_SECONDS, SECOND_MS
from keepstep.testing import LocalServer, local_server
from keepstep.wire.sigv4 import Credentials
from tests.conftest import Place, client_of, store_settings
from tests.raw import RawAnswer, RawRequester

from .conftest import Timed
from .identity.keys_and_roles import allow, enhanced, policy, role, use_role
from .identity.signing_in import COGNITO
from .identity.steps import DEVELOPER, Pool, new_pool
from .live_streams import Refused, Watcher, changes_target, opened, presigned, watching
from .owners import Guest, new_guest
from .steps import (
    INVALID_TOKEN,
    contents,
    dataset_target,
    fill,
    invalid,
    remove,
    replace,
    values_of,
    write,
)

READS = role("Reads", policy(allow("*", "cognito-sync:ListRecords")))
DESCRIBES = role("Describes", policy(allow("*", ["cognito-sync:Describe*", "cognito-sync:Watch*"])))


@pytest.fixture
def guest(server: LocalServer) -> Guest:
    return new_guest(server, server.new_id())


@pytest.fixture(scope="module")
def closed_server(clean_environment: None) -> Iterator[LocalServer]:
    """A server that does not make a pool again once it was deleted."""
    with store_settings() as store, local_server(**store, open_pools=False) as running:
        yield running


def refused(server: LocalServer, place: Place, **headers: str) -> RawAnswer:
    """Ask for a stream with the root key, and give the refusal."""
    return RawRequester(server).call("GET", changes_target(place), headers=headers)


def test_a_stream_begins_with_what_list_records_answers(
    server: LocalServer, client: CognitoSyncClient, place: Place
) -> None:
    write(client, place, replace("theme", "dark"), replace("volume", "7"))
    target = dataset_target(place, "/records")
    listed = RawRequester(server).call("GET", target).json
    with watching(server, place) as watcher:
        event = watcher.next()
    headers = watcher.response.headers
    assert headers["content-type"] == "text/event-stream"
    assert (headers["cache-control"], headers["x-accel-buffering"]) == ("no-store", "no")
    assert (event.kind, event.id, watcher.retry) == ("change", 1, "1000")
    assert event.data.pop("SyncSessionToken") != listed.pop("SyncSessionToken")
    assert event.data == listed


def test_an_event_holds_what_changed_since_the_one_before(
    server: LocalServer, client: CognitoSyncClient, place: Place
) -> None:
    with watching(server, place) as watcher:
        missing = watcher.next()
        assert (missing.id, missing.data["DatasetExists"]) == (0, False)
        write(client, place, replace("theme", "dark"), replace("volume", "7"))
        assert values_of(watcher.next().data["Records"]) == {"theme": "dark", "volume": "7"}
        write(client, place, remove("volume", 1))
        second = watcher.next()
        assert (second.id, values_of(second.data["Records"])) == (2, {"volume": None})
        client.delete_dataset(**place)
        deleted = watcher.next()
        assert (deleted.id, deleted.data["Records"]) == (3, [])
        assert deleted.data["DatasetDeletedAfterRequestedSyncCount"]
        write(client, place, replace("theme", "light"))
        again = watcher.next()
        assert (again.id, values_of(again.data["Records"])) == (4, {"theme": "light"})
        assert not again.data["DatasetDeletedAfterRequestedSyncCount"]


def test_the_session_token_of_an_event_is_good_for_one_update(
    server: LocalServer, client: CognitoSyncClient, place: Place
) -> None:
    with watching(server, place) as watcher:
        token = watcher.next().data["SyncSessionToken"]
        client.update_records(
            **place, SyncSessionToken=token, RecordPatches=[replace("theme", "dark")]
        )
        assert watcher.next().data["SyncSessionToken"] != token
    with invalid(INVALID_TOKEN):
        client.update_records(
            **place, SyncSessionToken=token, RecordPatches=[replace("theme", "light", 1)]
        )


@pytest.mark.parametrize(
    ("headers", "query"),
    [
        ({}, {"lastSyncCount": 1}),
        ({"last-event-id": "1"}, {}),
        ({"last-event-id": "1"}, {"lastSyncCount": 2}),
        ({"last-event-id": ""}, {"lastSyncCount": 1}),
    ],
)
def test_a_stream_goes_on_after_the_last_event_id_or_else_the_count_asked_with(
    server: LocalServer,
    client: CognitoSyncClient,
    place: Place,
    headers: dict[str, str],
    query: dict[str, int],
) -> None:
    write(client, place, replace("theme", "dark"))
    write(client, place, replace("volume", "7"))
    with watching(server, place, credentials=None, headers=headers, **query) as watcher:
        event = watcher.next()
    assert (event.id, values_of(event.data["Records"])) == (2, {"volume": "7"})


def test_a_stream_that_resumes_without_news_waits_for_a_change(
    server: LocalServer, client: CognitoSyncClient, place: Place
) -> None:
    write(client, place, replace("theme", "dark"))
    with watching(server, place, headers={"last-event-id": "1"}) as watcher:
        write(client, place, replace("theme", "light", 1))
        event = watcher.next()
    assert (event.id, values_of(event.data["Records"])) == (2, {"theme": "light"})


@pytest.mark.parametrize("last", ["x", "-1", "1.5", "٣", "9" * 19, "9" * 5000])
def test_what_is_no_event_id_is_refused_in_words(
    server: LocalServer, place: Place, last: str
) -> None:
    headers = {"last-event-id": last.encode().decode("latin-1")}
    answer = refused(server, place, **headers)
    assert (answer.status, answer.error_type) == (400, "InvalidParameterException")
    assert "Last-Event-ID" in answer.message


def test_a_count_that_the_dataset_has_not_reached_is_refused(
    server: LocalServer, client: CognitoSyncClient, place: Place
) -> None:
    write(client, place, replace("theme", "dark"))
    answer = refused(server, place, **{"last-event-id": "2"})
    assert (answer.status, answer.error_type) == (400, "InvalidParameterException")
    assert answer.message.startswith("No such SyncCount: 2")


def test_a_guest_watches_their_own_data_with_a_signed_header_or_a_signed_url(guest: Guest) -> None:
    write(guest.client, guest.place, replace("theme", "dark"))
    with watching(guest.server, guest.place, guest.credentials) as watcher:
        assert watcher.next().id == 1
    url = guest.server.endpoint_url + changes_target(guest.place, lastSyncCount=0)
    with opened(presigned(url, guest.credentials), {"last-event-id": "1"}) as watcher:
        write(guest.client, guest.place, replace("theme", "light", 1))
        assert watcher.next().id == 2


def test_a_guest_cannot_watch_somebody_elses_data(guest: Guest) -> None:
    other = new_guest(guest.server, guest.identity["IdentityPoolId"])
    answer = guest.call("GET", changes_target(other.place))
    assert (answer.status, answer.error_type) == (403, "AccessDeniedException")
    assert "cognito-sync:ListRecords" in answer.message


def test_a_stream_has_to_be_signed(server: LocalServer, place: Place) -> None:
    answer = RawRequester(server).send("GET", changes_target(place))
    assert (answer.status, answer.error_type) == (403, "MissingAuthenticationTokenException")


def test_a_signed_url_is_good_for_nothing_else_of_cognito_sync(guest: Guest) -> None:
    url = guest.server.endpoint_url + dataset_target(guest.place, "/records")
    target = presigned(url, guest.credentials).removeprefix(guest.server.endpoint_url)
    answer = RawRequester(guest.server).send("GET", target)
    assert answer.error_type == "MissingAuthenticationTokenException"


def test_a_signed_url_opens_no_stream_after_its_time_and_an_open_one_goes_on(
    timed: Timed, place: Place
) -> None:
    keys = Credentials(timed.server.access_key_id, timed.server.secret_access_key)
    url = presigned(timed.server.endpoint_url + changes_target(place), keys, seconds=60)
    with opened(url) as watcher:
        timed.clock.now += 120 * SECOND_MS
        write(timed.client, place, replace("theme", "dark"))
        watcher.read_through(1)
    answer = timed.raw.send("GET", url.removeprefix(timed.server.endpoint_url))
    assert answer.error_type == "InvalidSignatureException"
    assert answer.message.startswith("Signature expired")


@pytest.mark.parametrize("seconds", ["x", "-1", "9" * 10, "9" * 5000])
def test_a_signed_url_with_a_life_that_is_none_is_refused(guest: Guest, seconds: str) -> None:
    url = guest.server.endpoint_url + changes_target(guest.place)
    target = presigned(url, guest.credentials, seconds).removeprefix(guest.server.endpoint_url)
    answer = RawRequester(guest.server).send("GET", target)
    assert answer.error_type == "IncompleteSignatureException"


@pytest.mark.parametrize("strange", ["X-Amz-Security-Token=%E2%82%AC", "X-Amz-Signature=%C4%81"])
def test_a_signed_url_with_characters_that_none_has_is_refused(guest: Guest, strange: str) -> None:
    name = strange.partition("=")[0]
    url = presigned(guest.server.endpoint_url + changes_target(guest.place), guest.credentials)
    target = re.sub(f"{name}=[^&]*", strange, url.removeprefix(guest.server.endpoint_url))
    answer = RawRequester(guest.server).send("GET", target)
    assert (answer.status, answer.error_type) == (403, "IncompleteSignatureException")
    assert name in answer.message


def test_watching_is_allowed_by_the_permission_to_list_records() -> None:
    with local_server(roles=[READS, DESCRIBES]) as server:
        pool = new_pool(server)
        place = Place(IdentityPoolId=pool.pool_id, IdentityId=pool.guest(), DatasetName="things")
        use_role(pool, "Describes")
        with pytest.raises(Refused, match=r"403 .*AccessDeniedException"):
            watch(server, place, enhanced(pool, place["IdentityId"]))
        use_role(pool, "Reads")
        watch(server, place, enhanced(pool, place["IdentityId"]))


def test_too_many_streams_are_refused_until_one_closes() -> None:
    with local_server(live_streams=3, live_streams_per_identity=2) as server:
        guest = new_guest(server, server.new_id())
        place, keys = guest.place, guest.credentials
        with ExitStack() as stack:
            for _ in range(2):
                stack.enter_context(watching(server, place, keys)).next()
            with pytest.raises(Refused, match=r"429 .*The identity has 2 open streams"):
                watch(server, place, keys)
            stack.enter_context(watching(server, place)).next()
            with pytest.raises(Refused, match=r"429 .*The server has all the open streams"):
                watch(server, place)
            answer = refused(server, place)
            assert (answer.error_type, answer.headers["retry-after"]) == (
                "TooManyRequestsException",
                "1",
            )
        for _ in range(8):
            watch_soon(server, place, keys)


def watch(server: LocalServer, place: Place, keys: Credentials | None = None) -> None:
    """Open a stream, read an event and go."""
    with watching(server, place, keys) as watcher:
        watcher.next()


def watch_soon(server: LocalServer, place: Place, keys: Credentials) -> None:
    """Do so well before a heartbeat, which would notice that those before have gone, is due."""
    deadline = time.monotonic() + LIVE_HEARTBEAT_SECONDS / 2
    while True:
        try:
            return watch(server, place, keys)
        except Refused:
            assert time.monotonic() < deadline, "nobody's place becomes free"


def test_a_stream_ends_when_its_credentials_do(timed: Timed) -> None:
    guest = new_guest(timed.server, timed.server.new_id())
    with watching(timed.server, guest.place, guest.credentials) as watcher:
        watcher.next()
        write(timed.client, guest.place, replace("theme", "dark"))
        assert watcher.next().id == 1
        timed.clock.now += 2 * HOUR_MS
        target, now = (
            dataset_target(guest.place),
            datetime.fromtimestamp(timed.clock.now / 1000, UTC),
        )
        headers = timed.raw.signed_headers("DELETE", target, time=now)
        assert timed.raw.send("DELETE", target, headers=headers).status == 200
        assert watcher.end() == "ExpiredTokenException"


@pytest.mark.parametrize("as_developer", [False, True])
@pytest.mark.parametrize("how", ["identity deleted", "identity merged", "pool deleted"])
def test_a_stream_ends_when_what_it_watches_is_gone(
    closed_server: LocalServer, how: str, *, as_developer: bool
) -> None:
    pool = new_pool(closed_server)
    identity_id = pool.developer_user("source")
    pool.developer_user("survivor")
    place = Place(IdentityPoolId=pool.pool_id, IdentityId=identity_id, DatasetName="things")
    write(client_of(closed_server), place, replace("theme", "dark"))
    keys = None if as_developer else keys_of_user(pool, "source")
    with watching(closed_server, place, keys) as watcher:
        assert watcher.next().id == 1
        if how == "identity deleted":
            pool.developer.delete_identities(IdentityIdsToDelete=[identity_id])
        elif how == "identity merged":
            pool.merge("source", "survivor")
        else:
            pool.developer.delete_identity_pool(IdentityPoolId=pool.pool_id)
        assert watcher.end() == "NotAuthorizedException"


def keys_of_user(pool: Pool, user: str) -> Credentials:
    """Get the credentials of one of the developer's users."""
    answer = pool.developer.get_open_id_token_for_developer_identity(
        IdentityPoolId=pool.pool_id, Logins={DEVELOPER: user}
    )
    return enhanced(pool, answer["IdentityId"], {COGNITO: answer["Token"]})


def test_a_slow_reader_gets_the_newest_state_instead_of_every_step(
    server: LocalServer, client: CognitoSyncClient, place: Place
) -> None:
    steps = 16
    with watching(server, place) as watcher:
        watcher.next()
        for step in range(steps):
            fill(client, place, large=f"{step}" + "x" * 1_000_000)
        events = 0
        while watcher.last_id != steps:
            watcher.next()
            events += 1
    assert watcher.values["large"].startswith(f"{steps - 1}x")
    assert events < steps


def test_preflights_allow_the_last_event_id(server: LocalServer, place: Place) -> None:
    asked = {"origin": "https://app.example", "access-control-request-headers": "Last-Event-ID"}
    answer = RawRequester(server).send("OPTIONS", changes_target(place), headers=asked)
    assert answer.headers["access-control-allow-headers"] == "last-event-id"


ACTIONS = st.one_of(
    st.tuples(st.just("write"), st.sampled_from("abc")),
    st.tuples(st.just("remove"), st.sampled_from("abc")),
    st.tuples(st.just("delete"), st.none()),
    st.tuples(st.just("cut"), st.integers(0, 3)),
)


@settings(max_examples=12, deadline=None, database=None)
@given(actions=st.lists(ACTIONS, min_size=4, max_size=14))
def test_a_watcher_that_is_cut_off_and_resumes_never_misses_the_final_state(
    server: LocalServer, client: CognitoSyncClient, actions: list[tuple[str, str | int | None]]
) -> None:
    make = server.new_id
    place: Place = {"IdentityPoolId": make(), "IdentityId": make(), "DatasetName": "things"}
    watcher: Watcher | None = None
    count, exists = 0, False
    with ExitStack() as streams:
        for action, what in [*actions, ("write", "last")]:
            if watcher is None or action == "cut":
                watcher = resumed(streams, server, place, watcher)
            if action == "cut":
                for _ in range(int(what or 0)):
                    if exists and watcher.last_id != count:
                        watcher.next()
            elif action == "delete" and exists:
                client.delete_dataset(**place)
                count, exists = count + 1, False
            elif action == "write" or (action == "remove" and exists):
                patch = replace if action == "write" else remove
                key, value = str(what), () if action == "remove" else (str(count),)
                write(client, place, patch(key, *value, sync_count=count))  # pyright: ignore[reportCallIssue] -- each with its own arguments
                count, exists = count + 1, True
        assert watcher is not None
        watcher.read_through(count)
    listed = contents(client, place)
    assert watcher.values == {key: value for key, value in listed.items() if value is not None}


def resumed(
    streams: ExitStack, server: LocalServer, place: Place, before: Watcher | None
) -> Watcher:
    """Cut a watcher off, if there is one, and give one that goes on with what it knows."""
    streams.close()
    last = before.last_id if before is not None else None
    headers = {} if last is None else {"last-event-id": str(last)}
    watcher = streams.enter_context(watching(server, place, headers=headers))
    if before is not None:
        watcher.last_id, watcher.values = last, before.values
    return watcher
