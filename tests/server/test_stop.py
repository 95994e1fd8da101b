"""Stopping, and worker processes: what a signal ends, what it waits for, and what is left."""

import http.client
import os
import signal
import socket
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.api.steps import begin, contents, dataset_target, patch_body, replace, write
from tests.conftest import Place

from .processes import DEADLINE_SECONDS, ROOT, STORE, Serving, eventually, serving, started

PATIENT = {**ROOT, "KEEPSTEP_SHUTDOWN_SECONDS": "600"}
SIGNALS = [signal.SIGTERM, signal.SIGINT]
MASTER, OTHER_MASTER = "the right master key of this store", "another master key, which is wrong"


def address(running: Serving) -> tuple[str, int]:
    host, port = running.raw.host.split(":")
    return host, int(port)


def refuses_connections(running: Serving) -> bool:
    try:
        socket.create_connection(address(running)).close()
    except ConnectionError:
        return True
    return False


def exists(pid: int) -> bool:
    """Whether a process runs; one that has ended and waits to be collected does not."""
    try:
        status = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8")
    except OSError:
        return False
    return status.rpartition(")")[2].split()[0] != "Z"


def write_once_answered(running: Serving, place: Place, meanwhile: Callable[[], None]) -> bytes:
    """Send an update's headers, do something once the server waits for its body, then send that.

    Gives the whole answer.
    """
    body = patch_body(begin(running.client, place), replace("theme", "dark"))
    target = dataset_target(place)
    headers = running.raw.signed_headers("POST", target, body)
    headers |= {"content-length": str(len(body)), "expect": "100-continue"}
    lines = [f"POST {target} HTTP/1.1", *(f"{name}: {value}" for name, value in headers.items())]
    with socket.create_connection(address(running), timeout=DEADLINE_SECONDS) as connection:
        connection.sendall("\r\n".join([*lines, "", ""]).encode())
        assert connection.recv(1000).startswith(b"HTTP/1.1 100")
        meanwhile()
        connection.sendall(body)
        return b"".join(iter(lambda: connection.recv(10_000), b""))


@pytest.mark.parametrize("number", SIGNALS)
@pytest.mark.parametrize("workers", ["1", "2"])
def test_a_signal_ends_the_server_with_success_and_a_clean_store(
    tmp_path: Path, place: Place, number: int, workers: str
) -> None:
    with serving(tmp_path, "--open-pools", "--workers", workers, environment=ROOT) as running:
        write(running.client, place, replace("theme", "dark"))
        assert (tmp_path / f"{STORE}-wal").exists()
        assert running.stop(number) == 0
        assert "Traceback" not in running.logged
    left = sorted(path.name for path in tmp_path.glob(f"{STORE}*"))
    assert left == [STORE, f"{STORE}.key", f"{STORE}.lock"]


@pytest.mark.parametrize("workers", ["1", "2"])
def test_a_request_in_flight_is_finished_and_what_it_wrote_is_there_at_the_next_start(
    tmp_path: Path, place: Place, workers: str
) -> None:
    options = ("--open-pools", "--workers", workers)
    with serving(tmp_path, *options, environment=PATIENT) as running:

        def stop() -> None:
            running.process.send_signal(signal.SIGTERM)
            if workers == "1":
                eventually(lambda: refuses_connections(running), "the server stops listening")
            else:
                eventually(lambda: len(running.workers()) == 1, "the idle worker ends")

        answer = write_once_answered(running, place, stop)
        assert answer.startswith(b"HTTP/1.1 200"), answer
        assert running.process.wait(DEADLINE_SECONDS) == 0
    with serving(tmp_path, "--open-pools", environment=ROOT) as again:
        assert contents(again.client, place) == {"theme": "dark"}


@pytest.mark.parametrize("workers", ["1", "2"])
def test_idle_kept_alive_connections_do_not_hold_up_the_stop(tmp_path: Path, workers: str) -> None:
    with serving(tmp_path, "--workers", workers, environment=PATIENT) as running:
        idle = http.client.HTTPConnection(*address(running))
        idle.request("GET", "/health")
        assert idle.getresponse().read()
        assert running.stop() == 0
        idle.close()


def test_a_request_that_never_ends_is_given_up_after_the_set_time(
    tmp_path: Path, place: Place
) -> None:
    environment = {**ROOT, "KEEPSTEP_SHUTDOWN_SECONDS": "1"}
    with serving(tmp_path, "--open-pools", environment=environment) as running:
        answer = write_once_answered(running, place, lambda: check_stopped(running))
        assert not answer.startswith(b"HTTP/1.1 200")


def check_stopped(running: Serving) -> None:
    assert running.stop() == 0


def test_a_killed_worker_is_replaced_and_the_new_one_serves(tmp_path: Path, place: Place) -> None:
    with serving(tmp_path, "--open-pools", "--workers", "2", environment=ROOT) as running:
        first = running.workers()
        assert len(first) == 2
        for pid in first:
            os.kill(pid, signal.SIGKILL)

        def replaced() -> bool:
            now = running.workers()
            return len(now) == 2 and not now & first

        eventually(replaced, "both workers are replaced")
        write(running.client, place, replace("theme", "dark"))
        assert '"event":"worker_ended"' in running.logged


def test_a_stop_ends_every_process(tmp_path: Path) -> None:
    with serving(tmp_path, "--workers", "2", environment=ROOT) as running:
        pids = {running.process.pid, *running.workers()}
        assert len(pids) == 3
        assert running.stop() == 0
        eventually(lambda: not any(exists(pid) for pid in pids), "every process ends")


def hand_over(fifo: Path, text: str) -> None:
    """Give a text to the next process that reads a named pipe."""

    def opened() -> int | None:
        try:
            return os.open(fifo, os.O_WRONLY | os.O_NONBLOCK)
        except OSError:  # nobody reads yet
            return None

    with os.fdopen(eventually(opened, "a process reads the pipe"), "w") as writer:
        writer.write(text)


def test_workers_that_cannot_start_make_serve_fail_in_words(tmp_path: Path) -> None:
    fifo = tmp_path / "master.key"
    os.mkfifo(fifo)
    environment = {**ROOT, "KEEPSTEP_MASTER_KEY_FILE": str(fifo)}
    with started(tmp_path, "--workers", "2", environment=environment) as running:
        hand_over(fifo, MASTER)
        eventually(lambda: len(running.workers()) == 2, "the workers start")
        hand_over(fifo, OTHER_MASTER)
        assert running.process.wait(DEADLINE_SECONDS) == 2
        assert "keepstep: a worker ended before it was ready" in running.logged
        assert "master" in running.logged.replace("keepstep: a worker", "")
        assert "Traceback" not in running.logged
        assert running.printed == ""
