"""A server that takes test logins, a client of its developer, and pools in it."""

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import pytest

from keepstep.testing import LocalServer, local_server

from .steps import Pool, identity_client, new_pool

if TYPE_CHECKING:
    from types_boto3_cognito_identity import CognitoIdentityClient

NewPool = Callable[..., Pool]


@pytest.fixture(scope="session")
def identity_server(clean_environment: None) -> Iterator[LocalServer]:
    """A server with the pools that tests create, and no others."""
    with local_server(open_pools=False, insecure_logins=True) as running:
        yield running


@pytest.fixture(scope="session")
def cognito_identity(identity_server: LocalServer) -> "CognitoIdentityClient":
    return identity_client(identity_server)


@pytest.fixture
def make_pool(identity_server: LocalServer) -> NewPool:
    """Creates pools with other settings than the usual ones."""

    def make(**settings: Any) -> Pool:
        return new_pool(identity_server, **settings)

    return make


@pytest.fixture
def pool(identity_server: LocalServer) -> Pool:
    """A pool that nobody has used."""
    return new_pool(identity_server)
