"""What the server is meant to reach, and whether a run did."""

import statistics
from collections.abc import Sequence
from typing import Final

from .measurements import CONNECTIONS, LARGE, SMALL, Cell, Results

LIST_DATASETS_OF_BARE_MIN: Final = 0.45
UPDATE_RECORDS_OF_SQLITE_MIN: Final = 0.35
LARGE_TO_SMALL_MAX: Final = 1.3
TEMPORARY_OF_DEVELOPER_MIN: Final = 0.85
START_MS_MAX: Final = 1000
REST_MB_MAX: Final = 100


def ratios(these: Sequence[float], those: Sequence[float]) -> float:
    """Give the median of the ratios of two series, round by round."""
    return statistics.median(this / that for this, that in zip(these, those, strict=True))


def judge(results: Results) -> list[str]:
    """Give a sentence for each goal, with what was measured."""
    return [
        _list_datasets(results.cells),
        _temporary_credentials(results.cells),
        _update_records(results.cells),
        _growth_of_rate(results.cells),
        _growth_of_p99(results.cells),
        _start(results),
        _memory(results),
    ]


def _verdict(met: bool, text: str) -> str:
    return f"{'Met' if met else '**Missed**'}: {text}"


def _list_datasets(cells: Sequence[Cell]) -> str:
    found = [
        (ratios(cell.small.rates, cell.bare.rates), cell.connections)
        for cell in cells
        if cell.scenario.name == "ListDatasets"
    ]
    listed = ", ".join(f"{ratio:.2f} at {connections}" for ratio, connections in found)
    return _verdict(
        min(found)[0] >= LIST_DATASETS_OF_BARE_MIN,
        f"ListDatasets reaches at least {LIST_DATASETS_OF_BARE_MIN} of bare uvicorn's rate at "
        f"every number of connections ({listed}).",
    )


def _temporary_credentials(cells: Sequence[Cell]) -> str:
    found = [
        (ratios(cell.small.rates, cell.peer.rates), cell.connections)
        for cell in cells
        if cell.scenario.peer is not None
    ]
    listed = ", ".join(f"{ratio:.2f} at {connections}" for ratio, connections in found)
    return _verdict(
        min(found)[0] >= TEMPORARY_OF_DEVELOPER_MIN,
        f"ListDatasets with temporary credentials reaches at least {TEMPORARY_OF_DEVELOPER_MIN} of "
        f"its rate with a developer's key ({listed} connections).",
    )


def _update_records(cells: Sequence[Cell]) -> str:
    (cell,) = (cell for cell in cells if cell.sqlite)
    small = ratios(cell.small.rates, cell.sqlite[SMALL])
    large = ratios(cell.large.rates, cell.sqlite[LARGE])
    return _verdict(
        min(small, large) >= UPDATE_RECORDS_OF_SQLITE_MIN,
        f"UpdateRecords of one patch at {max(CONNECTIONS)} connections reaches at least "
        f"{UPDATE_RECORDS_OF_SQLITE_MIN} of SQLite's own grouped rate ({small:.2f} with {SMALL:,} "
        f"identities, {large:.2f} with {LARGE:,}).",
    )


def _growth_of_rate(cells: Sequence[Cell]) -> str:
    worst, cell = _worst([ratios(cell.small.rates, cell.large.rates) for cell in cells], cells)
    return _verdict(
        worst <= LARGE_TO_SMALL_MAX,
        f"no rate with {SMALL:,} identities is more than {LARGE_TO_SMALL_MAX} times that with "
        f"{LARGE:,} (at most {worst:.2f}: {_place(cell)}).",
    )


def _growth_of_p99(cells: Sequence[Cell]) -> str:
    worst, cell = _worst([ratios(cell.large.p99_ms, cell.small.p99_ms) for cell in cells], cells)
    return _verdict(
        worst <= LARGE_TO_SMALL_MAX,
        f"no p99 with {LARGE:,} identities is more than {LARGE_TO_SMALL_MAX} times that with "
        f"{SMALL:,} (at most {worst:.2f}: {_place(cell)}).",
    )


def _worst(found: Sequence[float], cells: Sequence[Cell]) -> tuple[float, Cell]:
    worst = max(found)
    return worst, cells[found.index(worst)]


def _place(cell: Cell) -> str:
    return f"{cell.scenario.name}, connections: {cell.connections}"


def _start(results: Results) -> str:
    new, large = results.start_ms[0], results.start_ms[LARGE]
    return _verdict(
        max(new, large) < START_MS_MAX,
        f"a server is ready in under {START_MS_MAX} ms ({new:.0f} ms on a new store, "
        f"{large:.0f} ms on {LARGE:,} identities).",
    )


def _memory(results: Results) -> str:
    small, large = results.rest_mb[SMALL], results.rest_mb[LARGE]
    return _verdict(
        max(small, large) < REST_MB_MAX,
        f"a server at rest holds under {REST_MB_MAX} MB ({small:.0f} MB with {SMALL:,} identities, "
        f"{large:.0f} MB with {LARGE:,}).",
    )
