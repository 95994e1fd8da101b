"""The load generator: closed-loop connections that send prepared bytes and check each status."""

import asyncio
import gc
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, cast

import uvloop

_OK: Final = b"HTTP/1.1 200 "
_LENGTH: Final = b"content-length: "
_LENGTH_OF_OTHERS: Final = b"Content-Length: "
_HEAD_END: Final = b"\r\n\r\n"

Address = tuple[str, int]


class RequestFailed(Exception):
    """An answer was not 200, or a connection ended; the numbers would mean nothing."""


@dataclass(frozen=True, slots=True)
class Load:
    """What one measurement saw: sorted latencies, and the generator's own share of its core."""

    seconds: float
    latencies: list[float]
    processor_share: float
    answers: list[bytes]

    @property
    def rate(self) -> float:
        """Requests a second."""
        return len(self.latencies) / self.seconds

    def percentile_ms(self, part: float) -> float:
        """Give the latency in milliseconds that this part of the requests did not exceed."""
        return self.latencies[min(int(len(self.latencies) * part), len(self.latencies) - 1)] * 1000


def measure(address: Address, requests: Sequence[bytes], connections: int, seconds: float) -> Load:
    """Send the requests in a circle for a time."""
    return _run(_Source(requests, len(requests), seconds), address, connections)


def send_each(
    address: Address,
    requests: Sequence[bytes],
    connections: int,
    *,
    keeps: bool = False,
    good: tuple[bytes, ...] = (_OK,),
) -> Load:
    """Send each request once; ``keeps`` keeps the whole answers in the order of the requests."""
    return _run(_Source(requests, None, None, keeps=keeps, good=good), address, connections)


class _Source:
    """Hands requests out to the connections and collects what they saw."""

    def __init__(
        self,
        requests: Sequence[bytes],
        circle: int | None,
        seconds: float | None,
        *,
        keeps: bool = False,
        good: tuple[bytes, ...] = (_OK,),
    ) -> None:
        self.good = good
        self.latencies: list[float] = []
        self.answers: list[bytes] = [b""] * len(requests) if keeps else []
        self.begun = self.ended = 0.0
        self._keeps = keeps
        self._requests = requests
        self._circle = circle
        self._seconds = seconds
        self._deadline = float("inf")
        self._next = 0
        self._busy = 0
        self._finished: asyncio.Future[None] | None = None

    async def drive(self, address: Address, connections: int) -> None:
        loop = asyncio.get_running_loop()
        self._finished = loop.create_future()
        pairs = [
            await loop.create_connection(lambda: _Connection(self), *address)
            for _ in range(connections)
        ]
        self.begun = self.ended = time.perf_counter()
        if self._seconds is not None:
            self._deadline = self.begun + self._seconds
        self._busy = connections
        for _, connection in pairs:
            connection.send(self.begun)
        try:
            await self._finished
        finally:
            for transport, connection in pairs:
                connection.closing = True
                transport.close()

    def take(self, now: float) -> tuple[int, bytes] | None:
        """Give the next request with its number, or None when the measurement is over."""
        index = self._next
        if now >= self._deadline or (self._circle is None and index >= len(self._requests)):
            self._busy -= 1
            if not self._busy and self._finished is not None and not self._finished.done():
                self._finished.set_result(None)
            return None
        self._next = index + 1
        return index, self._requests[index % self._circle if self._circle else index]

    def answered(self, index: int, begun: float, now: float, answer: bytes) -> None:
        self.latencies.append(now - begun)
        self.ended = now
        if self._keeps:
            self.answers[index] = answer

    def fail(self, reason: str) -> None:
        if self._finished is not None and not self._finished.done():
            self._finished.set_exception(RequestFailed(reason))


class _Connection(asyncio.Protocol):
    """One connection with one request under way."""

    def __init__(self, source: _Source) -> None:
        self.closing = False
        self._source = source
        self._transport: Any = None
        self._pending = b""
        self._index = 0
        self._begun = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.closing:
            self._source.fail(f"a connection ended early: {exc}")

    def send(self, now: float) -> None:
        taken = self._source.take(now)
        if taken is not None:
            self._index, request = taken
            self._begun = now
            self._transport.write(request)

    def data_received(self, data: bytes) -> None:
        if self._pending:
            data = self._pending + data
        head = data.find(_HEAD_END)
        length = max(data.find(_LENGTH, 0, head), data.find(_LENGTH_OF_OTHERS, 0, head))
        length += len(_LENGTH)
        if head < 0 or len(data) < head + 4 + int(data[length : data.index(b"\r", length)]):
            self._pending = data
            return
        self._pending = b""
        if not data.startswith(self._source.good):
            self._source.fail(data.decode("utf-8", "replace"))
            return
        now = time.perf_counter()
        self._source.answered(self._index, self._begun, now, data)
        self.send(now)


def _run(source: _Source, address: Address, connections: int) -> Load:
    gc.collect()
    gc.disable()
    try:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            used = time.process_time()
            runner.run(source.drive(address, connections))
            used = time.process_time() - used
    finally:
        gc.enable()
    seconds = source.ended - source.begun
    return Load(seconds, sorted(source.latencies), used / seconds, source.answers)
