"""``python -m bench``, from the repository's root: measure, print, write docs/benchmarks.md."""

import argparse
import sys
import tempfile
import time
from pathlib import Path
from typing import Final

from .machine import run_on_load_core
from .measurements import Plan, run
from .report import report, write_between_markers

PAGE: Final = Path("docs/benchmarks.md")
FULL: Final = Plan(rounds=9, seconds=1, starts=5)
QUICK: Final = Plan(rounds=2, seconds=0.3, starts=3)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument(
        "--quick", action="store_true", help="a rough run, which is printed but not written down"
    )
    quick = parser.parse_args().quick
    begun = time.monotonic()

    def say(text: str) -> None:
        print(f"{time.monotonic() - begun:6.1f} s  {text}", file=sys.stderr, flush=True)

    run_on_load_core()
    # Stores lie on the repository's own disk: elsewhere, /tmp may be memory.
    with tempfile.TemporaryDirectory(prefix=".bench-", dir=Path.cwd()) as folder:
        text = report(run(QUICK if quick else FULL, Path(folder), say))
    print(text)
    if not quick:
        write_between_markers(PAGE, text)
    say("done")


if __name__ == "__main__":
    main()
