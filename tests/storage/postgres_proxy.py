"""A proxy between a store and PostgreSQL: it counts round trips, and cuts connections when told."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress
from urllib.parse import parse_qs, urlsplit

READY = b"Z"
"""The server's last message of every round trip."""
PARSE = b"P"
"""The client's message that makes a statement, prepared if it has a name."""
PORT = 5432


class Proxy:
    """Everything that passes is split into messages: a type, a length, and what it is about."""

    def __init__(self, socket: str, database: str) -> None:
        self._socket = socket
        self._database = database
        self._server: asyncio.Server | None = None
        self._writers: set[asyncio.StreamWriter] = set()
        self.url = ""
        self.round_trips = 0
        self.prepared = 0
        self.cut_requests = 0
        """How many requests, from now on, end their connection before the server gets them."""
        self.cut_answers = 0
        """How many answers, from now on, end their connection before the client gets them."""
        self.lose_commit = False
        """Whether the answer to the next COMMIT is such an answer."""

    async def open(self) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        port = self._server.sockets[0].getsockname()[1]
        self.url = (
            f"postgresql://postgres@127.0.0.1:{port}/{self._database}"
            "?sslmode=disable&gssencmode=disable"
        )

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        behind, before = await asyncio.open_unix_connection(self._socket)
        self._writers |= {writer, before}
        requests = asyncio.create_task(self._requests(reader, before))
        answers = asyncio.create_task(self._answers(behind, writer))
        with suppress(asyncio.CancelledError):  # the test has ended
            await asyncio.wait({requests, answers}, return_when=asyncio.FIRST_COMPLETED)
        for each in (writer, before):
            each.close()
            self._writers.discard(each)

    def close(self) -> None:
        """Refuse connections from now on, and end those there are."""
        if self._server is not None:
            self._server.close()
        for writer in self._writers:
            writer.close()

    async def _requests(self, reader: asyncio.StreamReader, server: asyncio.StreamWriter) -> None:
        with suppress(asyncio.IncompleteReadError, ConnectionError):
            length = await reader.readexactly(4)  # the first message has no type
            server.write(length + await reader.readexactly(int.from_bytes(length, "big") - 4))
            while True:
                kind, message = await _read(reader)
                self.prepared += kind == PARSE and message[5:6] != b"\x00"
                if kind in b"QS" and self.cut_requests:
                    self.cut_requests -= 1
                    return
                if self.lose_commit and b"COMMIT" in message:
                    self.lose_commit, self.cut_answers = False, 1
                server.write(message)
                await server.drain()

    async def _answers(self, reader: asyncio.StreamReader, client: asyncio.StreamWriter) -> None:
        with suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                kind, message = await _read(reader)
                if self.cut_answers:  # the server has done it all when it is ready again
                    self.cut_answers -= kind == READY
                    if kind == READY:
                        return
                    continue
                self.round_trips += kind == READY
                client.write(message)
                await client.drain()


async def _read(reader: asyncio.StreamReader) -> tuple[bytes, bytes]:
    kind = await reader.readexactly(1)
    length = await reader.readexactly(4)
    return kind, kind + length + await reader.readexactly(int.from_bytes(length, "big") - 4)


@asynccontextmanager
async def proxy_of(url: str) -> AsyncGenerator[Proxy]:
    """Stand before the database at a URL of the test server."""
    parts = urlsplit(url)
    folder = parse_qs(parts.query)["host"][0]
    proxy = Proxy(f"{folder}/.s.PGSQL.{PORT}", parts.path.removeprefix("/"))
    await proxy.open()
    try:
        yield proxy
    finally:
        proxy.close()
