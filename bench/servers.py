"""The servers under load, as processes of their own on the servers' core."""

import http.client
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import msgspec

from keepstep.server.settings import ENVIRONMENT_PREFIX
from keepstep.wire.sigv4 import Credentials

from .bare import Answer
from .load import Address
from .machine import on_server_core
from .processes import processor_seconds

CREDENTIALS: Final = Credentials("AKIABENCHMARK0000000", "the-secret-of-the-benchmark")
MASTER_KEY: Final = "the-master-key-of-the-benchmark-0001"
STOP_SECONDS: Final = 60

_SERVE: Final = (str(Path(sys.executable).with_name("keepstep")), "serve", "--port", "0")
_VARIABLES: Final = {
    "KEEPSTEP_ACCESS_KEY_ID": CREDENTIALS.access_key_id,
    "KEEPSTEP_SECRET_ACCESS_KEY": CREDENTIALS.secret_access_key,
    "KEEPSTEP_SIGN_INS_PER_SECOND": "0",
}
_READY: Final = re.compile(r"is ready at http://([0-9.]+):([0-9]+) ")
_GROUPS: Final = re.compile(
    r"^keepstep_commit_group_changes_(sum|count)(?:\{.*\})? ([0-9.e+]+)$", re.MULTILINE
)


class ServerFailed(Exception):
    """A server did not start."""


@dataclass(frozen=True, slots=True)
class Server:
    """A running server."""

    address: Address
    process_id: int
    start_seconds: float

    @property
    def host(self) -> str:
        """The Host header of its clients."""
        return f"{self.address[0]}:{self.address[1]}"

    def resident_mb(self) -> float:
        """Give its resident memory in MB (10⁶ bytes)."""
        status = Path(f"/proc/{self.process_id}/status").read_text(encoding="utf-8")
        found = re.search(r"VmRSS:\s+(\d+) kB", status)
        assert found is not None
        return int(found[1]) * 1024 / 1_000_000

    def processor_seconds(self) -> float:
        """Give the processor time that it and its workers have used."""
        return processor_seconds(self.process_id)

    def commit_groups(self) -> "CommitGroups":
        """Read how many changes it has committed, in how many groups."""
        found = dict(_GROUPS.findall(_get(self.address, "/metrics")))
        return CommitGroups(float(found["sum"]), float(found["count"]))


@dataclass(frozen=True, slots=True)
class CommitGroups:
    """Changes made durable, and the commits that did it."""

    changes: float
    commits: float


@contextmanager
def keepstep_server(store: Path, variables: Mapping[str, str] = {}) -> Generator[Server]:
    """Serve a store with default settings, but any rate of sign-ins, and some variables.

    Its request log is written, to the null device.
    """
    command = [*_SERVE, "--store", f"sqlite:{store}"]
    with _running(command, {**_VARIABLES, **variables}, store.parent) as server:
        yield server


@contextmanager
def keepstep_on_database(url: str, folder: Path, workers: int = 1) -> Generator[Server]:
    """Serve a PostgreSQL store as above, on whichever cores the system chooses."""
    command = [*_SERVE, "--store", url, "--workers", str(workers)]
    variables = {**_VARIABLES, "KEEPSTEP_MASTER_KEY": MASTER_KEY}
    with _running(command, variables, folder, pinned=False) as server:
        yield server


@contextmanager
def bare_server(answer: Answer, file: Path) -> Generator[Server]:
    """Serve one answer; the file takes it to the server's process."""
    file.write_bytes(msgspec.json.encode(answer))
    with _running([sys.executable, "-m", "bench.bare", str(file)], {}, Path.cwd()) as server:
        yield server


@contextmanager
def _running(
    command: Sequence[str], variables: Mapping[str, str], folder: Path, *, pinned: bool = True
) -> Generator[Server]:
    kept = {
        name: value for name, value in os.environ.items() if not name.startswith(ENVIRONMENT_PREFIX)
    }
    begun = time.perf_counter()
    with on_server_core() if pinned else nullcontext():
        process = subprocess.Popen(
            command,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            cwd=folder,
            env={**kept, **variables},
            text=True,
        )
    try:
        address = _address(process)
        _get(address, "/ready")
        yield Server(address, process.pid, time.perf_counter() - begun)
    finally:
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=STOP_SECONDS)


def _address(process: subprocess.Popen[str]) -> Address:
    """Read the address off the line that a server prints once it listens."""
    assert process.stdout is not None
    for line in process.stdout:
        found = _READY.search(line)
        if found is not None:
            return found[1], int(found[2])
    raise ServerFailed(f"{process.args} ended with {process.wait()}; run it by hand to see why")


def _get(address: Address, path: str) -> str:
    connection = http.client.HTTPConnection(*address, timeout=30)
    try:
        connection.request("GET", path)
        response = connection.getresponse()
        text = response.read().decode()
        if response.status != 200:
            raise ServerFailed(f"{path}: {response.status} {text}")
        return text
    finally:
        connection.close()
