"""Requests as they arrive, for tests of what is accepted and what is refused."""

import json
from typing import Any

import pytest

from keepstep.wire import sync
from keepstep.wire.errors import InvalidParameterException
from keepstep.wire.operations import LIST_RECORDS, UPDATE_RECORDS
from keepstep.wire.rest_json import decode_request

LABELS = (b"us-east-1%3A11", b"us-east-1:22", b"things")


def list_records(query: bytes) -> sync.ListRecordsRequest:
    """Decode a ListRecords with this raw query."""
    return decode_request(LIST_RECORDS, LABELS, query, {}, b"")


def update_records(body: object) -> sync.UpdateRecordsRequest:
    """Decode an UpdateRecords with this body, raw or to be written as JSON."""
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return decode_request(UPDATE_RECORDS, LABELS, b"", {}, raw)


def update_patch(**members: Any) -> sync.RecordPatch:
    """Decode an UpdateRecords of one valid patch in which these members are replaced."""
    patch = {"Op": "replace", "Key": "k", "Value": "v", "SyncCount": 0} | members
    request = update_records({"SyncSessionToken": "t", "RecordPatches": [patch]})
    assert request.record_patches is not None
    return request.record_patches[0]


def refusal(decode: Any, *arguments: Any, **named: Any) -> str:
    """Give the text with which a request is refused."""
    with pytest.raises(InvalidParameterException) as raised:
        decode(*arguments, **named)
    return raised.value.message
