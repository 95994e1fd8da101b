"""A crowd that watches live changes: thousands of bare connections of one event loop."""

import asyncio
import re
from collections import Counter
from collections.abc import Callable, Sequence
from functools import partial

import msgspec

from .processes import DEADLINE_SECONDS

AT_A_TIME = 250
"""Connections that are made together; far fewer than a server lets wait."""
REFUSED = -1

_ID = re.compile(rb"^id: (\d+)$", re.MULTILINE)
_TOKEN = re.compile(rb'"SyncSessionToken":("[^"]+")')


class Reader(asyncio.Protocol):
    """One client: asks for a stream and reads its events."""

    def __init__(self, crowd: "Crowd", request: bytes) -> None:
        self.token = ""
        self._crowd, self._request = crowd, request
        self._unread = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        transport.write(self._request)

    def data_received(self, data: bytes) -> None:
        self._unread += data
        if self._unread.startswith(b"HTTP/1.1 429"):
            self._crowd.count(REFUSED)
        elif self._unread.endswith(b"\n\n\r\n"):  # the end of an event, and of its chunk
            for number in _ID.findall(self._unread):
                self._crowd.count(int(number))
            token = _TOKEN.search(self._unread)
            self.token = msgspec.json.decode(token[1]) if token is not None else self.token
            self._unread = b""

    def leave(self) -> None:
        self._transport.abort()


class Crowd:
    """Clients of one server, and how many events of each count they have had together."""

    def __init__(self, host: str) -> None:
        """Take ``ADDRESS:PORT``."""
        name, _, port = host.rpartition(":")
        self.readers: list[Reader] = []
        self.had: Counter[int] = Counter()
        self._address = (name, int(port))
        self._progress = asyncio.Event()

    def count(self, sync_count: int) -> None:
        """Take that one of the clients has had an event, or was refused."""
        self.had[sync_count] += 1
        self._progress.set()

    async def open(self, requests: Sequence[bytes]) -> None:
        """Send each request, and wait until all have their first event or are refused."""
        loop = asyncio.get_running_loop()
        answered = self.had.total()
        for start in range(0, len(requests), AT_A_TIME):
            page = requests[start : start + AT_A_TIME]
            connections = await asyncio.gather(
                *(
                    loop.create_connection(partial(Reader, self, request), *self._address)
                    for request in page
                )
            )
            self.readers += [reader for _, reader in connections]
            answered += len(page)
            await self.until(partial(self._answered, answered))

    async def until(self, condition: Callable[[], bool]) -> None:
        """Wait for a condition on what the clients have had."""
        async with asyncio.timeout(DEADLINE_SECONDS):
            while not condition():
                self._progress.clear()
                await self._progress.wait()

    def leave(self) -> None:
        """Go, all at once and without a word."""
        for reader in self.readers:
            reader.leave()
        self.readers.clear()
        self.had.clear()

    def _answered(self, wanted: int) -> bool:
        return self.had.total() >= wanted
