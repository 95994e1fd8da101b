"""Many clients at once on few datasets of one store, served by one process and by two."""

import threading
from collections.abc import Iterator
from contextlib import closing
from functools import partial

import pytest

from keepstep.testing import LocalServer
from keepstep.testing.history import check
from keepstep.wire.errors import LimitExceededException, ResourceConflictException
from keepstep.wire.sync import RecordPatch
from tests.conftest import store_settings

from .processes import ServerProcess
from .wire_client import Place, WireClient
from .workload import Crew, Workload

WRITERS, READERS, WRITES = 6, 3, 150
DUELS, DUELLERS = 12, 8
DATASETS_MAX, DEVICES, CREATIONS = 20, 10, 4


@pytest.fixture(scope="module", params=[1, 2], ids=["one process", "two workers"])
def server(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[LocalServer]:
    folder = tmp_path_factory.mktemp("store")
    with store_settings(folder) as store:
        process = ServerProcess(folder, store, workers=request.param)
        try:
            yield process.start()
        finally:
            process.close()


@pytest.fixture
def own(server: LocalServer) -> Place:
    """An identity that nobody has used."""
    return Place(server.new_id(), server.new_id())


@pytest.mark.parametrize("deletions", [0, 6])
def test_promises_hold_while_many_write_and_read_at_once(
    server: LocalServer, own: Place, deletions: int
) -> None:
    workload = Workload(server, own, ("one", "two"))
    readers = Crew(partial(workload.read_until_stopped, 100 + n) for n in range(READERS))
    writers = Crew(
        [
            *(partial(workload.write_until_stopped, n, WRITES) for n in range(WRITERS)),
            partial(workload.delete, 7, deletions),
        ]
    )
    writers.join()
    workload.stopped.set()
    readers.join()
    workload.read_finally()
    assert check(workload.history) == []
    assert workload.unknown() == 0
    assert workload.accepted() > WRITERS * WRITES / 4


def test_of_many_writers_with_one_count_exactly_one_wins(server: LocalServer, own: Place) -> None:
    start = threading.Barrier(DUELLERS, timeout=30)
    won: list[tuple[int, int]] = []
    lost: list[str] = []

    def duel(number: int) -> None:
        with closing(WireClient(server, own)) as client:
            for _ in range(DUELS):
                listing = client.list_records("duel", 0)
                base = listing.dataset_sync_count
                patch = RecordPatch(op="replace", key="k", sync_count=base, value=str(number))
                start.wait()
                try:
                    client.update_records("duel", listing.sync_session_token, [patch])
                    won.append((base, number))
                except ResourceConflictException as error:
                    lost.append(error.message)
                start.wait()

    Crew(partial(duel, number) for number in range(DUELLERS)).join()
    assert [base for base, _ in won] == list(range(DUELS))
    assert sorted(lost) == sorted(
        f"Current SyncCount for: k is: {base + 1} not: {base}"
        for base in range(DUELS)
        for _ in range(DUELLERS - 1)
    )


def test_devices_creating_datasets_at_once_never_exceed_the_limit(
    server: LocalServer, own: Place
) -> None:
    start = threading.Barrier(DEVICES, timeout=30)
    created: list[str] = []
    refused: list[str] = []

    def create(device: int) -> None:
        names = [f"d{device}.{number}" for number in range(CREATIONS)]
        patch = RecordPatch(op="replace", key="k", sync_count=0, value="v")
        with closing(WireClient(server, own)) as client:
            tokens = {name: client.list_records(name, 0).sync_session_token for name in names}
            start.wait()
            for name, token in tokens.items():
                try:
                    client.update_records(name, token, [patch])
                    created.append(name)
                except LimitExceededException:
                    refused.append(name)
                assert len(client.list_datasets()) <= DATASETS_MAX

    Crew(partial(create, device) for device in range(DEVICES)).join()
    with closing(WireClient(server, own)) as client:
        existing = [dataset.dataset_name for dataset in client.list_datasets()]
    assert len(created) == DATASETS_MAX
    assert existing == sorted(created)
    assert len(refused) == DEVICES * CREATIONS - DATASETS_MAX
