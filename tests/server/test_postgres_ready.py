"""What a running server says of its PostgreSQL when that fails, and how it goes on afterwards."""

import asyncio
import shutil
import tempfile
import threading
import time
from collections.abc import Callable, Generator, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from keepstep.storage.postgres import migrate
from keepstep.testing import LocalServer, local_server
from keepstep.testing.storage_suite.running import run
from tests.api.steps import contents, fill
from tests.conftest import Place, client_of
from tests.raw import RawRequester
from tests.storage.postgres_proxy import Proxy, proxy_of
from tests.storage.postgres_server import database, execute, name_of, pgexec, start

from .processes import code_of, eventually
from .test_cli_postgres import MASTER
from .test_cli_refusals import sentence

IN_TIME_SECONDS = 10
"""Longer than any of the waits that the URLs below allow, together."""
AWAY_CHECKS, READY_AGAIN_SECONDS = 8, 2
"""Each check waits half a second, so that attempts to connect could have become rare by then."""
SHORT = "&pool_wait_seconds=0.5&connect_seconds=2&statement_seconds=0.5"
TERMINATE = b"SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = %s"


@dataclass(frozen=True)
class BehindProxy:
    """A proxy before a database, in a thread of its own."""

    proxy: Proxy
    loop: asyncio.AbstractEventLoop

    def refuse(self) -> None:
        """End the connections there are, and refuse others from now on."""
        self.loop.call_soon_threadsafe(self.proxy.close)

    @contextmanager
    def hanging(self) -> Generator[None]:
        """Let nothing pass while the block lasts; connections stay open, and new ones wait."""
        goes_on = threading.Event()
        self.loop.call_soon_threadsafe(goes_on.wait)
        try:
            yield
        finally:
            goes_on.set()


@contextmanager
def behind_proxy(url: str) -> Generator[BehindProxy]:
    started: list[BehindProxy] = []
    ready = threading.Event()

    async def stand_before(ended: asyncio.Event) -> None:
        async with proxy_of(url) as proxy:
            started.append(BehindProxy(proxy, asyncio.get_running_loop()))
            ready.set()
            await ended.wait()

    ended = asyncio.Event()
    thread = threading.Thread(target=lambda: run(stand_before(ended)), daemon=True)
    thread.start()
    assert ready.wait(IN_TIME_SECONDS)
    try:
        yield started[0]
    finally:
        started[0].loop.call_soon_threadsafe(ended.set)
        thread.join(IN_TIME_SECONDS)


@contextmanager
def served(url: str) -> Generator[LocalServer]:
    with local_server(store=url + SHORT, master_key=MASTER["KEEPSTEP_MASTER_KEY"]) as running:
        yield running


@contextmanager
def in_time() -> Generator[None]:
    begun = time.monotonic()
    yield
    assert time.monotonic() - begun < IN_TIME_SECONDS


def status(server: LocalServer, path: str) -> int:
    with in_time():
        return RawRequester(server).send("GET", path).status


def assert_not_ready(server: LocalServer, place: Place, *codes: str) -> None:
    """Expect the process to be healthy, the store not to be ready, and writes to be refused."""
    assert status(server, "/health") == 200
    assert status(server, "/ready") == 503
    with in_time(), pytest.raises(ClientError) as caught:
        fill(client_of(server), place, a="refused")
    assert code_of(caught) in ("InternalErrorException", *codes)


def assert_goes_on(server: LocalServer, place: Place) -> None:
    """Expect the same server to become ready and to take writes, with nothing that it refused."""
    eventually(lambda: status(server, "/ready") == 200, "the server is ready again")
    assert contents(client_of(server), place) == {"a": "before"}
    fill(client_of(server), place, a="after")
    assert contents(client_of(server), place) == {"a": "after"}


@contextmanager
def read_only(url: str) -> Generator[None]:
    """Let the database take no writes, as after a fail-over, while the block lasts."""
    switch = f"ALTER DATABASE {name_of(url)} SET default_transaction_read_only = "
    execute(f"{switch} on".encode())
    execute(TERMINATE, name_of(url))
    try:
        yield
    finally:
        execute(f"{switch} off".encode())


@contextmanager
def closed(url: str) -> Generator[None]:
    """Let the database take no connections while the block lasts."""
    switch = f"ALTER DATABASE {name_of(url)} ALLOW_CONNECTIONS "
    execute(f"{switch} false".encode())
    execute(TERMINATE, name_of(url))
    try:
        yield
    finally:
        execute(f"{switch} true".encode())


@pytest.mark.parametrize("fault", [read_only, closed])
def test_a_server_whose_database_takes_no_writes_is_not_ready_until_it_does(
    place: Place, fault: Callable[[str], AbstractContextManager[None]]
) -> None:
    with database() as url, served(url) as server:
        fill(client_of(server), place, a="before")
        assert status(server, "/ready") == 200
        with fault(url):
            assert_not_ready(server, place)
        assert_goes_on(server, place)


def test_a_server_is_ready_soon_after_its_database_is_back_however_long_that_was_away() -> None:
    with database() as url, served(url) as server:
        with closed(url):
            for _ in range(AWAY_CHECKS):
                assert status(server, "/ready") == 503
        back = time.monotonic()
        eventually(lambda: status(server, "/ready") == 200, "the server is ready again")
        assert time.monotonic() - back < READY_AGAIN_SECONDS


def test_a_server_whose_connections_hang_is_not_ready_until_they_go_on(place: Place) -> None:
    with database() as url, behind_proxy(url) as between, served(between.proxy.url) as server:
        fill(client_of(server), place, a="before")
        with between.hanging():  # others may hold every connection meanwhile
            assert_not_ready(server, place, "TooManyRequestsException")
        assert_goes_on(server, place)


def test_a_server_whose_connections_are_refused_is_not_ready(place: Place) -> None:
    with database() as url, behind_proxy(url) as between, served(between.proxy.url) as server:
        fill(client_of(server), place, a="before")
        between.refuse()
        assert_not_ready(server, place)


@pytest.fixture
def own_database() -> Iterator[Any]:
    """A database server of this test alone."""
    folder = Path(tempfile.mkdtemp(prefix="keepstep-postgres-"))
    try:
        server = start(folder)
        run(migrate(server.get_uri()))
        yield server
        server.stop()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def stopped(own_database: Any) -> Generator[None]:
    stop = ("-w", "-m", "fast", "-D", str(own_database.pgdata), "stop")
    pgexec("pg_ctl", stop, bin_path=own_database.bin_path, user=own_database.system_user)
    try:
        yield
    finally:
        own_database.ensure_postgres_running()


def test_a_server_whose_database_is_stopped_is_not_ready_until_it_is_started(
    own_database: Any, place: Place
) -> None:
    with served(own_database.get_uri()) as server:
        fill(client_of(server), place, a="before")
        with stopped(own_database):
            assert_not_ready(server, place)
        assert_goes_on(server, place)


@pytest.mark.parametrize(
    ("schema", "words"),
    [
        (b"number = 999, readable_by = 999", "was made by a newer keepstep (schema 999"),
        (b"number = -1", "has an older schema (-1"),
    ],
)
def test_a_server_does_not_start_on_a_schema_that_it_cannot_use(
    tmp_path: Path, schema: bytes, words: str
) -> None:
    with database() as url:
        execute(b"UPDATE keepstep_schema SET " + schema, url=url)
        assert words in sentence(tmp_path, "serve", "--store", url, environment=MASTER)
