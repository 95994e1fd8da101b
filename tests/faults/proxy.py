"""A proxy that reads PostgreSQL's messages, and breaks a connection at any one of them.

It counts the messages that pass in both directions, in the order in which they pass. At the one
that a fault names, the connection is cut, closed in one direction, torn inside the message,
delayed, or falls silent. One connection at a time makes the order the same every time.
"""

import asyncio
import socket
import struct
import threading
from collections.abc import Generator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Final, NamedTuple
from urllib.parse import parse_qs, urlsplit

PORT: Final = 5432
START_SECONDS: Final = 10
STATISTICS: Final = b"sync_sessions_count"
"""What only the statements of the server's own housekeeping name: they are not counted."""
NO_LINGER: Final = struct.pack("ii", 1, 0)
NAMES: Final = {
    "→": {
        b"P": "Parse",
        b"B": "Bind",
        b"D": "Describe",
        b"E": "Execute",
        b"S": "Sync",
        b"Q": "Query",
        b"H": "Flush",
        b"C": "Close",
        b"X": "Terminate",
    },
    "←": {
        b"1": "ParseComplete",
        b"2": "BindComplete",
        b"3": "CloseComplete",
        b"t": "ParameterDescription",
        b"T": "RowDescription",
        b"n": "NoData",
        b"D": "DataRow",
        b"C": "CommandComplete",
        b"Z": "ReadyForQuery",
        b"E": "ErrorResponse",
        b"N": "NoticeResponse",
    },
}


class Kind(Enum):
    """What may happen at a message."""

    RESET = "the connection is reset instead of it"
    CLOSE = "the connection is closed instead of it"
    HALF_CLOSE_TO_SERVER = "nothing more reaches the server"
    HALF_CLOSE_TO_CLIENT = "nothing more reaches the client"
    TEAR = "the connection is closed in the middle of it"
    DELAY = "it comes late"
    SILENCE = "nothing more comes, and no end"


@dataclass
class Fault:
    """What happens at a message, counted from 0.

    ``backend`` is the process that served the connection, once the message was reached.
    """

    step: int
    kind: Kind
    seconds: float = 0
    backend: int | None = None

    @property
    def is_over(self) -> bool:
        """Whether the connection, if the fault ended it, holds nothing any more."""
        return self.kind is Kind.DELAY or not Path(f"/proc/{self.backend}").exists()


class Message(NamedTuple):
    """A message with its type; the first one of a client has none."""

    kind: bytes
    whole: bytes


class Link:
    """One connection of a client, and the one to the server that stands behind it."""

    def __init__(self, client: asyncio.StreamWriter, server: asyncio.StreamWriter) -> None:
        self.client = client
        self.server = server
        self.counted = True
        self.backend = 0
        self.lost: asyncio.StreamWriter | None = None
        self.uncounted_statements: set[bytes] = set()

    def close(self) -> None:
        """End both connections in the orderly way."""
        self.client.close()
        self.server.close()

    def end(self, side: asyncio.StreamWriter) -> None:
        """End one direction only: what would be written there is lost."""
        self.lost = side
        side.write_eof()

    async def closed(self) -> None:
        """Wait until both are closed."""
        for writer in (self.client, self.server):
            with suppress(ConnectionError):
                await writer.wait_closed()

    def reset(self) -> None:
        """End both connections at once, and tell the client's side with a reset."""
        end: socket.socket = self.client.get_extra_info("socket")
        end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, NO_LINGER)
        self.client.transport.abort()
        self.server.transport.abort()

    def notice(self, direction: str, message: Message) -> None:
        """Look whether a round trip of housekeeping begins, and whose process answers."""
        if direction == "→" and message.kind == b"P":
            name = message.whole[5:].split(b"\0", 1)[0]
            self.counted = STATISTICS not in message.whole
            if not self.counted and name:
                self.uncounted_statements.add(name)
        elif direction == "→" and message.kind == b"B":
            name = message.whole[5:].split(b"\0", 2)[1]
            self.counted = self.counted and name not in self.uncounted_statements
        elif direction == "→" and message.kind == b"X":
            self.counted = False
        elif direction == "←" and message.kind == b"K":
            self.backend = int.from_bytes(message.whole[5:9], "big")


