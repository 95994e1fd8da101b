"""A database that is killed with SIGKILL under load and started again, over and over."""

import asyncio
import random
import time
from collections.abc import Iterator
from contextlib import closing

import pytest

from keepstep.storage.postgres import migrate
from keepstep.wire.errors import InternalErrorException
from tests.promises.wire_client import Place, WireClient

from .load import ACCEPTED_BETWEEN, WAITS, accepted_within, load_on, served, wait_for_some_moment
from .nodes import Node, nodes

KILLS = 3
RECOVERY_SECONDS = 5
REFUSALS = 4
PROMPT_SECONDS = 1.5


@pytest.fixture(scope="module")
def node() -> Iterator[Node]:
    with nodes("alone") as (node,):
        node.make()
        asyncio.run(migrate(node.url))
        yield node


def test_promises_hold_over_kills_of_the_database(node: Node) -> None:
    chance = random.Random(20_261_123)
    with served(node.url + WAITS) as server, load_on(server) as workload:
        for _ in range(KILLS):
            wait_for_some_moment(workload, chance)
            node.kill()
            node.start()
            accepted_within(workload, RECOVERY_SECONDS)
        node.kill_amid_a_write()
        node.start()
        accepted_within(workload, RECOVERY_SECONDS)
    assert workload.accepted() > KILLS * ACCEPTED_BETWEEN
    assert workload.unknown() > 0, "no kill met a write: the test has shown nothing"


def test_a_database_that_comes_back_is_found_at_once_however_long_it_was_away(node: Node) -> None:
    with (
        served(node.url + "&pool_wait_seconds=0.9") as server,
        closing(WireClient(server, Place(server.new_id(), server.new_id()))) as client,
    ):
        client.list_datasets()
        node.kill()
        for _ in range(REFUSALS):
            with pytest.raises(InternalErrorException):
                client.list_datasets()
        node.start()
        back = time.monotonic()
        node.wait_until(lambda: lists_datasets(client))
        taken = time.monotonic() - back
    assert taken < PROMPT_SECONDS, f"found {taken:.1f} seconds after it was back"


def lists_datasets(client: WireClient) -> bool:
    try:
        client.list_datasets()
    except InternalErrorException:
        return False
    return True
