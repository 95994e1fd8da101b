"""A real ``keepstep serve`` process on a store: started, stopped, killed, started again."""

import os
import selectors
import signal
import subprocess
import sysconfig
from pathlib import Path
from typing import Any

from keepstep.testing import LocalServer
from tests.conftest import StoreSettings

from .stores import environment_of

COMMAND = Path(sysconfig.get_path("scripts")) / "keepstep"
KEY_ID = "AKIAPROMISESPROMISES"
SECRET = "promises" * 5
START_SECONDS = 30
STOP_SECONDS = 20


class ServerProcess:
    """One server process, or none, on one store; its log is in a folder."""

    def __init__(self, folder: Path, store: StoreSettings, *, workers: int = 1) -> None:
        self._log = folder / "server.log"
        self._store = store
        self._workers = workers
        self._process: subprocess.Popen[str] | None = None

    def start(self, port: int = 0) -> LocalServer:
        """Start, and wait until requests are answered."""
        with self._log.open("a") as log:
            self._process = process = subprocess.Popen(
                [COMMAND, "serve", "--port", str(port), "--workers", str(self._workers)],
                env={**os.environ, **self._settings},
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                start_new_session=True,
            )
        assert process.stdout is not None
        with selectors.DefaultSelector() as selector:
            selector.register(process.stdout, selectors.EVENT_READ)
            assert selector.select(START_SECONDS), f"not ready in {START_SECONDS} seconds"
        _, ready, rest = process.stdout.readline().partition(" is ready at ")
        assert ready, self._log.read_text()
        return LocalServer(rest.split()[0], KEY_ID, SECRET, "us-east-1")

    def kill(self) -> None:
        """Kill the process: it gets no chance to finish anything."""
        assert self._process is not None
        self._process.kill()
        self.wait()

    def ask_to_stop(self) -> None:
        """Send SIGTERM and return at once."""
        assert self._process is not None
        self._process.terminate()

    def wait(self) -> int:
        """Wait until the process and all that it started have ended; give the exit code.

        The pipe that they write to ends with the last of them. Raises TimeoutExpired.
        """
        process, self._process = self._process, None
        assert process is not None
        assert process.stdout is not None
        try:
            process.communicate(timeout=STOP_SECONDS)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            raise
        finally:
            process.stdout.close()
        return process.returncode

    def close(self) -> None:
        """Leave nothing running."""
        if self._process is not None:
            self.ask_to_stop()
            self.wait()

    @property
    def _settings(self) -> dict[str, Any]:
        return {
            **environment_of(self._store),
            "KEEPSTEP_OPEN_POOLS": "true",
            "KEEPSTEP_LOG_REQUESTS": "false",
            "KEEPSTEP_ACCESS_KEY_ID": KEY_ID,
            "KEEPSTEP_SECRET_ACCESS_KEY": SECRET,
            "KEEPSTEP_SHUTDOWN_SECONDS": "10",
        }
