"""Replaying a sync trigger: a stored dataset, the function of its pool, and what it would change.

The function is called as servers call it. Nothing is ever written.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from keepstep.delivery.aws import AwsClients
from keepstep.delivery.triggers import Triggers
from keepstep.domain.configuration import SYNC_TRIGGER
from keepstep.domain.datasets import DatasetPlace
from keepstep.domain.trigger_replays import Difference, replay_differences, replay_event
from keepstep.interfaces.service import Clock
from keepstep.interfaces.storage import Store
from keepstep.wire.errors import ServiceError

from .settings import Settings, SettingsError


class ReplayFailed(Exception):
    """There is nothing to replay, or an update would have failed. The text says why."""


@dataclass(frozen=True, slots=True)
class Replay:
    """What came of a replay: who was asked with how many records, and what would change."""

    function: str
    record_count: int
    differences: Sequence[Difference]


async def replay_trigger(
    settings: Settings, store: Store, place: DatasetPlace, function: str | None, clock: Clock
) -> Replay:
    """Ask a function, or else the trigger of the pool, about a dataset as it is stored.

    Raises ReplayFailed; SettingsError if the settings have the function and it cannot be used.
    """
    function = function or await _trigger_of(store, place.identity_pool_id)
    state = await store.find_state(place, None, b"")
    if state.dataset is None or not state.dataset.exists:
        raise ReplayFailed(
            f"there is no dataset {place.dataset_name} of the identity {place.identity_id} in the "
            f"identity pool {place.identity_pool_id}"
        )
    try:
        answer = await _call(settings, function, replay_event(place, state), clock)
        differences = replay_differences(place, state, answer, now=clock(), limits=settings.limits)
    except ServiceError as error:
        raise ReplayFailed(f"an update would fail with {error.code}: {error.message}") from None
    count = sum(record.is_live for record in state.records.values())
    return Replay(function, count, differences)


async def _trigger_of(store: Store, identity_pool_id: str) -> str:
    pool = await store.find_pool(identity_pool_id)
    if pool is None:
        raise ReplayFailed(f"there is no identity pool {identity_pool_id}")
    function = pool.settings.events.get(SYNC_TRIGGER)
    if function is None:
        raise ReplayFailed(
            f"the identity pool {identity_pool_id} has no sync trigger; name a function by "
            "--function ARN"
        )
    return function


async def _call(settings: Settings, function: str, event: bytes, clock: Clock) -> bytes:
    # The others stay out of it: to import a Python function is to run its module.
    listed = [one for one in settings.trigger_configurations if one.function == function]
    aws = AwsClients(settings.aws)
    try:
        triggers = Triggers(listed, aws, clock)
    except ValueError as error:
        raise SettingsError(f"triggers (KEEPSTEP_TRIGGERS): {error}") from None
    try:
        return await triggers.call(function, event)
    finally:
        await triggers.close()
        await aws.close()
