"""A server that is killed, or asked to stop, in the middle of its work."""

import random
import socket
from collections.abc import Iterator
from contextlib import ExitStack, closing
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from keepstep.testing import LocalServer
from keepstep.testing.history import check
from keepstep.wire.operations import UPDATE_RECORDS
from keepstep.wire.rest_json import HttpRequest
from keepstep.wire.sync import RecordPatch
from tests.conftest import StoreSettings, store_settings

from .processes import ServerProcess
from .wire_client import Place, WireClient
from .workload import Crew, Workload

KILLS, WRITERS, READERS = 8, 4, 2
KILLS_OF_TWO = 4
ACCEPTED_BETWEEN = 30
REQUESTS, IDLE = 6, 8
TIMEOUT_SECONDS = 30
PLACE = Place(
    "us-east-1:00000000-0000-4000-8000-00000000000a",
    "us-east-1:00000000-0000-4000-8000-00000000000b",
)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[StoreSettings]:
    with store_settings(tmp_path) as settings:
        yield settings


@pytest.fixture
def process(tmp_path: Path, store: StoreSettings) -> Iterator[ServerProcess]:
    one = ServerProcess(tmp_path, store)
    yield one
    one.close()


def port_of(server: LocalServer) -> int:
    return urlsplit(server.endpoint_url).port or 0


def test_promises_hold_over_kills_at_any_moment(process: ServerProcess) -> None:
    chance = random.Random(20_261_122)
    workload = Workload(process.start(), PLACE, ("one", "two"))
    crew = Crew(
        [
            *(partial(workload.write_until_stopped, n) for n in range(WRITERS)),
            *(partial(workload.read_until_stopped, 100 + n) for n in range(READERS)),
        ]
    )
    for number in range(KILLS):
        workload.moments.wait_for("accepted", ACCEPTED_BETWEEN)
        workload.moments.wait_for(chance.choice(("begun", "accepted")), chance.randint(1, 60))
        workload.up.clear()
        process.kill()
        workload.server = process.start(port_of(workload.server) if number % 2 else 0)
        workload.up.set()
    workload.moments.wait_for("accepted", ACCEPTED_BETWEEN)
    workload.stopped.set()
    crew.join()
    workload.read_finally()
    assert check(workload.history) == []
    assert workload.accepted() >= (KILLS + 1) * ACCEPTED_BETWEEN
    assert workload.unknown() > 0, "no kill met a write: the test has shown nothing"


