"""Processor time of processes with all that they started, read from /proc."""

import os
from pathlib import Path
from typing import Final

_PARENT: Final = 1
"""Positions in ``/proc/PID/stat`` behind the command's name."""
_TICKS: Final = slice(11, 15)
"""Of the process in and outside the kernel, and of its ended children."""


def processor_seconds(process_id: int) -> float:
    """Give the processor time that a process and its descendants have used."""
    parents: dict[int, int] = {}
    ticks: dict[int, int] = {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            text = folder.joinpath("stat").read_text(encoding="utf-8", errors="replace")
        except (FileNotFoundError, ProcessLookupError):  # it ended just now
            continue
        fields = text.rpartition(")")[2].split()
        parents[int(folder.name)] = int(fields[_PARENT])
        ticks[int(folder.name)] = sum(map(int, fields[_TICKS]))
    total = sum(used for found, used in ticks.items() if _descends(found, process_id, parents))
    return total / os.sysconf("SC_CLK_TCK")


def _descends(process_id: int, ancestor: int, parents: dict[int, int]) -> bool:
    while process_id != ancestor:
        if process_id not in parents:
            return False
        process_id = parents[process_id]
    return True
