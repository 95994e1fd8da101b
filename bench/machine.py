"""The machine the numbers come from: its cores, who runs on which, and its description."""

import os
import platform
import sqlite3
from collections.abc import Generator
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import Final

CORES: Final = sorted(os.sched_getaffinity(0))
SERVER_CORES: Final = {CORES[0]}
"""Where servers run."""
LOAD_CORES: Final = {CORES[1]} if len(CORES) > 1 else {CORES[0]}
"""Where the load generator and bare SQLite run: away from the servers if there is a second core."""


def run_on_load_core() -> None:
    """Keep this process off the servers' core."""
    os.sched_setaffinity(0, LOAD_CORES)


@contextmanager
def on_server_core() -> Generator[None]:
    """Run what the block starts on the servers' core: a child inherits it from this thread."""
    kept = os.sched_getaffinity(0)
    os.sched_setaffinity(0, SERVER_CORES)
    try:
        yield
    finally:
        os.sched_setaffinity(0, kept)


def description(*, pinned: bool = True) -> str:
    """Describe the machine and the versions in one line."""
    shared = "server and load share it" if len(CORES) == 1 else "all processes share them"
    used = "server on one, load on another" if pinned and len(CORES) > 1 else shared
    return (
        f"{len(CORES)} core{'s' if len(CORES) > 1 else ''} of {_processor()} ({used}), "
        f"Linux {platform.release()}, {platform.python_implementation()} "
        f"{platform.python_version()}, SQLite {sqlite3.sqlite_version}, uvicorn "
        f"{version('uvicorn')}, httptools {version('httptools')}, uvloop {version('uvloop')}"
    )


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()
