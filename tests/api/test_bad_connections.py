"""Connections that misbehave: none stays open for ever, and none disturbs the others."""

import os
import re
import select
import subprocess
import sys
from collections.abc import Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import pytest
from types_boto3_cognito_sync import CognitoSyncClient

from keepstep.testing import LocalServer, local_server
from tests.conftest import Place, client_of
from tests.raw import RawRequester

from .connections import PATIENCE_SECONDS, connected, request_bytes
from .live_streams import watching
from .steps import begin, dataset_target, patch_body, replace, write

MIB = 1_048_576
MALFORMED = "MalformedHttpRequestException"
TOO_LARGE = "RequestEntityTooLargeException"
LISTING = "/identitypools"


@pytest.fixture(scope="module")
def hasty(clean_environment: None) -> Iterator[LocalServer]:
    """A server that waits for one second, and takes bodies of a MiB."""
    with local_server(request_seconds=1, idle_seconds=1, request_body_bytes=MIB) as running:
        yield running


@pytest.fixture(autouse=True)
def still_answers(hasty: LocalServer, server: LocalServer) -> Iterator[None]:
    """Whatever a test did, the servers go on serving afterwards."""
    yield
    for each in (hasty, server):
        assert RawRequester(each).call("GET", LISTING).status == 200


def signed(server: LocalServer, method: str, target: str, body: bytes = b"") -> bytes:
    headers = RawRequester(server).signed_headers(method, target, body)
    if body:
        headers["content-length"] = str(len(body))
    return request_bytes(method, target, headers, body)


@pytest.mark.parametrize(
    "garbage",
    [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(200),
        b"garbage\r\n\r\n",
        b"\x00" * 100,
        b"GET\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"SSH-2.0-OpenSSH_9.6\r\n",
        b"GET / HTTP/1.1\r\nno colon\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: x\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n",
        b"POST / HTTP/1.1\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n",
        b"POST / HTTP/1.1\r\nContent-Length: 99999999999999999999999999\r\n\r\n",
        b"POST / HTTP/1.1\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"GET /\xff\xfe HTTP/1.1\r\nHost: a\r\n\r\n",
        b"GET http://[ HTTP/1.1\r\nHost: a\r\n\r\n",
        b"CONNECT host:443 HTTP/1.1\r\nHost: a\r\n\r\n",
    ],
)
def test_what_is_not_http_is_refused_in_the_services_form_and_closed(
    server: LocalServer, garbage: bytes
) -> None:
    with connected(server) as connection:
        connection.send(garbage)
        answer = connection.answer()
        assert (answer.status, answer.error_type) == (400, MALFORMED)
        assert answer.json == {"__type": MALFORMED, "message": answer.message}
        assert answer.headers["connection"] == "close"
        assert connection.rest() == b""


@pytest.mark.parametrize(
    "beginning",
    [
        b"G",
        b"GET / HTTP/1.1\r\n",
        b"GET / HTTP/1.1\r\nHost: a\r\n",
        b"POST / HTTP/1.1\r\nContent-Length: 10\r\n\r\n12345",
        b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n123",
    ],
)
def test_a_request_that_does_not_arrive_whole_in_time_is_refused_and_closed(
    hasty: LocalServer, beginning: bytes
) -> None:
    with connected(hasty) as connection:
        connection.send(beginning)
        answer = connection.answer()
        assert (answer.status, answer.error_type) == (408, "RequestTimeoutException")
        assert connection.rest() == b""


def test_a_request_that_trickles_in_is_refused_all_the_same(hasty: LocalServer) -> None:
    with connected(hasty) as connection:
        connection.send(b"GET / HTTP/1.1\r\nHost: a\r\n")
        while not select.select([connection.socket], [], [], 0.1)[0]:
            connection.send(b"x")
        assert connection.answer().status == 408
        connection.rest()


@pytest.mark.parametrize("requests", [0, 1, 2])
def test_an_idle_connection_is_closed(hasty: LocalServer, requests: int) -> None:
    with connected(hasty) as connection:
        for _ in range(requests):
            connection.send(signed(hasty, "GET", LISTING))
            assert connection.answer().status == 200
        assert connection.rest() == b""


@pytest.mark.parametrize(
    "beginning",
    [
        b"GET / HT",
        b"GET / HTTP/1.1\r\nHost: a\r\n",
        b"POST / HTTP/1.1\r\nContent-Length: 10\r\n\r\n12345",
        b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n123",
    ],
)
def test_a_truncated_request_ends_its_connection(server: LocalServer, beginning: bytes) -> None:
    with connected(server) as connection:
        connection.send(beginning)
        connection.end_input()
        rest = connection.rest()
        assert b"200 OK" not in rest
        assert b"Internal" not in rest


