"""SQLite's own rate: the rows of an UpdateRecords of one patch, in groups, and nothing else."""

import os
import time
from collections.abc import Iterator, Sequence
from itertools import cycle
from typing import Final

from keepstep.domain.limits import GROUP_CHANGES_MAX, SYNC_SESSION_MS
from keepstep.domain.sync_sessions import SESSION_ID_BYTES
from keepstep.storage.sqlite.files import open_file
from keepstep.storage.sqlite.queries import QUERIES

from .preload import (
    DATASET_NAME,
    KEYS,
    POOL_ID,
    RECORDS,
    VALUE_BYTES,
    WRITER,
    Population,
    Row,
    value_of,
)

_FIRST_CHANGES: Final = 2_048
_DATA_STORAGE: Final = RECORDS * (len(KEYS[0]) + VALUE_BYTES)


class GroupedCommits:
    """Writes to a file of its own, from this thread, in durable transactions."""

    def __init__(self, population: Population) -> None:
        """Open the population's file and warm up."""
        self._connection, self._lock = open_file(population.file)
        self._turns = cycle(population.sampled)
        self._counts = dict.fromkeys(population.sampled, RECORDS)
        self._rate = self._write(list(self._changes(_FIRST_CHANGES)))

    def measure(self, seconds: float) -> float:
        """Write for about a time; give the changes a second."""
        self._rate = self._write(list(self._changes(int(self._rate * seconds))))
        return self._rate

    def close(self) -> None:
        """Let go of the file."""
        self._connection.close()
        self._lock.close()

    def _write(self, changes: Sequence[tuple[Row, Row, Row]]) -> float:
        execute = self._connection.execute
        update = QUERIES["update_dataset"]
        consume, write = QUERIES["consume_session"], QUERIES["write_record"]
        begun = time.perf_counter()
        for start in range(0, len(changes), GROUP_CHANGES_MAX):
            execute("BEGIN IMMEDIATE")
            for dataset, session, record in changes[start : start + GROUP_CHANGES_MAX]:
                execute(update, dataset)
                execute(consume, session)
                execute(write, record)
            execute("COMMIT")
        return len(changes) / (time.perf_counter() - begun)

    def _changes(self, count: int) -> Iterator[tuple[Row, Row, Row]]:
        """Give the rows of so many updates: dataset, consumed session, record."""
        now = time.time_ns() // 1_000_000
        for number in range(count):
            identity = next(self._turns)
            before = self._counts[identity]
            after = self._counts[identity] = before + 1
            place = (identity, POOL_ID, DATASET_NAME)
            record = (KEYS[number % RECORDS], value_of(number), after, now, WRITER, now)
            yield (
                (after, 0, now, now, WRITER, _DATA_STORAGE, RECORDS, *place, before),
                (identity, os.urandom(SESSION_ID_BYTES), now + SYNC_SESSION_MS),
                (*place, *record),
            )
