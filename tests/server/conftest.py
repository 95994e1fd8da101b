"""A server over a store of its own, and fresh places in it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from keepstep.testing import LocalServer
from tests.conftest import Place

from .processes import ROOT, Serving, serving


def new_place() -> Place:
    """Give a dataset that does not exist yet, in a pool that does not exist yet."""
    make = LocalServer("", "", "", "us-east-1").new_id
    return {"IdentityPoolId": make(), "IdentityId": make(), "DatasetName": "things"}


@pytest.fixture
def place() -> Place:
    return new_place()


@pytest.fixture
def running(tmp_path: Path) -> Iterator[Serving]:
    """A process that serves any pool, with the root key given by the environment."""
    with serving(tmp_path, "--open-pools", environment=ROOT) as started:
        yield started
