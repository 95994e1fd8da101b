"""What was acknowledged survives a crash of the database, and the store finds it again."""

import asyncio
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from keepstep.interfaces.storage import StoreUnavailable
from keepstep.storage.postgres import PostgresStore, migrate
from keepstep.testing.storage_suite.running import find, place, run, session, writing

from .postgres_server import crash_and_restart, start

DATASETS = 8
ACKNOWLEDGED_MIN = 40


@pytest.fixture
def server() -> Iterator[Any]:
    """A server of this test alone, which writes through to the disk."""
    folder = Path(tempfile.mkdtemp(prefix="keepstep-postgres-"))
    try:
        server = start(folder)
        yield server
        server.stop()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def test_acknowledged_changes_survive_a_crash_of_the_database(server: Any) -> None:
    acknowledged = [0] * DATASETS
    attempted = [0] * DATASETS
    crashed = asyncio.Event()

    async def write(store: PostgresStore, number: int) -> None:
        while not crashed.is_set():
            count = acknowledged[number]
            attempted[number] = count + 1
            values: dict[str, str | None] = {"a": str(count + 1), f"key-{count + 1}": "1"}
            consumes = session(1000 * number + count + 1)
            change = writing(
                place(f"dataset-{number}"), values, expects=count or None, consumes=consumes
            )
            try:
                assert await store.change_dataset(change)
            except StoreUnavailable:
                return
            acknowledged[number] += 1

    async def check(store: PostgresStore, number: int) -> None:
        where = place(f"dataset-{number}")
        found = await find(store, where, session(1000 * number + attempted[number]).session_id)
        count = found.dataset.sync_count if found.dataset is not None else 0
        assert acknowledged[number] <= count <= attempted[number]
        assert len(found.records) == (count + 1 if count else 0)
        assert found.session_consumed == (count == attempted[number])

    async def crash() -> None:
        await migrate(server.get_uri())
        store = await PostgresStore.open(f"{server.get_uri()}&pool_wait_seconds=20")
        writers = asyncio.gather(*(write(store, number) for number in range(DATASETS)))
        while sum(acknowledged) < ACKNOWLEDGED_MIN:  # noqa: ASYNC110 -- no event tells
            await asyncio.sleep(0)
        await asyncio.to_thread(crash_and_restart, server)
        crashed.set()
        await writers
        for number in range(DATASETS):
            await check(store, number)
        await store.close()

    run(crash())
