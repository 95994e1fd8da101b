"""One worker process and two on the same database, what each request costs, and lost writes."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from bench.goals import ratios
from bench.scenarios import Scenario, Session, Target
from bench.servers import keepstep_on_database

from .database import Database
from .preload import Stored
from .rounds import CONNECTIONS, LIST_DATASETS, UPDATE_ONE, Plan, Say, Series, sync_counts

WORKERS: Final = 2
MEASURED: Final = (LIST_DATASETS, UPDATE_ONE)


@dataclass(slots=True)
class Comparison:
    """One scenario against a server of one worker and one of two."""

    scenario: Scenario
    one: Series = field(default_factory=Series)
    two: Series = field(default_factory=Series)

    @property
    def ratio(self) -> float:
        """What the second worker makes of the rate."""
        return ratios(self.two.rates, self.one.rates)


@dataclass(slots=True)
class Writes:
    """Updates that were answered with 200, and what the database has of them."""

    accepted: int = 0
    counted: int = 0
    """By how much the sync counts grew."""
    wrong: int = 0
    """Identities whose own sync count did not grow by their accepted updates."""
    sessions: int = 0
    """Sync sessions that the database has as consumed."""

    @property
    def are_exact(self) -> bool:
        """Whether none was lost and none was made twice."""
        return not self.wrong and self.accepted == self.counted == self.sessions


class _Counted(Target):
    """A target that remembers which identities it gave out."""

    def __init__(self, target: Target) -> None:
        super().__init__(target.server, target.population)
        self.taken: Counter[str] = Counter()

    def take(self, count: int) -> list[str]:
        """Give the next identities."""
        taken = super().take(count)
        self.taken.update(taken)
        return taken


@dataclass(slots=True)
class Workers:
    """Everything found about workers."""

    comparisons: list[Comparison] = field(default_factory=list[Comparison])
    writes: Writes = field(default_factory=Writes)


def measure_workers(database: Database, stored: Stored, plan: Plan, say: Say) -> Workers:
    """Measure both servers in turn, then look for every write."""
    found = Workers()
    before = sync_counts(database, stored)
    sessions_before = _sessions(database, stored)
    taken: Counter[str] = Counter()
    with (
        keepstep_on_database(stored.url, Path.cwd()) as one,
        keepstep_on_database(stored.url, Path.cwd(), WORKERS) as two,
    ):
        for scenario in MEASURED:
            database.settle(stored.url)
            say(f"{scenario.name}, one worker and {WORKERS}")
            comparison = Comparison(scenario)
            targets = [_Counted(Target(server, stored)) for server in (one, two)]
            _measure(comparison, targets, database, plan)
            found.comparisons.append(comparison)
            if scenario.once_only:
                taken = targets[0].taken + targets[1].taken
    grown = Counter(sync_counts(database, stored))
    grown.subtract(before)
    found.writes = Writes(
        accepted=taken.total(),
        counted=grown.total(),
        wrong=sum(grown[identity] != taken[identity] for identity in before),
        sessions=_sessions(database, stored) - sessions_before,
    )
    return found


def _measure(
    comparison: Comparison, targets: Sequence[Target], database: Database, plan: Plan
) -> None:
    connections = max(CONNECTIONS)
    sessions = [Session(comparison.scenario, target, connections) for target in targets]
    for _ in range(plan.rounds):
        pairs = zip((comparison.one, comparison.two), sessions, targets, strict=True)
        for series, session, target in pairs:
            session.prepare(plan.seconds)
            series.take(target.server, database, session, plan.seconds)


def _sessions(database: Database, stored: Stored) -> int:
    rows = database.execute("SELECT count(*) FROM consumed_sessions", url=stored.url)
    return int(rows[0][0])
