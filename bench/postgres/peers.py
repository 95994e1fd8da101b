"""Keepstep and Kinto on one PostgreSQL, in rounds that take turns."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import cycle, islice
from pathlib import Path
from typing import Final

from bench.goals import ratios
from bench.load import Load, measure, send_each
from bench.preload import KEYS, RECORDS
from bench.scenarios import Scenario, Session, Target
from bench.servers import keepstep_on_database

from .database import Database
from .kinto import (
    CONNECTIONS,
    Kinto,
    check_written,
    kinto_server,
    list_collections,
    list_records,
    versions_in,
    write_records,
)
from .preload import Stored
from .rounds import LIST_DATASETS, LIST_RECORDS, UPDATE_TEN, Plan, Say, Series

WRITTEN: Final = 10
"""Records that one request writes."""
ASKED: Final = {
    LIST_DATASETS: "GET collections",
    LIST_RECORDS: "GET records",
    UPDATE_TEN: "POST batch",
}
"""What Kinto is asked where keepstep is asked the operation."""


@dataclass(slots=True)
class Race:
    """One scenario against both."""

    scenario: Scenario
    keepstep: Series = field(default_factory=Series)
    kinto: Series = field(default_factory=Series)

    @property
    def ratio(self) -> float:
        """Keepstep's rate as a multiple of Kinto's."""
        return ratios(self.keepstep.rates, self.kinto.rates)


class _KintoSession:
    """One scenario against Kinto."""

    def __init__(self, scenario: Scenario, kinto: Kinto) -> None:
        self._scenario = scenario
        self._kinto = kinto
        self._turns: Iterator[str] = cycle(kinto.users)
        self._requests: Sequence[bytes] = ()
        self._rate = 1.0
        self._round = 0
        self.prepare(CONNECTIONS)
        self.measure(1)

    def prepare(self, seconds: float) -> None:
        """Make the requests of a round; writes name the versions that they replace."""
        server = self._kinto.server
        if self._scenario is LIST_DATASETS:
            self._requests = [list_collections(server, user) for user in self._kinto.users]
        elif self._scenario is LIST_RECORDS:
            self._requests = [list_records(server, user) for user in self._kinto.users]
        else:
            count = min(max(int(self._rate * seconds), CONNECTIONS), len(self._kinto.users))
            self._requests = self._writes(list(islice(self._turns, count)))

    def measure(self, seconds: float) -> Load:
        """Send what was prepared: in a circle for a time, or each request once."""
        address = self._kinto.server.address
        if not self._scenario.once_only:
            return measure(address, self._requests, CONNECTIONS, seconds)
        load = send_each(address, self._requests, CONNECTIONS, keeps=True)
        check_written(load.answers)
        self._rate = load.rate
        return load

    def _writes(self, users: Sequence[str]) -> list[bytes]:
        server = self._kinto.server
        reads = [list_records(server, user) for user in users]
        answers = send_each(server.address, reads, CONNECTIONS, keeps=True).answers
        self._round += WRITTEN
        keys = [KEYS[(self._round + offset) % RECORDS] for offset in range(WRITTEN)]
        return [
            write_records(server, user, versions_in(answer, keys), number)
            for number, (user, answer) in enumerate(zip(users, answers, strict=True))
        ]


def race(database: Database, stored: Stored, plan: Plan, folder: Path, say: Say) -> list[Race]:
    """Measure what both can do."""
    races: list[Race] = []
    say("starting Kinto; the first time, it is installed")
    with (
        kinto_server(database, folder, plan.peer_users) as kinto,
        keepstep_on_database(stored.url, Path.cwd()) as server,
    ):
        target = Target(server, stored)
        for scenario in ASKED:
            database.settle(stored.url, kinto.url)
            say(f"{scenario.name}, beside Kinto")
            found = Race(scenario)
            ours = Session(scenario, target, CONNECTIONS)
            theirs = _KintoSession(scenario, kinto)
            for _ in range(plan.peer_rounds):
                ours.prepare(plan.seconds)
                found.keepstep.take(server, database, ours, plan.seconds)
                theirs.prepare(plan.peer_seconds)
                found.kinto.take(kinto.server, database, theirs, plan.peer_seconds)
            races.append(found)
    return races
