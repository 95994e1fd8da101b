"""The report: ratios first, then rates, processor time and sizes."""

import os
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version

from bench.goals import ratios
from bench.machine import description
from bench.report import table

from .goals import judge
from .kinto import CONNECTIONS as KINTO_CONNECTIONS
from .kinto import VERSION as KINTO_VERSION
from .peers import ASKED, Race
from .rounds import CONNECTIONS, Cell, Plan, Series
from .sizes import LOGGED_EVERY, RECORDS, VALUE_BYTES, Sizes
from .workers import WORKERS, Comparison, Workers

CORES = len(os.sched_getaffinity(0))


@dataclass(frozen=True, slots=True)
class Results:
    """Everything a run found."""

    plan: Plan
    command: str
    database: str
    cells: Sequence[Cell]
    races: Sequence[Race]
    workers: Workers
    sizes: Sizes


def report(results: Results) -> str:
    """Give the whole report."""
    plan = results.plan
    made = (
        f"`{results.command}` on {datetime.now(UTC):%Y-%m-%d}: {description(pinned=False)}, "
        f"psycopg {version('psycopg')}, psycopg_pool {version('psycopg-pool')}; "
        f"{results.database}; medians of {plan.rounds} rounds of {plan.seconds:g} s, beside Kinto "
        f"of {plan.peer_rounds} rounds of {plan.seconds:g} s and {plan.peer_seconds:g} s."
    )
    verdicts = judge(results.cells, results.races, results.workers)
    parts = [
        made,
        "\n".join(f"- {verdict}" for verdict in verdicts),
        "### Beside bare psycopg",
        _cells_table(results.cells),
        _processor_table(results.cells),
        "### Beside Kinto",
        _races_table(results.races),
        _beside(plan),
        "### One worker and two",
        _workers_table(results.workers.comparisons),
        *(_limit(comparison) for comparison in results.workers.comparisons),
        "### What it takes on disk",
        _sizes_table(results.sizes),
        _logged_table(results.sizes),
    ]
    return "\n\n".join(parts)


def _cells_table(cells: Sequence[Cell]) -> str:
    head = (
        "Operation",
        "Connections",
        "× bare psycopg",
        "× its write alone",
        "requests/s",
        "p50 ms",
        "p99 ms",
        "Bare psycopg, operations/s",
        "Its write alone",
    )
    lines = [
        (
            cell.scenario.name,
            f"{cell.connections}",
            f"{cell.of_bare:.2f}",
            f"{ratios(cell.keepstep.rates, cell.bare_writes):.2f}" if cell.bare_writes else "–",
            f"{cell.keepstep.rate:,.0f}",
            f"{statistics.median(cell.keepstep.p50_ms):.2f}",
            f"{statistics.median(cell.keepstep.p99_ms):.2f}",
            f"{statistics.median(cell.bare):,.0f}",
            f"{statistics.median(cell.bare_writes):,.0f}" if cell.bare_writes else "–",
        )
        for cell in cells
    ]
    return table(head, lines, words=1)


def _processor_table(cells: Sequence[Cell]) -> str:
    """Show what a request costs, beside what the same statements cost in the bare loop."""
    most = max(CONNECTIONS)
    head = (
        f"Processor time at {most} connections, µs a request",
        "keepstep",
        "PostgreSQL",
        "Load generator",
        "All",
        "The bare loop",
        "PostgreSQL under it",
    )
    lines = [
        (
            cell.scenario.name,
            *_costs(cell.keepstep),
            _microseconds(statistics.median(cell.bare_costs)),
            _microseconds(statistics.median(cell.bare_database_costs)),
        )
        for cell in cells
        if cell.connections == most
    ]
    return table(head, lines, words=1)


def _races_table(races: Sequence[Race]) -> str:
    head = (
        "keepstep",
        "Kinto",
        "× Kinto",
        "keepstep, requests/s",
        "p50 ms",
        "p99 ms",
        "Kinto, requests/s",
        "p50 ms",
        "p99 ms",
        "keepstep and PostgreSQL, µs a request",
        "Kinto and PostgreSQL",
    )
    lines = [
        (
            race.scenario.name,
            ASKED[race.scenario],
            f"{race.ratio:.1f}",
            *_speed(race.keepstep),
            *_speed(race.kinto),
            *(
                _microseconds(series.costs.server + series.costs.database)
                for series in (race.keepstep, race.kinto)
            ),
        )
        for race in races
    ]
    return table(head, lines, words=2)


