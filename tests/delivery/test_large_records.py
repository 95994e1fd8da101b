"""Records that are too large for Kinesis go by way of a bucket."""

import json
from urllib.parse import parse_qs, urlsplit

import httpx

from keepstep.delivery.kinesis import RECORD_BYTES_MAX
from keepstep.domain.outbox import OutboxMessage
from keepstep.interfaces.delivery import DeliveryFailed, Outcome
from keepstep.testing.sender_suite.running import message, read

from .conftest import aws_clients, boto, run
from .endpoints import Endpoint, Planned
from .streams import kinesis_sender, new_bucket, new_stream, records_of

LARGE = message(7, values={"picture": "⛵" * RECORD_BYTES_MAX, "name": '"quoted"'})
DAY_SECONDS = 86_400


def send(url: str, stream: str, bucket: str, messages: list[OutboxMessage]) -> list[Outcome]:
    async def through_kinesis() -> list[Outcome]:
        async with aws_clients(url, stream_bucket=bucket) as aws:
            return list(await kinesis_sender(aws, stream).send(messages))

    return run(through_kinesis())


def test_a_large_record_names_an_object_with_its_records_alone(moto: str) -> None:
    stream, bucket = new_stream(moto), new_bucket(moto)
    assert send(moto, stream, bucket, [LARGE]) == [None]
    (record,) = records_of(moto, stream)
    arrived, whole = read(record["Data"]), read(LARGE.body)
    url = arrived["kinesisSyncRecordsURL"]
    assert arrived == {
        **whole,
        "kinesisSyncRecords": [],
        "kinesisSyncRecordsURL": url,
        "payloadType": "S3Url",
    }
    answer = httpx.get(url, trust_env=False)
    assert answer.json() == whole["kinesisSyncRecords"]
    assert answer.headers["content-type"] == "application/json"


def test_its_url_is_signed_for_a_day_at_least(moto: str) -> None:
    stream, bucket = new_stream(moto), new_bucket(moto)
    send(moto, stream, bucket, [LARGE])
    told: str = read(records_of(moto, stream)[0]["Data"])["kinesisSyncRecordsURL"]
    url = urlsplit(told)
    query = parse_qs(url.query)
    assert url.path.startswith(f"/{bucket}/")
    assert int(query["X-Amz-Expires"][0]) >= DAY_SECONDS
    assert query["X-Amz-Algorithm"] == ["AWS4-HMAC-SHA256"]
    assert query["X-Amz-Signature"]


def test_a_repeated_delivery_uses_the_same_object(moto: str) -> None:
    stream, bucket = new_stream(moto), new_bucket(moto)
    for _ in range(2):
        send(moto, stream, bucket, [LARGE])
    (kept,) = boto("s3", moto).list_objects_v2(Bucket=bucket)["Contents"]
    assert kept["Key"].endswith(f"/{LARGE.message_id}.json")


def test_small_records_leave_the_bucket_empty(moto: str) -> None:
    stream, bucket = new_stream(moto), new_bucket(moto)
    assert send(moto, stream, bucket, [message(1)]) == [None]
    assert boto("s3", moto).list_objects_v2(Bucket=bucket)["KeyCount"] == 0


def test_a_bucket_that_cannot_be_used_delays_only_the_large_record(moto: str) -> None:
    stream = new_stream(moto)
    outcomes = send(moto, stream, "no-such-bucket", [message(1), LARGE, message(2)])
    assert [outcome is None for outcome in outcomes] == [True, False, True]
    assert isinstance(outcomes[1], DeliveryFailed)
    assert "the bucket no-such-bucket cannot be used" in str(outcomes[1])
    assert len(records_of(moto, stream)) == 2


def test_a_large_record_is_not_sent_before_its_object_is_there(front: Endpoint, moto: str) -> None:
    stream, bucket = new_stream(moto), new_bucket(moto)
    front.planned = [Planned(503)]
    (outcome,) = send(front.url, stream, bucket, [LARGE])
    assert isinstance(outcome, DeliveryFailed)
    assert bucket in str(outcome)
    assert [one.method for one in front.received] == ["PUT"]
    assert json.loads(front.received[0].body) == read(LARGE.body)["kinesisSyncRecords"]
