"""Streams and buckets in moto, and what arrived in them."""

import base64
import itertools
import json
import uuid
from collections.abc import Mapping
from typing import Any

import httpx

from keepstep.delivery.aws import AwsClients
from keepstep.delivery.kinesis import KinesisOptions, KinesisSender

from .conftest import boto, context

SHARDS = 2


def new_stream(url: str) -> str:
    """Make a stream that nobody has used."""
    name = f"stream-{uuid.uuid4()}"
    boto("kinesis", url).create_stream(StreamName=name, ShardCount=SHARDS)
    return name


def new_bucket(url: str) -> str:
    """Make a bucket that nobody has used."""
    name = f"bucket-{uuid.uuid4()}"
    boto("s3", url).create_bucket(Bucket=name)
    return name


def kinesis_sender(aws: AwsClients, stream_name: str, **members: Any) -> KinesisSender:
    return KinesisSender(KinesisOptions(), context(aws, stream_name=stream_name, **members))


def records_of(url: str, stream_name: str) -> list[dict[str, Any]]:
    """Give the records of a stream, in the order of their sequence numbers."""
    client = boto("kinesis", url)
    found: list[dict[str, Any]] = []
    for shard in client.list_shards(StreamName=stream_name)["Shards"]:
        iterator = client.get_shard_iterator(
            StreamName=stream_name, ShardId=shard["ShardId"], ShardIteratorType="TRIM_HORIZON"
        )["ShardIterator"]
        for _ in itertools.count():
            page = client.get_records(ShardIterator=iterator)
            found += page["Records"]
            iterator = page["NextShardIterator"]
            if not page["Records"]:
                break
    return sorted(found, key=lambda record: int(record["SequenceNumber"]))


def resolved(data: bytes) -> bytes:
    """Give a record with its records in it, wherever they are."""
    record = json.loads(data)
    if record["payloadType"] == "S3Url":
        assert record["kinesisSyncRecords"] == []
        found = httpx.get(record["kinesisSyncRecordsURL"], timeout=30, trust_env=False)
        assert found.status_code == 200
        record["kinesisSyncRecords"] = found.json()
    return json.dumps(record).encode()


def posted(body: bytes) -> list[tuple[str, bytes]]:
    """Give the partition keys and data of a PutRecords request."""
    request: Mapping[str, Any] = json.loads(body)
    return [
        (record["PartitionKey"], base64.b64decode(record["Data"])) for record in request["Records"]
    ]
