"""People signed in to one server in every way there is, and any request of any operation by them.

Requests are made from the shapes of the table, so that an operation new in the table is asked
for without another line here.
"""

from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlencode

import msgspec
from hypothesis import HealthCheck, settings
from hypothesis.strategies import DataObject

from keepstep.domain.access import CallerClass
from keepstep.operations.table import IDENTITY_TABLE, STS_TABLE, SYNC_TABLE, Row
from keepstep.testing import LocalServer
from keepstep.wire import json_1_1, rest_json
from keepstep.wire.json_protocols import HttpRequest
from keepstep.wire.query import VERSION
from keepstep.wire.sigv4 import Credentials
from tests.api.identity.keys_and_roles import arn_of_role, assume, enhanced, open_id_token
from tests.api.identity.steps import FACEBOOK, Pool, login
from tests.raw import RawAnswer, RawRequester
from tests.wire.strategies import requests

WRONG_CLASS: Final = "These credentials are not valid for accessing this resource"
KINDS: Final = ("guest", "logged in", "classic guest", "classic")
ALLOWS_ALL: Final = "Everything"
FEW: Final = settings(
    max_examples=3,
    derandomize=True,
    database=None,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
ROWS: Final = {row.operation.name: row for row in (*SYNC_TABLE, *IDENTITY_TABLE, *STS_TABLE)}
NEED_CREDENTIALS: Final = [
    name for name, row in ROWS.items() if row.callers is not CallerClass.ANYBODY
]


@dataclass(frozen=True)
class Person:
    """Somebody who signed in; without credentials, somebody else's idea of them."""

    identity_pool_id: str
    identity_id: str
    kind: str = ""
    credentials: Credentials | None = None

    def __str__(self) -> str:
        return f"{self.kind or 'nobody'} {self.identity_id}"


def service_of(row: Row) -> str:
    """Give the signing name of an operation's service."""
    if row in SYNC_TABLE:
        return "cognito-sync"
    return "sts" if row in STS_TABLE else "cognito-identity"


def names_identity(row: Row) -> bool:
    """Whether a request of the operation says whose data it is about."""
    return "identity_id" in row.operation.request.__struct_fields__


def sign_in(server: LocalServer, pool: Pool, kind: str, role_name: str, user: str) -> Person:
    """Make an identity and sign it in: through STS with the role named, else with the pool's."""
    logins = [] if "guest" in kind else [login(FACEBOOK, user)]
    identity_id = pool.log_in(*logins)
    if kind.startswith("classic"):
        token = open_id_token(pool, identity_id, *logins)
        credentials = assume(server, token, arn_of_role(role_name))
    else:
        credentials = enhanced(pool, identity_id, *logins)
    return Person(pool.pool_id, identity_id, kind, credentials)


def any_request(data: DataObject, row: Row, about: Person) -> Any:
    """Make any valid request of an operation about an identity, if it names one, and its pool."""
    request = data.draw(requests(row.operation), label=row.operation.name)
    ids = {"identity_id": about.identity_id, "identity_pool_id": about.identity_pool_id}
    named = {name: value for name, value in ids.items() if name in request.__struct_fields__}
    return msgspec.structs.replace(request, **named)


def send(server: LocalServer, row: Row, request: Any, caller: Person) -> RawAnswer:
    """Send a request, signed with the caller's credentials if there are any."""
    raw = RawRequester(server)
    sent = _encoded(row, request)
    headers = sent.headers
    if caller.credentials is not None:
        headers = raw.signed_headers(
            sent.method,
            sent.target,
            sent.body,
            sent.headers,
            credentials=caller.credentials,
            service=service_of(row),
        )
    return raw.send(sent.method, sent.target, sent.body, headers)


def _encoded(row: Row, request: Any) -> HttpRequest:
    if row in SYNC_TABLE:
        return rest_json.encode_request(row.operation, request)
    if row in IDENTITY_TABLE:
        return json_1_1.encode_request(row.operation, request)
    members = {k: v for k, v in msgspec.to_builtins(request).items() if isinstance(v, str | int)}
    form = {"Action": row.operation.name, "Version": VERSION, **members}
    kind = "application/x-www-form-urlencoded; charset=utf-8"
    return HttpRequest("POST", "/", {"Content-Type": kind}, urlencode(form).encode())
