"""Clients that write and read for as long as a test breaks the database under their server."""

import itertools
import random
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager, suppress
from functools import partial
from typing import Any, Final

from keepstep.testing import LocalServer, local_server
from keepstep.testing.history import check
from keepstep.wire.errors import TooManyRequestsException
from tests.promises.wire_client import Place
from tests.promises.workload import Crew, Workload

MASTER_KEY: Final = "one master key for all servers of the database"
DATASETS: Final = ("one", "two")
WRITERS, READERS = 4, 2
ACCEPTED_BETWEEN: Final = 30
WAITS: Final = "&pool_wait_seconds=1"
"""How long a request waits for a database that is away."""


@contextmanager
def served(url: str, **settings: Any) -> Generator[LocalServer]:
    """Serve a PostgreSQL store for as long as the block lasts."""
    with local_server(store=url, master_key=MASTER_KEY, **settings) as server:
        yield server


@contextmanager
def load_on(server: LocalServer) -> Generator[Workload]:
    """Have clients at work until the block ends; then every promise must have been kept."""
    workload = Workload(server, Place(server.new_id(), server.new_id()), DATASETS)
    work = (workload.write_until_stopped,) * WRITERS + (workload.read_until_stopped,) * READERS
    crew = Crew(partial(_until_stopped, workload, each, n) for n, each in enumerate(work))
    try:
        yield workload
    finally:
        workload.stopped.set()
    crew.join()
    workload.read_finally()
    assert check(workload.history) == []


def _until_stopped(workload: Workload, work: Callable[[int], None], number: int) -> None:
    """Work on after every answer that the server is busy, which it may be without a database."""
    for seed in itertools.count(number, WRITERS + READERS):  # a value says who wrote it
        with suppress(TooManyRequestsException):
            work(seed)
            return


def wait_for_some_moment(workload: Workload, chance: random.Random) -> None:
    """Wait until much was written, and then for any moment."""
    workload.moments.wait_for("accepted", ACCEPTED_BETWEEN)
    workload.moments.wait_for(chance.choice(("begun", "accepted")), chance.randint(1, 40))


def accepted_within(workload: Workload, seconds: float) -> None:
    """Wait until a write is accepted; fail if that takes longer than it may."""
    begun = time.monotonic()
    workload.moments.wait_for("accepted", 1)
    taken = time.monotonic() - begun
    assert taken < seconds, f"the first write was accepted after {taken:.1f} seconds"