def test_a_client_that_hangs_up_in_an_answer_disturbs_nobody(
    server: LocalServer, client: CognitoSyncClient, place: Place
) -> None:
    write(client, place, replace("key", "v" * 1_000_000))
    request = signed(server, "GET", dataset_target(place, "/records"))
    for _ in range(20):
        with connected(server) as connection:
            connection.send(request)
            assert connection.socket.recv(100)


def wait_for_idle_connections(hasty: LocalServer, number: int) -> None:
    """Wait until the server has closed so many idle connections, each after a second."""
    for _ in range(number):
        with connected(hasty) as idle:
            idle.rest()


def test_a_connection_is_not_idle_while_its_answer_goes_on(
    hasty: LocalServer, place: Place
) -> None:
    with watching(hasty, place) as watcher:
        watcher.next()
        for number in (1, 2):
            wait_for_idle_connections(hasty, 2)
            write(client_of(hasty), place, replace(f"key-{number}", "value"))
            watcher.read_through(number)
    assert watcher.values == {"key-1": "value", "key-2": "value"}


@pytest.mark.parametrize("more", [b"", b"garbage\r\n\r\n", b"GET / HTTP/1.1\r\n"])
def test_a_client_that_never_reads_its_answers_is_cut_off(
    hasty: LocalServer, place: Place, more: bytes
) -> None:
    write(client_of(hasty), place, replace("key", "v" * 1_000_000))
    request = signed(hasty, "GET", dataset_target(place, "/records"))
    with connected(hasty) as connection:
        connection.send(request * 40)
        wait_for_idle_connections(hasty, 1)
        with suppress(ConnectionError):
            connection.send(more)
        wait_for_idle_connections(hasty, 4)
        received = connection.rest()
        assert received.count(b"HTTP/1.1 200") < 40
        assert b"Exception" not in received


def test_pipelined_requests_are_answered_in_order(
    server: LocalServer, client: CognitoSyncClient, place: Place
) -> None:
    target = dataset_target(place)
    body = patch_body(begin(client, place), replace("key", "value"))
    with connected(server) as connection:
        connection.send(
            signed(server, "GET", target)
            + signed(server, "POST", target, body)
            + signed(server, "GET", target)
            + signed(server, "GET", "/nothing")
            + signed(server, "GET", LISTING)
        )
        assert [connection.answer().status for _ in range(5)] == [404, 200, 200, 404, 200]


def test_a_kept_connection_serves_on_after_errors(server: LocalServer, place: Place) -> None:
    target = dataset_target(place)
    with connected(server) as connection:
        for _ in range(3):
            connection.send(signed(server, "HEAD", LISTING))
            assert connection.answer(of_head=True).status == 404
            connection.send(signed(server, "POST", target, b"{}"))
            assert connection.answer().status == 400
            connection.send(request_bytes("GET", LISTING, {"host": "a"}))
            assert connection.answer().status == 403
            connection.send(signed(server, "GET", LISTING))
            assert connection.answer().status == 200


@pytest.mark.parametrize("version", ["1.0", "1.1"])
def test_a_connection_is_closed_when_the_client_wants_it_so(
    server: LocalServer, version: str
) -> None:
    headers = {**RawRequester(server).signed_headers("GET", LISTING), "Connection": "close"}
    with connected(server) as connection:
        connection.send(request_bytes("GET", LISTING, headers, version=version))
        assert connection.answer().status == 200
        assert connection.rest() == b""


def test_a_client_that_expects_it_is_told_to_go_on(
    server: LocalServer, client: CognitoSyncClient, place: Place
) -> None:
    body = patch_body(begin(client, place), replace("key", "value"))
    headers = RawRequester(server).signed_headers("POST", dataset_target(place), body)
    headers |= {"content-length": str(len(body)), "Expect": "100-continue"}
    with connected(server) as connection:
        connection.send(request_bytes("POST", dataset_target(place), headers))
        assert connection.answer().status == 100
        connection.send(body)
        assert connection.answer().status == 200


def test_a_client_that_expects_it_is_stopped_before_it_sends_too_much(
    hasty: LocalServer, place: Place
) -> None:
    headers = {"host": "a", "content-length": str(MIB + 1), "Expect": "100-continue"}
    with connected(hasty) as connection:
        connection.send(request_bytes("POST", dataset_target(place), headers))
        answer = connection.answer()
        assert (answer.status, answer.error_type) == (413, TOO_LARGE)
        assert connection.rest() == b""


def chunk(size: int) -> bytes:
    return b"%x\r\n%b\r\n" % (size, b" " * size)