class FaultProxy:
    """Stands before a database, in a thread of its own. Set ``fault`` before what it is for."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self._socket = f"{parse_qs(parts.query)['host'][0]}/.s.PGSQL.{PORT}"
        self._path = parts.path
        self._links: set[Link] = set()
        self._loop = asyncio.new_event_loop()
        self._stopped = asyncio.Event()
        self._started = threading.Event()
        self._thread = threading.Thread(target=self._run, name="fault-proxy", daemon=True)
        self.url = ""
        self.seen: list[str] = []
        self._fault: Fault | None = None

    def begin(self, fault: Fault | None = None) -> None:
        """Count from 0 again, and have a fault happen on the way."""
        self.seen = []
        self._fault = fault

    def end_connections(self) -> None:
        """End every connection in the orderly way, so that the next one is new."""
        asyncio.run_coroutine_threadsafe(self._end_all(), self._loop).result(START_SECONDS)

    async def _end_all(self) -> None:
        links = list(self._links)
        for link in links:
            link.close()
        for link in links:
            await link.closed()

    @contextmanager
    def running(self) -> Generator["FaultProxy"]:
        """Pass messages for as long as the block lasts."""
        self._thread.start()
        assert self._started.wait(START_SECONDS)
        try:
            yield self
        finally:
            self._loop.call_soon_threadsafe(self._stopped.set)
            self._thread.join(START_SECONDS)

    def _run(self) -> None:
        with asyncio.Runner(loop_factory=lambda: self._loop) as runner:
            runner.run(self._listen())

    async def _listen(self) -> None:
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        self.url = (
            f"postgresql://postgres@127.0.0.1:{port}{self._path}?sslmode=disable&gssencmode=disable"
        )
        self._started.set()
        await self._stopped.wait()
        server.close()
        for link in self._links:
            link.reset()

    async def _serve(
        self, from_client: asyncio.StreamReader, to_client: asyncio.StreamWriter
    ) -> None:
        from_server, to_server = await asyncio.open_unix_connection(self._socket)
        link = Link(to_client, to_server)
        self._links.add(link)
        try:
            with suppress(asyncio.IncompleteReadError, ConnectionError):
                length = await from_client.readexactly(4)  # the first message has no type
                rest = await from_client.readexactly(int.from_bytes(length, "big") - 4)
                to_server.write(length + rest)
                await asyncio.gather(
                    self._pass_on(link, "→", from_client, to_server),
                    self._pass_on(link, "←", from_server, to_client),
                )
        except asyncio.CancelledError:  # the test has ended
            pass
        finally:
            link.close()
            self._links.discard(link)

    async def _pass_on(
        self, link: Link, direction: str, source: asyncio.StreamReader, to: asyncio.StreamWriter
    ) -> None:
        """Pass messages on in one direction until it ends, and then its end."""
        with suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                message = await _read(source)
                link.notice(direction, message)
                if link.counted:
                    await self._happen(link, direction, message, to)
                if link.lost is not to:
                    to.write(message.whole)
                    await to.drain()
                if direction == "←" and message.kind == b"Z":
                    link.counted = True
        with suppress(OSError):  # it may be closed by now
            to.write_eof()

    async def _happen(
        self, link: Link, direction: str, message: Message, to: asyncio.StreamWriter
    ) -> None:
        """Count a message, and do what is to happen at it."""
        self.seen.append(f"{direction} {NAMES[direction].get(message.kind, repr(message.kind))}")
        fault = self._fault
        if fault is None or len(self.seen) <= fault.step:
            return
        self._fault = None
        fault.backend = link.backend
        if fault.kind is Kind.DELAY:
            await asyncio.sleep(fault.seconds)
        elif fault.kind is Kind.HALF_CLOSE_TO_SERVER:
            link.end(link.server)
        elif fault.kind is Kind.HALF_CLOSE_TO_CLIENT:
            link.end(link.client)
        elif fault.kind is Kind.SILENCE:
            link.lost = to
        else:
            if fault.kind is Kind.TEAR:
                to.write(message.whole[: len(message.whole) // 2])
            if fault.kind is Kind.RESET:
                link.reset()
            link.close()
            raise ConnectionResetError


async def _read(source: asyncio.StreamReader) -> Message:
    kind = await source.readexactly(1)
    length = await source.readexactly(4)
    rest = await source.readexactly(int.from_bytes(length, "big") - 4)
    return Message(kind, kind + length + rest)
