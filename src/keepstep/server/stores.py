"""Which engine keeps the data: chosen by how the setting ``store`` begins."""

from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from keepstep.interfaces.storage import Store, StoreObserver, StoreUnusable
from keepstep.storage.sqlite import SQLiteStore

SQLITE: Final = "sqlite:"
MEMORY: Final = "sqlite::memory:"
POSTGRES: Final = ("postgresql://", "postgres://")
FORMS: Final = "sqlite:PATH, sqlite::memory: or postgresql://USER@HOST/DATABASE"


def is_store(text: str) -> bool:
    """Whether a setting names a store."""
    return text.startswith(POSTGRES) or (text.startswith(SQLITE) and text != SQLITE)


def is_shared(store: str) -> bool:
    """Whether a store is a database that servers on several machines may use."""
    return store.startswith(POSTGRES)


def file_of(store: str) -> Path | None:
    """Give the file of an embedded store on disk; None for any other."""
    return None if store == MEMORY or is_shared(store) else Path(store.removeprefix(SQLITE))


def name_of(store: str) -> str:
    """Name a store for people and logs, without a password."""
    if not is_shared(store):
        return store
    parts = urlsplit(store)
    hosts = parts.netloc.rpartition("@")[2] or "localhost"  # several, each with its own port
    return f"postgresql://{hosts}{parts.path}"


async def open_engine(store: str, observer: StoreObserver) -> Store:
    """Open a store. Raises StoreUnusable with what to do."""
    if is_shared(store):
        try:
            from keepstep.storage.postgres import PostgresStore  # noqa: PLC0415 -- an extra
        except ImportError as error:
            raise missing_extra() from error
        return await PostgresStore.open(store, observer)
    path = file_of(store)
    return SQLiteStore.in_memory(observer) if path is None else SQLiteStore.open(path, observer)


def missing_extra() -> StoreUnusable:
    """Give the error for a PostgreSQL store without its driver."""
    return StoreUnusable(
        "a PostgreSQL store needs the extra 'postgres': pip install 'keepstep[postgres]'"
    )
