"""``keepstep outbox`` and the metrics: what an operator sees of what waits, and does about it."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from keepstep.domain.limits import OUTBOX_MEASURE_MS
from keepstep.interfaces.delivery_storage import OutboxFilter
from keepstep.server.opened import system_clock
from keepstep.testing import LocalServer, local_server
from keepstep.testing.storage_suite.running import POOL, place, send
from tests.api.steps import fill
from tests.conftest import STORE, Place, StoreSettings, client_of
from tests.raw import RawRequester
from tests.server.processes import ROOT, Serving, done, eventually, keepstep, serving

from .beside import ask, make_pool, outbox_of
from .conftest import SECRET
from .endpoints import Endpoint, Planned, endpoint

STREAM = {"name": "changes", "kind": "webhook", "secret": SECRET}
ROLE = "arn:aws:iam::000000000000:role/service-role/cognito"
Samples = dict[tuple[str, ...], float]


@dataclass(frozen=True)
class Operated:
    """A server whose pools stream to an endpoint, and the commands beside it."""

    directory: Path
    running: Serving
    receiver: Endpoint

    @property
    def store(self) -> StoreSettings:
        return {"store": f"sqlite:{self.directory / STORE}"}

    def turn_on(self, pool_id: str) -> None:
        turn_on(self.running.server, pool_id)

    def write(self, pool_id: str, times: int = 1) -> Place:
        """Write to a dataset of a new identity, and give it."""
        identity_id = self.running.server.new_id()
        place = Place(IdentityPoolId=pool_id, IdentityId=identity_id, DatasetName="things")
        for number in range(times):
            fill(self.running.client, place, key=str(number))
        return place

    def write_in_vain(self, status: int, times: int = 1) -> Place:
        """Write in a pool of its own while the endpoint answers so; wait for what becomes of it."""
        pool_id = self.running.server.new_id()
        make_pool(self.store, pool_id)
        self.receiver.usual = Planned(status)
        place = self.write(pool_id, times)
        eventually(lambda: outbox_of(self.store, pool_id)[0].failure, "it is tried")
        return place

    def outbox(self, *arguments: str) -> str:
        return done(self.directory, "outbox", *arguments)

    def listed(self, *arguments: str) -> list[list[str]]:
        """Give the members of each line of the list."""
        lines = self.outbox("list", *arguments).splitlines()
        return [line.split("\t") for line in lines]

    def arrived(self, place: Place) -> list[int]:
        """Give the sync counts of a dataset that came, those that were refused too."""
        bodies = [json.loads(each.body) for each in self.receiver.received]
        return [each["syncCount"] for each in bodies if each["identityId"] == place["IdentityId"]]


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Operated]:
    directory = tmp_path_factory.mktemp("served")
    with endpoint() as receiver, serving(directory, environment=sends_to(receiver)) as running:
        yield Operated(directory, running, receiver)


@pytest.fixture
def operated(served: Operated) -> Operated:
    """The server, with nothing in its outbox."""
    ask(served.store, lambda store: store.drop_outbox(OutboxFilter()))
    return served


def sends_to(receiver: Endpoint) -> dict[str, str]:
    """Give the environment of a server whose pools stream to an endpoint."""
    return {**ROOT, "KEEPSTEP_STREAMS": json.dumps([{**STREAM, "url": receiver.url}])}


def turn_on(server: LocalServer, pool_id: str) -> None:
    """Let a pool stream."""
    client_of(server).set_identity_pool_configuration(
        IdentityPoolId=pool_id,
        CognitoStreams={"StreamName": "changes", "RoleArn": ROLE, "StreamingStatus": "ENABLED"},
    )


def test_the_list_tells_what_waits_why_and_since_when(operated: Operated) -> None:
    gone, waits = operated.write_in_vain(410), operated.write_in_vain(500, 2)
    made = re.compile(r"20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d\+00:00")
    tried = re.compile(r"[1-9]\d* attempts")  # how often depends on the time since

    def line(place: Place, state: str, count: int, attempts: str, failure: str) -> list[str]:
        return [
            state,
            "stream",
            place["IdentityPoolId"],
            place["IdentityId"],
            place["DatasetName"],
            f"count {count}",
            "DATE",
            attempts,
            failure,
        ]

    found = [
        [tried.sub("TRIED", made.sub("DATE", part)) for part in each] for each in operated.listed()
    ]
    assert found == sorted(
        [
            line(gone, "set aside", 1, "0 attempts", "the endpoint answered with status 410"),
            line(waits, "waits", 1, "TRIED", "the endpoint answered with status 500"),
            line(waits, "waits", 2, "0 attempts", ""),
        ],
        key=lambda each: each[3],
    )
    assert [each[0] for each in operated.listed("--set-aside")] == ["set aside"]
    assert [each[5] for each in operated.listed("--waiting")] == ["count 1", "count 2"]
    assert [each[3] for each in operated.listed("--pool", gone["IdentityPoolId"])] == [
        gone["IdentityId"]
    ]
    assert len(operated.listed("--identity", waits["IdentityId"])) == 2
    assert operated.outbox("list", "--identity", "nobody") == ""


def test_what_is_tried_again_leaves(operated: Operated) -> None:
    gone, waits = operated.write_in_vain(410), operated.write_in_vain(500, 2)
    assert operated.outbox("retry", "--identity", waits["IdentityId"]) == (
        "2 messages will be tried again.\n"
    )
    operated.receiver.usual = Planned(200)
    operated.turn_on(gone["IdentityPoolId"])
    assert operated.outbox("retry", "--pool", gone["IdentityPoolId"]) == (
        "1 messages will be tried again.\n"
    )
    eventually(lambda: not outbox_of(operated.store), "all of it leaves")
    counts = operated.arrived(waits)
    assert (counts, set(counts)) == (sorted(counts), {1, 2})
    assert operated.arrived(gone) == [1, 1]


def test_what_is_dropped_never_leaves(operated: Operated) -> None:
    gone, waits = operated.write_in_vain(410), operated.write_in_vain(500, 2)
    pool = ("--pool", waits["IdentityPoolId"])
    refused = keepstep(operated.directory, "outbox", "drop", answers="n\n")
    assert refused.returncode == 1
    question = "Messages that are dropped never arrive. Drop them? [y/N]: "
    assert refused.stdout.startswith(question)
    assert len(outbox_of(operated.store)) == 3
    assert operated.outbox("drop", *pool, "--yes") == "Dropped 0 messages.\n"
    assert operated.outbox("drop", "--yes") == "Dropped 1 messages.\n"
    assert operated.outbox("drop", *pool, "--waiting", "--yes") == "Dropped 2 messages.\n"
    assert operated.outbox("list") == ""
    operated.receiver.usual = Planned(200)
    fill(operated.running.client, waits, key="later")
    eventually(lambda: 3 in operated.arrived(waits), "what comes later leaves")
    assert 2 not in operated.arrived(waits)
    assert operated.arrived(gone) == [1]


def outbox_metrics(server: LocalServer) -> Samples:
    """Give what /metrics says about the outbox, by name and labels."""
    page = RawRequester(server).send("GET", "/metrics").body.decode()
    return {
        (sample.name.removeprefix("keepstep_outbox_"), *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(page)
        for sample in family.samples
        if sample.name.startswith("keepstep_outbox_")
    }


class Clock:
    """The system's time, some way ahead."""

    ahead = 0

    def __call__(self) -> int:
        return system_clock() + self.ahead


