"""A pytest plugin for the tests of applications: a real server, and a boto3 client of it.

What it needs is imported by the fixtures, so that test runs without them start no slower.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from types_boto3_cognito_sync import CognitoSyncClient

    from .server import LocalServer


@pytest.fixture(scope="session")
def keepstep_server() -> "Iterator[LocalServer]":
    """Serve Cognito Sync from memory, on a free port, for the whole test run.

    Any identity pool id is accepted; ``new_id()`` makes one that no other test uses.
    """
    from .server import local_server  # noqa: PLC0415 -- only runs that serve pay for it

    with local_server() as server:
        yield server


@pytest.fixture(scope="session")
def cognito_sync(keepstep_server: "LocalServer") -> "CognitoSyncClient":
    """Give a boto3 client of the server."""
    try:
        import boto3  # noqa: PLC0415 -- the plugin works without it
    except ModuleNotFoundError as error:
        if error.name != "boto3":
            raise
        sentence = "the fixture cognito_sync needs boto3; install it: pip install boto3"
        pytest.fail(sentence, pytrace=False)
    return boto3.client(  # pyright: ignore[reportUnknownMemberType] -- stubs of one service only
        "cognito-sync", **keepstep_server.client_arguments
    )
