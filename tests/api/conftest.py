"""Servers of another kind than the shared one: without open pools, or with a clock of their own."""

import time
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest
from types_boto3_cognito_sync import CognitoSyncClient

from keepstep.testing import LocalServer, local_server
from tests.conftest import client_of
from tests.raw import RawRequester


def now_in_milliseconds() -> int:
    return time.time_ns() // 1_000_000


@dataclass
class Clock:
    """A clock that stands still until it is moved; milliseconds since the epoch."""

    now: int = field(default_factory=now_in_milliseconds)

    def __call__(self) -> int:
        return self.now


@dataclass(frozen=True)
class Timed:
    """A server that lives by a clock of the test's."""

    server: LocalServer
    clock: Clock
    client: CognitoSyncClient
    raw: RawRequester


@pytest.fixture(scope="session")
def closed_client(clean_environment: None) -> Iterator[CognitoSyncClient]:
    """A client of a server that does not have the pool of any test."""
    with local_server(open_pools=False) as running:
        yield client_of(running)


@pytest.fixture
def timed() -> Iterator[Timed]:
    clock = Clock()
    with local_server(clock=clock) as running:
        yield Timed(running, clock, client_of(running), RawRequester(running))
