"""A real OpenID Connect provider for tests, in a process of its own on a free loopback port.

Tests use ``openid_provider()``. Anything else starts ``python -m tests.openid_provider`` (with
``--plain`` for HTTP), reads one line of JSON (``issuer``, ``ca_file``), and then writes commands
and reads answers, one line of JSON each: ``{"do": "token", "subject": …, "audience": …}`` answers
``{"answer": …}``; the methods of ``Provider`` below are the commands. End of input ends it.
"""

import json
import selectors
import ssl
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from socket import SHUT_RDWR, socket
from typing import Any, Final

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from jwt.algorithms import ECAlgorithm, RSAAlgorithm

from .certificates import CERTIFIED_NAMES, make_certificates
from .tokens import encode_part

ROOT = Path(__file__).parents[1]
DISCOVERY: Final = "/.well-known/openid-configuration"
KEYS: Final = "/keys"
TOKEN_SECONDS: Final = 3600
ANSWER_SECONDS: Final = 30
OVERSIZE: Final = 300 * 1024
BEHAVIOURS: Final = (
    "well",
    "fail",
    "hang up",
    "stall",
    "redirect",
    "oversize",
    "html",
    "list",
    "nested",
)

PrivateKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey


class OpenIdProvider:
    """A running provider, from the outside."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process
        ready = self._read()
        self.issuer: str = ready["issuer"]
        self.ca_file: str | None = ready["ca_file"]

    @property
    def name(self) -> str:
        """The key in Logins: the issuer without its scheme."""
        return self.issuer.partition("://")[2]

    @property
    def port(self) -> int:
        """The port that it listens on."""
        return int(self.issuer.rpartition(":")[2])

    def token(self, subject: str, audience: str | list[str] | None, **claims: Any) -> str:
        """Sign an ID token with the current RSA key; a claim of None is left out."""
        return self.ask("token", subject=subject, audience=audience, claims=claims)

    def sign(
        self,
        claims: Mapping[str, Any],
        *,
        key: str = "rsa",
        headers: Mapping[str, Any] | None = None,
    ) -> str:
        """Sign exactly these claims.

        ``key`` is ``rsa``, ``ec``, ``weak`` (RSA of 1024 bits, published) or ``foreign`` (RSA, not
        published). ``headers`` go over the usual ``alg`` and ``kid``; None leaves one out.
        """
        return self.ask("sign", claims=dict(claims), key=key, headers=dict(headers or {}))

    def public_key(self) -> str:
        """Give the current RSA public key as PEM."""
        return self.ask("public_key")

    def key_ids(self) -> tuple[str, str]:
        """Give the names of the current RSA and EC keys."""
        return self.ask("key_id", key="rsa"), self.ask("key_id", key="ec")

    def key_set(self) -> str:
        """Give the published key set as JSON."""
        return json.dumps(self.ask("key_set"))

    def rotate(self) -> None:
        """Sign with new RSA and EC keys from now on, and publish only those."""
        self.ask("rotate")

    def behave(self, behaviour: str, *, path: str | None = None, location: str = "") -> None:
        """Answer requests, or those for one path, in one of the ways of ``BEHAVIOURS``.

        Whatever stalls is let go when a behaviour is set anew.
        """
        self.ask("behave", behaviour=behaviour, path=path, location=location)

    @contextmanager
    def outage(self, behaviour: str = "hang up") -> Generator[None]:
        """Be out of order for as long as a block lasts."""
        self.behave(behaviour)
        try:
            yield
        finally:
            self.behave("well")

    def discovery(self, **members: Any) -> None:
        """Change members of the discovery document; None removes one."""
        self.ask("discovery", members=members)

    def answer(
        self,
        path: str,
        document: Any,
        *,
        status: int = 200,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        """Answer a path with a document of the test's own; None takes the usual one again.

        ``headers`` are added to every answer for the path.
        """
        self.ask("canned", path=path, document=document, status=status, headers=dict(headers or {}))

    def reset(self) -> None:
        """Behave as at the start again, and forget all requests; the keys stay."""
        self.ask("reset")

    def requests(self, path: str = KEYS) -> int:
        """Tell how many requests came for a path, without its query."""
        return self.ask("requests", path=path)

    def await_request(self, path: str) -> None:
        """Wait until a first request for a path has come."""
        self.ask("await_request", path=path)

    def last_target(self) -> str:
        """Tell the path and query of the last request."""
        return self.ask("last_target")

    def last_host(self) -> str:
        """Tell the Host header of the last request."""
        return self.ask("last_host")

    def stop(self) -> None:
        """End the process; from then on connections are refused."""
        self._process.communicate(timeout=ANSWER_SECONDS)

    def ask(self, command: str, **arguments: Any) -> Any:
        """Send a command and give its answer."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps({"do": command, **arguments}) + "\n")
        self._process.stdin.flush()
        return self._read()["answer"]

    def _read(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        with selectors.DefaultSelector() as selector:
            selector.register(self._process.stdout, selectors.EVENT_READ)
            assert selector.select(ANSWER_SECONDS), "the provider does not answer"
        return json.loads(self._process.stdout.readline())


@contextmanager
def openid_provider(*, plain: bool = False) -> Generator[OpenIdProvider]:
    """Run a provider for as long as a block lasts, by HTTPS unless ``plain``.

    The names in ``CERTIFIED_NAMES`` are in its certificate, which ``ca_file`` vouches for.
    """
    with subprocess.Popen(
        [sys.executable, "-m", "tests.openid_provider", *(["--plain"] if plain else [])],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        provider = OpenIdProvider(process)
        try:
            yield provider
        finally:
            if process.poll() is None:
                provider.stop()


class Provider:
    """The provider inside its process: keys, how it behaves, what it was asked."""

    def __init__(self, folder: Path, *, plain: bool) -> None:
        self.generation = 0
        self.foreign = rsa.generate_private_key(65537, 2048)
        self.weak = rsa.generate_private_key(65537, 1024)
        self.rotate()
        self.changed = threading.Condition()
        self.behaviours: dict[str | None, tuple[str, str]] = {}
        self.reset()
        self.server = _Server(("127.0.0.1", 0), _Handler)
        self.server.provider = self
        self.ca_file: str | None = None
        if not plain:
            self.ca_file, self.server.tls = make_certificates(folder)
        scheme, name = ("http", "127.0.0.1") if plain else ("https", CERTIFIED_NAMES[0])
        self.issuer = f"{scheme}://{name}:{self.server.server_address[1]}"

    def reset(self) -> None:
        self.canned_answers: dict[str, tuple[Any, int, dict[str, str]]] = {}
        self.counts = Counter[str]()
        self.target = self.host = ""
        self.members: dict[str, Any] = {}
        self.behave("well", None, "")

    def rotate(self) -> None:
        self.generation += 1
        self.rsa = rsa.generate_private_key(65537, 2048)
        self.ec = ec.generate_private_key(ec.SECP256R1())

    def token(self, subject: str, audience: Any, claims: dict[str, Any]) -> str:
        now = int(time.time())
        times = {"iat": now, "exp": now + TOKEN_SECONDS}
        full = {"iss": self.issuer, "sub": subject, "aud": audience, **times, **claims}
        return self.sign(
            {name: value for name, value in full.items() if value is not None}, "rsa", {}
        )

    def sign(self, claims: dict[str, Any], key: str, headers: dict[str, Any]) -> str:
        algorithm = "ES256" if key == "ec" else "RS256"
        header = {"alg": algorithm, "kid": self.key_id(key), "typ": "JWT", **headers}
        header = {name: value for name, value in header.items() if value is not None}
        text = f"{encode_part(header)}.{encode_part(claims)}"
        signer = jwt.get_algorithm_by_name(header.get("alg", algorithm))
        return f"{text}.{encode_part(signer.sign(text.encode(), getattr(self, key)))}"

    def key_id(self, key: str) -> str:
        return f"{key}-{self.generation}"

    def public_key(self) -> str:
        public = self.rsa.public_key()
        return public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()

    def key_set(self) -> dict[str, Any]:
        published = {
            "rsa": RSAAlgorithm.to_jwk(self.rsa.public_key(), as_dict=True),
            "ec": ECAlgorithm.to_jwk(self.ec.public_key(), as_dict=True),
            "weak": RSAAlgorithm.to_jwk(self.weak.public_key(), as_dict=True),
        }
        return {
            "keys": [
                {**jwk, "kid": self.key_id(key), "use": "sig"} for key, jwk in published.items()
            ]
        }

    def behave(self, behaviour: str, path: str | None, location: str) -> None:
        assert behaviour in BEHAVIOURS
        with self.changed:
            if path is None:
                self.behaviours.clear()
                self.behaviours[None] = (behaviour, location)
            else:
                self.behaviours[path] = (behaviour, location)
            self.changed.notify_all()

    def discovery(self, members: dict[str, Any]) -> None:
        self.members = members

    def canned(self, path: str, document: Any, status: int, headers: dict[str, str]) -> None:
        self.canned_answers[path] = (document, status, headers)

    def requests(self, path: str) -> int:
        return self.counts[path]

    def await_request(self, path: str) -> None:
        with self.changed:
            assert self.changed.wait_for(lambda: self.counts[path], ANSWER_SECONDS / 2)

    def last_target(self) -> str:
        return self.target

    def last_host(self) -> str:
        return self.host

    def note_request(self, path: str, target: str, host: str) -> None:
        with self.changed:
            self.counts[path] += 1
            self.target, self.host = target, host
            self.changed.notify_all()

    def document(self, path: str) -> tuple[Any, int, dict[str, str]]:
        """Give what a path answers: a document, a status and headers."""
        document, status, headers = self.canned_answers.get(path, (None, 200, {}))
        if document is None and path == DISCOVERY:
            usual = {"issuer": self.issuer, "jwks_uri": self.issuer + KEYS, **self.members}
            document = {name: value for name, value in usual.items() if value is not None}
        elif document is None and path == KEYS:
            document = self.key_set()
        return document, 404 if document is None else status, headers

    def wait_out_a_stall(self) -> None:
        """Hold a request until a behaviour is set anew."""
        with self.changed:
            before = dict(self.behaviours)
            self.changed.wait_for(lambda: self.behaviours != before, ANSWER_SECONDS)


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    provider: Provider
    tls: ssl.SSLContext | None = None

    def finish_request(self, request: socket, client_address: Any) -> None:  # pyright: ignore[reportIncompatibleMethodOverride] -- sockets only
        """Shake hands in the connection's own thread, so that nobody else waits for it."""
        try:
            secured = self.tls.wrap_socket(request, server_side=True) if self.tls else request
            super().finish_request(secured, client_address)
        except OSError:
            return  # the client went away, or did not trust us


class _Handler(BaseHTTPRequestHandler):
    server: _Server  # pyright: ignore[reportIncompatibleVariableOverride] -- made by it alone

    def do_GET(self) -> None:
        provider = self.server.provider
        path = self.path.partition("?")[0]
        provider.note_request(path, self.path, self.headers.get("Host", ""))
        usual = provider.behaviours[None]
        behaviour, location = provider.behaviours.get(path, usual)
        document, status, headers = provider.document(path)
        body = json.dumps(document).encode()
        match behaviour:
            case "stall":
                provider.wait_out_a_stall()
            case "hang up":
                self.connection.shutdown(SHUT_RDWR)
                return
            case "fail":
                status = 503
            case "redirect":
                status, headers = 302, {"Location": location}
            case "oversize":
                body = json.dumps({**document, "padding": "x" * OVERSIZE}).encode()
            case "html":
                body = b"<html>Please log in.</html>"
            case "list":
                body = b"[1, 2, 3]"
            case "nested":
                body = b'{"keys": ' + b"[" * 100_000
            case _:
                pass
        self.send_response(status)
        for name, value in {"Content-Type": "application/json", **headers}.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 -- the library's name
        del format, args


def main(arguments: list[str]) -> None:
    """Serve, and carry out commands until the input ends."""
    with tempfile.TemporaryDirectory(prefix="openid-provider-") as folder:
        provider = Provider(Path(folder), plain="--plain" in arguments)
        threading.Thread(target=provider.server.serve_forever, daemon=True).start()
        say({"issuer": provider.issuer, "ca_file": provider.ca_file})
        for line in sys.stdin:
            command = json.loads(line)
            say({"answer": getattr(provider, command.pop("do"))(**command)})


def say(message: dict[str, Any]) -> None:
    """Print one line of JSON at once."""
    sys.stdout.write(json.dumps(message) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main(sys.argv[1:])
