"""Every operation, failures of every kind, and secrets wherever a request can carry one."""

import json
import re
import socket
import sqlite3
from collections import defaultdict
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

from botocore.exceptions import ClientError

from keepstep.wire.sigv4 import Credentials
from tests.api.steps import begin, dataset_target, patch_body, replace, write
from tests.conftest import Place, client_of
from tests.raw import RawAnswer

from .processes import STORE, Serving, done, exports_of

SECRET_KEY: Final = "record-key-that-nobody-may-read"
SECRET_VALUE: Final = "record-value-that-nobody-may-read"
SECRET_TOKEN: Final = "session-token-of-temporary-credentials"
ROLE: Final = "arn:aws:iam::000000000000:role/sync"
RECORDS_MAX: Final = 10
BODY_BYTES_MAX: Final = 10_000
SETTINGS: Final = {
    "KEEPSTEP_RECORDS_PER_DATASET": str(RECORDS_MAX),
    "KEEPSTEP_REQUEST_BODY_BYTES": str(BODY_BYTES_MAX),
}
CODES: Final = frozenset(
    {
        "AccessDeniedException",
        "BadRequest",
        "IncompleteSignatureException",
        "InternalErrorException",
        "InvalidParameterException",
        "InvalidSignatureException",
        "LimitExceededException",
        "MissingAuthenticationTokenException",
        "NotAuthorizedException",
        "RequestEntityTooLargeException",
        "ResourceConflictException",
        "ResourceNotFoundException",
        "UnknownOperationException",
        "UnrecognizedClientException",
    }
)


