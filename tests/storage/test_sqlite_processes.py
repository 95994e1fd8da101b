"""Several processes on one file, and processes that are killed: nothing acknowledged is lost."""

import signal
from pathlib import Path

from keepstep.storage.sqlite import SQLiteStore
from keepstep.testing.storage_suite.running import due, find, place, run

from .processes import CALLERS, start

TURNS = 40


def test_two_processes_write_one_dataset_without_losing_a_write(path: Path) -> None:
    run(SQLiteStore.open(path).close())
    processes = [start("write_together", path, TURNS) for _ in range(2)]
    for process in processes:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    for process in processes:
        process.communicate()
        assert process.returncode == 0

    async def read() -> None:
        store = SQLiteStore.open(path)
        found = await find(store, place("shared"))
        assert [record.sync_count for record in found.records] == list(range(1, 2 * TURNS + 1))
        for process in processes:
            keys = [record.key for record in found.records if f"{process.pid}-" in record.key]
            assert keys == [f"{process.pid}-{turn:06}" for turn in range(TURNS)]
        await store.close()

    run(read())


def test_every_acknowledged_change_survives_the_kill_of_its_process(path: Path) -> None:
    acknowledged: dict[int, int] = {}
    for turn in range(1, 4):
        with start("write_until_killed", path) as process:
            assert process.stdout is not None
            for line, text in enumerate(process.stdout):
                number, count = map(int, text.split())
                acknowledged[number] = count
                if line == 150 * turn:
                    process.send_signal(signal.SIGKILL)
        assert process.returncode == -signal.SIGKILL
        assert len(acknowledged) == CALLERS
        run(_check_all_there(path, acknowledged))


async def _check_all_there(path: Path, acknowledged: dict[int, int]) -> None:
    """Check that every change is there with its record and its message, or not at all."""
    store = SQLiteStore.open(path)
    messages = [each.message for each in await due(store, limit=1_000_000)]
    for number, count in acknowledged.items():
        where = place(f"dataset-{number}")
        found = await find(store, where)
        assert found.dataset is not None
        assert found.dataset.sync_count >= count
        stored = [record.sync_count for record in found.records]
        assert stored == list(range(1, found.dataset.sync_count + 1))
        assert [each.sync_count for each in messages if each.place == where] == stored
    await store.close()
