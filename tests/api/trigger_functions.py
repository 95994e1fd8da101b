"""Functions of sync triggers, of every kind, that do what each test says for its own pool.

One HTTP server stands for Lambda, for an endpoint, and for what takes the pools' streams. It is
strict: what is not called or signed as it should be is answered with 403, and so fails its test.
"""

import hashlib
import hmac
import inspect
import json
import threading
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final, cast
from urllib.parse import unquote

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from tests.delivery.endpoints import Received

KEY, SECRET = "AKIAIOSFODNN7EXAMPLE", "the secret of the key that signs for Lambda"
ENDPOINT_SECRET = "the secret of the endpoint"
REGION = "eu-west-1"
STREAM = "told"
FUNCTIONS: Final = {
    kind: f"arn:aws:lambda:{REGION}:000000000000:function:{kind}"
    for kind in ("lambda", "endpoint", "python", "async")
}
LAMBDA_PATH = "/2015-03-31/functions/{}/invocations"
LAMBDA_HEADERS = {
    "accept",
    "accept-encoding",
    "amz-sdk-invocation-id",
    "amz-sdk-request",
    "authorization",
    "content-length",
    "host",
    "user-agent",
    "x-amz-date",
    "x-amz-invocation-type",
}
FRESH_SECONDS = 300
HANG_SECONDS = 30

Act = Callable[[dict[str, Any]], Any]


@dataclass
class Told:
    """What the functions of one pool do, and what they and its stream were told."""

    act: Act = lambda event: event
    events: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])
    requests: list[Received] = field(default_factory=list[Received])
    streamed: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])

    def asked(self, event: dict[str, Any]) -> Any:
        self.events.append(json.loads(json.dumps(event)))
        return self.act(event)


POOLS: dict[str, Told] = {}
"""By the id of the pool."""


@dataclass(frozen=True)
class Raw:
    """Bytes to answer with, after which the connection is closed."""

    content: bytes


@dataclass(frozen=True)
class Dribbled:
    """An answer that goes on, a byte at a time, until the gate is opened."""

    gate: threading.Event


def http(status: int, body: bytes, **headers: str) -> Raw:
    """Give an answer of HTTP; underscores in the names of headers stand for hyphens."""
    named = {"Content-Length": str(len(body)), "Connection": "close"}
    named |= {name.replace("_", "-"): value for name, value in headers.items()}
    lines = [f"HTTP/1.1 {status} Answer", *(f"{name}: {value}" for name, value in named.items())]
    return Raw("\r\n".join(lines).encode() + b"\r\n\r\n" + body)


def check(event: dict[str, Any]) -> Any:
    """The Python function."""
    return POOLS[event["identityPoolId"]].asked(event)


async def check_later(event: dict[str, Any]) -> Any:
    """The Python function that is async."""
    answer = check(event)
    return await answer if inspect.isawaitable(answer) else answer


class FunctionServer(ThreadingHTTPServer):
    """Lambda, an endpoint and a stream's webhook."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.url = f"http://127.0.0.1:{self.server_address[1]}"

    @property
    def settings(self) -> dict[str, Any]:
        """The settings of a server that uses all of it."""
        signed = {"secret": ENDPOINT_SECRET}
        return {
            "lambda_endpoint_url": self.url,
            "aws_access_key_id": KEY,
            "aws_secret_access_key": SECRET,
            "streams": [{"name": STREAM, "kind": "webhook", "url": f"{self.url}/stream", **signed}],
            "triggers": [
                {"function": FUNCTIONS["endpoint"], "url": f"{self.url}/hook", **signed},
                {"function": FUNCTIONS["python"], "python": f"{__name__}:check"},
                {"function": FUNCTIONS["async"], "python": f"{__name__}:check_later"},
            ],
        }


@contextmanager
def function_server() -> Generator[FunctionServer]:
    """Run the server for as long as the block lasts."""
    with FunctionServer() as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join(HANG_SECONDS)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        headers = {name.lower(): value for name, value in self.headers.items()}
        request = Received(self.command, self.path, headers, body)
        answer = self._answer(request)
        self.close_connection = True
        if isinstance(answer, Dribbled):
            self.wfile.write(b"HTTP/1.1 200 Answer\r\nContent-Length: 1000\r\n\r\n")
            while not answer.gate.wait(0.1):
                self.wfile.write(b" ")
        else:
            self.wfile.write(answer.content)

    def _answer(self, request: Received) -> Raw | Dribbled:
        url = cast("FunctionServer", self.server).url
        at_lambda = request.path.startswith("/2015-03-31/")
        refusal = _lambda_refusal(request, url) if at_lambda else _endpoint_refusal(request)
        if refusal is not None:
            return http(403, refusal.encode())
        event = json.loads(request.body)
        told = POOLS[event["identityPoolId"]]
        if request.path == "/stream":
            told.streamed.append(event)
            return http(200, b"")
        told.requests.append(request)
        try:
            answer = told.asked(event)
        except Exception as error:
            body = json.dumps({"errorMessage": str(error)}).encode()
            failed = {"X_Amz_Function_Error": "Unhandled"}
            return http(200, body, **failed) if at_lambda else http(500, body)
        if isinstance(answer, Raw | Dribbled):
            return answer
        return http(200, json.dumps(answer).encode())

    def handle(self) -> None:
        try:
            super().handle()
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 -- the base's name
        """Nothing: what came is kept instead."""


def _lambda_refusal(request: Received, url: str) -> str | None:
    """Say what is wrong with a call of Lambda, by the interface of Invoke; None if nothing is."""
    function = unquote(request.path.split("/")[3])
    expected: dict[str, object] = {
        "path": request.path == LAMBDA_PATH.format(function.replace(":", "%3A")),
        "function": function == FUNCTIONS["lambda"],
        "type": request.headers.get("x-amz-invocation-type") == "RequestResponse",
        "headers": set(request.headers) == LAMBDA_HEADERS,
        "signature": request.headers.get("authorization", "") == _authorization(request, url),
    }
    wrong = [what for what, holds in expected.items() if not holds]
    return None if not wrong else f"wrong: {', '.join(wrong)}"


def _authorization(request: Received, url: str) -> str:
    """Give the header that signs a request, as botocore computes it."""
    given = request.headers.get("authorization", "")
    signed = given.partition("SignedHeaders=")[2].partition(",")[0]
    headers = {name: request.headers[name] for name in signed.split(";") if name}
    aws: Any = AWSRequest(request.method, url + request.path, headers, request.body)
    aws.context["timestamp"] = request.headers.get("x-amz-date", "")
    signer: Any = SigV4Auth(Credentials(KEY, SECRET), "lambda", REGION)
    text = signer.string_to_sign(aws, signer.canonical_request(aws))
    scope = f"{KEY}/{aws.context['timestamp'][:8]}/{REGION}/lambda/aws4_request"
    signature = signer.signature(text, aws)
    return f"AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders={signed}, Signature={signature}"


def _endpoint_refusal(request: Received) -> str | None:
    """Say that a POST is not signed as the documentation says; None if it is."""
    header = request.headers.get("keepstep-signature", "t=0,v1=")
    parts = dict(part.split("=", 1) for part in header.split(","))
    text = f"{parts['t']}.".encode() + request.body
    signed = hmac.new(ENDPOINT_SECRET.encode(), text, hashlib.sha256).hexdigest()
    is_fresh = abs(time.time() - int(parts["t"])) < FRESH_SECONDS
    return None if is_fresh and hmac.compare_digest(signed, parts["v1"]) else "wrong: signature"
