"""One run of everything: stores, servers, rounds that take turns, and what they measured."""

import os
import shutil
import statistics
from collections.abc import Callable
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from .bare import Answer
from .load import Address, Load, RequestFailed, measure, send_each
from .preload import Population, preload
from .scenarios import SCENARIOS, Scenario, Session, Target
from .servers import CommitGroups, Server, bare_server, keepstep_server
from .sqlite_rate import GroupedCommits

SMALL, LARGE = 1_000, 1_000_000
CONNECTIONS: Final = (1, 8, 64)

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Plan:
    """How long to measure."""

    rounds: int
    seconds: float
    starts: int


@dataclass(slots=True)
class Series:
    """The rounds of one scenario against one server."""

    rates: list[float] = field(default_factory=list[float])
    p50_ms: list[float] = field(default_factory=list[float])
    p99_ms: list[float] = field(default_factory=list[float])
    load_shares: list[float] = field(default_factory=list[float])
    server_shares: list[float] = field(default_factory=list[float])
    """Of the server's core, by the server."""
    changes: float = 0
    commits: float = 0

    def add(self, load: Load, server_seconds: float) -> None:
        """Take one round, and the processor time that the server used in it."""
        self.rates.append(load.rate)
        self.p50_ms.append(load.percentile_ms(0.5))
        self.p99_ms.append(load.percentile_ms(0.99))
        self.load_shares.append(load.processor_share)
        self.server_shares.append(server_seconds / load.seconds)

    def add_groups(self, before: CommitGroups, after: CommitGroups) -> None:
        """Take what a round committed."""
        self.changes += after.changes - before.changes
        self.commits += after.commits - before.commits


@dataclass(slots=True)
class Cell:
    """One scenario at one number of connections; ``sqlite`` holds rates, where compared."""

    scenario: Scenario
    connections: int
    small: Series = field(default_factory=Series)
    large: Series = field(default_factory=Series)
    bare: Series = field(default_factory=Series)
    sqlite: dict[int, list[float]] = field(default_factory=dict[int, list[float]])
    peer: Series = field(default_factory=Series)
    """The scenario's peer with the small store."""


@dataclass(slots=True)
class Results:
    """Everything a run found."""

    plan: Plan
    cells: list[Cell] = field(default_factory=list[Cell])
    start_ms: dict[int, float] = field(default_factory=dict[int, float])
    """Median, by number of identities."""
    rest_mb: dict[int, float] = field(default_factory=dict[int, float])
    after_mb: dict[int, float] = field(default_factory=dict[int, float])


def run(plan: Plan, folder: Path, say: Say) -> Results:
    """Measure everything on stores in a folder."""
    results = Results(plan)
    say(f"filling stores with {SMALL:,} and {LARGE:,} identities")
    small = preload(folder / "small.db", SMALL)
    large = preload(folder / "large.db", LARGE)
    say("starting servers")
    empty = [folder / f"empty-{number}.db" for number in range(plan.starts)]
    results.start_ms[0] = statistics.median(start_ms(store) for store in empty)
    results.start_ms[LARGE] = statistics.median(start_ms(large.file) for _ in range(plan.starts))
    with ExitStack() as stack:
        sqlite = {
            population.size: stack.enter_context(closing(GroupedCommits(_copy(population))))
            for population in (small, large)
        }
        os.sync()  # what is still on its way to the disk must not slow the first rounds
        servers = {
            population.size: Target(
                stack.enter_context(keepstep_server(population.file)), population
            )
            for population in (small, large)
        }
        results.rest_mb = {size: target.server.resident_mb() for size, target in servers.items()}
        for scenario in SCENARIOS:
            answer = _answer(scenario, servers[SMALL])
            with bare_server(answer, folder / "answer.json") as bare:
                _check_bare(bare.address, answer)
                for connections in CONNECTIONS:
                    say(f"{scenario.name}, {connections} connections")
                    cell = Cell(scenario, connections)
                    measure_cell(cell, plan, servers, bare, sqlite)
                    results.cells.append(cell)
        results.after_mb = {size: target.server.resident_mb() for size, target in servers.items()}
    return results


def measure_cell(
    cell: Cell,
    plan: Plan,
    servers: dict[int, Target],
    bare: Server,
    sqlite: dict[int, GroupedCommits],
) -> None:
    """Measure one scenario in rounds; in each, every contender has its turn."""
    peer = cell.scenario.peer and Session(cell.scenario.peer, servers[SMALL], cell.connections)
    sessions = {
        size: Session(cell.scenario, target, cell.connections) for size, target in servers.items()
    }
    compares = cell.scenario.compares_with_sqlite and cell.connections == max(CONNECTIONS)
    if compares:
        cell.sqlite = {SMALL: [], LARGE: []}
    for _ in range(plan.rounds):
        for size, series in ((SMALL, cell.small), (LARGE, cell.large)):
            server = servers[size].server
            session = sessions[size]
            session.prepare(plan.seconds)
            before, used = server.commit_groups(), server.processor_seconds()
            load = session.measure(plan.seconds)
            series.add(load, server.processor_seconds() - used)
            series.add_groups(before, server.commit_groups())
            if compares:
                cell.sqlite[size].append(sqlite[size].measure(plan.seconds))
            if size == SMALL:
                used = bare.processor_seconds()
                load = measure(bare.address, session.requests, cell.connections, plan.seconds)
                cell.bare.add(load, bare.processor_seconds() - used)
                if peer is not None:
                    used = server.processor_seconds()
                    load = peer.measure(plan.seconds)
                    cell.peer.add(load, server.processor_seconds() - used)


def start_ms(store: Path) -> float:
    """Start a server on a store and stop it; give the time until it said it was ready."""
    with keepstep_server(store) as server:
        return server.start_seconds * 1000


def _copy(population: Population) -> Population:
    """Give bare SQLite the same rows in a file of its own."""
    file = population.file.with_name(f"sqlite-{population.file.name}")
    shutil.copyfile(population.file, file)
    return Population(file, population.size, population.sampled)


def _answer(scenario: Scenario, target: Target) -> Answer:
    """Give the server's own answer to a request, for the bare server to repeat."""
    return _ask(target.server.address, scenario.requests(target, 1))


def _check_bare(address: Address, expected: Answer) -> None:
    found = _ask(address, [b"GET / HTTP/1.1\r\nhost: bare\r\n\r\n"])
    if found != expected:
        raise RequestFailed(f"the bare server answers {found} and not {expected}")


def _ask(address: Address, request: list[bytes]) -> Answer:
    """Send a request; give the answer without the date, which uvicorn adds by itself."""
    head, _, body = send_each(address, request, 1, keeps=True).answers[0].partition(b"\r\n\r\n")
    parts = (line.partition(": ") for line in head.decode().split("\r\n")[1:])
    headers = [(name, value) for name, _, value in parts if name != "date"]
    return Answer(headers, body.decode())
