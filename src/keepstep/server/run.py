"""Running a server: its socket, its event loop, its worker processes, its end."""

import asyncio
import gc
import importlib
import secrets
import signal
import socket
import sys
import tempfile
import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager, suppress
from email.utils import formatdate
from functools import partial
from ipaddress import IPv4Address, IPv6Address
from pathlib import Path
from typing import Any

import structlog
import uvicorn

if sys.platform != "win32":
    import resource

from keepstep.domain.sealing import Entropy
from keepstep.interfaces.service import Clock
from keepstep.interfaces.storage import StoreUnavailable, StoreUnusable

from .assembly import assemble
from .connections import Answers, LimitedConnection
from .logs import configure_logs
from .opened import RootKey, open_store, root_key, system_clock
from .request import RequestIds
from .settings import Settings, SettingsError
from .workers import STOPS, Workers, end_with_parent

BACKLOG = 2048
SWITCH_SECONDS = 0.0005
"""How long the writer thread waits at most for the interpreter after a commit."""
TICKS_PER_SECOND = 10
"""How often uvicorn calls ``on_tick``."""
GARBAGE_THRESHOLD = 20_000
"""Objects made before the youngest are looked through; requests leave almost no cycles."""
ANY_IPV4, ANY_IPV6 = str(IPv4Address(0)), str(IPv6Address(0))

Ready = Callable[[str, RootKey], None]
"""Is told the endpoint and the root key once requests are answered."""

_log = structlog.stdlib.get_logger()


def serve(settings: Settings, on_ready: Ready) -> None:
    """Serve until SIGINT or SIGTERM; requests in flight are finished first.

    Raises StoreUnusable, or OSError if the address is taken.
    """
    listener = bind(settings)
    if settings.workers == 1:
        configure_logs()
        run(settings, listener, on_ready)
    else:
        _serve_with_workers(settings, listener, on_ready)


def bind(settings: Settings) -> socket.socket:
    """Listen on the address of the settings. Raises OSError."""
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    # Named by its protocol, since asyncio turns Nagle's delay off for TCP sockets only.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((settings.host, settings.port))
        listener.listen(BACKLOG)
    except OSError as error:
        listener.close()
        address = f"{settings.host}:{settings.port}"
        raise OSError(f"cannot listen on {address}: {error.strerror}") from error
    listener.set_inheritable(True)
    return listener


def endpoint(listener: socket.socket) -> str:
    """Give the URL that clients on this machine reach a listener by."""
    host, port = listener.getsockname()[:2]
    host = {ANY_IPV4: "127.0.0.1", ANY_IPV6: "::1"}.get(str(host), str(host))
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def run(
    settings: Settings,
    listener: socket.socket,
    on_ready: Ready,
    metrics_directory: Path | None = None,
) -> None:
    """Serve a listener from this process."""
    _tune_interpreter()
    _allow_open_files()
    with asyncio.Runner(loop_factory=_loop_factory()) as runner:
        runner.run(
            serve_listener(settings, listener, on_ready, metrics_directory=metrics_directory)
        )


async def serve_listener(
    settings: Settings,
    listener: socket.socket,
    on_ready: Ready,
    *,
    on_server: Callable[[uvicorn.Server], None] | None = None,
    clock: Clock = system_clock,
    entropy: Entropy = secrets.token_bytes,
    metrics_directory: Path | None = None,
) -> None:
    """Assemble a server and serve a listener until it is told to stop.

    ``on_server`` is given the means to stop.
    """
    request_ids = RequestIds(entropy)
    async with assemble(
        settings,
        clock=clock,
        entropy=entropy,
        request_ids=request_ids,
        metrics_directory=metrics_directory,
    ) as (application, root):
        server = _Server(
            uvicorn_config(settings, application, request_ids),
            lambda: on_ready(endpoint(listener), root),
            application.end_streams,
            clock,
        )
        if on_server is not None:
            on_server(server)
        await server.serve(sockets=[listener])


