"""A bare TCP connection to a server, for what no HTTP client sends."""

import re
import socket
import time
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from urllib.parse import urlsplit

from keepstep.testing import LocalServer
from tests.raw import RawAnswer

PATIENCE_SECONDS = 15


@dataclass
class BareConnection:
    """Sends bytes and reads answers as they come; every wait has an end."""

    socket: socket.socket
    unread: bytes = b""

    def send(self, data: bytes) -> None:
        self.socket.sendall(data)

    def end_input(self) -> None:
        """Tell the server that nothing more will come."""
        self.socket.shutdown(socket.SHUT_WR)

    def answer(self, *, of_head: bool = False) -> RawAnswer:
        """Read one answer whole; one to a HEAD request has no body."""
        head = self._through(b"\r\n\r\n")
        status_line, *lines = head.decode("latin-1").rstrip().split("\r\n")
        headers = dict(re.split(r": *", line, maxsplit=1) for line in lines)
        by_name = {name.lower(): value for name, value in headers.items()}
        length = 0 if of_head else int(by_name.get("content-length", "0"))
        return RawAnswer(int(status_line.split()[1]), headers, self._exactly(length))

    def rest(self) -> bytes:
        """Read until the server closes the connection, which it must do in good time."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        try:
            while data := self.socket.recv(65536):
                self.unread += data
                assert time.monotonic() < deadline, "the connection stays open"
        except ConnectionResetError:
            pass
        rest, self.unread = self.unread, b""
        return rest

    def _through(self, end: bytes) -> bytes:
        while end not in self.unread:
            data = self.socket.recv(65536)
            assert data, f"closed after {self.unread!r}"
            self.unread += data
        found, _, self.unread = self.unread.partition(end)
        return found

    def _exactly(self, length: int) -> bytes:
        while len(self.unread) < length:
            data = self.socket.recv(65536)
            assert data, f"closed after {self.unread!r}"
            self.unread += data
        found, self.unread = self.unread[:length], self.unread[length:]
        return found


@contextmanager
def connected(server: LocalServer) -> Generator[BareConnection]:
    """Connect for as long as the block lasts."""
    address = urlsplit(server.endpoint_url)
    with socket.create_connection((address.hostname, address.port), PATIENCE_SECONDS) as opened:
        yield BareConnection(opened)


def request_bytes(
    method: str, target: str, headers: dict[str, str], body: bytes = b"", *, version: str = "1.1"
) -> bytes:
    """Write a request as it travels, with no header added."""
    lines = [f"{method} {target} HTTP/{version}", *(f"{k}: {v}" for k, v in headers.items())]
    return "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + body
