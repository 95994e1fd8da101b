"""The report: tables in Markdown, and one plain sentence for each goal."""

import statistics
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from .goals import judge, ratios
from .machine import description
from .measurements import CONNECTIONS, LARGE, SMALL, Cell, Results, Series

BEGIN: Final = "<!-- bench:begin -->"
END: Final = "<!-- bench:end -->"
QUIET_SHARE_MIN: Final = 0.9
"""Of its core that a server at its limit gets on a machine that does nothing else."""

Line = Sequence[str]


def report(results: Results) -> str:
    """Give the whole report."""
    plan = results.plan
    made = (
        f"Measured on {datetime.now(UTC):%Y-%m-%d} on {description()}; medians of {plan.rounds} "
        f"rounds of {plan.seconds:g} s."
    )
    parts = [
        made,
        _requests_table(results.cells),
        _writes_table(results.cells),
        _process_table(results),
        _generator(results.cells),
        _processor(results.cells),
        "\n".join(f"- {verdict}" for verdict in judge(results)),
    ]
    return "\n\n".join(parts)


def write_between_markers(page: Path, text: str) -> None:
    """Replace what stands between the markers of a page."""
    content = page.read_text(encoding="utf-8")
    head, begin, rest = content.partition(BEGIN)
    _, end, tail = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"{page} has no {BEGIN} and {END} to write between")
    page.write_text(f"{head}{BEGIN}\n\n{text}\n\n{END}{tail}", encoding="utf-8")


def _requests_table(cells: Sequence[Cell]) -> str:
    head = (
        "Operation",
        "Connections",
        "Bare uvicorn, requests/s",
        f"{SMALL:,} identities, requests/s",
        "p50 ms",
        "p99 ms",
        "× bare",
        f"{LARGE:,} identities, requests/s",
        "p50 ms",
        "p99 ms",
        f"× {SMALL:,}",
    )
    median = statistics.median
    lines = [
        (
            cell.scenario.name,
            f"{cell.connections}",
            f"{median(cell.bare.rates):,.0f}",
            f"{median(cell.small.rates):,.0f}",
            f"{median(cell.small.p50_ms):.2f}",
            f"{median(cell.small.p99_ms):.2f}",
            f"{ratios(cell.small.rates, cell.bare.rates):.2f}",
            f"{median(cell.large.rates):,.0f}",
            f"{median(cell.large.p50_ms):.2f}",
            f"{median(cell.large.p99_ms):.2f}",
            f"{ratios(cell.large.rates, cell.small.rates):.2f}",
        )
        for cell in cells
    ]
    return table(head, lines, words=1)


def _writes_table(cells: Sequence[Cell]) -> str:
    head = (
        "Operation",
        "Connections",
        f"Changes a commit, {SMALL:,}",
        f"{LARGE:,}",
        f"SQLite alone, changes/s, {SMALL:,}",
        f"{LARGE:,}",
        f"× SQLite alone, {SMALL:,}",
        f"{LARGE:,}",
    )
    lines = [
        (
            cell.scenario.name,
            f"{cell.connections}",
            f"{cell.small.changes / cell.small.commits:.1f}",
            f"{cell.large.changes / cell.large.commits:.1f}",
            *_sqlite_columns(cell),
        )
        for cell in cells
        if cell.scenario.once_only
    ]
    return table(head, lines, words=1)


def _sqlite_columns(cell: Cell) -> Line:
    if not cell.sqlite:
        return ("–",) * 4
    return (
        *(f"{statistics.median(cell.sqlite[size]):,.0f}" for size in (SMALL, LARGE)),
        f"{ratios(cell.small.rates, cell.sqlite[SMALL]):.2f}",
        f"{ratios(cell.large.rates, cell.sqlite[LARGE]):.2f}",
    )


def _process_table(results: Results) -> str:
    head = ("Store", "Start to ready, ms", "Resident at rest, MB", "Resident after the runs, MB")
    lines = [
        (
            f"{size:,} identities" if size else "new",
            f"{results.start_ms[size]:.0f}" if size in results.start_ms else "–",
            f"{results.rest_mb[size]:.0f}" if size in results.rest_mb else "–",
            f"{results.after_mb[size]:.0f}" if size in results.after_mb else "–",
        )
        for size in (0, SMALL, LARGE)
    ]
    return table(head, lines, words=1)


def _generator(cells: Sequence[Cell]) -> str:
    fastest = max(cells, key=lambda cell: statistics.median(cell.bare.rates))
    share = statistics.median(fastest.bare.load_shares)
    rate = statistics.median(fastest.bare.rates)
    busiest = max(
        statistics.median(series.load_shares)
        for cell in cells
        for series in (cell.small, cell.large)
    )
    return (
        f"The load generator at its fastest ({fastest.scenario.name}, {fastest.connections} "
        f"connections, bare uvicorn) sent {rate:,.0f} requests/s with {share:.0%} of its core, so "
        f"its own ceiling is near {rate / share:,.0f} requests/s; against keepstep it used at most "
        f"{busiest:.0%}."
    )


def _processor(cells: Sequence[Cell]) -> str:
    """Say what the processor did, and whether the machine was quiet enough to trust the rates."""
    full = [cell for cell in cells if cell.connections == max(CONNECTIONS)]
    costs = "; ".join(
        f"{cell.scenario.name} {_microseconds(cell.small):.0f} "
        f"(bare {_microseconds(cell.bare):.0f})"
        for cell in full
    )
    text = f"Processor time a request at {max(CONNECTIONS)} connections, µs: {costs}."
    share = min(statistics.median(cell.bare.server_shares) for cell in full)
    if share < QUIET_SHARE_MIN:
        text += (
            f" **The machine was not quiet**: bare uvicorn got only {share:.0%} of its core where "
            "it should have all, so other work took part of it."
        )
    return text


def _microseconds(series: Series) -> float:
    return ratios(series.server_shares, series.rates) * 1_000_000


def table(head: Line, lines: Sequence[Line], *, words: int) -> str:
    """Lay out a table whose columns after the first ``words`` are numbers."""
    rule = ["---" if column < words else "---:" for column in range(len(head))]
    return "\n".join(f"| {' | '.join(line)} |" for line in (head, rule, *lines))
