"""Writes that a fault may meet: each is prepared, made, looked for, and made once more.

A success was applied. An error may mean either, and the same request made again behaves as what
became of the first one asks: in the end it was applied once.
"""

import http.client
from dataclasses import dataclass
from typing import Final, Protocol
from urllib.parse import urlsplit

import pytest

from keepstep.testing import LocalServer
from keepstep.testing.history import History, Patch, check
from keepstep.wire import json_1_1
from keepstep.wire.errors import (
    InvalidParameterException,
    NotAuthorizedException,
    ResourceNotFoundException,
)
from keepstep.wire.identity import GetCredentialsForIdentityRequest, GetIdRequest
from keepstep.wire.identity_operations import GET_CREDENTIALS_FOR_IDENTITY, GET_ID
from keepstep.wire.operations import Operation, Request, Response
from tests.api.identity.steps import FACEBOOK, forbidden, login
from tests.promises.wire_client import TIMEOUT_SECONDS, Place
from tests.promises.workload import Session, Workload

SESSION_CONSUMED: Final = "^SyncSessionToken not valid for these inputs$"
DATASET: Final = "things"
WARM_WRITES: Final = 3
"""So many, and of the next one's statements one is prepared on its connection, one just then."""


class Write(Protocol):
    """One write of one client."""

    def prepare(self) -> None:
        """Bring about what the write is made on."""
        ...

    def make(self) -> None:
        """Make the write. Raises what it is answered with."""
        ...

    def is_applied(self) -> bool:
        """Read what became of it; fail on a state that is neither before nor after it."""
        ...

    def make_again(self, *, applied: bool) -> None:
        """Make the same write once more; afterwards it must have been applied once."""
        ...

    def close(self) -> None:
        """Look at all that was asked and answered, and let go of the server."""
        ...


class _DatasetWrite:
    """A write to a dataset of a new identity, and the history of all requests for it."""

    def __init__(self, server: LocalServer, identity_pool_id: str) -> None:
        self.history = History()
        place = Place(identity_pool_id, server.new_id())
        self.session = Session(Workload(server, place, (DATASET,), self.history))

    def write(self, key: str, value: str, token: str, base: int) -> None:
        self.session.write(DATASET, token, {key: Patch(value, base)})

    def close(self) -> None:
        self.session.close()
        assert check(self.history) == []


class Update(_DatasetWrite):
    """An UpdateRecords after a number of others; the first one creates the dataset."""

    def __init__(self, server: LocalServer, identity_pool_id: str, before: int) -> None:
        super().__init__(server, identity_pool_id)
        self._before = before
        self._token = ""

    def prepare(self) -> None:
        for count in range(self._before):
            token, _, _ = self.session.read(DATASET, 0)
            self.write("k", f"value {count + 1}", token, count)
        self._token, _, _ = self.session.read(DATASET, 0)

    def make(self) -> None:
        self.write("k", f"value {self._before + 1}", self._token, self._before)

    def is_applied(self) -> bool:
        _, records, count = self.session.read(DATASET, 0)
        assert [*records] == ["k"][:count]
        assert all(state == (count, f"value {count}") for state in records.values())
        assert count in (self._before, self._before + 1)
        return count > self._before

    def make_again(self, *, applied: bool) -> None:
        try:
            self.make()
            assert not applied, "a consumed session was taken again"
        except InvalidParameterException as error:
            with pytest.raises(InvalidParameterException, match=SESSION_CONSUMED):
                raise error from None
        assert self.is_applied()


class Deletion(_DatasetWrite):
    """A DeleteDataset."""

    def prepare(self) -> None:
        token, _, _ = self.session.read(DATASET, 0)
        self.write("k", "value", token, 0)

    def make(self) -> None:
        self.session.delete(DATASET)

    def is_applied(self) -> bool:
        _, records, count = self.session.read(DATASET, 1)
        read = self.history.reads[-1]
        assert (count, read.exists, read.deleted, records) in (
            (1, True, False, {}),
            (2, False, True, {}),
        )
        return not read.exists

    def make_again(self, *, applied: bool) -> None:
        try:
            self.make()
            assert not applied, "what was deleted was deleted again"
        except ResourceNotFoundException as error:
            assert error.message == f"Dataset {DATASET} doesn't exist"  # noqa: PT017 -- or not raised
        assert self.is_applied()


class Linking:
    """A sign-in to a guest's identity with a login, which links it."""

    def __init__(self, server: LocalServer, identity_pool_id: str) -> None:
        self._client = _IdentityClient(server)
        self._pool_id = identity_pool_id
        self._guest = ""
        self._login: dict[str, str] = {}

    def prepare(self) -> None:
        self._guest = self._client.call(GET_ID, GetIdRequest(self._pool_id)).identity_id
        self._login = login(FACEBOOK, self._guest)

    def make(self) -> None:
        request = GetCredentialsForIdentityRequest(self._guest, self._login)
        answer = self._client.call(GET_CREDENTIALS_FOR_IDENTITY, request)
        assert answer.identity_id == self._guest

    def is_applied(self) -> bool:
        request = GetCredentialsForIdentityRequest(self._guest)
        try:
            self._client.call(GET_CREDENTIALS_FOR_IDENTITY, request)
        except NotAuthorizedException as error:
            assert error.message == forbidden(self._guest)  # noqa: PT017 -- a guest may be one still
            return True
        return False

    def make_again(self, *, applied: bool) -> None:
        del applied  # whoever is linked signs in
        self.make()
        assert self.is_applied()
        owner = self._client.call(GET_ID, GetIdRequest(self._pool_id, logins=self._login))
        assert owner.identity_id == self._guest

    def close(self) -> None:
        self._client.close()


@dataclass
class _IdentityClient:
    """Calls the public operations of Cognito Identity over one kept connection."""

    server: LocalServer

    def __post_init__(self) -> None:
        host = urlsplit(self.server.endpoint_url).netloc
        self._connection = http.client.HTTPConnection(host, timeout=TIMEOUT_SECONDS)

    def call(self, operation: Operation[Request, Response], request: Request) -> Response:
        """Send a request. Raises the ServiceError answered."""
        sent = json_1_1.encode_request(operation, request)
        self._connection.request(sent.method, sent.target, sent.body, sent.headers)
        answer = self._connection.getresponse()
        error_type = answer.headers["x-amzn-ErrorType"]
        return json_1_1.decode_response(operation, answer.status, error_type, answer.read())

    def close(self) -> None:
        self._connection.close()
