"""The servers under load, as processes of their own on the servers' core."""

import http.client
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import msgspec

from keepstep.server.settings import ENVIRONMENT_PREFIX
from keepstep.wire.sigv4 import Credentials

from .bare import Answer
from .load import Address
from .machine import on_server_core

CREDENTIALS: Final = Credentials("AKIABENCHMARK0000000", "the-secret-of-the-benchmark")
STOP_SECONDS: Final = 60

_USER_TICKS: Final = 11
"""Position in ``/proc/PID/stat`` behind the command's name."""
_SYSTEM_TICKS: Final = 12

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
        """Give the processor time that it has used."""
        text = Path(f"/proc/{self.process_id}/stat").read_text(encoding="utf-8")
        fields = text.rpartition(")")[2].split()
        return (int(fields[_USER_TICKS]) + int(fields[_SYSTEM_TICKS])) / os.sysconf("SC_CLK_TCK")

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
def keepstep_server(store: Path) -> Generator[Server]:
    """Serve a store with default settings, but any rate of sign-ins.

    Its request log is written, to the null device.
    """
    command = [str(Path(sys.executable).with_name("keepstep")), "serve", "--port", "0"]
    given = {
        "KEEPSTEP_ACCESS_KEY_ID": CREDENTIALS.access_key_id,
        "KEEPSTEP_SECRET_ACCESS_KEY": CREDENTIALS.secret_access_key,
        "KEEPSTEP_SIGN_INS_PER_SECOND": "0",
    }
    with _running([*command, "--store", f"sqlite:{store}"], given, store.parent) as server:
        yield server


@contextmanager
def bare_server(answer: Answer, file: Path) -> Generator[Server]:
    """Serve one answer; the file takes it to the server's process."""
    file.write_bytes(msgspec.json.encode(answer))
    with _running([sys.executable, "-m", "bench.bare", str(file)], {}, Path.cwd()) as server:
        yield server


@contextmanager
def _running(
    command: Sequence[str], variables: Mapping[str, str], folder: Path
) -> Generator[Server]:
    kept = {
        name: value for name, value in os.environ.items() if not name.startswith(ENVIRONMENT_PREFIX)
    }
    begun = time.perf_counter()
    with on_server_core():
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
