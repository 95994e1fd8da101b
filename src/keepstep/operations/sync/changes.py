"""WatchDataset: what changed since the count that a watcher has."""

from typing import Final

from keepstep.domain.access import Developer
from keepstep.domain.datasets import DatasetPlace
from keepstep.interfaces.service import Call
from keepstep.wire import sync
from keepstep.wire.errors import InvalidParameterException
from keepstep.wire.live import WatchDatasetRequest
from keepstep.wire.members import LONG_MAX

from .pools import check_still_there
from .records import list_records

_DIGITS_MAX: Final = len(str(LONG_MAX))


async def watch_dataset(call: Call, request: WatchDatasetRequest) -> sync.ListRecordsResponse:
    """List the records that changed after the count of the last event, as ListRecords does.

    The server asks again for each event, with the count of the one before. The session token in
    it is good for one UpdateRecords.

    Raises what ``list_records`` does, and InvalidParameterException for an event id that is none.
    """
    return await list_records(
        call,
        sync.ListRecordsRequest(
            identity_pool_id=request.identity_pool_id,
            identity_id=request.identity_id,
            dataset_name=request.dataset_name,
            last_sync_count=last_count(request),
        ),
    )


def last_count(request: WatchDatasetRequest) -> int | None:
    """Give the count that a watcher has: the last event's id, else the one it asked with."""
    text = request.last_event_id
    if not text:
        return request.last_sync_count
    whole = text.isascii() and text.isdigit() and len(text) <= _DIGITS_MAX
    if not whole or int(text) > LONG_MAX:
        raise InvalidParameterException(
            "Last-Event-ID is not the id of an event; leave it out to start from the beginning."
        )
    return int(text)


def watching_since(request: WatchDatasetRequest, sync_count: int) -> WatchDatasetRequest:
    """Give the request of a watcher that has a count."""
    return WatchDatasetRequest(
        request.identity_pool_id, request.identity_id, request.dataset_name, sync_count
    )


async def check_watched(call: Call, request: WatchDatasetRequest) -> None:
    """Look whether there is still something to watch, for callers who are not told otherwise.

    Temporary credentials end with their identity and their pool; a developer's key does not.

    Raises ResourceNotFoundException and NotAuthorizedException as ``check_still_there`` does.
    """
    if isinstance(call.caller, Developer):
        place = DatasetPlace(request.identity_pool_id, request.identity_id, request.dataset_name)
        await check_still_there(call, place)
