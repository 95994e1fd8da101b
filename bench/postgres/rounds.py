"""Keepstep and bare psycopg on one database, in rounds that take turns."""

import statistics
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Protocol

from bench.goals import ratios
from bench.load import Load
from bench.preload import RECORDS
from bench.scenarios import SCENARIOS, Scenario, Session, Target
from bench.servers import Server, keepstep_on_database

from .bare import BareLoop, Works, list_datasets, list_records, update_records
from .database import Database
from .preload import Stored

CONNECTIONS: Final = (1, 8, 64)
NAMED: Final = {scenario.name: scenario for scenario in SCENARIOS}
LIST_DATASETS: Final = NAMED["ListDatasets"]
LIST_RECORDS: Final = NAMED["ListRecords, 20 records"]
LIST_CHANGED: Final = NAMED["ListRecords, 1 changed"]
UPDATE_ONE: Final = NAMED["UpdateRecords, 1 patch"]
UPDATE_TEN: Final = NAMED["UpdateRecords, 10 patches"]
BARE: Final[dict[Scenario, Works]] = {
    LIST_DATASETS: list_datasets,
    LIST_RECORDS: list_records(0),
    LIST_CHANGED: list_records(RECORDS - 1),
    UPDATE_ONE: update_records(1, with_read=True),
    UPDATE_TEN: update_records(10, with_read=True),
}
"""The statements that each operation runs; reads first, since updates move the sync counts."""
BARE_WRITES: Final[dict[Scenario, Works]] = {
    UPDATE_ONE: update_records(1, with_read=False),
    UPDATE_TEN: update_records(10, with_read=False),
}

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Plan:
    """How long to measure, and how much to store."""

    rounds: int
    seconds: float
    peer_rounds: int
    peer_seconds: float
    peer_users: int
    """Of Kinto, which is slower."""
    size_identities: int


@dataclass(frozen=True, slots=True)
class Costs:
    """Processor seconds of one request, by whom they were used."""

    server: float
    database: float
    load: float

    @property
    def total(self) -> float:
        """Of all together."""
        return self.server + self.database + self.load


class Measured(Protocol):
    """What sends the requests of a round."""

    def measure(self, seconds: float) -> Load:
        """Send them."""
        ...


@dataclass(slots=True)
class Series:
    """The rounds of one scenario against one server."""

    rates: list[float] = field(default_factory=list[float])
    p50_ms: list[float] = field(default_factory=list[float])
    p99_ms: list[float] = field(default_factory=list[float])
    rounds: list[Costs] = field(default_factory=list[Costs])

    def take(self, server: Server, database: Database, session: Measured, seconds: float) -> None:
        """Measure one round of what a session has prepared."""
        before = server.processor_seconds(), database.processor_seconds()
        load = session.measure(seconds)
        after = server.processor_seconds(), database.processor_seconds()
        requests = len(load.latencies)
        self.rates.append(load.rate)
        self.p50_ms.append(load.percentile_ms(0.5))
        self.p99_ms.append(load.percentile_ms(0.99))
        self.rounds.append(
            Costs(
                (after[0] - before[0]) / requests,
                (after[1] - before[1]) / requests,
                load.processor_share * load.seconds / requests,
            )
        )

    @property
    def rate(self) -> float:
        """The median rate."""
        return statistics.median(self.rates)

    @property
    def costs(self) -> Costs:
        """The median costs."""
        return Costs(
            statistics.median(costs.server for costs in self.rounds),
            statistics.median(costs.database for costs in self.rounds),
            statistics.median(costs.load for costs in self.rounds),
        )


@dataclass(slots=True)
class Cell:
    """One scenario at one number of connections, or of tasks of the bare loop."""

    scenario: Scenario
    connections: int
    keepstep: Series = field(default_factory=Series)
    bare: list[float] = field(default_factory=list[float])
    """Operations a second of the statements that the operation runs."""
    bare_costs: list[float] = field(default_factory=list[float])
    """Processor seconds of the bare loop for each of them."""
    bare_database_costs: list[float] = field(default_factory=list[float])
    """Those of the database."""
    bare_writes: list[float] = field(default_factory=list[float])
    """Of the write alone, for operations that write."""

    @property
    def of_bare(self) -> float:
        """Keepstep's rate as a part of the bare loop's."""
        return ratios(self.keepstep.rates, self.bare)


def measure_cells(database: Database, stored: Stored, plan: Plan, say: Say) -> list[Cell]:
    """Measure every scenario at every number of connections."""
    cells: list[Cell] = []
    with (
        closing(BareLoop(stored)) as loop,
        keepstep_on_database(stored.url, Path.cwd()) as server,
    ):
        target = Target(server, stored)
        for scenario in BARE:
            database.settle(stored.url)
            for connections in CONNECTIONS:
                say(f"{scenario.name}, {connections} connections")
                cells.append(_measure(Cell(scenario, connections), target, database, loop, plan))
    return cells


def _measure(cell: Cell, target: Target, database: Database, loop: BareLoop, plan: Plan) -> Cell:
    session = Session(cell.scenario, target, cell.connections)
    works, writes = BARE[cell.scenario], BARE_WRITES.get(cell.scenario)
    for each in (works, *([writes] if writes is not None else [])):
        loop.warm_up(each, cell.connections)
    for _ in range(plan.rounds):
        session.prepare(plan.seconds)
        cell.keepstep.take(target.server, database, session, plan.seconds)
        used = database.processor_seconds()
        found = loop.measure(works, cell.connections, plan.seconds)
        used = database.processor_seconds() - used
        cell.bare.append(found.rate)
        cell.bare_database_costs.append(used / found.operations)
        cell.bare_costs.append(found.processor_seconds)
        if writes is not None:
            cell.bare_writes.append(loop.measure(writes, cell.connections, plan.seconds).rate)
    return cell


def sync_counts(database: Database, stored: Stored) -> dict[str, int]:
    """Read the sync count of every identity's dataset."""
    rows = database.execute("SELECT identity_id, sync_count FROM datasets", url=stored.url)
    return dict(rows)


def cell_of(cells: Sequence[Cell], scenario: Scenario, connections: int) -> Cell:
    """Find a cell."""
    (found,) = (
        cell for cell in cells if cell.scenario is scenario and cell.connections == connections
    )
    return found
