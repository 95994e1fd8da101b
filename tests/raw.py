"""A requester for what boto3 will not send: any method, path, header and body, signed or not."""

import http.client
import json
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

from keepstep.testing import LocalServer
from keepstep.wire.sigv4 import Credentials, sign

TIME_FORMAT = "%Y%m%dT%H%M%SZ"


@dataclass(frozen=True)
class RawAnswer:
    """An HTTP answer; ``headers`` keep the case they arrived in."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def error_type(self) -> str | None:
        return self.headers.get("x-amzn-ErrorType")

    @property
    def message(self) -> str:
        return self.json["message"]


@dataclass(frozen=True)
class RawRequester:
    """Signs and sends requests to one server, exactly as told."""

    server: LocalServer

    @property
    def host(self) -> str:
        return urlsplit(self.server.endpoint_url).netloc

    def signed_headers(
        self,
        method: str,
        target: str,
        body: bytes = b"",
        headers: dict[str, str] | None = None,
        *,
        time: datetime | None = None,
        credentials: Credentials | None = None,
        region: str = "us-east-1",
        service: str = "cognito-sync",
    ) -> dict[str, str]:
        """Give the headers of a request, those that sign it among them."""
        return sign(
            method,
            target,
            {"host": self.host, **(headers or {})},
            body,
            credentials=credentials
            or Credentials(self.server.access_key_id, self.server.secret_access_key),
            time=(time or datetime.now(UTC)).strftime(TIME_FORMAT),
            region=region,
            service=service,
        )

    def send(
        self, method: str, target: str, body: bytes = b"", headers: dict[str, str] | None = None
    ) -> RawAnswer:
        """Send a request with these headers and no others but Content-Length."""
        connection = http.client.HTTPConnection(self.host, timeout=30)
        try:
            connection.putrequest(method, target, skip_host=True, skip_accept_encoding=True)
            given = {"host": self.host, **(headers or {})}
            for name, value in given.items():
                connection.putheader(name, value)
            if body:
                connection.putheader("content-length", str(len(body)))
            connection.endheaders(body or None)
            response = connection.getresponse()
            return RawAnswer(response.status, dict(response.getheaders()), response.read())
        finally:
            connection.close()

    def call(
        self, method: str, target: str, body: bytes = b"", headers: dict[str, str] | None = None
    ) -> RawAnswer:
        """Sign a request and send it."""
        return self.send(method, target, body, self.signed_headers(method, target, body, headers))