def test_metrics_tell_what_waits_for_how_long_and_what_became_of_the_rest(
    tmp_path: Path, receiver: Endpoint
) -> None:
    clock = Clock()
    store = f"sqlite:{tmp_path / STORE}"
    streams = [{**STREAM, "url": receiver.url}]
    with local_server(store=store, streams=streams, clock=clock) as server:
        make_pool({"store": store})
        place = Place(IdentityPoolId=POOL, IdentityId=server.new_id(), DatasetName="things")
        receiver.usual = Planned(500)
        client = client_of(server)
        fill(client, place, key="1")
        fill(client, place, key="2")
        failed = ("deliveries_total", "stream", "failed")
        eventually(lambda: failed in outbox_metrics(server), "it fails")
        clock.ahead += OUTBOX_MEASURE_MS
        waiting = ("messages", "waiting")
        eventually(lambda: outbox_metrics(server).get(waiting), "it is measured")
        found = outbox_metrics(server)
        assert (found[waiting], found["messages", "set_aside"]) == (2, 0)
        assert 10 <= found["oldest_seconds",] < 70
        receiver.usual = Planned()
        clock.ahead += OUTBOX_MEASURE_MS
        delivered = ("deliveries_total", "stream", "delivered")
        eventually(lambda: outbox_metrics(server).get(delivered) == 2, "it leaves")
        clock.ahead += OUTBOX_MEASURE_MS
        eventually(lambda: outbox_metrics(server)[waiting] == 0, "it is measured")
        assert outbox_metrics(server)["oldest_seconds",] == 0


def test_metrics_of_two_workers_count_what_waits_once(tmp_path: Path, receiver: Endpoint) -> None:
    settings = {"store": f"sqlite:{tmp_path / STORE}"}
    make_pool(settings)
    ask(settings, lambda store: send(store, place(), 1, 2, 3))
    receiver.usual = Planned(500)
    waiting = ("messages", "waiting")
    with serving(tmp_path, "--workers", "2", environment=sends_to(receiver)) as running:
        eventually(lambda: outbox_metrics(running.server).get(waiting), "it is measured")
        found = outbox_metrics(running.server)
        assert (found[waiting], found["messages", "set_aside"]) == (3, 0)
        failed = ("deliveries_total", "stream", "failed")
        eventually(lambda: outbox_metrics(running.server).get(failed), "it is counted")
