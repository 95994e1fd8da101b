"""What the PostgreSQL engine is meant to reach, and whether a run did."""

from collections.abc import Sequence
from typing import Final

from .peers import Race
from .rounds import CONNECTIONS, LIST_DATASETS, UPDATE_ONE, Cell, cell_of
from .workers import WORKERS, Workers

BARE_MIN: Final = 0.6
KINTO_MIN: Final = 10


def judge(cells: Sequence[Cell], races: Sequence[Race], workers: Workers) -> list[str]:
    """Give a sentence for each goal, with what was measured."""
    return [
        *(_beside_bare(cells, scenario.name) for scenario in (LIST_DATASETS, UPDATE_ONE)),
        *(_beside_kinto(race) for race in races),
        _exact(workers),
    ]


def _verdict(met: bool, text: str) -> str:
    return f"{'Met' if met else '**Missed**'}: {text}"


def _beside_bare(cells: Sequence[Cell], name: str) -> str:
    scenario = next(cell.scenario for cell in cells if cell.scenario.name == name)
    found = cell_of(cells, scenario, max(CONNECTIONS)).of_bare
    return _verdict(
        found >= BARE_MIN,
        f"{name} at {max(CONNECTIONS)} connections reaches at least {BARE_MIN} of the rate of a "
        f"bare loop of the same statements ({found:.2f}).",
    )


def _beside_kinto(race: Race) -> str:
    return _verdict(
        race.ratio >= KINTO_MIN,
        f"{race.scenario.name} is at least {KINTO_MIN} times as fast as Kinto's "
        f"({race.ratio:.0f} times).",
    )


def _exact(workers: Workers) -> str:
    writes = workers.writes
    return _verdict(
        writes.are_exact,
        f"no write is lost or made twice with {1 + WORKERS} workers on one database "
        f"({writes.accepted:,} accepted, sync counts grew by {writes.counted:,}, "
        f"{writes.sessions:,} sessions consumed, {writes.wrong} datasets with another count).",
    )
