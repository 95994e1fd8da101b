"""What tests share: one server in memory, a boto3 client of it, and fresh places in it."""

import os
import secrets
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypedDict

import boto3
import pytest
from botocore.config import Config

from keepstep.testing import LocalServer, local_server

from .raw import RawRequester

if TYPE_CHECKING:
    from types_boto3_cognito_sync import CognitoSyncClient


STORE = "keepstep.db"
StoreSettings = dict[str, Any]
"""What a server is told about its store, by the names of its settings."""


class Identity(TypedDict):
    """Whose data: the arguments that boto3 takes for it."""

    IdentityPoolId: str
    IdentityId: str


class Place(Identity):
    """Which dataset of whom: the arguments that boto3 takes for it."""

    DatasetName: str


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what needs a PostgreSQL of its own, by where it stands."""
    for item in items:
        if "postgres" in item.path.name or item.path.parent.name == "faults":
            item.add_marker(pytest.mark.postgresql)


@pytest.fixture(scope="session", autouse=True)
def clean_environment() -> Iterator[None]:
    """Keep the machine's own AWS and keepstep settings out of the tests."""
    kept = {name: os.environ[name] for name in os.environ if name.startswith(("AWS_", "KEEPSTEP_"))}
    for name in kept:
        del os.environ[name]
    os.environ["AWS_CONFIG_FILE"] = os.environ["AWS_SHARED_CREDENTIALS_FILE"] = os.devnull
    yield
    os.environ.update(kept)


@contextmanager
def store_settings(folder: Path | None = None) -> Generator[StoreSettings]:
    """Give the settings of a new store for black-box tests: TESTS_STORE may say postgresql.

    Without it, the store is a file in the folder, or else in memory.
    """
    if os.environ.get("TESTS_STORE") != "postgresql":
        yield {"store": f"sqlite:{folder / STORE}" if folder is not None else "sqlite::memory:"}
        return
    from tests.storage.postgres_server import database

    with database() as url:
        yield {"store": url, "master_key": secrets.token_hex(32)}


@pytest.fixture(scope="session")
def server(clean_environment: None) -> Iterator[LocalServer]:
    with store_settings() as store, local_server(**store) as running:
        yield running


def client_of(server: LocalServer) -> "CognitoSyncClient":
    """Give a boto3 client of a server that tries each call once."""
    once = Config(retries={"total_max_attempts": 1}, parameter_validation=False)
    return boto3.client(  # pyright: ignore[reportUnknownMemberType] -- stubs of one service only
        "cognito-sync", config=once, **server.client_arguments
    )


@pytest.fixture(scope="session")
def client(server: LocalServer) -> "CognitoSyncClient":
    return client_of(server)


@pytest.fixture(scope="session")
def raw(server: LocalServer) -> RawRequester:
    return RawRequester(server)


@pytest.fixture
def identity(server: LocalServer) -> Identity:
    """An identity that nobody has used, in a pool of its own."""
    return {"IdentityPoolId": server.new_id(), "IdentityId": server.new_id()}


@pytest.fixture
def place(identity: Identity) -> Place:
    """A dataset that does not exist yet."""
    return {**identity, "DatasetName": "things"}