@dataclass
class WideRun:
    """One run against one server; keeps every secret that was sent or received."""

    running: Serving
    directory: Path
    place: Place
    secrets: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    request_ids: list[str] = field(default_factory=list[str])

    def everything(self) -> None:
        """Play the whole run; the store is damaged at its end."""
        self.client = client_of(self.running.server)
        self.client.meta.events.register("before-send", self._keep_signature)
        self.client.meta.events.register("after-call", self._keep_answer)
        self.secrets["secret key"].add(self.running.server.secret_access_key)
        self._call_every_operation()
        self._fail_inside_operations()
        self._fail_to_authenticate()
        self._fail_before_any_operation()
        self._fail_in_the_store()

    def everything_printed(self) -> str:
        return self.running.printed + self.running.logged

    def log_lines(self) -> list[dict[str, Any]]:
        """Give the lines of the log that are JSON."""
        lines = self.running.logged.splitlines()
        return [json.loads(line) for line in lines if line.startswith("{")]

    def _keep_signature(self, request: Any, **_: Any) -> None:
        header = request.headers["Authorization"]
        self._keep_signature_of(header if isinstance(header, str) else header.decode())

    def _keep_signature_of(self, authorization: str) -> None:
        self.secrets["signature"].update(re.findall(r"Signature=(\w+)", authorization))

    def _keep_answer(self, parsed: dict[str, Any], **_: Any) -> None:
        self.request_ids.append(parsed["ResponseMetadata"]["RequestId"])
        if token := parsed.get("SyncSessionToken"):
            self.secrets["session token"].add(token)
        if token := parsed.get("NextToken"):
            self.secrets["page token"].add(token)

    def _call(self, name: str, **arguments: Any) -> Any:
        """Call an operation through boto3; a refusal is as good as an answer."""
        try:
            return getattr(self.client, name)(**arguments)
        except ClientError as error:
            return error.response

    def _send(
        self, method: str, target: str, body: bytes = b"", headers: dict[str, str] | None = None
    ) -> RawAnswer:
        given = headers or {}
        self._keep_signature_of(given.get("authorization", given.get("Authorization", "")))
        answer = self.running.raw.send(method, target, body, given)
        self.request_ids.append(answer.headers["x-amzn-RequestId"])
        return answer

    def _signed(self, target: str, **options: Any) -> dict[str, str]:
        return self.running.raw.signed_headers("GET", target, **options)

    def _call_every_operation(self) -> None:
        place, pool = self.place, {"IdentityPoolId": self.place["IdentityPoolId"]}
        identity = {**pool, "IdentityId": place["IdentityId"]}
        patches = [replace(f"{SECRET_KEY}-{n}", SECRET_VALUE) for n in range(3)]
        write(self.client, place, *patches)
        write(self.client, {**place, "DatasetName": "others"}, *patches)
        page = self._call("list_records", **place, MaxResults=1)
        self._call("list_records", **place, MaxResults=1, NextToken=page["NextToken"])
        page = self._call("list_datasets", **identity, MaxResults=1)
        self._call("list_datasets", **identity, NextToken=page["NextToken"])
        for name in ("describe_dataset", "delete_dataset"):
            self._call(name, **place)
        for name in ("subscribe_to_dataset", "unsubscribe_from_dataset"):
            self._call(name, **place, DeviceId="device")
        self._call("register_device", **identity, Platform="GCM", Token=SECRET_TOKEN)
        self._call("describe_identity_usage", **identity)
        self._call("list_identity_pool_usage")
        for name in (
            "describe_identity_pool_usage",
            "get_identity_pool_configuration",
            "set_identity_pool_configuration",
            "get_cognito_events",
            "bulk_publish",
            "get_bulk_publish_details",
        ):
            self._call(name, **pool)
        self._call("set_cognito_events", **pool, Events={"SyncTrigger": ROLE})

    def _fail_inside_operations(self) -> None:
        place = self.place
        write(self.client, place, replace(SECRET_KEY, SECRET_VALUE, 10))
        token = begin(self.client, place)
        secret = replace(SECRET_KEY, SECRET_VALUE)
        for patches in ([secret], [secret, secret], [{**secret, "Op": SECRET_VALUE}]):
            self._call("update_records", **place, SyncSessionToken=token, RecordPatches=patches)
        many = [replace(f"{SECRET_KEY}-{n}", SECRET_VALUE) for n in range(RECORDS_MAX + 1)]
        self._call("update_records", **place, SyncSessionToken=token, RecordPatches=many)
        self._call("list_records", **place, SyncSessionToken=f"{token}x", NextToken=f"{token}y")
        self._call("describe_dataset", **{**place, "DatasetName": "missing"})
        target = dataset_target(place)
        for body in (
            f'{{"{SECRET_KEY}": "{SECRET_VALUE}"'.encode(),
            patch_body(token, SECRET_VALUE),
        ):
            signed = self.running.raw.signed_headers("POST", target, body)
            self._send("POST", target, body, signed)

    def _fail_to_authenticate(self) -> None:
        target = dataset_target(self.place)
        reader = exports_of(done(self.directory, "key", "create", "--read-only"))
        key = Credentials(reader["AWS_ACCESS_KEY_ID"], reader["AWS_SECRET_ACCESS_KEY"])
        self.secrets["secret key"].add(key.secret_access_key)
        signed = self.running.raw.signed_headers("DELETE", target, credentials=key)
        self._send("DELETE", target, b"", signed)
        server = self.running.server
        for wrong in (
            Credentials(server.access_key_id, "a-wrong-secret-of-somebody-else"),
            Credentials("AKIAUNKNOWNUNKNOWN00", "the-secret-of-an-unknown-key"),
        ):
            self.secrets["secret key"].add(wrong.secret_access_key)
            self._send("GET", target, b"", self._signed(target, credentials=wrong))
        for late in (timedelta(hours=-1), timedelta(hours=1)):
            self._send("GET", target, b"", self._signed(target, time=datetime.now(UTC) + late))
        self._send("GET", target)
        self._send("GET", target, b"", {"authorization": "AWS4-HMAC-SHA256 Signature=0bad0bad0bad"})
        temporary = self._signed(target, headers={"x-amz-security-token": SECRET_TOKEN})
        self.secrets["session token"].add(SECRET_TOKEN)
        self._send("GET", target, b"", temporary)
        self.secrets["signature"].add("feedfeedfeedfeed")
        query = f"{target}?X-Amz-Signature=feedfeedfeedfeed&X-Amz-Security-Token={SECRET_TOKEN}"
        self._send("GET", query)
        self._send("GET", query, b"", self._signed(query))

    def _fail_before_any_operation(self) -> None:
        self._send("GET", f"/{SECRET_TOKEN}", b"", self._signed(f"/{SECRET_TOKEN}"))
        self._send("GET", "/identitypools//identities", b"")
        self._send("POST", dataset_target(self.place), SECRET_VALUE.encode() * BODY_BYTES_MAX)
        host, port = self.running.raw.host.split(":")
        for text in (
            f"{SECRET_TOKEN}\r\n\r\n",
            f"GET / HTTP/1.1\r\n{SECRET_VALUE}\r\n\r\n",
            f"GET / HTTP/1.1\r\nauthorization: {SECRET_TOKEN * 2000}\r\n\r\n",
        ):
            with socket.create_connection((host, int(port))) as connection:
                connection.sendall(text.encode())
                assert connection.recv(100).startswith(b"HTTP/1.1 4")

    def _fail_in_the_store(self) -> None:
        token = begin(self.client, self.place)
        with closing(sqlite3.connect(self.directory / STORE)) as other, other:
            other.execute("UPDATE datasets SET sync_count = 'x'")
        secret = replace(SECRET_KEY, SECRET_VALUE)
        update: Any = {"SyncSessionToken": token, "RecordPatches": [secret]}
        self._call("update_records", **self.place, **update)
        with closing(sqlite3.connect(self.directory / STORE)) as other, other:
            other.execute("DROP TABLE records")
        self._call("update_records", **self.place, **update)
