"""What a pool's stream receives of updates, deletions and bulk publishes."""

import json
from typing import Any

import pytest

from keepstep.domain.dataset_changes import DatasetChange
from keepstep.domain.outbox import Channel
from keepstep.domain.pools import PoolSettings
from keepstep.domain.streams import bulk_message, change_message, is_streaming, split_body
from keepstep.wire.sync import CognitoStreams

from .places import NOW, PLACE, dataset, record

RECORDS = (record("thing", '{"a": "é"}', 4), record("old", None, 4))
UPDATE = DatasetChange(place=PLACE, expected_sync_count=3, dataset=dataset(4), records=RECORDS)
WHOLE = {
    "identityPoolId": PLACE.identity_pool_id,
    "identityId": PLACE.identity_id,
    "datasetName": "things",
    "dataSetName": "things",
    "operation": "replace",
    "kinesisSyncRecords": [
        {
            "key": "thing",
            "value": '{"a": "é"}',
            "syncCount": 4,
            "lastModifiedDate": NOW,
            "deviceLastModifiedDate": NOW - 5,
            "op": "replace",
        },
        {
            "key": "old",
            "value": None,
            "syncCount": 4,
            "lastModifiedDate": NOW,
            "deviceLastModifiedDate": NOW - 5,
            "op": "remove",
        },
    ],
    "kinesisSyncRecordsURL": None,
    "lastModifiedDate": NOW,
    "payloadType": "Inline",
    "syncCount": 4,
}


def body_of(message: Any) -> dict[str, Any]:
    return json.loads(message.body)


def test_an_update_is_one_message_with_the_changed_records() -> None:
    message = change_message(UPDATE)
    assert body_of(message) == WHOLE
    assert (message.place, message.channel, message.sync_count) == (PLACE, Channel.STREAM, 4)
    assert message.creation_date == NOW


def test_a_deletion_is_one_message_that_removes_the_dataset() -> None:
    deletion = DatasetChange(
        place=PLACE, expected_sync_count=4, dataset=dataset(5, deleted=True), erases_records=True
    )
    expected = {**WHOLE, "operation": "remove", "kinesisSyncRecords": [], "syncCount": 5}
    assert body_of(change_message(deletion)) == expected


def test_a_bulk_publish_sends_what_is_live_with_the_records_own_counts() -> None:
    records = [record("a", "1", 2), record("gone", None, 3), record("b", "", 4)]
    message = bulk_message(PLACE, dataset(7), records, NOW + 9)
    body = body_of(message)
    sent = [(one["key"], one["value"], one["syncCount"]) for one in body["kinesisSyncRecords"]]
    assert sent == [("a", "1", 2), ("b", "", 4)]
    assert (body["operation"], body["syncCount"]) == ("replace", 7)
    assert message.creation_date == NOW + 9


def test_a_bulk_message_is_no_repetition_of_the_update_that_made_the_same_state() -> None:
    bulk = bulk_message(PLACE, UPDATE.dataset, RECORDS, NOW + 9)
    assert bulk.message_id != change_message(UPDATE).message_id


def test_a_body_that_is_too_long_is_split_into_a_reference_and_an_array() -> None:
    linked, records = split_body(change_message(UPDATE).body, "https://bucket/key")
    assert json.loads(records) == WHOLE["kinesisSyncRecords"]
    assert json.loads(linked) == {
        **WHOLE,
        "kinesisSyncRecords": [],
        "kinesisSyncRecordsURL": "https://bucket/key",
        "payloadType": "S3Url",
    }


@pytest.mark.parametrize(
    ("streams", "expected"),
    [
        (None, False),
        (CognitoStreams(stream_name="s"), False),
        (CognitoStreams(stream_name="s", streaming_status="DISABLED"), False),
        (CognitoStreams(streaming_status="ENABLED"), False),
        (CognitoStreams(stream_name="s", streaming_status="ENABLED"), True),
    ],
)
def test_a_pool_streams_if_it_has_an_enabled_stream_with_a_name(
    streams: CognitoStreams | None, *, expected: bool
) -> None:
    assert is_streaming(PoolSettings(cognito_streams=streams)) is expected