def uvicorn_config(settings: Settings, application: Any, request_ids: RequestIds) -> uvicorn.Config:
    """Give uvicorn's configuration for an application."""
    connection: Any = partial(  # any factory of protocols does, though uvicorn asks for a class
        LimitedConnection, limits=settings.limits, answers=Answers(), request_ids=request_ids
    )
    return uvicorn.Config(
        application,
        http=connection,
        ws="none",
        lifespan="off",
        interface="asgi3",
        log_config=None,
        access_log=False,
        server_header=False,
        date_header=False,  # _Server gives it
        proxy_headers=bool(settings.trusted_proxies),
        forwarded_allow_ips=settings.trusted_proxies,
        timeout_graceful_shutdown=settings.shutdown_seconds,
    )


class _Server(uvicorn.Server):
    def __init__(
        self,
        config: uvicorn.Config,
        on_started: Callable[[], None],
        on_stopping: Callable[[], None],
        clock: Clock,
    ) -> None:
        super().__init__(config)
        self._on_started = on_started
        self._on_stopping = on_stopping
        self._clock = clock

    async def on_tick(self, counter: int) -> bool:
        """Date answers by the clock that signatures are checked by: SDKs correct theirs by it."""
        ends = await super().on_tick(counter)
        if counter % TICKS_PER_SECOND == 0:
            date = formatdate(self._clock() / 1000, usegmt=True).encode()
            self.server_state.default_headers = [(b"date", date)]
        return ends

    @contextmanager
    def capture_signals(self) -> Generator[None]:
        """Stop at SIGINT and SIGTERM, and return: uvicorn would end the process by the signal.

        The store must be closed first. Threads get no signals; who started one stops it.
        """
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        kept = {number: signal.signal(number, self.handle_exit) for number in STOPS}
        try:
            yield
        finally:
            for number, handler in kept.items():
                signal.signal(number, handler)

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets=sockets)
        self._on_started()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._on_stopping()
        await super().shutdown(sockets=sockets)


def _serve_with_workers(settings: Settings, listener: socket.socket, on_ready: Ready) -> None:
    with tempfile.TemporaryDirectory(prefix="keepstep-metrics-") as directory:
        configure_logs()
        root = asyncio.run(_prepare(settings))
        workers = Workers(
            partial(_work, settings, Path(directory)),
            listener,
            settings.workers,
            settings.shutdown_seconds,
        )
        workers.run(lambda: on_ready(endpoint(listener), root))


async def _prepare(settings: Settings) -> RootKey:
    """Make the store and its keys before workers open it, so that only one process has to."""
    async with open_store(settings) as opened:
        return await root_key(settings, opened, now=system_clock(), entropy=secrets.token_bytes)


def _work(
    settings: Settings, metrics_directory: Path, listener: socket.socket, started: Any
) -> None:
    configure_logs()
    end_with_parent()
    try:
        run(settings, listener, lambda _endpoint, _root: started.release(), metrics_directory)
    except (SettingsError, StoreUnusable, StoreUnavailable, OSError) as error:
        _log.error("worker_failed", reason=str(error))
        sys.exit(2)


def _tune_interpreter() -> None:
    """Fit the interpreter to a server: short waits between threads, rare garbage collections."""
    sys.setswitchinterval(SWITCH_SECONDS)
    gc.collect()
    gc.freeze()
    gc.set_threshold(GARBAGE_THRESHOLD, 20, 20)


def _allow_open_files() -> None:
    """Let this process have as many connections as its owner may give it; many start with 1,024."""
    if sys.platform != "win32":
        _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
        with suppress(OSError, ValueError):  # some systems name more than they grant
            resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop]:
    try:
        uvloop = importlib.import_module("uvloop")
    except ImportError:  # there is no uvloop for this platform
        return asyncio.new_event_loop
    return uvloop.new_event_loop
