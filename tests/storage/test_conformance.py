"""The embedded engine passes every case of the storage suite, in a file and in memory."""

import subprocess
import sys
from collections import defaultdict
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from keepstep.interfaces.storage import Store
from keepstep.storage.sqlite import SQLiteStore
from keepstep.testing import storage_suite
from keepstep.testing.storage_suite import *  # noqa: F403 -- every case is a test of this module

ENGINES = ("file", "memory")


@pytest.fixture(params=ENGINES)
def store_factory(request: pytest.FixtureRequest, tmp_path: Path) -> storage_suite.StoreFactory:
    @asynccontextmanager
    async def open_store() -> AsyncGenerator[Store]:
        in_file = request.param == "file"
        store = SQLiteStore.open(tmp_path / "store.db") if in_file else SQLiteStore.in_memory()
        try:
            yield store
        finally:
            await store.close()

    return open_store


def test_every_engine_runs_every_case_of_the_suite() -> None:
    here = Path(__file__)
    collect = [sys.executable, "-m", "pytest", "--collect-only", "-q", "-p", "no:cacheprovider"]
    listed = subprocess.run(
        [*collect, *sorted(map(str, here.parent.glob("test_*conformance.py")))],
        cwd=here.parents[2],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    cases: defaultdict[str, list[str]] = defaultdict(list)
    for line in listed.splitlines():
        module, _, test = line.partition("::")
        name, _, parameters = test.partition("[")
        engine, _, variant = parameters.removesuffix("]").partition("-")
        if name in storage_suite.case_names():
            cases[f"{module} {engine}"].append(f"{name} {variant}")
    numbers = {engine: len(found) for engine, found in cases.items()}
    assert len(numbers) >= len(ENGINES)
    assert len(set(numbers.values())) == 1, numbers
    for found in cases.values():
        assert {case.split(" ")[0] for case in found} == storage_suite.case_names()


def test_every_part_of_the_suite_is_one_of_its_case_modules() -> None:
    folder = Path(storage_suite.__file__).parent
    parts = {path.stem for path in folder.glob("*.py")} - {"__init__", "running"}
    assert parts == set(storage_suite.CASE_MODULES)


def test_no_module_of_an_engine_replaces_a_case() -> None:
    for name in storage_suite.case_names():
        assert globals()[name] is getattr(storage_suite, name)
