"""Several worker processes on one port: start them, replace one that dies, stop them all.

Workers share nothing but the listening socket and the store. One that ends again and again, as
while its store is away, is started after growing pauses.
"""

import multiprocessing
import os
import signal
import socket
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing import connection
from multiprocessing.context import SpawnProcess
from types import FrameType
from typing import Any, Final

import structlog

from keepstep.domain.limits import WORKER_PAUSE_SECONDS_MAX, WORKER_STEADY_SECONDS

STOPS: Final = (signal.SIGINT, signal.SIGTERM)
GRACE_SECONDS: Final = 5
"""How much longer than its own time-out for requests a worker gets to end by itself."""

Work = Callable[[socket.socket, Any], None]
"""What a worker does: serve the socket, and release the semaphore once it answers."""

_log = structlog.stdlib.get_logger()


class WorkersFailed(Exception):
    """A worker ended before it answered requests; the log above says why."""


def end_with_parent() -> None:
    """Let this worker stop as if told to when its parent is gone, however that ended."""
    parent = multiprocessing.parent_process()
    assert parent is not None

    def watch() -> None:
        connection.wait([parent.sentinel])
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=watch, name="keepstep-parent", daemon=True).start()


class Restarts:
    """How long to wait before one worker is started anew: the longer, the more often it ended."""

    def __init__(self) -> None:
        """Count from no ends."""
        self._ends = 0

    def pause_seconds(self, lived_seconds: float) -> int:
        """Give the pause after a worker that lived for some time: none, then 1, 2, 4 and so on."""
        if lived_seconds >= WORKER_STEADY_SECONDS:
            self._ends = 0
        pause = min(2**self._ends // 2, WORKER_PAUSE_SECONDS_MAX)
        self._ends = min(self._ends + 1, WORKER_PAUSE_SECONDS_MAX)
        return pause


@dataclass(slots=True)
class _Worker:
    """One of the workers, whichever process it is at a time; times are of ``time.monotonic``."""

    process: SpawnProcess
    started_at: float
    restarts: Restarts
    due_at: float | None = None
    """When to start it again; None while it runs."""


class Workers:
    """A fixed number of worker processes."""

    def __init__(self, work: Work, listener: socket.socket, count: int, stop_seconds: int) -> None:
        """``work`` must be importable by name; ``stop_seconds`` is a worker's own time to stop."""
        self._context = multiprocessing.get_context("spawn")
        self._work = work
        self._listener = listener
        self._count = count
        self._stop_seconds = stop_seconds
        self._started = self._context.Semaphore(0)
        self._workers: list[_Worker] = []

    def run(self, on_ready: Callable[[], None]) -> None:
        """Serve until SIGINT or SIGTERM. Raises WorkersFailed if the first workers do not start."""
        reader, writer = os.pipe()

        def stop(number: int, frame: FrameType | None) -> None:
            del number, frame
            os.write(writer, b".")

        kept = {number: signal.signal(number, stop) for number in STOPS}
        try:
            for _ in range(self._count):
                self._workers.append(_Worker(self._start(), time.monotonic(), Restarts()))
            if self._wait_until_started(reader):
                on_ready()
                self._watch(reader)
        finally:
            self._stop()
            for number, handler in kept.items():
                signal.signal(number, handler)
            os.close(reader)
            os.close(writer)

    def _start(self) -> SpawnProcess:
        process = self._context.Process(target=self._work, args=(self._listener, self._started))
        process.start()
        return process

    def _wait_until_started(self, stop: int) -> bool:
        """Wait for every worker to answer; False if told to stop before."""
        started = 0
        while started < self._count:
            if self._started.acquire(timeout=0.05):
                started += 1
            elif connection.wait([stop], timeout=0):
                return False
            elif any(not worker.process.is_alive() for worker in self._workers):
                raise WorkersFailed("a worker ended before it was ready; its log says why")
        return True

    def _watch(self, stop: int) -> None:
        while True:
            running = {
                worker.process.sentinel: worker for worker in self._workers if worker.due_at is None
            }
            ended = connection.wait([*running, stop], timeout=self._seconds_until_due())
            if stop in ended:
                return
            for sentinel in ended:
                self._note_end(running[sentinel])  # pyright: ignore[reportArgumentType] -- an int
            for worker in self._workers:
                if worker.due_at is not None and worker.due_at <= time.monotonic():
                    worker.process, worker.started_at = self._start(), time.monotonic()
                    worker.due_at = None

    def _seconds_until_due(self) -> float | None:
        """Give how long no worker has to be started; None if all of them run."""
        due = [worker.due_at for worker in self._workers if worker.due_at is not None]
        return max(min(due) - time.monotonic(), 0) if due else None

    def _note_end(self, worker: _Worker) -> None:
        now = time.monotonic()
        pause = worker.restarts.pause_seconds(now - worker.started_at)
        worker.due_at = now + pause
        _log.error("worker_ended", exit_code=worker.process.exitcode, pause_seconds=pause)

    def _stop(self) -> None:
        self._listener.close()  # or new connections would wait for a server that is going
        for worker in self._workers:
            worker.process.terminate()
        for worker in self._workers:
            worker.process.join(self._stop_seconds + GRACE_SECONDS)
            if worker.process.is_alive():
                worker.process.kill()
                worker.process.join()
