"""Programs on a store that tests run as processes of their own.

``python -m tests.storage.processes NAME PATH …`` runs one; ``start`` does so from a test.
"""

import asyncio
import ctypes
import os
import resource
import subprocess
import sys
from pathlib import Path

from keepstep.interfaces.storage import Store, StoreUnavailable, StoreUnusable
from keepstep.storage.sqlite import SQLiteStore
from keepstep.storage.sqlite.files import backup
from keepstep.testing.storage_suite.running import apply, place, sending, writing

ROOT = Path(__file__).parents[2]
CALLERS = 8
NO_CAPABILITIES_VERSION = 0x20080522


def start(program: str, *arguments: object) -> subprocess.Popen[str]:
    """Start a program with pipes to and from it."""
    return subprocess.Popen(
        [sys.executable, "-m", "tests.storage.processes", program, *map(str, arguments)],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def output_of(program: str, *arguments: object) -> str:
    """Run a program to its end, which must be a good one, and give what it printed."""
    with start(program, *arguments) as process:
        printed, _ = process.communicate()
    assert process.returncode == 0, printed
    return printed


def say(line: str) -> None:
    """Print a line at once and in one piece."""
    os.write(1, f"{line}\n".encode())


async def count_up(store: Store, dataset_name: str, turn: int) -> int:
    """Write a record named for the turn with the dataset's next count, and give the count.

    A message goes with it.
    """
    where = place(dataset_name)
    while True:
        head = await store.find_dataset(where)
        expects = head.sync_count if head is not None else None
        change = writing(where, {f"{os.getpid()}-{turn:06}": "x" * 200}, expects=expects)
        if await store.change_dataset(sending(change)):
            return change.dataset.sync_count


async def write_until_killed(path: Path) -> None:
    """Write to several datasets at once, and say each count after it was acknowledged."""
    store = SQLiteStore.open(path)

    async def caller(number: int) -> None:
        turn = 0
        while True:
            turn += 1
            say(f"{number} {await count_up(store, f'dataset-{number}', turn)}")

    await asyncio.gather(*(caller(number) for number in range(CALLERS)))


async def write_together(path: Path, turns: str) -> None:
    """At a sign, write to one dataset that others write to as well."""
    store = SQLiteStore.open(path)
    say("ready")
    sys.stdin.readline()
    for turn in range(int(turns)):
        await count_up(store, "shared", turn)
    await store.close()


async def open_without_privileges(path: Path) -> None:
    """Open a store as a user whom file permissions bind, write to it, and say what happened."""
    drop_privileges()
    try:
        store = SQLiteStore.open(path)
        await store.check()
        await apply(store, writing(place("new"), {"a": "1"}))
    except (StoreUnusable, StoreUnavailable) as error:
        say(str(error))
    else:
        say("written")


async def backup_onto_a_small_disk(path: Path, target: str) -> None:
    """Back a store up where no file may grow past 64 KiB, and say what happened."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (64 * 1024, 64 * 1024))
    try:
        backup(path, Path(target))
    except StoreUnusable as error:
        say(str(error))


def drop_privileges() -> None:
    """Let permissions bind this process even as root: give up every Linux capability."""
    header = (ctypes.c_uint32 * 2)(NO_CAPABILITIES_VERSION, 0)
    nothing = (ctypes.c_uint32 * 6)()
    libc = ctypes.CDLL(None, use_errno=True)
    assert libc.capset(header, nothing) == 0, os.strerror(ctypes.get_errno())


PROGRAMS = {
    program.__name__: program
    for program in (
        backup_onto_a_small_disk,
        open_without_privileges,
        write_together,
        write_until_killed,
    )
}

if __name__ == "__main__":
    asyncio.run(PROGRAMS[sys.argv[1]](Path(sys.argv[2]), *sys.argv[3:]))
