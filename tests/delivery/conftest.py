"""What tests of senders share: moto's server, a small endpoint, and the context of a sender."""

import asyncio
import sys
import threading
from collections.abc import AsyncGenerator, Callable, Coroutine, Generator, Iterator
from contextlib import asynccontextmanager
from functools import cache
from typing import Any, TypeVar

import boto3
import pytest

from keepstep.delivery.aws import AwsClients, AwsSettings
from keepstep.delivery.senders import SenderContext
from keepstep.domain.pools import IdentityPool, PoolSettings
from keepstep.testing.sender_suite.running import CASE_SECONDS, DATE, POOL
from keepstep.wire.sync import CognitoStreams

from .endpoints import Endpoint, endpoint
from .server_process import server_process

REGION = "us-east-1"
KEY = "AKIAIOSFODNN7EXAMPLE"
SECRET = "a secret of some length"
ROLE = "arn:aws:iam::123456789012:role/streams"

Result = TypeVar("Result")


def clock() -> int:
    return DATE


def run(work: Coroutine[Any, Any, Result]) -> Result:
    """Run to the end within the time of a case."""

    async def within_time() -> Result:
        async with asyncio.timeout(CASE_SECONDS):
            return await work

    return asyncio.run(within_time())


@pytest.fixture(scope="session")
def moto(clean_environment: None) -> Iterator[str]:
    """The URL of a server of moto, one for all tests of this process."""
    command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", "0"]
    with server_process(command) as url:
        yield url


@pytest.fixture
def receiver() -> Iterator[Endpoint]:
    with endpoint() as server:
        yield server


@pytest.fixture
def front(moto: str) -> Iterator[Endpoint]:
    """An endpoint in front of moto, which answers in its place when it is told to."""
    with endpoint(moto) as server:
        yield server


@cache
def boto(service: str, url: str) -> Any:
    """Give a boto3 client of moto."""
    make: Any = getattr(boto3, "client")  # noqa: B009 -- it has types for some services only
    return make(
        service,
        endpoint_url=url,
        region_name=REGION,
        aws_access_key_id=KEY,
        aws_secret_access_key=SECRET,
    )


def aws_settings(url: str, **members: Any) -> AwsSettings:
    return AwsSettings(endpoint_url=url, access_key_id=KEY, secret_access_key=SECRET, **members)


@asynccontextmanager
async def aws_clients(url: str, **members: Any) -> AsyncGenerator[AwsClients]:
    clients = AwsClients(aws_settings(url, **members))
    try:
        yield clients
    finally:
        await clients.close()


def context(
    aws: AwsClients | None = None,
    *,
    stream_name: str = "stream",
    role_arn: str | None = None,
    clock: Callable[[], int] = clock,
) -> SenderContext:
    return SenderContext(stream_name, REGION, role_arn, clock, aws or AwsClients(AwsSettings()))


def pool(identity_pool_id: str = POOL, **settings: Any) -> IdentityPool:
    return IdentityPool(identity_pool_id, "A pool", DATE, DATE, settings=PoolSettings(**settings))


def streaming_pool(stream_name: str, **members: Any) -> IdentityPool:
    streams = CognitoStreams(stream_name=stream_name, streaming_status="ENABLED")
    return pool(cognito_streams=streams, **members)


@pytest.fixture
def gate() -> Generator[threading.Event]:
    """What keeps an answer waiting until the test ends."""
    opened = threading.Event()
    yield opened
    opened.set()
