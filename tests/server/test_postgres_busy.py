"""What callers get while PostgreSQL keeps them waiting: a word to come back, or a timely error."""

import asyncio
import time
from collections.abc import Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import psycopg
import pytest
from botocore.exceptions import ClientError

from keepstep.testing import LocalServer, local_server
from tests.api.steps import begin, contents, fill, refused, replace
from tests.conftest import Place, client_of
from tests.storage.postgres_server import database, someone_waits

from .test_cli_postgres import MASTER

IN_TIME_SECONDS = 5
LOCK_HEAD = b"SELECT 1 FROM datasets FOR UPDATE"


@pytest.fixture
def url() -> Iterator[str]:
    with database() as url:
        yield url


@contextmanager
def served(url: str) -> Generator[LocalServer]:
    with local_server(store=url, master_key=MASTER["KEEPSTEP_MASTER_KEY"]) as running:
        yield running


@contextmanager
def in_time() -> Generator[None]:
    begun = time.monotonic()
    yield
    assert time.monotonic() - begun < IN_TIME_SECONDS


@contextmanager
def held_up(url: str) -> Generator[None]:
    """Hold a lock, in another session, for which every write to a dataset waits."""
    with psycopg.connect(url) as other:
        other.execute(LOCK_HEAD)
        yield
        other.rollback()


def test_callers_are_told_to_come_back_while_every_connection_is_in_use(
    url: str, place: Place
) -> None:
    with (
        served(f"{url}&pool_max=1&pool_wait_seconds=0.2") as server,
        ThreadPoolExecutor() as elsewhere,
    ):
        client = client_of(server)
        fill(client, place, a="before")
        token = begin(client, place)
        write = {"SyncSessionToken": token, "RecordPatches": [replace("a", "after", 1)]}
        with held_up(url):
            written = elsewhere.submit(client_of(server).update_records, **place, **write)  # pyright: ignore[reportArgumentType] -- a dictionary of several types
            asyncio.run(someone_waits(url))
            with in_time(), pytest.raises(ClientError) as caught:
                client.list_records(**place)
        response: Any = caught.value.response
        metadata = response["ResponseMetadata"]
        assert response["Error"]["Code"] == "TooManyRequestsException"
        assert metadata["HTTPStatusCode"] == 429
        assert int(metadata["HTTPHeaders"]["retry-after"]) >= 1
        assert written.result(IN_TIME_SECONDS)["Records"]
        assert contents(client, place) == {"a": "after"}


def test_a_write_that_is_held_up_too_long_is_refused_in_time_and_stores_nothing(
    url: str, place: Place
) -> None:
    with served(f"{url}&statement_seconds=0.3") as server:
        client = client_of(server)
        fill(client, place, a="before")
        token = begin(client, place)
        with held_up(url), in_time(), refused("InternalErrorException", 500):
            client.update_records(
                **place, SyncSessionToken=token, RecordPatches=[replace("a", "refused", 1)]
            )
        assert contents(client, place) == {"a": "before"}
        client.update_records(
            **place, SyncSessionToken=token, RecordPatches=[replace("a", "after", 1)]
        )
        assert contents(client, place) == {"a": "after"}