def test_a_chunked_body_over_the_limit_is_refused(hasty: LocalServer, place: Place) -> None:
    headers = {"host": "a", "transfer-encoding": "chunked"}
    with connected(hasty) as connection:
        connection.send(request_bytes("POST", dataset_target(place), headers))
        connection.send(chunk(MIB))
        connection.send(chunk(1))
        answer = connection.answer()
        assert (answer.status, answer.error_type) == (413, TOO_LARGE)
        assert connection.rest() == b""


def test_a_chunked_body_within_the_limit_is_read_whole(
    server: LocalServer, client: CognitoSyncClient, place: Place
) -> None:
    body = patch_body(begin(client, place), replace("key", "value"))
    headers = RawRequester(server).signed_headers("POST", dataset_target(place), body)
    headers["Transfer-Encoding"] = "chunked"
    chunks = b"".join(b"1\r\n%c\r\n" % byte for byte in body) + b"0\r\n\r\n"
    with connected(server) as connection:
        connection.send(request_bytes("POST", dataset_target(place), headers, chunks))
        assert connection.answer().status == 200


def test_many_silent_connections_keep_nobody_waiting(hasty: LocalServer, place: Place) -> None:
    with ExitStack() as stack:
        silent = [stack.enter_context(connected(hasty)) for _ in range(200)]
        for connection in silent[::2]:
            connection.send(b"POST / HTTP/1.1\r\nContent-Length: 10\r\n")
        write(client_of(hasty), place, replace("key", "value"))
        for connection in silent:
            connection.rest()


@contextmanager
def process(store: Path) -> Generator[tuple[LocalServer, int]]:
    """Serve from a process of its own; give the server and the process id."""
    command = [sys.executable, Path(sys.executable).with_name("keepstep"), "serve"]
    options = ["--port", "0", "--open-pools", "--store", f"sqlite:{store}"]
    environment = {"PATH": os.environ["PATH"], "KEEPSTEP_LOG_REQUESTS": "false"}
    with subprocess.Popen(
        [*command, *options], env=environment, stdout=subprocess.PIPE, text=True
    ) as running:
        assert running.stdout is not None
        told = ""
        while not told.endswith("\n") or "\naws " not in told:
            told += running.stdout.readline()
        found = dict(re.findall(r"export (\w+)=(\S+)", told))
        try:
            yield (
                LocalServer(
                    found["AWS_ENDPOINT_URL"],
                    found["AWS_ACCESS_KEY_ID"],
                    found["AWS_SECRET_ACCESS_KEY"],
                    found["AWS_DEFAULT_REGION"],
                ),
                running.pid,
            )
        finally:
            running.terminate()


def resident_bytes(process_id: int) -> int:
    pages = Path(f"/proc/{process_id}/statm").read_text(encoding="ascii").split()[1]
    return int(pages) * os.sysconf("SC_PAGE_SIZE")


def send_much(server: LocalServer, place: Place, mebibytes: int) -> None:
    """Send a body in chunks until the server has had enough of it."""
    headers = {"host": "a", "transfer-encoding": "chunked"}
    with connected(server) as connection:
        try:
            connection.send(request_bytes("POST", dataset_target(place), headers))
            for _ in range(mebibytes):
                connection.send(chunk(MIB))
        except ConnectionError:
            pass
        connection.rest()


def test_many_huge_bodies_do_not_fill_the_memory(tmp_path: Path, place: Place) -> None:
    with process(tmp_path / "store.db") as (server, process_id):
        write(client_of(server), place, replace("key", "value"))
        before = resident_bytes(process_id)
        with ThreadPoolExecutor(8) as pool:
            for done in [pool.submit(send_much, server, place, 16) for _ in range(64)]:
                done.result()
        assert resident_bytes(process_id) - before < 160 * MIB
        write(client_of(server), place, replace("key", "value", 1))


def test_all_unfinished_bodies_together_have_a_limit(tmp_path: Path, place: Place) -> None:
    unfinished = request_bytes("POST", "/", {"host": "a", "content-length": str(8 * MIB)})
    with process(tmp_path / "store.db") as (server, process_id), ExitStack() as stack:
        before = resident_bytes(process_id)
        opened = [stack.enter_context(connected(server)) for _ in range(48)]
        for connection in opened:
            with suppress(ConnectionError):
                connection.send(unfinished + b" " * (7 * MIB))
        ended, _, _ = select.select([each.socket for each in opened], [], [], PATIENCE_SECONDS)
        answers = [each.rest() for each in opened if each.socket in ended]
        assert [answer for answer in answers if b" 429 " in answer]
        assert resident_bytes(process_id) - before < 400 * MIB
        write(client_of(server), place, replace("key", "value"))
