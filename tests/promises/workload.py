"""Writers, readers and deleters that run at once, and record all they do in a history."""

import random
import threading
import time
from collections.abc import Callable, Iterable
from contextlib import closing, suppress
from dataclasses import dataclass, field, replace

from keepstep.testing import LocalServer
from keepstep.testing.history import History, Outcome, Patch, State, Write
from keepstep.wire.errors import (
    InternalErrorException,
    ResourceConflictException,
    ResourceNotFoundException,
)
from keepstep.wire.sync import RecordPatch

from .wire_client import NoAnswer, NotSent, Place, WireClient

KEYS = tuple("abcdef")
DEADLINE_SECONDS = 60


class Moments:
    """Counts the writes begun and accepted; whoever waits goes on at an exact number of either."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._numbers = {"begun": 0, "accepted": 0}

    def tell(self, event: str) -> None:
        with self._changed:
            self._numbers[event] += 1
            self._changed.notify_all()

    def wait_for(self, event: str, more: int) -> None:
        """Wait until so many more have happened than now."""
        with self._changed:
            goal = self._numbers[event] + more
            assert self._changed.wait_for(
                lambda: self._numbers[event] >= goal, timeout=DEADLINE_SECONDS
            ), f"{event}: {self._numbers[event]} of {goal} after {DEADLINE_SECONDS} seconds"


@dataclass
class Workload:
    """What the clients of one test share. ``server`` may change while they run."""

    server: LocalServer
    place: Place
    datasets: tuple[str, ...]
    history: History = field(default_factory=History)
    moments: Moments = field(default_factory=Moments)
    stopped: threading.Event = field(default_factory=threading.Event)
    up: threading.Event = field(default_factory=threading.Event)

    def __post_init__(self) -> None:
        self.up.set()

    def through(self, server: LocalServer) -> "Workload":
        """Give clients of another server of the same store; all they do is in one history."""
        return replace(self, server=server, up=threading.Event())

    def write_until_stopped(self, seed: int, writes: int | None = None) -> None:
        """Read, then write some keys from what was read; so many times, or until stopped."""
        chance = random.Random(seed)
        number = 0
        with closing(Session(self)) as session:
            while not self.stopped.is_set() and (writes is None or number < writes):
                number += 1
                name = f"{seed}.{number}"
                session.try_once(lambda name=name: self._write(session, chance, name))

    def _write(self, session: "Session", chance: random.Random, name: str) -> None:
        dataset = chance.choice(self.datasets)
        token, records, count = session.read(dataset, 0)
        patches: dict[str, Patch] = {}
        for key in chance.sample(KEYS, chance.randint(1, 3)):
            known = records[key].sync_count if key in records else 0
            removes = len(patches) > 0 and chance.random() < 0.3
            patches[key] = Patch(None if removes else f"{name}{key}", chance.choice((known, count)))
        session.write(dataset, token, patches)

    def read_until_stopped(self, seed: int) -> None:
        """Poll each dataset from the count of the poll before, in pages of any size."""
        chance = random.Random(seed)
        last = dict.fromkeys(self.datasets, 0)
        with closing(Session(self)) as session:

            def poll(dataset: str) -> None:
                limit = chance.choice((None, 1, 2, 3))
                last[dataset] = session.read(dataset, last[dataset], limit)[2]

            while not self.stopped.is_set():
                for dataset in self.datasets:
                    session.try_once(lambda dataset=dataset: poll(dataset))

    def delete(self, seed: int, times: int) -> None:
        """Delete a dataset now and then, whenever others have written a little."""
        chance = random.Random(seed)
        with closing(Session(self)) as session:
            for _ in range(times):
                self.moments.wait_for("accepted", chance.randint(5, 20))
                session.try_once(lambda: session.delete(chance.choice(self.datasets)))

    def read_finally(self) -> None:
        """Read all of every dataset: a history's last word."""
        with closing(Session(self)) as session:
            for dataset in self.datasets:
                session.read(dataset, 0)

    def accepted(self) -> int:
        """Give the number of accepted changes."""
        return sum(one.outcome is Outcome.ACCEPTED for one in self.history.changes)

    def unknown(self) -> int:
        """Give the number of changes without an answer."""
        return sum(one.outcome is Outcome.UNKNOWN for one in self.history.changes)


class Session:
    """One client of a workload. It follows the server to a new address."""

    def __init__(self, workload: Workload) -> None:
        self._workload = workload
        self._server = workload.server
        self._client = WireClient(self._server, workload.place)

    def close(self) -> None:
        self._client.close()

    def try_once(self, request: Callable[[], None]) -> None:
        """Make a request; when the server is away, wait for it instead."""
        workload = self._workload
        if workload.server is not self._server:
            self._client.close()
            self._server = workload.server
            self._client = WireClient(self._server, workload.place)
        with suppress(ResourceConflictException, ResourceNotFoundException, NoAnswer):
            try:
                request()
            except (NotSent, InternalErrorException):
                workload.up.wait(DEADLINE_SECONDS)

    def read(
        self, dataset: str, last: int, limit: int | None = None
    ) -> tuple[str, dict[str, State], int]:
        """Read a dataset from a count; give a session token, the records and the new count."""
        self._client.connect()
        with self._workload.history.reading(dataset, last) as read:
            page_token: str | None = None
            while True:
                page = self._client.list_records(
                    dataset, last, page_token=page_token, max_results=limit
                )
                read.page(
                    page.dataset_sync_count,
                    [
                        (record.key or "", State(record.sync_count or 0, record.value))
                        for record in page.records
                    ],
                    exists=page.dataset_exists,
                    deleted=page.dataset_deleted_after_requested_sync_count,
                )
                page_token = page.next_token
                if page_token is None:
                    break
        return page.sync_session_token, dict(read.records), page.dataset_sync_count

    def write(self, dataset: str, token: str, patches: dict[str, Patch]) -> None:
        """Write to a dataset."""
        sent = [
            RecordPatch(
                op="remove" if patch.value is None else "replace",
                key=key,
                sync_count=patch.base,
                value=patch.value,
            )
            for key, patch in patches.items()
        ]
        self._client.connect()
        self._workload.moments.tell("begun")
        with self._workload.history.writing(dataset, patches) as write:
            self._accept(write, dataset, token, sent)
        self._workload.moments.tell("accepted")

    def _accept(self, write: Write, dataset: str, token: str, sent: list[RecordPatch]) -> None:
        answered = self._client.update_records(dataset, token, sent)
        write.accept(
            {record.key or "": State(record.sync_count or 0, record.value) for record in answered}
        )

    def delete(self, dataset: str) -> None:
        """Delete a dataset."""
        self._client.connect()
        with self._workload.history.deleting(dataset):
            self._client.delete_dataset(dataset)


class Crew:
    """Threads that are joined in time, and whose failures are the test's."""

    def __init__(self, work: Iterable[Callable[[], None]]) -> None:
        self._failures: list[BaseException] = []
        self._threads = [
            threading.Thread(target=self._guard, args=(one,), daemon=True) for one in work
        ]
        for thread in self._threads:
            thread.start()

    def _guard(self, work: Callable[[], None]) -> None:
        try:
            work()
        except BaseException as error:
            self._failures.append(error)

    def join(self, seconds: float = DEADLINE_SECONDS) -> None:
        """Wait for all, for so long at most. Raises what one of them raised."""
        deadline = time.monotonic() + seconds
        for thread in self._threads:
            thread.join(max(0, deadline - time.monotonic()))
        if self._failures:
            raise self._failures[0]
        assert not any(thread.is_alive() for thread in self._threads), "still at work"
