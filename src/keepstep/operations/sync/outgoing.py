"""What an update or a deletion sends out: to the pool's trigger, its stream and its devices."""

from collections.abc import Sequence

from keepstep.domain.configuration import SYNC_TRIGGER
from keepstep.domain.credentials import IdentityCaller
from keepstep.domain.dataset_changes import DatasetChange, with_messages
from keepstep.domain.datasets import DatasetPlace
from keepstep.domain.patches import DatasetState, Patch, check_conflicts
from keepstep.domain.pools import PoolSettings
from keepstep.domain.push import push_message
from keepstep.domain.streams import change_message, is_streaming
from keepstep.domain.triggers import trigger_event, triggered_patches
from keepstep.interfaces.service import Call


def trigger_of(call: Call, settings: PoolSettings) -> str | None:
    """Give the function that has a say in an update of this caller, or None.

    A developer's updates pass it by (developer guide, "Cognito Events"), unless the server is
    set up otherwise.
    """
    if isinstance(call.caller, IdentityCaller) or call.service.trigger_developers:
        return settings.events.get(SYNC_TRIGGER)
    return None


async def ask_trigger(
    call: Call,
    function: str,
    place: DatasetPlace,
    state: DatasetState,
    patches: Sequence[Patch],
) -> list[Patch]:
    """Give the patches that a sync trigger makes of an update's; ``state`` has every record.

    An update that is refused anyway for a conflict does not reach the function.

    Raises ResourceConflictException, LambdaSocketTimeoutException, LambdaThrottledException and
    InvalidLambdaFunctionOutputException.
    """
    check_conflicts(patches, state.records)
    answer = await call.service.triggers.call(function, trigger_event(place, state, patches))
    return triggered_patches(place, state, patches, answer)


def with_outbox(
    settings: PoolSettings, change: DatasetChange, device_id: str | None
) -> DatasetChange:
    """Add to an update what tells the pool's stream and the subscribed devices of it."""
    messages = [change_message(change)] if is_streaming(settings) else []
    pushes = settings.push_sync is not None
    return with_messages(change, messages, push_message(change, device_id) if pushes else None)


def with_deletion(settings: PoolSettings, change: DatasetChange) -> DatasetChange:
    """Add to a deletion what tells the pool's stream of it; devices are not told."""
    if not is_streaming(settings):
        return change
    return with_messages(change, [change_message(change)])
