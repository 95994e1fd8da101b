"""A destination in a process of its own, that can be killed: it keeps what comes in a file.

``python -m tests.delivery.recorder FILE PORT`` runs it. A line is in the file before its message is
answered.
"""

import json
import os
import subprocess
import sys
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .endpoints import Endpoint, Planned, Received

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Arrival:
    """One message, as it came."""

    message_id: str
    body: dict[str, Any]

    @property
    def dataset(self) -> tuple[str, str]:
        return self.body["identityId"], self.body["datasetName"]

    @property
    def sync_count(self) -> int:
        return self.body["syncCount"]

    @property
    def values(self) -> dict[str, str | None]:
        """The values by key, None for a record that was removed."""
        records = self.body["kinesisSyncRecords"]
        for record in records:
            assert (record["op"] == "remove") == (record["value"] is None)
        return {record["key"]: record["value"] for record in records}


class Recorder:
    """A destination process, or none, on a port that stays the same."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._process: subprocess.Popen[str] | None = None
        self._port = 0
        file.touch()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._port}"

    def start(self) -> None:
        """Start, and wait until it takes messages."""
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.delivery.recorder", str(self._file), str(self._port)],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self._process.stdout is not None
        self._port = int(self._process.stdout.readline())

    def kill(self) -> None:
        """Kill the process: it gets no chance to answer anything."""
        assert self._process is not None
        self._process.kill()
        self._process.communicate()

    def arrivals(self) -> list[Arrival]:
        """Give what came, in that order."""
        lines = self._file.read_text().split("\n")
        return [Arrival(**json.loads(line)) for line in lines[:-1]]


@contextmanager
def recorder(file: Path) -> Generator[Recorder]:
    """Run a destination for as long as the block lasts."""
    one = Recorder(file)
    one.start()
    try:
        yield one
    finally:
        one.kill()


class _Recording(Endpoint):
    def __init__(self, file: Path, port: int) -> None:
        self._descriptor = os.open(file, os.O_WRONLY | os.O_APPEND)
        self._port = port
        super().__init__()

    def server_bind(self) -> None:
        self.server_address = ("127.0.0.1", self._port)
        super().server_bind()

    def answer(self, request: Received) -> Planned:
        line = {
            "message_id": request.headers["keepstep-message-id"],
            "body": json.loads(request.body),
        }
        os.write(self._descriptor, f"{json.dumps(line)}\n".encode())
        return Planned()


if __name__ == "__main__":
    with _Recording(Path(sys.argv[1]), int(sys.argv[2])) as server:
        os.write(1, b"%d\n" % server.server_address[1])
        server.serve_forever()
