"""A small HTTP server for tests: it keeps what it was sent, and answers as it is told."""

import http.client
import threading
from collections.abc import Generator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import cast
from urllib.parse import urlsplit

WAIT_SECONDS = 30
NOT_FORWARDED = {"connection", "date", "server", "transfer-encoding", "content-length"}


@dataclass(frozen=True)
class Received:
    """One request, as it came."""

    method: str
    path: str
    headers: dict[str, str]
    """By lower-case names."""
    body: bytes


@dataclass(frozen=True)
class Planned:
    """One answer. With a ``gate``, it is given when the gate is opened."""

    status: int = 200
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict[str, str])
    gate: threading.Event | None = None
    cut_off: bool = False
    """Whether the connection is closed in place of an answer."""


class Endpoint(ThreadingHTTPServer):
    """Answers with what is planned, in that order; else by forwarding; else with ``usual``.

    What is planned as None is forwarded too.
    """

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, forward_to: str | None = None) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.url = f"http://127.0.0.1:{self.server_address[1]}"
        self.received: list[Received] = []
        self.planned: list[Planned | None] = []
        self.usual = Planned()
        self.always: Planned | None = None
        self.forward_to = forward_to
        self.lock = threading.Lock()
        self.forwarding = threading.Lock()
        """One request at a time: moto's shards lose records put at the same time."""
        self.open = 0
        self.open_max = 0

    def answer(self, request: Received) -> Planned:
        with self.lock:
            self.received.append(request)
            planned = self.always or (self.planned.pop(0) if self.planned else None)
        if planned is None:
            planned = self.usual if self.forward_to is None else self._forward(request)
        return planned

    def _forward(self, request: Received) -> Planned:
        assert self.forward_to is not None
        parts = urlsplit(self.forward_to)
        connection = http.client.HTTPConnection(parts.hostname or "", parts.port)
        with self.forwarding, closing(connection):
            headers = {k: v for k, v in request.headers.items() if k != "connection"}
            connection.request(request.method, request.path, request.body, headers)
            answer = connection.getresponse()
            kept = {k: v for k, v in answer.getheaders() if k.lower() not in NOT_FORWARDED}
            return Planned(answer.status, answer.read(), kept)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def handle_any(self) -> None:
        length = int(self.headers.get("Content-Length", "0"))
        headers = {name.lower(): value for name, value in self.headers.items()}
        endpoint = cast("Endpoint", self.server)
        with endpoint.lock:
            endpoint.open += 1
            endpoint.open_max = max(endpoint.open_max, endpoint.open)
        try:
            body = self.rfile.read(length)
            planned = endpoint.answer(Received(self.command, self.path, headers, body))
            if planned.gate is not None:
                planned.gate.wait(WAIT_SECONDS)
        finally:
            with endpoint.lock:
                endpoint.open -= 1
        if planned.cut_off:
            self.close_connection = True
            return
        self.send_response(planned.status)
        for name, value in planned.headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(planned.body)))
        self.end_headers()
        self.wfile.write(planned.body)

    do_GET = do_POST = do_PUT = do_HEAD = do_DELETE = handle_any  # noqa: N815 -- as the base looks for them

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 -- the base's name
        """Nothing: what came is kept instead."""

    def handle(self) -> None:
        try:
            super().handle()
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True


@contextmanager
def endpoint(forward_to: str | None = None) -> Generator[Endpoint]:
    """Run an endpoint for as long as the block lasts."""
    with Endpoint(forward_to) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join(WAIT_SECONDS)
