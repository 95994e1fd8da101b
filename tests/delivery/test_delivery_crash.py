"""Servers and destinations that are killed: what was accepted arrives, in order, nothing else."""

import json
import os
import random
import signal
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from keepstep.domain.bulk_publishes import BulkPublish
from keepstep.testing.history import Deletion, History, Outcome, Write, check
from keepstep.testing.storage_suite.running import DATE, POOL
from keepstep.wire.sync import RecordPatch
from tests.conftest import StoreSettings, store_settings
from tests.promises.processes import ServerProcess
from tests.promises.wire_client import Place, WireClient
from tests.promises.workload import Crew, Workload
from tests.server.processes import eventually

from .beside import ask, end_leases, make_pool, outbox_of
from .conftest import SECRET
from .endpoints import Endpoint, Planned, endpoint
from .outboxes import IDENTITIES
from .recorder import Arrival, Recorder, recorder

DATASETS = ("one", "two")
PEOPLE = 3
ACCEPTED_BETWEEN = 20
DELETIONS = 6
PUBLISHED, PUBLISHED_BEFORE_KILL = 70, 30


@pytest.fixture
def store(tmp_path: Path) -> Iterator[StoreSettings]:
    """A store with a pool that streams."""
    with store_settings(tmp_path) as settings:
        make_pool(settings)
        yield settings


@pytest.fixture
def destination(tmp_path: Path) -> Iterator[Recorder]:
    with recorder(tmp_path / "arrivals") as one:
        yield one


