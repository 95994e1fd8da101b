"""Requests leave no reference cycles: the collector's rounds would cost more than the requests."""

import gc
import http.client
import json
from collections import Counter
from collections.abc import Callable, Generator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from keepstep.testing import LocalServer, local_server
from tests.api.steps import dataset_target, identity_target
from tests.conftest import Place
from tests.raw import RawRequester

ROUNDS = 20


@pytest.fixture
def server(tmp_path: Path) -> Generator[LocalServer]:
    with local_server(store=f"sqlite:{tmp_path / 'store.db'}") as running:
        yield running


@contextmanager
def collector_held() -> Generator[Callable[[], Counter[str]]]:
    """Keep the collector from running by itself; give what counts the garbage it finds."""

    def found() -> Counter[str]:
        gc.set_debug(gc.DEBUG_SAVEALL)
        gc.collect()
        gc.set_debug(0)
        kinds = Counter(type(thing).__name__ for thing in gc.garbage)
        gc.garbage.clear()
        return kinds

    gc.collect()
    gc.disable()
    try:
        yield found
    finally:
        gc.enable()


def test_requests_leave_no_reference_cycles(server: LocalServer, place: Place) -> None:
    raw = RawRequester(server)
    connection = http.client.HTTPConnection(raw.host)
    dataset = dataset_target(place)
    patches = [{"Op": "replace", "Key": "theme", "Value": "dark", "SyncCount": 10**6}]

    def call(method: str, target: str, body: bytes = b"") -> dict[str, str]:
        connection.request(method, target, body, raw.signed_headers(method, target, body))
        return json.loads(connection.getresponse().read())

    def sync() -> None:
        call("GET", identity_target(place, "/datasets"))
        token = call("GET", f"{dataset}/records")["SyncSessionToken"]
        update = {"SyncSessionToken": token, "RecordPatches": patches}
        assert "Records" in call("POST", dataset, json.dumps(update).encode())

    with closing(connection), collector_held() as found:
        sync()
        found()
        for _ in range(ROUNDS):
            sync()
        kinds = found()
    assert not {kind: count for kind, count in kinds.items() if count >= ROUNDS}
