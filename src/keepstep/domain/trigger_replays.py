"""Replays of sync triggers: what a function would make of a dataset as it is stored.

The dataset is taken as if a client had just written each of its records with the value that it
has; nothing of this is stored.
"""

from typing import Final

import msgspec

from .datasets import DatasetPlace, SyncSession
from .limits import Limits
from .patches import DatasetState, Patch, decide_update
from .triggers import trigger_event, triggered_patches

_NO_SESSION: Final = SyncSession(b"", 0)


class Difference(msgspec.Struct, frozen=True):
    """A record that would have another value; None stands for no record."""

    key: str
    stored: str | None
    answered: str | None


def replay_event(place: DatasetPlace, state: DatasetState) -> bytes:
    """Give the event: every live record replaced by itself. ``state`` holds every record."""
    return trigger_event(place, state, _rewritten(state))


def replay_differences(
    place: DatasetPlace, state: DatasetState, answer: bytes, *, now: int, limits: Limits
) -> list[Difference]:
    """Give the records that the answer to such an event would change, in the order of their keys.

    Raises InvalidLambdaFunctionOutputException and LimitExceededException, as the update would.
    """
    change = decide_update(
        place,
        state,
        triggered_patches(place, state, _rewritten(state), answer),
        session=_NO_SESSION,
        now=now,
        modified_by="replay",
        limits=limits,
    )
    found: list[Difference] = []
    for record in sorted(change.records, key=lambda one: one.key):
        stored = state.records.get(record.key)
        before = None if stored is None else stored.value
        if record.value != before:
            found.append(Difference(record.key, before, record.value))
    return found


def _rewritten(state: DatasetState) -> list[Patch]:
    return [
        Patch(key=record.key, value=record.value, sync_count=record.sync_count)
        for record in state.records.values()
        if record.is_live
    ]
