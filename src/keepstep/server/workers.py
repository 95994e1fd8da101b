"""Several worker processes on one port: start them, replace one that dies, stop them all.

Workers share nothing but the listening socket and the store.
"""

import multiprocessing
import os
import signal
import socket
import threading
from collections.abc import Callable
from multiprocessing import connection
from multiprocessing.context import SpawnProcess
from types import FrameType
from typing import Any, Final

import structlog

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
        self._processes: list[SpawnProcess] = []

    def run(self, on_ready: Callable[[], None]) -> None:
        """Serve until SIGINT or SIGTERM. Raises WorkersFailed if the first workers do not start."""
        reader, writer = os.pipe()

        def stop(number: int, frame: FrameType | None) -> None:
            del number, frame
            os.write(writer, b".")

        kept = {number: signal.signal(number, stop) for number in STOPS}
        try:
            self._processes = [self._start() for _ in range(self._count)]
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
            elif any(not process.is_alive() for process in self._processes):
                raise WorkersFailed("a worker ended before it was ready; its log says why")
        return True

    def _watch(self, stop: int) -> None:
        while True:
            sentinels = {process.sentinel: process for process in self._processes}
            ended = connection.wait([*sentinels, stop])
            if stop in ended:
                return
            for sentinel in ended:
                process = sentinels[sentinel]  # pyright: ignore[reportArgumentType] -- an int
                _log.error("worker_ended", exit_code=process.exitcode)
                self._processes.remove(process)
                self._processes.append(self._start())

    def _stop(self) -> None:
        self._listener.close()  # or new connections would wait for a server that is going
        for process in self._processes:
            process.terminate()
        for process in self._processes:
            process.join(self._stop_seconds + GRACE_SECONDS)
            if process.is_alive():
                process.kill()
                process.join()
