"""A fast client for tests: keepstep's own wire functions over one kept connection."""

import http.client
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from urllib.parse import urlsplit

from keepstep.testing import LocalServer
from keepstep.wire import sync
from keepstep.wire.operations import (
    DELETE_DATASET,
    LIST_DATASETS,
    LIST_RECORDS,
    UPDATE_RECORDS,
    Operation,
    Request,
    Response,
)
from keepstep.wire.rest_json import HttpRequest, decode_response, encode_request
from keepstep.wire.sigv4 import Credentials, sign

TIMEOUT_SECONDS = 30


class NotSent(Exception):
    """There is no connection to the server; it got nothing."""


class NoAnswer(Exception):
    """The connection broke; whether the request was carried out is unknown."""


@dataclass(frozen=True)
class Place:
    """Whose datasets: all requests of a test go to one identity."""

    identity_pool_id: str
    identity_id: str


def system_time() -> int:
    """Give the time in milliseconds since the epoch."""
    return time.time_ns() // 1_000_000


class WireClient:
    """Calls the operations on the datasets of one identity, each request tried once."""

    def __init__(
        self, server: LocalServer, place: Place, clock: Callable[[], int] = system_time
    ) -> None:
        self._server = server
        self._place = place
        self._clock = clock
        self._host = urlsplit(server.endpoint_url).netloc
        self._connection = http.client.HTTPConnection(self._host, timeout=TIMEOUT_SECONDS)

    def close(self) -> None:
        self._connection.close()

    def connect(self) -> None:
        """Connect if there is no connection. Raises NotSent."""
        if self._connection.sock is None:
            try:
                self._connection.connect()
            except OSError as error:
                raise NotSent from error

    def list_datasets(self) -> list[sync.Dataset]:
        place = self._place
        request = sync.ListDatasetsRequest(place.identity_pool_id, place.identity_id)
        return self.call(LIST_DATASETS, request).datasets

    def list_records(
        self,
        dataset: str,
        last: int,
        *,
        page_token: str | None = None,
        max_results: int | None = None,
        session: str | None = None,
    ) -> sync.ListRecordsResponse:
        request = sync.ListRecordsRequest(
            self._place.identity_pool_id,
            self._place.identity_id,
            dataset,
            last_sync_count=last,
            next_token=page_token,
            max_results=max_results,
            sync_session_token=session,
        )
        return self.call(LIST_RECORDS, request)

    def update_records(
        self, dataset: str, session: str, patches: list[sync.RecordPatch]
    ) -> list[sync.Record]:
        return self.call(UPDATE_RECORDS, self.update(dataset, session, patches)).records

    def update(
        self, dataset: str, session: str, patches: list[sync.RecordPatch]
    ) -> sync.UpdateRecordsRequest:
        """Give an update of a dataset, to be sent by other means."""
        place = self._place
        return sync.UpdateRecordsRequest(
            place.identity_pool_id,
            place.identity_id,
            dataset,
            sync_session_token=session,
            record_patches=patches,
        )

    def delete_dataset(self, dataset: str) -> None:
        place = self._place
        request = sync.DeleteDatasetRequest(place.identity_pool_id, place.identity_id, dataset)
        self.call(DELETE_DATASET, request)

    def signed(self, operation: Operation[Request, Response], request: Request) -> HttpRequest:
        """Give the signed HTTP request of an operation."""
        unsigned = encode_request(operation, request)
        now = datetime.fromtimestamp(self._clock() / 1000, UTC)
        headers = sign(
            unsigned.method,
            unsigned.target,
            {"host": self._host, **unsigned.headers},
            unsigned.body,
            credentials=Credentials(self._server.access_key_id, self._server.secret_access_key),
            time=now.strftime("%Y%m%dT%H%M%SZ"),
            region=self._server.region,
            service="cognito-sync",
        )
        return HttpRequest(unsigned.method, unsigned.target, headers, unsigned.body)

    def call(self, operation: Operation[Request, Response], request: Request) -> Response:
        """Send a request. Raises the ServiceError answered, NotSent, or NoAnswer."""
        self.connect()
        signed = self.signed(operation, request)
        try:
            self._connection.request(
                signed.method, signed.target, signed.body or None, signed.headers
            )
            answer = self._connection.getresponse()
            body = answer.read()
        except (OSError, http.client.HTTPException) as error:
            self._connection.close()
            raise NoAnswer from error
        return decode_response(operation, answer.status, answer.headers["x-amzn-ErrorType"], body)