def _beside(plan: Plan) -> str:
    return (
        f"Kinto {KINTO_VERSION}, {KINTO_CONNECTIONS} connections to each server; "
        f"{plan.peer_users:,} users with a bucket, a collection and 20 records each."
    )


def _workers_table(comparisons: Sequence[Comparison]) -> str:
    head = (
        "Operation",
        "Workers",
        "× one worker",
        "requests/s",
        "p99 ms",
        "keepstep, µs a request",
        "PostgreSQL",
        "Load generator",
        "All",
        f"Busy, of {CORES} cores",
    )
    lines = [
        (
            comparison.scenario.name,
            f"{workers}",
            f"{comparison.ratio:.2f}" if workers > 1 else "1",
            f"{series.rate:,.0f}",
            f"{statistics.median(series.p99_ms):.2f}",
            *_costs(series),
            f"{series.costs.total * series.rate:.2f}",
        )
        for comparison in comparisons
        for workers, series in ((1, comparison.one), (WORKERS, comparison.two))
    ]
    return table(head, lines, words=1)


def _limit(comparison: Comparison) -> str:
    """Say how much a second worker could bring on this machine, and where cores abound."""
    one = comparison.one
    most = CORES / one.costs.total
    return (
        f"{comparison.scenario.name}: a request needs {one.costs.total * 1e6:,.0f} µs of processor "
        f"time in all, so {CORES} cores answer at most {most:,.0f} a second, "
        f"{most / one.rate:.2f} times what one worker did; one worker by itself ends at "
        f"{1 / one.costs.server:,.0f} a second, where {one.costs.server * 1e6:,.0f} µs a request "
        "fill its core."
    )


def _sizes_table(sizes: Sizes) -> str:
    head = (
        "Bytes on disk",
        "PostgreSQL, table",
        "PostgreSQL, indexes",
        "PostgreSQL, both",
        "SQLite",
    )
    names = {
        "identity": "identity: a guest, with its count of datasets",
        "dataset": "dataset, without its records",
        "record": f"record with a key of 10 and a value of {VALUE_BYTES} bytes",
        "consumed session": "consumed session, kept for an hour",
    }
    lines = [
        (
            f"{names[size.kind]}",
            f"{size.table:,.0f}",
            f"{size.indexes:,.0f}",
            f"{size.table + size.indexes:,.0f}",
            f"{size.sqlite:,.0f}",
        )
        for size in sizes.sizes
    ]
    text = table(head, lines, words=1)
    return (
        f"{text}\n\nOf {sizes.identities:,} identities with a dataset of {RECORDS} records and a "
        "consumed session each, written in random order of their ids, as they come; PostgreSQL "
        "after VACUUM."
    )


def _logged_table(sizes: Sizes) -> str:
    head = ("Write-ahead log of PostgreSQL, bytes", "first write after a checkpoint", "later")
    lines = [
        (
            f"UpdateRecords, {logged.patches} patch{'es' if logged.patches > 1 else ''}",
            f"{logged.first:,.0f}",
            f"{logged.later:,.0f}",
        )
        for logged in sizes.logged
    ]
    return (
        f"{table(head, lines, words=1)}\n\nOf writes to {sizes.identities // LOGGED_EVERY:,} of "
        "these datasets, one after another. After a checkpoint, the first change of a page logs "
        "the whole page."
    )


def _speed(series: Series) -> tuple[str, str, str]:
    return (
        f"{series.rate:,.0f}" if series.rate >= 100 else f"{series.rate:.1f}",
        f"{statistics.median(series.p50_ms):.2f}",
        f"{statistics.median(series.p99_ms):.2f}",
    )


def _costs(series: Series) -> tuple[str, ...]:
    costs = series.costs
    return tuple(
        _microseconds(part) for part in (costs.server, costs.database, costs.load, costs.total)
    )


def _microseconds(seconds: float) -> str:
    return f"{seconds * 1e6:,.0f}"
