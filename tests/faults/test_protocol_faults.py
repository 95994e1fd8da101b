"""A connection to the database that fails at any message of a write, in every way it can.

Several servers, each with one connection at a time behind a proxy of its own, work on one
database; each meets its share of the faults. A failure names the message and the fault.
"""

import queue
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass
from functools import partial
from itertools import product
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import pytest

from keepstep.server.opened import system_clock
from keepstep.testing import LocalServer
from keepstep.wire.errors import InternalErrorException
from tests.api.identity.steps import new_pool
from tests.promises.workload import Crew
from tests.server.processes import eventually, keepstep
from tests.storage.postgres_server import database, execute
from tests.storage.test_postgres_races import ORPHANS, WRONG_COUNTS

from .load import served
from .proxy import Fault, FaultProxy, Kind
from .writes import WARM_WRITES, Deletion, Linking, Update, Write

LANES: Final = 6
STATEMENT_SECONDS: Final = 0.5
OWN_SETTINGS: Final = f"&pool_max=1&statement_seconds={STATEMENT_SECONDS}"
ANSWER_SECONDS: Final = 3
SILENCE_SECONDS: Final = 10
STEPS_MIN: Final = 15
UNDISTURBED: Final = 5
ALL_FAULTS_SECONDS: Final = 600
"""Far more than every fault at every message takes: some hundred, most of half a second."""
FAULTS: Final = (
    (Kind.RESET, 0.0),
    (Kind.CLOSE, 0.0),
    (Kind.TEAR, 0.0),
    (Kind.HALF_CLOSE_TO_SERVER, 0.0),
    (Kind.HALF_CLOSE_TO_CLIENT, 0.0),
    (Kind.DELAY, 0.1 * STATEMENT_SECONDS),
    (Kind.DELAY, 1.2 * STATEMENT_SECONDS),
)
FAILED: Final = "The server failed; its log says why under the request id "
LINKED_TWICE: Final = b"""
    SELECT identity_id FROM identities JOIN logins USING (identity_id)
    GROUP BY identity_id, version HAVING count(*) > 1 OR version > 2
"""

Making = Callable[[LocalServer, str], Write]


@dataclass
class Lane:
    """A server with one connection at a time, and the proxy that it goes through."""

    server: LocalServer
    proxy: FaultProxy
    identity_pool_id: str

    def meet(self, write_of: Making, fault: Fault | None, seconds: float = ANSWER_SECONDS) -> None:
        """Make a write that meets a fault, and then see that all is well."""
        self.proxy.end_connections()
        self.proxy.begin()
        with closing(write_of(self.server, self.identity_pool_id)) as write:
            write.prepare()
            self.proxy.begin(fault)
            begun = time.monotonic()
            refusal = None
            try:
                write.make()
            except InternalErrorException as error:
                refusal = error
            taken = time.monotonic() - begun
            assert taken < seconds, f"answered after {taken:.1f} seconds"
            assert refusal is None or refusal.message.startswith(FAILED), refusal.message
            if fault is None:
                return
            assert fault.backend is not None, "the write has fewer messages than before"
            applied = write.is_applied()
            assert applied or refusal is not None, "accepted, and not applied"
            eventually(lambda: fault.is_over, "the end of a broken connection")
            write.make_again(applied=applied)


@pytest.fixture(scope="module")
def lanes(clean_environment: None) -> Iterator[list[Lane]]:
    """Servers on one database, in which, at the end, all counts are right."""
    now = system_clock()  # it stands still: nothing that a server holds in memory gets old
    with database() as url, ExitStack() as stack:
        lanes: list[Lane] = []
        pool_id = ""
        for _ in range(LANES):
            proxy = stack.enter_context(FaultProxy(url).running())
            serving = served(proxy.url + OWN_SETTINGS, insecure_logins=True, clock=lambda: now)
            server = stack.enter_context(serving)
            pool_id = pool_id or new_pool(server).pool_id
            lanes.append(Lane(server, proxy, pool_id))
        yield lanes
        for wrong in (WRONG_COUNTS, ORPHANS, LINKED_TWICE):
            assert execute(wrong, url=url) == []


def steps_of(lane: Lane, write_of: Making) -> list[str]:
    """Give the messages of a write that nothing disturbs, in their order.

    The server looks after other things, too, now and then: the fewest messages are the write's.
    """
    seen: list[list[str]] = []
    for _ in range(UNDISTURBED):
        lane.meet(write_of, None)
        seen.append(list(lane.proxy.seen))
    steps = min(seen, key=len)
    assert len(steps) >= STEPS_MIN
    return steps


@pytest.mark.parametrize(
    "write_of",
    [
        pytest.param(partial(Update, before=0), id="create"),
        pytest.param(partial(Update, before=WARM_WRITES), id="update"),
        Deletion,
        Linking,
    ],
)
def test_a_write_keeps_its_promises_whichever_message_of_it_meets_a_fault(
    lanes: list[Lane], write_of: Making
) -> None:
    steps = steps_of(lanes[0], write_of)
    faults: queue.SimpleQueue[tuple[int, tuple[Kind, float]]] = queue.SimpleQueue()
    for each in product(range(len(steps)), FAULTS):
        faults.put(each)
    failures: list[str] = []

    def meet_faults(lane: Lane) -> None:
        while not faults.empty():
            try:
                step, (kind, seconds) = faults.get_nowait()
            except queue.Empty:
                return
            try:
                lane.meet(write_of, Fault(step, kind, seconds))
            except Exception as error:
                failures.append(f"{step} {steps[step]}: {kind.value} ({seconds:g} s): {error!r}")

    Crew(partial(meet_faults, lane) for lane in lanes).join(ALL_FAULTS_SECONDS)
    assert failures == []


def test_a_write_is_answered_although_the_connection_falls_silent(lanes: list[Lane]) -> None:
    write_of = partial(Update, before=1)
    steps = steps_of(lanes[0], write_of)
    last = len(steps) - 1
    silences = (0, steps.index("← DataRow"), last - steps[::-1].index("→ Sync"), last)
    Crew(
        partial(lane.meet, write_of, Fault(step, Kind.SILENCE), SILENCE_SECONDS)
        for lane, step in zip(lanes, silences, strict=False)
    ).join()


def test_several_hosts_may_be_named_with_their_ports(lanes: list[Lane], tmp_path: Path) -> None:
    url = lanes[0].proxy.url
    host = urlsplit(url).netloc.rpartition("@")[2]
    several = url.replace(host, f"{host},{host}")
    migrated = keepstep(tmp_path, "migrate", "--store", several)
    assert (migrated.returncode, migrated.stderr) == (0, "")
    assert migrated.stdout.count(host.partition(":")[0]) == 2
