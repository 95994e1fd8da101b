"""What a pool's stream receives: one message for each change, or for each dataset in bulk.

The members are those of the developer guide, "Amazon Cognito Streams", except that the dataset's
name comes in both spellings: the guide prints ``dataSetName``, while records of the real service
and AWS's sample consumer have ``datasetName``. Dates are milliseconds since the epoch.
"""

from collections.abc import Sequence
from typing import Final, Literal

import msgspec

from keepstep.wire.members import PatchOperation

from .dataset_changes import DatasetChange
from .datasets import Dataset, DatasetPlace, Record
from .outbox import Channel, OutboxMessage
from .pools import PoolSettings


class StreamedRecord(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """One changed record; a removed one has no value."""

    key: str
    value: str | None
    sync_count: int
    last_modified_date: int
    device_last_modified_date: int
    op: PatchOperation


class Streamed(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """One message. Its records are in it, or at a URL, where there is a JSON array of them."""

    identity_pool_id: str
    identity_id: str
    dataset_name: str
    data_set_name: str
    operation: PatchOperation
    kinesis_sync_records: tuple[StreamedRecord, ...]
    kinesis_sync_records_url: str | None = msgspec.field(name="kinesisSyncRecordsURL", default=None)
    last_modified_date: int
    payload_type: Literal["Inline", "S3Url"] = "Inline"
    sync_count: int


_encoder: Final = msgspec.json.Encoder()
_decoder: Final = msgspec.json.Decoder(Streamed)


def is_streaming(settings: PoolSettings) -> bool:
    """Whether changes go to a stream."""
    streams = settings.cognito_streams
    return (
        streams is not None
        and streams.streaming_status == "ENABLED"
        and streams.stream_name is not None
    )


def change_message(change: DatasetChange) -> OutboxMessage:
    """Give the message of an update, or of a deletion, which removes the dataset as a whole."""
    operation: PatchOperation = "replace" if change.dataset.exists else "remove"
    date = change.dataset.last_modified_date
    return _message(change.place, change.dataset, change.records, operation, date)


def bulk_message(
    place: DatasetPlace, dataset: Dataset, records: Sequence[Record], start_date: int
) -> OutboxMessage:
    """Give the message of a bulk publish begun then: all a dataset holds, without tombstones."""
    live = [record for record in records if record.is_live]
    return _message(place, dataset, live, "replace", start_date)


def split_body(body: bytes, url: str) -> tuple[bytes, bytes]:
    """Give what takes the place of a body that is too long, and the array to put at the URL."""
    streamed = _decoder.decode(body)
    linked = msgspec.structs.replace(
        streamed, kinesis_sync_records=(), kinesis_sync_records_url=url, payload_type="S3Url"
    )
    return _encoder.encode(linked), _encoder.encode(streamed.kinesis_sync_records)


def _message(
    place: DatasetPlace,
    dataset: Dataset,
    records: Sequence[Record],
    operation: PatchOperation,
    creation_date: int,
) -> OutboxMessage:
    streamed = Streamed(
        identity_pool_id=place.identity_pool_id,
        identity_id=place.identity_id,
        dataset_name=place.dataset_name,
        data_set_name=place.dataset_name,
        operation=operation,
        kinesis_sync_records=tuple([_streamed(record) for record in records]),
        last_modified_date=dataset.last_modified_date,
        sync_count=dataset.sync_count,
    )
    return OutboxMessage(
        place=place,
        channel=Channel.STREAM,
        sync_count=dataset.sync_count,
        creation_date=creation_date,
        body=_encoder.encode(streamed),
    )


def _streamed(record: Record) -> StreamedRecord:
    return StreamedRecord(
        key=record.key,
        value=record.value,
        sync_count=record.sync_count,
        last_modified_date=record.last_modified_date,
        device_last_modified_date=record.device_last_modified_date,
        op="replace" if record.is_live else "remove",
    )
