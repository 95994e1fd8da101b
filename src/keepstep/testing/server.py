"""A real server in a thread of the test's own process, on a free port."""

import asyncio
import secrets
import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import structlog
import uvicorn

from keepstep.domain.access import new_access_key_id, new_secret
from keepstep.domain.pools import new_pool_id
from keepstep.domain.sealing import Entropy
from keepstep.interfaces.service import Clock
from keepstep.server.opened import RootKey, system_clock
from keepstep.server.run import bind, serve_listener
from keepstep.server.settings import load_settings

START_SECONDS = 30


@dataclass(frozen=True, slots=True)
class LocalServer:
    """A running server: where it listens and what its clients sign with."""

    endpoint_url: str
    access_key_id: str
    secret_access_key: str
    region: str

    @property
    def client_arguments(self) -> dict[str, Any]:
        """Give the arguments by which boto3 makes a client of this server."""
        return {
            "endpoint_url": self.endpoint_url,
            "region_name": self.region,
            "aws_access_key_id": self.access_key_id,
            "aws_secret_access_key": self.secret_access_key,
        }

    def new_id(self) -> str:
        """Make an identity pool id or identity id that nobody has used."""
        return new_pool_id(self.region, secrets.token_bytes)


class _Thread(threading.Thread):
    def __init__(self, work: Callable[["_Thread"], Any]) -> None:
        super().__init__(name="keepstep-server", daemon=True)
        self._work = work
        self.started = threading.Event()
        self.endpoint_url = ""
        self.failure: BaseException | None = None
        self.server: uvicorn.Server | None = None

    def run(self) -> None:
        try:
            self._work(self)
        except BaseException as error:  # noqa: BLE001 -- raised in the test's thread
            self.failure = error
        finally:
            self.started.set()

    def ready(self, endpoint_url: str, root: RootKey) -> None:
        del root
        self.endpoint_url = endpoint_url
        self.started.set()

    def attach(self, server: uvicorn.Server) -> None:
        self.server = server


@contextmanager
def local_server(
    *,
    clock: Clock = system_clock,
    entropy: Entropy = secrets.token_bytes,
    **settings: Any,
) -> Generator[LocalServer]:
    """Serve from a thread for as long as the block lasts.

    By default in memory, with a key of its own, any pool id accepted, and no request log; any
    setting may be given by name. ``clock`` (milliseconds since the epoch) and ``entropy``
    replace the system's.

    What the server logs goes to standard output, without the values of variables, unless structlog
    is configured to do something else with it.

    Raises what starting the server raised.
    """
    _configure_logs()
    secret = new_secret(secrets.token_bytes)
    given = {
        "store": "sqlite::memory:",
        "port": 0,
        "open_pools": True,
        "log_requests": False,
        "access_key_id": new_access_key_id(secrets.token_bytes),
        "secret_access_key": secret,
        "shutdown_seconds": 5,
        "sign_ins_per_second": 0,
        **settings,
    }
    loaded = load_settings(**given)
    listener = bind(loaded)
    thread = _Thread(
        lambda self: asyncio.run(
            serve_listener(
                loaded,
                listener,
                self.ready,
                on_server=self.attach,
                clock=clock,
                entropy=entropy,
            )
        )
    )
    thread.start()
    thread.started.wait(START_SECONDS)
    if thread.failure is not None:
        raise thread.failure
    try:
        yield LocalServer(
            thread.endpoint_url,
            str(given["access_key_id"]),
            str(given["secret_access_key"]),
            loaded.region,
        )
    finally:
        if thread.server is not None:
            thread.server.should_exit = True
        thread.join(START_SECONDS)


def _configure_logs() -> None:
    """Leave the values of variables, secrets among them, out of tracebacks: structlog has them."""
    if not structlog.is_configured():
        structlog.configure(
            processors=[
                structlog.processors.add_log_level,
                structlog.processors.TimeStamper(fmt="iso", utc=True),
                structlog.dev.ConsoleRenderer(
                    colors=False, exception_formatter=structlog.dev.plain_traceback
                ),
            ]
        )
