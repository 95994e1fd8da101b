"""Updates decided by the domain as the operation decides them."""

import os
import time
from collections.abc import Sequence
from typing import Final

from bench.preload import DATASET_NAME, POOL_ID, WRITER
from bench.scenarios import SYNC_COUNT
from keepstep.domain.dataset_changes import DatasetChange
from keepstep.domain.datasets import DatasetPlace, SyncSession
from keepstep.domain.limits import SYNC_SESSION_MS, Limits
from keepstep.domain.patches import DatasetState, Patch, decide_update
from keepstep.domain.sync_sessions import SESSION_ID_BYTES
from keepstep.storage.postgres import PostgresStore

LIMITS: Final = Limits()


class StatementFailed(Exception):
    """A change did not apply, so the numbers would be those of nothing."""


def now_ms() -> int:
    """Give the time as the store keeps it."""
    return time.time_ns() // 1_000_000


def place_of(identity: str) -> DatasetPlace:
    """Give an identity's one dataset."""
    return DatasetPlace(POOL_ID, identity, DATASET_NAME)


def update(
    place: DatasetPlace, state: DatasetState, keys: Sequence[str], value: str
) -> DatasetChange:
    """Decide on an update that gives these records a value and consumes a new sync session."""
    now = now_ms()
    return decide_update(
        place,
        state,
        [Patch(key=key, value=value, sync_count=SYNC_COUNT) for key in keys],
        session=SyncSession(os.urandom(SESSION_ID_BYTES), now + SYNC_SESSION_MS),
        now=now,
        modified_by=WRITER,
        limits=LIMITS,
    )


async def update_stored(
    store: PostgresStore, identity: str, keys: Sequence[str], value: str
) -> None:
    """Update an identity's dataset in a store: a read and a write, as the operation does."""
    place = place_of(identity)
    state = await store.find_state(place, keys, b"")
    if not await store.change_dataset(update(place, state, keys, value)):
        raise StatementFailed(f"the dataset of {identity} was not written")
