"""The engine for teams passes every case of the storage suite on a real PostgreSQL."""

from collections.abc import AsyncGenerator, Iterator
from contextlib import asynccontextmanager

import pytest

from keepstep.interfaces.storage import Store
from keepstep.storage.postgres import PostgresStore
from keepstep.testing import storage_suite
from keepstep.testing.storage_suite import *  # noqa: F403 -- every case is a test of this module

from .postgres_server import database


@pytest.fixture(params=["postgres"])
def store_factory() -> Iterator[storage_suite.StoreFactory]:
    with database() as url:

        @asynccontextmanager
        async def open_store() -> AsyncGenerator[Store]:
            store = await PostgresStore.open(url)
            try:
                yield store
            finally:
                await store.close()

        yield open_store


def test_no_module_of_the_engine_replaces_a_case() -> None:
    for name in storage_suite.case_names():
        assert globals()[name] is getattr(storage_suite, name)
