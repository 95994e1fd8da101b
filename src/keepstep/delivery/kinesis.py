"""Sends a pool's stream to Kinesis; records that are too large for it go by way of S3."""

from collections.abc import Generator, Mapping, Sequence
from typing import Any, ClassVar, Final

import msgspec

from keepstep.domain.limits import MIB, PRESIGNED_SECONDS_MAX
from keepstep.domain.outbox import OutboxMessage
from keepstep.domain.streams import split_body
from keepstep.interfaces.delivery import DeliveryFailed, MessageUndeliverable, Outcome

from .aws import AwsError, MissingExtra, delivery_error, translated
from .outcomes import Met, Stopped, outcomes_of
from .senders import SenderContext

CALL_RECORDS_MAX: Final = 500
"""Records of one call (Kinesis API Reference, PutRecords)."""
CALL_BYTES_MAX: Final = 5 * MIB
"""Bytes of one call, partition keys included (Kinesis API Reference, PutRecords)."""
RECORD_BYTES_MAX: Final = MIB
"""Bytes of one record with its partition key (Kinesis API Reference, PutRecords)."""
URL_SECONDS: Final = PRESIGNED_SECONDS_MAX
"""Life of the URL of a large record: as long as a signature can live, seven days. A stream keeps
records for one day unless its owner asks for more (Kinesis Developer Guide, "Retention")."""

Entry = tuple[int, dict[str, Any]]
"""A record of a call, with the position of its message."""


class KinesisOptions(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What differs from the pool's settings, and the bucket if it is not ``stream_bucket``."""

    stream_name: str | None = None
    bucket: str | None = None


class KinesisSender:
    """Sends messages to one stream."""

    Options: ClassVar = KinesisOptions
    batch_max = CALL_RECORDS_MAX

    def __init__(self, options: KinesisOptions, context: SenderContext) -> None:
        """Without options, the stream is the one that the pool names, in its region."""
        self._aws = context.aws
        self._stream_name = options.stream_name or context.stream_name
        self._bucket = options.bucket or self._aws.settings.stream_bucket
        self._stream = self._aws.target("kinesis", context.region, context.role_arn)
        # As the server itself: a URL ends with the credentials that signed it.
        self._objects = self._aws.target("s3", context.region)

    async def send(self, messages: Sequence[OutboxMessage]) -> Sequence[Outcome]:
        """Send messages. See ``interfaces.delivery.StreamSender``."""
        met: list[Met] = [None] * len(messages)
        entries: list[Entry] = []
        for position, message in enumerate(messages):
            try:
                data = await self._data(message)
            except (DeliveryFailed, MessageUndeliverable) as failure:
                met[position] = failure
            else:
                key = message.place.identity_id
                entries.append((position, {"Data": data, "PartitionKey": key}))
        for call in _calls(entries):
            for (position, _), outcome in zip(call, await self._put(call), strict=True):
                met[position] = outcome
        return outcomes_of(met)

    async def close(self) -> None:
        """Nothing of its own is kept open."""

    async def _put(self, call: Sequence[Entry]) -> Sequence[Met]:
        records = [record for _, record in call]
        try:
            answer = await self._aws.call(
                self._stream, "put_records", StreamName=self._stream_name, Records=records
            )
        except (AwsError, MissingExtra) as error:
            return [Stopped(delivery_error(error))] * len(call)
        return [_outcome(told) for told in answer["Records"]]

    async def _data(self, message: OutboxMessage) -> bytes:
        """Give the record that travels, a smaller one in place of one that is too large.

        Raises DeliveryFailed and MessageUndeliverable.
        """
        size = len(message.body) + len(message.place.identity_id.encode())
        if size <= RECORD_BYTES_MAX:
            return message.body
        if self._bucket is None:
            raise MessageUndeliverable(
                f"the record has {size} bytes and Kinesis takes {RECORD_BYTES_MAX}; set "
                "stream_bucket (KEEPSTEP_STREAM_BUCKET) to a bucket for such records"
            )
        try:
            return await self._by_way_of(self._bucket, message)
        except (AwsError, MissingExtra) as error:
            raise DeliveryFailed(f"the bucket {self._bucket} cannot be used: {error}") from None

    async def _by_way_of(self, bucket: str, message: OutboxMessage) -> bytes:
        """Put a message's records into a bucket, the same object each time; give what names it.

        Raises AwsError and MissingExtra.
        """
        key = f"{message.place.identity_pool_id.replace(':', '/')}/{message.message_id}.json"
        async with self._aws.client(self._objects) as client:
            with translated():
                url = await client.generate_presigned_url(
                    "get_object", Params={"Bucket": bucket, "Key": key}, ExpiresIn=URL_SECONDS
                )
        data, records = split_body(message.body, url)
        await self._aws.call(
            self._objects,
            "put_object",
            Bucket=bucket,
            Key=key,
            Body=records,
            ContentType="application/json",
        )
        return data


def _calls(entries: Sequence[Entry]) -> Generator[list[Entry]]:
    """Part entries into calls within the limits, in their order."""
    call: list[Entry] = []
    size = 0
    for entry in entries:
        added = len(entry[1]["Data"]) + len(entry[1]["PartitionKey"].encode())
        if call and (len(call) == CALL_RECORDS_MAX or size + added > CALL_BYTES_MAX):
            yield call
            call, size = [], 0
        call.append(entry)
        size += added
    if call:
        yield call


def _outcome(told: Mapping[str, Any]) -> Met:
    code = told.get("ErrorCode")
    if code is None:
        return None
    return DeliveryFailed(f"Kinesis did not take it, {code}: {told.get('ErrorMessage', '')}")
