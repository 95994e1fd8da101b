"""Watchers of live changes: open streams, read event by event, and URLs signed for them."""

from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import httpx
import msgspec
from botocore.auth import SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials as BotocoreCredentials

from keepstep.testing import LocalServer
from keepstep.wire.sigv4 import Credentials
from tests.conftest import Place
from tests.raw import RawRequester

from .steps import dataset_target

PATIENCE_SECONDS = 30


class Refused(Exception):
    """A stream that was not opened, with status and body."""


@dataclass(frozen=True)
class Event:
    """One event; only changes have an id."""

    kind: str
    id: int
    data: Any


@dataclass
class Watcher:
    """Who reads an open stream. Every wait has an end."""

    response: httpx.Response
    last_id: int | None = None
    retry: str = ""
    values: dict[str, str] = field(default_factory=dict[str, str])
    """What the watcher knows of the dataset: the values of its records by key."""

    def __post_init__(self) -> None:
        self._lines = self.response.iter_lines()

    def next(self) -> Event:
        """Wait for an event, and learn from it."""
        fields: dict[str, str] = {}
        for line in self._lines:
            name, _, value = line.partition(": ")
            if name == "retry":
                self.retry = value
            elif name:
                fields[name] = value
            elif "data" in fields:
                event = Event(
                    fields["event"], int(fields.get("id", -1)), msgspec.json.decode(fields["data"])
                )
                self._learn(event)
                return event
            elif line == "":
                fields.clear()
        raise AssertionError("the stream has ended")

    def read_through(self, sync_count: int) -> None:
        """Read events until one has a count."""
        while self.last_id != sync_count:
            self.next()

    def end(self) -> str:
        """Give the code of the error that the stream must end with now."""
        event = self.next()
        assert event.kind == "end"
        assert list(self._lines) == []
        return event.data["__type"]

    def _learn(self, event: Event) -> None:
        if event.kind != "change":
            return
        assert self.last_id is None or event.id > self.last_id, "ids only grow"
        self.last_id = event.id
        if event.data["DatasetDeletedAfterRequestedSyncCount"]:
            self.values.clear()
        for record in event.data["Records"]:
            value = record.get("Value")
            if value is None:
                self.values.pop(record["Key"], None)
            else:
                self.values[record["Key"]] = value


@cache
def _http() -> httpx.Client:
    limits = httpx.Limits(max_connections=None, max_keepalive_connections=0)
    return httpx.Client(limits=limits, timeout=PATIENCE_SECONDS, trust_env=False)


@contextmanager
def opened(url: str, headers: dict[str, str] | None = None) -> Generator[Watcher]:
    """Open a stream by its whole URL; the client goes with the block. Raises Refused."""
    with _http().stream("GET", url, headers=headers) as response:
        if response.status_code != 200:
            raise Refused(f"{response.status_code} {response.read().decode()}")
        yield Watcher(response)


@contextmanager
def watching(
    server: LocalServer,
    place: Place,
    credentials: Credentials | None = None,
    headers: dict[str, str] | None = None,
    **query: object,
) -> Generator[Watcher]:
    """Watch a dataset for as long as the block lasts, by default with the root key."""
    target = changes_target(place, **query)
    signed = RawRequester(server).signed_headers(
        "GET", target, b"", headers, credentials=credentials
    )
    with opened(f"{server.endpoint_url}{target}", signed) as watcher:
        yield watcher


def changes_target(place: Place, **query: object) -> str:
    """Give the raw path, and query, of a dataset's live changes."""
    return dataset_target(place, "/changes", **query)


def presigned(url: str, credentials: Credentials, seconds: int | str = 300) -> str:
    """Sign a URL as botocore does it."""
    request = AWSRequest("GET", url)
    keys = BotocoreCredentials(
        credentials.access_key_id, credentials.secret_access_key, credentials.session_token
    )
    SigV4QueryAuth(keys, "cognito-sync", "us-east-1", expires=seconds).add_auth(request)  # pyright: ignore[reportUnknownMemberType, reportArgumentType] -- botocore has no types
    return str(request.url)
