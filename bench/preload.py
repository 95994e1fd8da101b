"""Stores full of identities, written straight through the engine's own schema."""

import os
import random
import sqlite3
import time
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import msgspec

from keepstep.domain.pools import PoolSettings
from keepstep.storage.sqlite.files import open_file
from keepstep.storage.sqlite.queries import QUERIES

POOL_ID: Final = "us-east-1:0b0b0b0b-0b0b-4b0b-8b0b-0b0b0b0b0b0b"
DATASET_NAME: Final = "settings"
SAMPLED_MAX: Final = 5_000
"""Identities that requests are made for, spread evenly over the keys."""
RECORDS: Final = 20
"""Records of a sampled identity; the others have one."""
KEYS: Final = tuple(f"setting-{number:02d}" for number in range(RECORDS))
VALUE_BYTES: Final = 40
WRITER: Final = "device-of-the-benchmark"

_SETTINGS: Final = msgspec.json.encode(PoolSettings(allow_unauthenticated=True)).decode()
_BATCH: Final = 20_000
_SEED: Final = 20_260_101
_IDENTITY_BITS: Final = 128

Row = tuple[object, ...]


@dataclass(frozen=True, slots=True)
class Population:
    """A store's file, how many identities are in it, and those that requests are made for."""

    file: Path
    size: int
    sampled: Sequence[str]


def preload(file: Path, size: int) -> Population:
    """Fill a new store with guests of one dataset each; everything is on disk at the end."""
    chance = random.Random(_SEED)
    numbers = sorted(chance.getrandbits(_IDENTITY_BITS) for _ in range(size))
    identities = [f"us-east-1:{uuid.UUID(int=number)}" for number in numbers]
    step = max(size // SAMPLED_MAX, 1)
    connection, lock = open_file(file)
    connection.execute("PRAGMA synchronous = OFF")
    connection.execute("PRAGMA cache_size = -262144")
    now = time.time_ns() // 1_000_000
    connection.execute(QUERIES["create_pool"], (POOL_ID, "benchmark", now, now, 0, _SETTINGS, 1))
    for start in range(0, size, _BATCH):
        batch = [
            (identity, RECORDS if (start + offset) % step == 0 else 1)
            for offset, identity in enumerate(identities[start : start + _BATCH])
        ]
        _write(connection, batch, now)
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.close()
    lock.close()
    os.sync()
    sampled = identities[::step]
    chance.shuffle(sampled)
    return Population(file, size, sampled)


def value_of(number: int) -> str:
    """Give a value of the usual length."""
    return f"{number:0{VALUE_BYTES}d}"


def _write(connection: sqlite3.Connection, batch: Sequence[tuple[str, int]], now: int) -> None:
    connection.execute("BEGIN")
    connection.executemany(QUERIES["create_identity"], _identity_rows(batch, now))
    connection.executemany(QUERIES["create_dataset"], _dataset_rows(batch, now))
    connection.executemany(QUERIES["write_record"], _record_rows(batch, now))
    connection.execute("COMMIT")


def _identity_rows(batch: Sequence[tuple[str, int]], now: int) -> Iterator[Row]:
    for identity, _ in batch:
        yield (now, 0, None, 1, now, identity, POOL_ID)


def _dataset_rows(batch: Sequence[tuple[str, int]], now: int) -> Iterator[Row]:
    for identity, records in batch:
        size = records * (len(KEYS[0]) + VALUE_BYTES)
        yield (records, 0, now, now, WRITER, size, records, identity, POOL_ID, DATASET_NAME)


def _record_rows(batch: Sequence[tuple[str, int]], now: int) -> Iterator[Row]:
    for identity, records in batch:
        for number in range(records):
            key, value, count = KEYS[number], value_of(number), number + 1
            yield (identity, POOL_ID, DATASET_NAME, key, value, count, now, WRITER, now)