def test_promises_hold_over_two_servers_of_one_store_while_either_is_killed(
    tmp_path: Path, store: StoreSettings
) -> None:
    chance = random.Random(20_261_123)
    with ExitStack() as stack:
        processes = [ServerProcess(tmp_path, store) for _ in range(2)]
        for process in processes:
            stack.callback(process.close)
        first = Workload(processes[0].start(), PLACE, ("one", "two"))
        workloads = [first, first.through(processes[1].start())]
        work = [
            *(workload.write_until_stopped for workload in workloads for _ in range(WRITERS // 2)),
            *(workload.read_until_stopped for workload in workloads),
        ]
        crew = Crew(partial(one, number) for number, one in enumerate(work))
        for number in range(KILLS_OF_TWO):
            first.moments.wait_for("accepted", ACCEPTED_BETWEEN)
            first.moments.wait_for(chance.choice(("begun", "accepted")), chance.randint(1, 60))
            process, workload = processes[number % 2], workloads[number % 2]
            workload.up.clear()
            process.kill()
            first.moments.wait_for("accepted", ACCEPTED_BETWEEN)  # through the other one
            workload.server = process.start()
            workload.up.set()
        first.moments.wait_for("accepted", ACCEPTED_BETWEEN)
        first.stopped.set()
        crew.join()
        for workload in workloads:
            workload.read_finally()
    assert check(first.history) == []
    assert first.accepted() >= (2 * KILLS_OF_TWO + 1) * ACCEPTED_BETWEEN
    assert first.unknown() > 0, "no kill met a write: the test has shown nothing"


def test_tokens_from_before_a_kill_work_after_it(process: ServerProcess) -> None:
    with closing(WireClient(process.start(), PLACE)) as client:
        session = client.list_records("notes", 0).sync_session_token
        patches = [RecordPatch(op="replace", key=key, sync_count=0, value=key) for key in "ab"]
        client.update_records("notes", session, patches)
        page = client.list_records("notes", 0, max_results=1)
    process.kill()
    with closing(WireClient(process.start(), PLACE)) as client:
        rest = client.list_records("notes", 0, page_token=page.next_token)
        patch = RecordPatch(op="replace", key="a", sync_count=1, value="A")
        written = client.update_records("notes", page.sync_session_token, [patch])
    assert [record.key for record in (*page.records, *rest.records)] == ["a", "b"]
    assert [record.sync_count for record in written] == [2]


def test_a_session_consumed_before_a_kill_stays_consumed(process: ServerProcess) -> None:
    patch = RecordPatch(op="replace", key="a", sync_count=9, value="A")
    with closing(WireClient(process.start(), PLACE)) as client:
        session = client.list_records("notes", 0).sync_session_token
        client.update_records("notes", session, [patch])
    process.kill()
    with (
        closing(WireClient(process.start(), PLACE)) as client,
        pytest.raises(Exception, match="SyncSessionToken not valid for these inputs"),
    ):
        client.update_records("notes", session, [patch])


def test_workers_end_with_the_process_that_started_them(
    tmp_path: Path, store: StoreSettings
) -> None:
    process = ServerProcess(tmp_path, store, workers=2)
    try:
        server = process.start()
        process.kill()  # raises if a worker stays, and with it the port
        process.start(port_of(server))
    finally:
        process.close()


@pytest.mark.parametrize("workers", [1, 2])
def test_a_stop_finishes_every_request_in_flight(
    tmp_path: Path, store: StoreSettings, workers: int
) -> None:
    process = ServerProcess(tmp_path, store, workers=workers)
    try:
        server = process.start()
        with ExitStack() as stack:
            client = stack.enter_context(closing(WireClient(server, PLACE)))
            writes = [begin_write(stack, server, client, f"key{n}") for n in range(REQUESTS)]
            idle = [connect(stack, server) for _ in range(IDLE)]
            for connection in idle:
                ask_health(connection)
            process.ask_to_stop()
            for connection in idle:  # closed, so the stop has begun
                assert connection.recv(1) == b""
            for connection, body in writes:
                connection.sendall(body)
            answers = [read_all(connection) for connection, _ in writes]
        assert process.wait() == 0
        assert [answer.split(b"\r\n", 1)[0] for answer in answers] == [
            b"HTTP/1.1 200 OK"
        ] * REQUESTS
        with closing(WireClient(process.start(), PLACE)) as client:
            kept = {record.key for record in client.list_records("notes", 0).records}
        assert kept == {f"key{n}" for n in range(REQUESTS)}
    finally:
        process.close()


@pytest.mark.parametrize("workers", [1, 2])
def test_a_stop_under_load_leaves_no_write_unanswered_that_was_made(
    tmp_path: Path, store: StoreSettings, workers: int
) -> None:
    process = ServerProcess(tmp_path, store, workers=workers)
    try:
        workload = Workload(process.start(), PLACE, ("one", "two"))
        crew = Crew(partial(workload.write_until_stopped, n) for n in range(WRITERS))
        workload.moments.wait_for("accepted", 150)
        workload.up.clear()
        process.ask_to_stop()
        assert process.wait() == 0
        workload.stopped.set()
        workload.up.set()
        crew.join()
        workload.server = process.start()
        workload.read_finally()
        assert check(workload.history) == []
        assert sum(read.count for read in workload.history.reads[-2:]) == workload.accepted()
    finally:
        process.close()


def connect(stack: ExitStack, server: LocalServer) -> socket.socket:
    address = ("127.0.0.1", port_of(server))
    return stack.enter_context(socket.create_connection(address, timeout=TIMEOUT_SECONDS))


def begin_write(
    stack: ExitStack, server: LocalServer, client: WireClient, key: str
) -> tuple[socket.socket, bytes]:
    """Send all of a write but its body, until the server asks for that: it is in flight."""
    token = client.list_records("notes", 0).sync_session_token
    patch = RecordPatch(op="replace", key=key, sync_count=0, value="v")
    request = client.signed(UPDATE_RECORDS, client.update("notes", token, [patch]))
    connection = connect(stack, server)
    connection.sendall(head_of(request))
    asked = read_until(connection, b"\r\n\r\n")
    assert asked.startswith(b"HTTP/1.1 100 "), asked
    return connection, request.body


def head_of(request: HttpRequest) -> bytes:
    headers = {
        **request.headers,
        "content-length": str(len(request.body)),
        "expect": "100-continue",
    }
    lines = [f"{request.method} {request.target} HTTP/1.1"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    return "\r\n".join([*lines, "", ""]).encode("latin-1")


def ask_health(connection: socket.socket) -> None:
    """Make one request, so that the connection is a kept one."""
    connection.sendall(b"GET /health HTTP/1.1\r\nhost: x\r\n\r\n")
    head = read_until(connection, b"\r\n\r\n").lower()
    length = int(head.partition(b"content-length:")[2].split()[0])
    while length:
        length -= len(connection.recv(length))


def read_until(connection: socket.socket, end: bytes) -> bytes:
    """Read up to and with ``end``."""
    read = bytearray()
    while not read.endswith(end):
        byte = connection.recv(1)
        assert byte, bytes(read)
        read += byte
    return bytes(read)


def read_all(connection: socket.socket) -> bytes:
    """Read until the server closes the connection."""
    read = bytearray()
    while part := connection.recv(65536):
        read += part
    return bytes(read)
