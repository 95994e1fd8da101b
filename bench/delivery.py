"""``python -m bench.delivery``: what streams and push cost; writes docs/benchmarks-delivery.md.

Updates with and without a stream take turns on one server with 1,000 identities. The outbox's own
rate is that of messages that waited when the server started. Pushes go to an endpoint on the load
generator's core.
"""

import argparse
import asyncio
import json
import statistics
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import AsyncGenerator, Callable, Generator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import msgspec

from keepstep.domain.dataset_changes import DatasetChange, with_messages
from keepstep.domain.datasets import Dataset, DatasetPlace, Record
from keepstep.domain.devices import Device
from keepstep.domain.streams import change_message
from keepstep.storage.sqlite import SQLiteStore
from keepstep.wire import operations, sync

from .goals import ratios
from .load import send_each
from .machine import description, run_on_load_core
from .measurements import SMALL, Plan, Series
from .preload import DATASET_NAME, KEYS, POOL_ID, RECORDS, WRITER, preload, value_of
from .report import table, write_between_markers
from .scenarios import SCENARIOS, Session, Target
from .servers import Server, keepstep_server
from .signing import signed_request

PAGE: Final = Path("docs/benchmarks-delivery.md")
FULL: Final = Plan(rounds=9, seconds=1.5, starts=0)
QUICK: Final = Plan(rounds=3, seconds=0.4, starts=0)
CONNECTIONS: Final = (8, 64)
STREAM: Final = "benchmark"
STREAM_GOAL: Final = 0.8
OUTBOX_MESSAGES: Final = 20_000
DEVICES: Final = 1_000
PUSH_ROUNDS: Final = 5
APPLICATION: Final = "arn:aws:sns:us-east-1:000000000000:app/GCM/benchmark"
UPDATE: Final = next(one for one in SCENARIOS if one.name == "UpdateRecords, 1 patch")
WAIT_SECONDS: Final = 120
SECRET: Final = "the-secret-of-the-benchmark's-endpoint"


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.delivery", description=__doc__)
    parser.add_argument(
        "--quick", action="store_true", help="a rough run, which is printed but not written down"
    )
    quick = parser.parse_args().quick
    plan = QUICK if quick else FULL
    run_on_load_core()
    with tempfile.TemporaryDirectory(prefix=".bench-", dir=Path.cwd()) as name:
        folder = Path(name)
        text = "\n\n".join(
            (
                _made(plan),
                _updates(plan, folder),
                _outbox(folder),
                _pushes(folder),
            )
        )
    print(text)
    if not quick:
        write_between_markers(PAGE, text)


def _made(plan: Plan) -> str:
    return (
        f"Measured on {datetime.now(UTC):%Y-%m-%d} on {description()}; medians of {plan.rounds} "
        f"rounds of {plan.seconds:g} s, {SMALL:,} identities."
    )


def _updates(plan: Plan, folder: Path) -> str:
    """Measure updates of a pool without a stream and with one, in turns."""
    population = preload(folder / "updates.db", SMALL)
    lines: list[tuple[str, ...]] = []
    verdicts: list[str] = []
    with keepstep_server(population.file, _streaming(folder / "updates")) as server:
        target = Target(server, population)
        for connections in CONNECTIONS:
            session = Session(UPDATE, target, connections)
            both = {False: Series(), True: Series()}
            for _ in range(plan.rounds):
                for streams, series in both.items():
                    _set_streaming(server, on=streams)
                    session.prepare(plan.seconds)
                    used = server.processor_seconds()
                    load = session.measure(plan.seconds)
                    series.add(load, server.processor_seconds() - used)
            ratio = ratios(both[True].rates, both[False].rates)
            lines.append(
                (
                    f"{connections}",
                    *(f"{statistics.median(both[on].rates):,.0f}" for on in (False, True)),
                    *(f"{statistics.median(both[on].p99_ms):.1f}" for on in (False, True)),
                    *(f"{_microseconds(both[on]):.0f}" for on in (False, True)),
                    f"{ratio:.2f}",
                )
            )
            if connections == max(CONNECTIONS):
                met = "Met" if ratio >= STREAM_GOAL else "Missed"
                verdicts.append(
                    f"- {met}: updates with a stream at {STREAM_GOAL} × those without; "
                    f"{ratio:.2f} at {connections} connections."
                )
    head = (
        "UpdateRecords, 1 patch: connections",
        "without, requests/s",
        "with a stream, requests/s",
        "p99 ms without",
        "p99 ms with",
        "processor µs without",
        "with",
        "× without",
    )
    return "\n\n".join((table(head, lines, words=0), *verdicts))


def _microseconds(series: Series) -> float:
    """Give the server's processor time a request."""
    return ratios(series.server_shares, series.rates) * 1_000_000


def _outbox(folder: Path) -> str:
    """Measure how fast messages that wait leave a server that does nothing else."""
    population = preload(folder / "outbox.db", SMALL)
    asyncio.run(_fill_outbox(population.file, population.sampled, OUTBOX_MESSAGES))
    lines = folder / "outbox"
    with keepstep_server(population.file, _streaming(lines)):
        begun = time.perf_counter()
        _wait_until(lambda: _lines(lines) >= OUTBOX_MESSAGES)
        seconds = time.perf_counter() - begun
    return (
        f"{OUTBOX_MESSAGES:,} messages of {len(population.sampled):,} identities that waited left "
        f"for JSON Lines files at {OUTBOX_MESSAGES / seconds:,.0f} messages/s."
    )


