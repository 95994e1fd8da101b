"""Live changes of real processes: thousands of streams in one, several processes, the stop."""

import asyncio
import resource
from collections.abc import Generator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from tests.api.connections import request_bytes
from tests.api.live_streams import changes_target, watching
from tests.api.steps import dataset_target, patch_body, replace, write
from tests.conftest import Place
from tests.raw import RawRequester
from tests.storage.postgres_server import database

from .conftest import new_place
from .live_crowd import REFUSED, Crowd
from .processes import ROOT, STORE, Serving, eventually, serving
from .test_cli_postgres import MASTER

STREAMS, DATASETS = 5000, 500
SPARE_FILES = 500
STREAM_BYTES_MAX = 100 * 1024
"""A generous bound; what a stream takes is printed."""
ENDED = 'keepstep_request_seconds_count{code="OK",operation="WatchDataset"}'
FULL = {**ROOT, "KEEPSTEP_LIVE_STREAMS": str(STREAMS), "KEEPSTEP_LOG_REQUESTS": "false"}
PATIENT = {**ROOT, "KEEPSTEP_SHUTDOWN_SECONDS": "600"}


@contextmanager
def open_files(wanted: int) -> Generator[None]:
    """Let this process, and those it starts, have so many open files."""
    before, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(before, wanted), max(most, wanted)))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (before, most))


def resident_bytes(running: Serving) -> int:
    pages = Path(f"/proc/{running.process.pid}/statm").read_text(encoding="ascii").split()[1]
    return int(pages) * resource.getpagesize()


def ended_streams(running: Serving) -> int:
    """Give how many streams have come to their end, by the server's metrics."""
    lines = running.raw.send("GET", "/metrics").body.decode().splitlines()
    return sum(int(float(line.split()[-1])) for line in lines if line.startswith(ENDED))


def stream_requests(raw: RawRequester, places: list[Place]) -> list[bytes]:
    """Give the requests of the streams, as many for each dataset."""
    targets = [changes_target(place) for place in places]
    signed = [
        request_bytes("GET", target, {"host": raw.host, **raw.signed_headers("GET", target)})
        for target in targets
    ]
    return signed * (STREAMS // DATASETS)


def change_all(raw: RawRequester, places: list[Place], tokens: list[str]) -> None:
    """Change every dataset, in the sync session that an event began."""
    for place, token in zip(places, tokens, strict=True):
        body = patch_body(token, replace("theme", "dark"))
        assert raw.call("POST", dataset_target(place), body).status == 200


async def watch_in_thousands(running: Serving, places: list[Place]) -> int:
    """Let a crowd come, see a change, go, and come again; give the memory that a stream takes."""
    raw = running.raw
    crowd, requests = Crowd(raw.host), stream_requests(raw, places)
    before = resident_bytes(running)
    await crowd.open(requests)
    taken = (resident_bytes(running) - before) // STREAMS
    assert crowd.had == {0: STREAMS}
    await crowd.open(requests[:1])
    assert crowd.had[REFUSED] == 1
    tokens = [reader.token for reader in crowd.readers[:DATASETS]]
    await asyncio.to_thread(change_all, raw, places, tokens)
    await crowd.until(lambda: crowd.had[1] == STREAMS)
    crowd.leave()
    await asyncio.to_thread(eventually, lambda: ended_streams(running) == STREAMS, "all have ended")
    await crowd.open(requests)
    assert crowd.had == {1: STREAMS}
    crowd.leave()
    return taken


def test_one_process_holds_five_thousand_streams(tmp_path: Path) -> None:
    places = [new_place() for _ in range(DATASETS)]
    with (
        serving(tmp_path, "--open-pools", environment=FULL) as running,
        open_files(STREAMS + SPARE_FILES),  # the server raises its limit by itself
    ):
        write(running.client, new_place(), replace("theme", "dark"))
        taken = asyncio.run(watch_in_thousands(running, places))
        assert running.stop() == 0
        assert "Traceback" not in running.logged
    print(f"one open stream takes {taken} bytes of the server's memory")  # noqa: T201 -- measured for docs/live-changes.md
    assert 0 < taken < STREAM_BYTES_MAX


@pytest.mark.parametrize("store", ["one file", "one database"])
def test_a_change_by_one_server_reaches_the_streams_of_another(
    tmp_path: Path, place: Place, store: str
) -> None:
    with ExitStack() as stack:
        url = (
            f"sqlite:{tmp_path / STORE}" if store == "one file" else stack.enter_context(database())
        )
        options = ("--store", url, "--open-pools")
        one, other = (
            stack.enter_context(serving(tmp_path, *options, environment={**ROOT, **MASTER}))
            for _ in range(2)
        )
        watcher = stack.enter_context(watching(other.server, place))
        assert watcher.next().id == 0
        for step in range(3):
            write(one.client, place, replace("step", str(step), step))
            watcher.read_through(step + 1)
            assert watcher.values == {"step": str(step)}


def test_a_change_reaches_the_streams_of_every_worker(tmp_path: Path, place: Place) -> None:
    options = ("--open-pools", "--workers", "2")
    with ExitStack() as stack:
        running = stack.enter_context(serving(tmp_path, *options, environment=ROOT))
        watchers = [stack.enter_context(watching(running.server, place)) for _ in range(12)]
        for step in range(3):
            write(running.client, place, replace("step", str(step), step))
            for watcher in watchers:
                watcher.read_through(step + 1)


@pytest.mark.parametrize("workers", ["1", "2"])
def test_open_streams_do_not_hold_up_the_stop(tmp_path: Path, place: Place, workers: str) -> None:
    options = ("--open-pools", "--workers", workers)
    with ExitStack() as stack:
        running = stack.enter_context(serving(tmp_path, *options, environment=PATIENT))
        watchers = [stack.enter_context(watching(running.server, place)) for _ in range(4)]
        for watcher in watchers:
            watcher.next()
        assert running.stop() == 0
        for watcher in watchers:
            with pytest.raises(AssertionError, match="the stream has ended"):
                watcher.next()
        assert "Traceback" not in running.logged