def stream_to(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Have servers send the pool's stream to an endpoint."""
    stream = {"name": "changes", "kind": "webhook", "url": url, "secret": SECRET}
    monkeypatch.setenv("KEEPSTEP_STREAMS", json.dumps([stream]))


class Killable(ServerProcess):
    """A server process whose workers are killed with it."""

    def kill(self) -> None:
        assert self._process is not None
        os.killpg(self._process.pid, signal.SIGKILL)
        self.wait()


class Clients:
    """Several people who write and delete until they are stopped, each with a history."""

    def __init__(self, process: ServerProcess) -> None:
        self._process = process
        place = Place(POOL, IDENTITIES[0])
        first = Workload(process.start(), place, DATASETS)
        others = [Place(POOL, identity) for identity in IDENTITIES[1:PEOPLE]]
        self.workloads = [
            first,
            *(replace(first, place=place, history=History()) for place in others),
        ]
        self.moments = first.moments
        self._crew = Crew(
            [
                *(partial(each.write_until_stopped, n) for n, each in enumerate(self.workloads)),
                partial(first.delete, 100, DELETIONS),
            ]
        )

    def kill_server(self) -> None:
        self._everywhere(up=False)
        self._process.kill()

    def start_server(self) -> None:
        server = self._process.start()
        for each in self.workloads:
            each.server = server
        self._everywhere(up=True)

    def stop(self) -> None:
        """Stop, and read everything as the last word."""
        self.workloads[0].stopped.set()
        self._crew.join()
        for each in self.workloads:
            each.read_finally()

    def _everywhere(self, *, up: bool) -> None:
        for each in self.workloads:
            if up:
                each.up.set()
            else:
                each.up.clear()


@pytest.mark.parametrize("workers", [1, 2])
def test_what_was_accepted_arrives_in_order_over_kills_and_nothing_else_does(
    tmp_path: Path,
    store: StoreSettings,
    destination: Recorder,
    monkeypatch: pytest.MonkeyPatch,
    workers: int,
) -> None:
    chance = random.Random(20_261_123 + workers)
    stream_to(destination.url, monkeypatch)
    process = Killable(tmp_path, store, workers=workers)
    try:
        clients = Clients(process)
        left: list[int] = []
        for number in range(4):
            clients.moments.wait_for("accepted", ACCEPTED_BETWEEN)
            if number % 2 == 0:  # during delivery; after it, the dead hold their leases
                seen = len(destination.arrivals()) + chance.randint(1, 20)
                eventually(lambda seen=seen: len(destination.arrivals()) >= seen, "arrivals")
            clients.kill_server()
            left.append(len(outbox_of(store)))
            if number % 2 == 1:
                end_leases(store)
            clients.start_server()
        clients.moments.wait_for("accepted", ACCEPTED_BETWEEN)
        destination.kill()
        clients.moments.wait_for("accepted", ACCEPTED_BETWEEN)
        destination.start()
        clients.stop()
        eventually(lambda: not outbox_of(store), "an empty outbox")
    finally:
        process.close()
    assert any(left), "no kill came between change and delivery: the test has shown nothing"
    arrivals = destination.arrivals()
    for each in clients.workloads:
        assert check(each.history) == []
        own = [one for one in arrivals if one.body["identityId"] == each.place.identity_id]
        check_arrivals(each.history, own)
    assert {one.body["identityId"] for one in arrivals} == set(IDENTITIES[:PEOPLE])


def check_arrivals(history: History, arrivals: Sequence[Arrival]) -> None:
    """Check what arrived of one identity against what its clients know of its changes."""
    first: dict[tuple[str, int], Arrival] = {}
    for each in arrivals:
        known = first.setdefault((each.body["datasetName"], each.sync_count), each)
        assert known == each, "a repetition differs"
    ids = {each.message_id for each in first.values()}
    assert len(ids) == len(first), "different messages have one id"
    for dataset in DATASETS:
        counts = [count for name, count in first if name == dataset]
        assert counts == list(range(1, len(counts) + 1)), "a gap, or out of order"
        check_changes(
            [one for one in history.changes if one.dataset == dataset],
            [each for (name, _), each in first.items() if name == dataset],
        )


def check_changes(changes: Sequence[object], arrivals: Sequence[Arrival]) -> None:
    """Check that each accepted change of a dataset is there, and that nothing else is."""
    writes = [one for one in changes if isinstance(one, Write)]
    deletions = [one for one in changes if isinstance(one, Deletion)]
    by_count = {each.sync_count: each for each in arrivals}
    possible = [one.values for one in writes if one.outcome is not Outcome.REFUSED]
    for write in writes:
        if write.outcome is Outcome.ACCEPTED:
            (count,) = {state.sync_count for state in write.answered.values()}
            assert by_count[count].values == write.values
    updates = [each for each in arrivals if each.body["operation"] == "replace"]
    assert all(each.values in possible for each in updates)
    accepted = sum(one.outcome is Outcome.ACCEPTED for one in deletions)
    unknown = sum(one.outcome is Outcome.UNKNOWN for one in deletions)
    assert accepted <= len(arrivals) - len(updates) <= accepted + unknown


def test_a_bulk_publish_goes_on_where_a_killed_server_was(
    tmp_path: Path, store: StoreSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    with endpoint() as receiver:
        stream_to(receiver.url, monkeypatch)
        process = Killable(tmp_path, store)
        try:
            fill(process)
            eventually(lambda: not outbox_of(store), "an empty outbox")
            before = len(receiver.received)
            answer_so_many(receiver, PUBLISHED_BEFORE_KILL)
            begin_publish(store)
            eventually(
                lambda: len(receiver.received) > before + PUBLISHED_BEFORE_KILL, "one that waits"
            )
            process.kill()
            assert publish_of(store).position > ("", "")
            always_answer(receiver)
            end_leases(store)
            process.start()
            eventually(lambda: publish_of(store).status == "SUCCEEDED", "the end")
        finally:
            process.close()
        published = [each for each in receiver.received[before:] if each.body]
    ids = {each.headers["keepstep-message-id"] for each in published}
    names = {json.loads(each.body)["identityId"] for each in published}
    assert len(names) == len(ids) == PUBLISHED
    assert len(published) < 2 * PUBLISHED - PUBLISHED_BEFORE_KILL


def fill(process: ServerProcess) -> None:
    """Write datasets of many identities through a server."""
    server = process.start()
    for identity in IDENTITIES[:PUBLISHED]:
        with closing(WireClient(server, Place(POOL, identity))) as client:
            session = client.list_records("things", 0).sync_session_token
            patch = RecordPatch(op="replace", key="a", sync_count=0, value="1")
            client.update_records("things", session, [patch])


def answer_so_many(receiver: Endpoint, count: int) -> None:
    """Answer some requests with success, and no other."""
    receiver.planned = [Planned()] * count
    receiver.usual = Planned(500)


def always_answer(receiver: Endpoint) -> None:
    receiver.planned.clear()
    receiver.usual = Planned()


def begin_publish(settings: StoreSettings) -> None:
    asked = BulkPublish(identity_pool_id=POOL, status="IN_PROGRESS", start_date=DATE)
    assert ask(settings, lambda store: store.keep_bulk_publish(asked))


def publish_of(settings: StoreSettings) -> BulkPublish:
    found = ask(settings, lambda store: store.find_bulk_publish(POOL))
    assert found is not None
    return found
