"""``python -m bench.postgres``: measure, print, write docs/benchmarks-postgresql.md."""

import argparse
import signal
import sys
import tempfile
import time
from pathlib import Path
from typing import Final

from bench.report import write_between_markers

from .database import running_database
from .peers import race
from .preload import preload
from .report import Results, report
from .rounds import Plan, measure_cells
from .sizes import measure_sizes
from .workers import measure_workers

PAGE: Final = Path("docs/benchmarks-postgresql.md")
COMMAND: Final = "make bench-postgres"
IDENTITIES: Final = 1_000
FULL: Final = Plan(
    rounds=5,
    seconds=1.5,
    peer_rounds=4,
    peer_seconds=6,
    peer_users=IDENTITIES,
    size_identities=100_000,
)
QUICK: Final = Plan(
    rounds=2,
    seconds=0.4,
    peer_rounds=2,
    peer_seconds=1,
    peer_users=100,
    size_identities=2_000,
)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.postgres", description=__doc__)
    parser.add_argument(
        "--quick", action="store_true", help="a rough run, which is printed but not written down"
    )
    quick = parser.parse_args().quick
    plan = QUICK if quick else FULL
    begun = time.monotonic()
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # the database must end too

    def say(text: str) -> None:
        print(f"{time.monotonic() - begun:6.1f} s  {text}", file=sys.stderr, flush=True)

    # The database lies on the repository's own disk: elsewhere, /tmp may be memory.
    with tempfile.TemporaryDirectory(prefix=".bench-", dir=Path.cwd()) as name:
        folder = Path(name)
        say("starting PostgreSQL")
        with running_database(folder / "data") as database:
            stored = preload(database.create_store("keepstep"), IDENTITIES)
            cells = measure_cells(database, stored, plan, say)
            races = race(database, stored, plan, folder, say)
            workers = measure_workers(database, stored, plan, say)
            say(f"filling stores with {plan.size_identities:,} identities for their sizes")
            sizes = measure_sizes(database, folder, plan.size_identities)
            shown = database.description()
            results = Results(plan, COMMAND, shown, cells, races, workers, sizes)
    text = report(results)
    print(text)
    if not quick:
        write_between_markers(PAGE, text)
    say("done")


if __name__ == "__main__":
    main()
