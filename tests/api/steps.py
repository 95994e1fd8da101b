"""What many tests of the API do and say: write, read back, expect a refusal, name a target."""

import json
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from typing import Any
from urllib.parse import quote, urlencode

import pytest
from botocore.exceptions import ClientError
from types_boto3_cognito_sync import CognitoSyncClient
from types_boto3_cognito_sync.type_defs import RecordPatchTypeDef, RecordTypeDef

from tests.conftest import Identity, Place

ACCOUNT_ID = "000000000000"
INVALID_TOKEN = "SyncSessionToken not valid for these inputs"
CLIENT_FAULT = range(400, 500)


def replace(key: str, value: str, sync_count: int = 0) -> RecordPatchTypeDef:
    return {"Op": "replace", "Key": key, "Value": value, "SyncCount": sync_count}


def remove(key: str, sync_count: int = 0) -> RecordPatchTypeDef:
    return {"Op": "remove", "Key": key, "SyncCount": sync_count}


def begin(client: CognitoSyncClient, place: Place) -> str:
    """Begin a sync session and give its token."""
    return client.list_records(**place)["SyncSessionToken"]


def write(
    client: CognitoSyncClient, place: Place, *patches: RecordPatchTypeDef
) -> list[RecordTypeDef]:
    """Apply patches in a sync session of their own and give the changed records."""
    token = begin(client, place)
    return client.update_records(**place, SyncSessionToken=token, RecordPatches=patches)["Records"]


def fill(client: CognitoSyncClient, place: Place, **values: str) -> int:
    """Write values over whatever is there, and give the dataset's new sync count."""
    listed = client.list_records(**place)
    count = listed["DatasetSyncCount"]
    patches = [replace(key, value, count) for key, value in values.items()]
    client.update_records(
        **place, SyncSessionToken=listed["SyncSessionToken"], RecordPatches=patches
    )
    return client.list_records(**place)["DatasetSyncCount"]


def values_of(records: Sequence[RecordTypeDef]) -> dict[str, str | None]:
    """Give the value of each record, None for a tombstone."""
    return {record.get("Key", ""): record.get("Value") for record in records}


def counts_of(records: Sequence[RecordTypeDef]) -> dict[str, int]:
    """Give the sync count of each record."""
    return {record.get("Key", ""): record.get("SyncCount", -1) for record in records}


def contents(client: CognitoSyncClient, place: Place) -> dict[str, str | None]:
    """Give the value of each record of a dataset, None for a tombstone."""
    return values_of(client.list_records(**place)["Records"])


@contextmanager
def refused(code: str, status: int, message: str | None = None) -> Generator[None]:
    """Expect boto3 to raise an error of this code and status, and, if given, of this exact text."""
    with pytest.raises(ClientError) as caught:
        yield
    response: Any = caught.value.response
    found = response["Error"]["Code"], response["ResponseMetadata"]["HTTPStatusCode"]
    assert found == (code, status), response["Error"]["Message"]
    if message is not None:
        assert response["Error"]["Message"] == message


@contextmanager
def invalid(message: str | None = None) -> Generator[None]:
    """Expect boto3 to raise InvalidParameterException."""
    with refused("InvalidParameterException", 400, message):
        yield


def identity_target(identity: Identity, rest: str = "", **query: object) -> str:
    """Give the raw path, and query, of an identity and what is under it, as boto3 encodes it."""
    pool, person = (
        quote(identity["IdentityPoolId"], safe=""),
        quote(identity["IdentityId"], safe=""),
    )
    path = f"/identitypools/{pool}/identities/{person}{rest}"
    return f"{path}?{urlencode(query, quote_via=quote, safe='')}" if query else path


def dataset_target(place: Place, rest: str = "", **query: object) -> str:
    """Give the raw path, and query, of a dataset and what is under it."""
    return identity_target(
        place, f"/datasets/{quote(place['DatasetName'], safe='')}{rest}", **query
    )


def patch_body(token: str, *patches: object, **members: object) -> bytes:
    """Give the body of an UpdateRecords request with patches of any shape."""
    body = {"SyncSessionToken": token, "RecordPatches": patches, **members}
    return json.dumps(body).encode()


def all_pages(fetch: Callable[[str | None], tuple[list[Any], str | None]]) -> list[list[Any]]:
    """Fetch page after page until one has no token."""
    pages: list[list[Any]] = []
    token: str | None = None
    while True:
        page, token = fetch(token)
        pages.append(page)
        if token is None:
            return pages
