"""Real keepstep processes: run a command to its end, or serve and wait for the ready line.

Each works in a directory of its own, so that the default store and settings file are there.
"""

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from types_boto3_cognito_sync import CognitoSyncClient

from keepstep.testing import LocalServer
from tests.conftest import client_of
from tests.raw import RawRequester

KEEPSTEP = str(Path(sys.executable).with_name("keepstep"))
DEADLINE_SECONDS = 30
POLL_SECONDS = 0.02
STORE = "keepstep.db"
ROOT = {
    "KEEPSTEP_ACCESS_KEY_ID": "AKIAROOTOFTHETESTS00",
    "KEEPSTEP_SECRET_ACCESS_KEY": "the-secret-of-the-root-key-of-the-tests",
}

Found = TypeVar("Found")


def eventually(condition: Callable[[], Found | None], what: str) -> Found:
    """Give the first true answer of a condition; fail if there is none before the deadline."""
    deadline = time.monotonic() + DEADLINE_SECONDS
    while not (found := condition()):
        assert time.monotonic() < deadline, f"never happened: {what}"
        time.sleep(POLL_SECONDS)
    return found


def keepstep(
    directory: Path,
    *arguments: str | bytes,
    environment: Mapping[str, str] | None = None,
    answers: str = "",
) -> subprocess.CompletedProcess[str]:
    """Run a command to its end, with ``answers`` typed at its questions."""
    return subprocess.run(
        [KEEPSTEP, *arguments],
        cwd=directory,
        env={**os.environ, **(environment or {})},
        input=answers,
        capture_output=True,
        text=True,
        timeout=DEADLINE_SECONDS,
        check=False,
    )


def done(directory: Path, *arguments: str) -> str:
    """Run a command that must succeed, and give what it printed."""
    ended = keepstep(directory, *arguments)
    assert ended.returncode == 0, ended.stderr
    return ended.stdout


def exports_of(printed: str) -> dict[str, str]:
    """Give the environment variables that printed lines set."""
    return dict(re.findall(r"^export (\w+)=(.*)$", printed, re.MULTILINE))


@dataclass(frozen=True)
class Serving:
    """A running ``keepstep serve``; what it prints goes to files."""

    process: subprocess.Popen[bytes]
    printed_to: Path
    logged_to: Path
    given: Mapping[str, str] = field(default_factory=dict[str, str])

    @property
    def printed(self) -> str:
        return self.printed_to.read_text(encoding="utf-8")

    @property
    def logged(self) -> str:
        return self.logged_to.read_text(encoding="utf-8")

    @property
    def server(self) -> LocalServer:
        """Where the ready lines say it is, and the keys they, or the environment, give."""
        return self.with_keys(
            self.given.get("KEEPSTEP_SECRET_ACCESS_KEY")
            or exports_of(self.printed)["AWS_SECRET_ACCESS_KEY"]
        )

    def with_keys(self, secret: str, access_key_id: str | None = None) -> LocalServer:
        exports = exports_of(self.printed)
        return LocalServer(
            exports["AWS_ENDPOINT_URL"],
            access_key_id or exports["AWS_ACCESS_KEY_ID"],
            secret,
            exports["AWS_DEFAULT_REGION"],
        )

    @property
    def client(self) -> CognitoSyncClient:
        return client_of(self.server)

    @property
    def raw(self) -> RawRequester:
        return RawRequester(self.server)

    def ready(self) -> bool:
        """Whether the last of the ready lines is there; fails if the process has ended."""
        lines = self.printed.splitlines(keepends=True)
        ready = any(line.startswith("aws ") and line.endswith("\n") for line in lines)
        assert ready or self.process.poll() is None, self.logged
        return ready

    def stop(self, number: int = signal.SIGTERM) -> int:
        """Tell the server to stop, and give its exit code."""
        self.process.send_signal(number)
        return self.process.wait(DEADLINE_SECONDS)

    def workers(self) -> set[int]:
        """Give the process ids of the workers."""
        pid = self.process.pid
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii").split()
        return {int(child) for child in children if b"--multiprocessing-fork" in _command(child)}


@contextmanager
def started(
    directory: Path, *options: str, environment: Mapping[str, str] | None = None
) -> Generator[Serving]:
    """Start ``keepstep serve`` on a free port, and end it with the block at the latest."""
    given = environment or {}
    number = len(list(directory.glob("serve-*.out")))
    out, log = directory / f"serve-{number}.out", directory / f"serve-{number}.err"
    with out.open("wb") as printed, log.open("wb") as logged:
        process = subprocess.Popen(
            [KEEPSTEP, "serve", "--port", "0", *options],
            cwd=directory,
            env={**os.environ, **given},
            stdout=printed,
            stderr=logged,
        )
    try:
        yield Serving(process, out, log, given)
    finally:
        process.terminate()
        try:
            process.wait(DEADLINE_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


@contextmanager
def serving(
    directory: Path, *options: str, environment: Mapping[str, str] | None = None
) -> Generator[Serving]:
    """Serve for as long as the block lasts; the block begins when requests are answered."""
    with started(directory, *options, environment=environment) as running:
        eventually(running.ready, "the ready line")
        yield running


def code_of(error: Any) -> str:
    """Give the code of an error that boto3 raised."""
    return error.value.response["Error"]["Code"]


def _command(pid: str) -> bytes:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:  # it has just ended
        return b""
