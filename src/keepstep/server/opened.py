"""Opening a store: with its engine, its master key, and the keys kept in it.

Apart from ``assembly``, so that a command that only looks into a store starts fast.
"""

import os
import secrets
import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from keepstep.domain.sealing import Entropy, Sealer, SealingKey, master_key
from keepstep.interfaces.service import Clock
from keepstep.interfaces.storage import NO_OBSERVER, Store, StoreObserver, StoreUnusable

from .keys import create_access_key, load_sealer
from .settings import Settings
from .stores import file_of, is_shared, open_engine

MASTER_KEY_BYTES = 32


def system_clock() -> int:
    """Give the time in milliseconds since the epoch."""
    return time.time_ns() // 1_000_000


@dataclass(frozen=True, slots=True)
class OpenStore:
    """A store, the sealer of the secrets in it, and the sealer of tokens."""

    store: Store
    master: Sealer
    tokens: Sealer


@dataclass(frozen=True, slots=True)
class RootKey:
    """The key a store's owner signs with; the secret is known only when it is new or given."""

    access_key_id: str
    secret: str | None
    new: bool


@asynccontextmanager
async def open_store(
    settings: Settings,
    observer: StoreObserver = NO_OBSERVER,
    entropy: Entropy = secrets.token_bytes,
    clock: Clock = system_clock,
) -> AsyncGenerator[OpenStore]:
    """Open the store of the settings, for as long as the block lasts.

    Raises StoreUnusable with what to do.
    """
    store = await open_engine(settings.store, observer)
    try:
        is_new = not await store.list_server_keys()
        master = Sealer([_master_key(settings, may_make=is_new)], entropy)
        # Also proves that the master key is the store's.
        tokens = await load_sealer(store, master, now=clock(), entropy=entropy)
        yield OpenStore(store, master, tokens)
    finally:
        await store.close()


async def root_key(settings: Settings, opened: OpenStore, *, now: int, entropy: Entropy) -> RootKey:
    """Give the root key: that of the settings, else the oldest that may write, else a new one."""
    if settings.access_key_id is not None and settings.secret_access_key is not None:
        secret = settings.secret_access_key.get_secret_value()
        return RootKey(settings.access_key_id, secret, new=False)
    for key in await opened.store.list_access_keys():
        if not key.read_only:
            return RootKey(key.access_key_id, None, new=False)
    key, secret = await create_access_key(
        opened.store,
        opened.master,
        description="root, made at first start",
        read_only=False,
        now=now,
        entropy=entropy,
    )
    return RootKey(key.access_key_id, secret, new=True)


def _master_key(settings: Settings, *, may_make: bool) -> SealingKey:
    try:
        return master_key(_master_secret(settings, may_make=may_make))
    except ValueError as error:
        raise StoreUnusable(
            "master_key (KEEPSTEP_MASTER_KEY) or the file of master_key_file "
            f"(KEEPSTEP_MASTER_KEY_FILE): {error}"
        ) from None


def _master_secret(settings: Settings, *, may_make: bool) -> str:
    if settings.master_key is not None:
        return settings.master_key.get_secret_value()
    if settings.master_key_file is not None:
        return _read_or_make(settings.master_key_file, may_make=False)
    if is_shared(settings.store):
        raise StoreUnusable(
            "a PostgreSQL store needs a master key, the same for all its servers; give it as "
            "master_key (KEEPSTEP_MASTER_KEY) or master_key_file (KEEPSTEP_MASTER_KEY_FILE)"
        )
    file = file_of(settings.store)
    if file is None:
        return secrets.token_hex(MASTER_KEY_BYTES)
    return _read_or_make(Path(f"{file}.key"), may_make=may_make)


def _read_or_make(file: Path, *, may_make: bool) -> str:
    try:
        if may_make:
            with suppress(FileExistsError):
                descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
                with os.fdopen(descriptor, "w") as made:
                    made.write(secrets.token_hex(MASTER_KEY_BYTES) + "\n")
                    made.flush()
                    os.fsync(made.fileno())
        return file.read_text(encoding="utf-8").strip()
    except OSError as error:
        raise StoreUnusable(
            f"the master key file {file} cannot be read ({error.strerror}); name the right one as "
            "master_key_file (KEEPSTEP_MASTER_KEY_FILE)"
        ) from None
