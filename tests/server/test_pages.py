"""The operators' pages: whether the process and its store answer, and what Prometheus reads."""

import json
import os
import signal
import sqlite3
from collections.abc import Generator, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from keepstep.testing import LocalServer, local_server
from tests.api.steps import dataset_target, replace, write
from tests.conftest import Place, client_of
from tests.raw import RawAnswer, RawRequester

from .processes import ROOT, STORE, eventually, serving

Labels = frozenset[tuple[str, str]]
REQUESTS = "keepstep_request_seconds"
DAMAGE = {
    "the schema is damaged": (
        "PRAGMA writable_schema = ON; "
        "UPDATE sqlite_master SET sql = 'damaged' WHERE name = 'datasets'; "
        "PRAGMA schema_version = 1000;"
    ),
    "a table is gone": "DROP TABLE records;",
}


@pytest.fixture
def file_server(tmp_path: Path) -> Iterator[LocalServer]:
    """A server of its own over a file."""
    with local_server(store=f"sqlite:{tmp_path / STORE}") as started:
        yield started


def page(server: LocalServer, path: str) -> RawAnswer:
    return RawRequester(server).send("GET", path)


def samples(server: LocalServer) -> dict[str, dict[Labels, float]]:
    """Give what /metrics says: for each name, the value of each set of labels."""
    found: dict[str, dict[Labels, float]] = {}
    for family in text_string_to_metric_families(page(server, "/metrics").body.decode()):
        for sample in family.samples:
            found.setdefault(sample.name, {})[frozenset(sample.labels.items())] = sample.value
    return found


def requests(server: LocalServer) -> dict[tuple[str, str], float]:
    """Give how many requests were answered, by operation and code."""
    counts = samples(server).get(f"{REQUESTS}_count", {})
    named = [(dict(labels), count) for labels, count in counts.items()]
    return {(labels["operation"], labels["code"]): count for labels, count in named}


def store_count(server: LocalServer, kind: str) -> float:
    labels = frozenset({("kind", kind)})
    return samples(server)["keepstep_store_seconds_count"][labels]


def test_health_and_readiness_answer_without_a_signature(file_server: LocalServer) -> None:
    for path in ("/health", "/ready"):
        answer = page(file_server, path)
        assert (answer.status, answer.json) == (200, {"status": "ok"})


@pytest.mark.parametrize("damage", DAMAGE)
def test_a_store_that_cannot_serve_reads_is_not_ready_but_the_process_is_healthy(
    tmp_path: Path, place: Place, damage: str
) -> None:
    with serving(tmp_path, "--open-pools", environment=ROOT) as running:
        assert page(running.server, "/ready").status == 200
        with closing(sqlite3.connect(tmp_path / STORE)) as other:
            other.executescript(DAMAGE[damage])
        failed = running.raw.call("GET", dataset_target(place, "/records"))
        assert failed.status == 500
        answer = page(running.server, "/ready")
        assert (answer.status, answer.json) == (503, {"status": "the store does not answer"})
        assert page(running.server, "/health").status == 200


def test_metrics_are_in_the_form_that_prometheus_reads(file_server: LocalServer) -> None:
    answer = page(file_server, "/metrics")
    assert answer.status == 200
    assert answer.headers["content-type"].startswith("text/plain; version=")
    families = {f.name: f.type for f in text_string_to_metric_families(answer.body.decode())}
    for name in (REQUESTS, "keepstep_store_seconds", "keepstep_commit_group_changes"):
        assert families[name] == "histogram"


def test_metrics_count_requests_by_operation_and_code(
    file_server: LocalServer, place: Place
) -> None:
    client = client_of(file_server)
    write(client, place, replace("theme", "dark"))
    client.list_records(**place)
    RawRequester(file_server).send("GET", dataset_target(place))
    RawRequester(file_server).send("GET", "/nowhere")
    expected = {
        ("ListRecords", "OK"): 2,
        ("UpdateRecords", "OK"): 1,
        ("DescribeDataset", "MissingAuthenticationTokenException"): 1,
        ("-", "UnknownOperationException"): 1,
    }
    eventually(lambda: requests(file_server) == expected, f"{expected} is counted")


def test_metrics_tell_how_long_requests_took(file_server: LocalServer, place: Place) -> None:
    client_of(file_server).list_records(**place)
    eventually(lambda: requests(file_server), "the request is counted")
    labels = frozenset({("operation", "ListRecords"), ("code", "OK")})
    found = samples(file_server)
    assert 0 < found[f"{REQUESTS}_sum"][labels] < 60
    assert found[f"{REQUESTS}_bucket"][labels | {("le", "+Inf")}] == 1


def test_metrics_tell_reads_changes_and_commits_of_the_store(
    file_server: LocalServer, place: Place
) -> None:
    write(client_of(file_server), place, replace("theme", "dark"))
    reads, changes = store_count(file_server, "read"), store_count(file_server, "change")
    found = samples(file_server)
    groups = found["keepstep_commit_group_changes_count"][frozenset()]
    assert reads > 0
    assert found["keepstep_commit_group_changes_sum"][frozenset()] >= changes >= groups >= 3


def test_every_read_of_the_store_is_measured_those_of_whole_pools_too(
    file_server: LocalServer, place: Place
) -> None:
    client = client_of(file_server)
    client.list_records(**place)
    before = store_count(file_server, "read")
    client.list_identity_pool_usage()
    assert store_count(file_server, "read") == before + 1


def test_metrics_pages_are_not_counted_as_requests(file_server: LocalServer) -> None:
    for path in ("/health", "/ready", "/metrics"):
        page(file_server, path)
    assert requests(file_server) == {}


def published(directory: Path) -> int:
    """Count the ListRecords requests that workers have published."""
    files = directory.glob("keepstep-metrics-*/*.json")
    counted = [one for file in files for one in json.loads(file.read_bytes())]
    return sum(sum(one["counts"]) for one in counted if one["labels"] == ["ListRecords", "OK"])


def test_any_worker_tells_the_numbers_of_all_workers(tmp_path: Path, place: Place) -> None:
    target = dataset_target(place, "/records")
    environment = {**ROOT, "TMPDIR": str(tmp_path)}
    with serving(tmp_path, "--open-pools", "--workers", "2", environment=environment) as running:
        workers = sorted(running.workers())
        for number, held in enumerate(workers, start=1):
            with stopped(held):
                for _ in range(number):
                    assert running.raw.call("GET", target).status == 200
        eventually(lambda: published(tmp_path) == 3, "both workers publish their counts")
        for held in workers:
            with stopped(held):
                assert requests(running.server)[("ListRecords", "OK")] == 3
                assert store_count(running.server, "read") >= 3


@contextmanager
def stopped(process: int) -> Generator[None]:
    """Hold a worker still, so that the other one serves."""
    os.kill(process, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(process, signal.SIGCONT)
