"""The store that the promises are searched on, whichever it is: a setting, and what is in it."""

import asyncio
from collections.abc import Generator, Iterable, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
from psycopg.sql import SQL, Identifier

from keepstep.domain.revocations import Revocation
from keepstep.interfaces.storage import NO_OBSERVER, Store
from keepstep.server.stores import file_of, open_engine
from keepstep.testing import LocalServer, local_server
from tests.conftest import StoreSettings, store_settings

_TABLES = b"SELECT tablename FROM pg_tables WHERE schemaname = 'public'"


@contextmanager
def stored_server(**settings: Any) -> Generator[LocalServer]:
    """Serve from a thread, over a new store."""
    with store_settings() as store, local_server(**store, **settings) as running:
        yield running


def environment_of(settings: Mapping[str, str]) -> dict[str, str]:
    """Give the environment variables that say what settings say."""
    return {f"KEEPSTEP_{name.upper()}": value for name, value in settings.items()}


async def opened(store: StoreSettings) -> Store:
    """Open a store beside the servers that may use it."""
    return await open_engine(store["store"], NO_OBSERVER)


def revoke(store: StoreSettings, subjects: Iterable[str], not_before: int) -> None:
    """Revoke as another process would."""

    async def run() -> None:
        beside = await opened(store)
        try:
            for subject in subjects:
                await beside.revoke(Revocation(subject=subject, not_before=not_before))
        finally:
            await beside.close()

    asyncio.run(run())


def stored_bytes(store: StoreSettings) -> bytes:
    """Give everything that is in a store on disk or in a database, as it is kept."""
    file = file_of(store["store"])
    if file is None:
        return _rows_of(store["store"])
    return b"".join(path.read_bytes() for path in Path(file.parent).glob(f"{file.name}*"))


def _rows_of(url: str) -> bytes:
    found = bytearray()
    with psycopg.connect(url) as connection, connection.cursor() as cursor:
        for (name,) in connection.execute(_TABLES).fetchall():
            copied = SQL("COPY {} TO STDOUT (FORMAT binary)").format(Identifier(name))
            with cursor.copy(copied) as copy:
                for part in copy:
                    found += part
    return bytes(found)
