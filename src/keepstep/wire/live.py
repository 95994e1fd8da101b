"""The live changes of a dataset: keepstep's own path beside the 17 of Cognito Sync.

They travel as server-sent events (HTML Standard, section 9.2): each event's id is the dataset's
sync count, its data what ListRecords answers for the count of the event before.
"""

from typing import Final

from . import errors, sync
from .members import DatasetName, IdentityId, IdentityPoolId, SyncCount
from .operations import LIST_RECORDS, Operation

CONTENT_TYPE: Final = "text/event-stream"
HEARTBEAT: Final = b": still here\n\n"


class WatchDatasetRequest(sync.Shape):
    """``last_event_id`` is what a browser sends when it connects again; it goes first."""

    identity_pool_id: IdentityPoolId
    identity_id: IdentityId
    dataset_name: DatasetName
    last_sync_count: SyncCount | None = None
    last_event_id: str | None = None


WATCH_DATASET: Final = Operation(
    "WatchDataset",
    "GET",
    "/identitypools/{IdentityPoolId}/identities/{IdentityId}/datasets/{DatasetName}/changes",
    WatchDatasetRequest,
    sync.ListRecordsResponse,
    LIST_RECORDS.errors | {errors.ResourceNotFoundException},
    query={"LastSyncCount": "lastSyncCount"},
    headers={"LastEventId": "Last-Event-ID"},
)


def encode_event(sync_count: int, data: bytes) -> bytes:
    """Give an event as it travels; ``data`` is JSON, which has no line breaks."""
    return b"id: %d\nevent: change\ndata: %b\n\n" % (sync_count, data)


def encode_end(data: bytes) -> bytes:
    """Give the event that says why a stream ends; ``data`` is an error as answers carry it."""
    return b"event: end\ndata: %b\n\n" % data
