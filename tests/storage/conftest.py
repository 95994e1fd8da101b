"""What the tests of the embedded engine share: a path for a store, and a filled one."""

from pathlib import Path

import pytest

from keepstep.storage.sqlite import SQLiteStore
from keepstep.testing.storage_suite.running import apply, place, run, writing

DATASETS = 40
RECORDS = {f"key-{number}": "v" * 500 for number in range(20)}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "store.db"


@pytest.fixture
def filled(path: Path) -> Path:
    """A closed store of many pages."""

    async def fill() -> None:
        store = SQLiteStore.open(path)
        for number in range(DATASETS):
            await apply(store, writing(place(f"dataset-{number}"), RECORDS))
        await store.close()

    run(fill())
    return path
