"""A primary that ends under load, and the standby that becomes the primary in its place."""

import asyncio
import random
from collections.abc import Iterator
from contextlib import closing

import pytest

from keepstep.storage.postgres import migrate
from keepstep.wire.errors import InternalErrorException
from keepstep.wire.sync import RecordPatch
from tests.promises.wire_client import Place, WireClient
from tests.promises.workload import Crew

from .load import WAITS, accepted_within, load_on, served, wait_for_some_moment
from .nodes import STANDBY, Node, nodes, url_of

RECOVERY_SECONDS = 5
READ_WRITE = "&target_session_attrs=read-write"
COUNTS = b"SELECT identity_id, dataset_name, sync_count FROM datasets ORDER BY 1, 2"
IN_STEP = b"SELECT 1 FROM pg_stat_replication WHERE sync_state = 'sync'"
WRITES = b"SELECT 1 FROM pg_stat_activity WHERE backend_xid IS NOT NULL"
WAITING = b"SELECT pid FROM pg_stat_activity WHERE wait_event = 'SyncRep'"
CONNECTIONS = 4
WIDE = f"&pool_min={CONNECTIONS}&pool_max={CONNECTIONS}"
CONNECTED = b"SELECT 1 FROM pg_stat_activity WHERE application_name = 'keepstep'"
END_OTHERS = b"""
    SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity
    WHERE application_name = 'keepstep'
"""


@pytest.fixture
def pair() -> Iterator[list[Node]]:
    """A primary, and a standby that every commit waits for."""
    with nodes("primary", "standby") as (primary, standby):
        primary.make()
        asyncio.run(migrate(primary.url))
        standby.follow(primary)
        set_everywhere(primary, "synchronous_standby_names", STANDBY)
        primary.wait_until(lambda: primary.execute(IN_STEP))
        yield [primary, standby]


def set_everywhere(node: Node, name: str, value: str) -> None:
    """Change a setting of a server for the sessions there are, too."""
    node.execute(f"ALTER SYSTEM SET {name} = '{value}'".encode())
    node.execute(b"SELECT pg_reload_conf()")


def write(client: WireClient) -> None:
    """Write a record of a dataset as it is now."""
    listed = client.list_records("one", 0)
    count = listed.dataset_sync_count
    patch = RecordPatch(op="replace", key="k", sync_count=count, value=str(count + 1))
    client.update_records("one", listed.sync_session_token, [patch])


def is_written(client: WireClient) -> bool:
    try:
        write(client)
    except InternalErrorException:
        return False
    return True


def test_promises_hold_when_the_primary_is_killed_and_its_standby_promoted(
    pair: list[Node],
) -> None:
    primary, standby = pair
    with (
        served(url_of(primary, standby) + READ_WRITE + WAITS) as server,
        load_on(server) as workload,
    ):
        wait_for_some_moment(workload, random.Random(1))
        primary.kill_amid_a_write()
        assert standby.execute(b"SELECT pg_promote()") == [(True,)]
        accepted_within(workload, RECOVERY_SECONDS)
        (primary.data / "standby.signal").touch()  # it comes back, and takes no writes
        primary.start()
        left_at = primary.execute(COUNTS)
        standby.execute(END_OTHERS)  # each finds the old primary first
        accepted_within(workload, RECOVERY_SECONDS)
        wait_for_some_moment(workload, random.Random(2))
        assert primary.execute(COUNTS) == left_at
    assert workload.unknown() > 0, "the kill met no write: the test has shown nothing"


def test_promises_hold_when_the_primary_becomes_read_only_and_another_takes_over(
    pair: list[Node],
) -> None:
    primary, standby = pair
    with (
        served(url_of(primary, standby) + READ_WRITE + WAITS) as server,
        load_on(server) as workload,
    ):
        wait_for_some_moment(workload, random.Random(3))
        set_everywhere(primary, "default_transaction_read_only", "on")
        primary.wait_until(lambda: not primary.execute(WRITES))
        left_at = primary.execute(COUNTS)
        assert standby.execute(b"SELECT pg_promote()") == [(True,)]
        accepted_within(workload, RECOVERY_SECONDS)
        wait_for_some_moment(workload, random.Random(4))
        assert primary.execute(COUNTS) == left_at


def test_no_connection_reads_what_a_primary_of_before_still_holds(pair: list[Node]) -> None:
    primary, standby = pair
    with (
        served(url_of(primary, standby) + READ_WRITE + WAITS + WIDE) as server,
        closing(WireClient(server, Place(server.new_id(), server.new_id()))) as client,
    ):
        write(client)
        primary.wait_until(lambda: len(primary.execute(CONNECTED)) == CONNECTIONS)
        set_everywhere(primary, "default_transaction_read_only", "on")
        standby.execute(b"SELECT pg_promote()")
        standby.wait_until(lambda: is_written(client))
        counts = [client.list_records("one", 0).dataset_sync_count for _ in range(CONNECTIONS)]
        assert counts == [2] * CONNECTIONS


def test_a_write_that_is_accepted_survives_its_primary_also_when_its_session_was_ended(
    pair: list[Node],
) -> None:
    primary, standby = pair
    with served(f"{primary.url}&statement_seconds=0.5{WAITS}") as server:
        place = Place(server.new_id(), server.new_id())
        accepted: list[bool] = []

        def write_once() -> None:
            with closing(WireClient(server, place)) as client:
                accepted.append(is_written(client))

        with closing(WireClient(server, place)) as client:
            client.list_datasets()  # which makes the pool
        standby.kill()
        crew = Crew([write_once])
        primary.wait_until(lambda: primary.execute(WAITING))
        primary.execute(END_OTHERS)
        crew.join()
    primary.kill()
    standby.start()
    standby.execute(b"SELECT pg_promote()")
    assert accepted == [False] or len(standby.execute(COUNTS)) == 1