def _pushes(folder: Path) -> str:
    """Measure how long one change takes to reach all devices of an identity."""
    population = preload(folder / "push.db", SMALL)
    identity_id = population.sampled[0]
    asyncio.run(_subscribe(population.file, identity_id, DEVICES))
    seconds: list[float] = []
    with _endpoint(folder) as (url, arrived):
        variables = {"KEEPSTEP_PUSH_WEBHOOK_URL": url, "KEEPSTEP_PUSH_WEBHOOK_SECRET": SECRET}
        with keepstep_server(population.file, variables) as server:
            target = Target(server, _One(identity_id))
            for _ in range(1 + PUSH_ROUNDS):
                before = arrived()
                requests = UPDATE.requests(target, 1)
                begun = time.perf_counter()
                send_each(server.address, requests, 1)
                _wait_until(lambda before=before: arrived() >= before + DEVICES)
                seconds.append(time.perf_counter() - begun)
    median = statistics.median(seconds[1:])
    return (
        f"One change reached {DEVICES:,} subscribed devices through a push webhook in "
        f"{median:.2f} s, {DEVICES / median:,.0f} notifications/s (median of {PUSH_ROUNDS} after "
        "one to warm up)."
    )


def _set_streaming(server: Server, *, on: bool) -> None:
    """Turn the pool's stream on or off; the server that is asked heeds it at once."""
    status = "ENABLED" if on else "DISABLED"
    request = sync.SetIdentityPoolConfigurationRequest(
        identity_pool_id=POOL_ID,
        cognito_streams=sync.CognitoStreams(stream_name=STREAM, streaming_status=status),
    )
    signed = signed_request(server, operations.SET_IDENTITY_POOL_CONFIGURATION, request)
    send_each(server.address, [signed], 1)


def _streaming(folder: Path) -> dict[str, str]:
    stream = {"name": STREAM, "kind": "jsonl", "folder": str(folder)}
    return {"KEEPSTEP_STREAMS": json.dumps([stream])}


@asynccontextmanager
async def _opened(file: Path) -> AsyncGenerator[SQLiteStore]:
    store = SQLiteStore.open(file)
    try:
        yield store
    finally:
        await store.close()


async def _configure(store: SQLiteStore, **settings: Any) -> None:
    pool = await store.find_pool(POOL_ID)
    assert pool is not None
    changed = msgspec.structs.replace(
        pool,
        settings=msgspec.structs.replace(pool.settings, **settings),
        version=pool.version + 1,
    )
    assert await store.update_pool(changed, expected_version=pool.version)


async def _fill_outbox(file: Path, identities: Sequence[str], count: int) -> None:
    """Make updates whose messages stay, since no server runs."""
    async with _opened(file) as store:
        streams = sync.CognitoStreams(stream_name=STREAM, streaming_status="ENABLED")
        await _configure(store, cognito_streams=streams)
        for sync_count in range(RECORDS + 1, RECORDS + 1 + count // len(identities)):
            changes = [_update(identity, sync_count) for identity in identities]
            applied = await asyncio.gather(*map(store.change_dataset, changes))
            assert all(applied)


def _update(identity_id: str, sync_count: int) -> DatasetChange:
    now = time.time_ns() // 1_000_000
    record = Record(KEYS[0], value_of(sync_count), sync_count, now, WRITER, now)
    change = DatasetChange(
        place=DatasetPlace(POOL_ID, identity_id, DATASET_NAME),
        expected_sync_count=sync_count - 1,
        dataset=Dataset(DATASET_NAME, sync_count, 0, now, now, WRITER, 1_000, RECORDS),
        records=(record,),
    )
    return with_messages(change, [change_message(change)])


async def _subscribe(file: Path, identity_id: str, count: int) -> None:
    async with _opened(file) as store:
        await _configure(store, push_sync=sync.PushSync(application_arns=[APPLICATION]))
        for number in range(count):
            device = Device(
                device_id=str(uuid.UUID(int=number)),
                identity_pool_id=POOL_ID,
                identity_id=identity_id,
                platform="GCM",
                token=f"token-{number}",
                creation_date=0,
            )
            assert await store.register_device(device, limit=count)
            place = DatasetPlace(POOL_ID, identity_id, DATASET_NAME)
            assert await store.subscribe(place, device.device_id)


@dataclass(frozen=True, slots=True)
class _One:
    """An identity that all requests are made for."""

    identity_id: str

    @property
    def sampled(self) -> Sequence[str]:
        return (self.identity_id,)


def _lines(folder: Path) -> int:
    return sum(file.read_bytes().count(b"\n") for file in folder.glob("*.jsonl"))


def _wait_until(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + WAIT_SECONDS
    while not holds():
        assert time.monotonic() < deadline, "what was to be measured did not happen"
        time.sleep(0.01)


@contextmanager
def _endpoint(folder: Path) -> Generator[tuple[str, Callable[[], int]]]:
    """Run a receiver of pushes beside the load generator; give its URL, and its count so far."""
    file = folder / "pushes"
    command = [sys.executable, "-m", "bench.receiver", str(file)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        port = process.stdout.readline().strip()
        yield f"http://127.0.0.1:{port}/", lambda: len(file.read_bytes())
    finally:
        process.terminate()
        process.wait()


if __name__ == "__main__":
    main()
