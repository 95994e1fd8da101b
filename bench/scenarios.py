"""The requests that are measured, and how those that can be sent only once are made."""

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import cycle, islice
from typing import Final, Protocol

import msgspec

from keepstep.wire import identity, identity_operations, operations, sync
from keepstep.wire.sigv4 import Credentials

from .load import Load, measure, send_each
from .preload import DATASET_NAME, KEYS, POOL_ID, RECORDS, WRITER, value_of
from .servers import Server
from .signing import signed_request, unsigned_request

SYNC_COUNT: Final = 1_000_000_000
"""The count in patches: far above every record's, so that none conflicts."""
TOKEN_CONNECTIONS: Final = 32
WARM_UP_REQUESTS: Final = 1_000


class Identities(Protocol):
    """A store's identities, of which requests are made for some."""

    @property
    def sampled(self) -> Sequence[str]:
        """Those with requests."""
        ...


@dataclass(slots=True)
class Target:
    """A server with its store; identities take turns, so that none has two requests at once."""

    server: Server
    population: Identities
    credentials: dict[str, Credentials] = field(default_factory=dict[str, Credentials])
    """Temporary ones, by identity; they last longer than a run."""
    _turns: Iterator[str] = field(init=False)

    def __post_init__(self) -> None:
        self._turns = cycle(self.population.sampled)

    def take(self, count: int) -> list[str]:
        """Give the next identities, the same one again only after all the others."""
        return list(islice(self._turns, count))


Build = Callable[[Target, Sequence[str], Sequence[str]], list[bytes]]
"""Makes a request for each identity, signed at this moment, with a session token for each."""


@dataclass(frozen=True, slots=True)
class Scenario:
    """One line of the table; requests that work once only need a new session token each."""

    name: str
    build: Build
    once_only: bool = False
    compares_with_sqlite: bool = False
    peer: "Scenario | None" = None
    """Measured in turn with this one, for the ratio of their rates."""

    def requests(self, target: Target, count: int) -> list[bytes]:
        """Make so many requests; session tokens come from real ListRecords requests."""
        identities = target.take(count)
        tokens = _session_tokens(target, identities) if self.once_only else [""] * count
        return self.build(target, identities, tokens)


class Session:
    """One scenario against one target at one number of connections."""

    def __init__(self, scenario: Scenario, target: Target, connections: int) -> None:
        """Warm the server up with requests that do not count."""
        self._scenario = scenario
        self._target = target
        self._connections = connections
        sampled = len(target.population.sampled)
        self.requests = scenario.requests(
            target, WARM_UP_REQUESTS if scenario.once_only else sampled
        )
        self._rate = send_each(target.server.address, self.requests, connections).rate

    def prepare(self, seconds: float) -> None:
        """Make requests that work once only anew, as many as about that time takes."""
        if self._scenario.once_only:
            count = max(int(self._rate * seconds), self._connections)
            self.requests = self._scenario.requests(self._target, count)

    def measure(self, seconds: float) -> Load:
        """Measure what was prepared: in a circle for a time, or each request once."""
        address = self._target.server.address
        if not self._scenario.once_only:
            return measure(address, self.requests, self._connections, seconds)
        load = send_each(address, self.requests, self._connections)
        self._rate = load.rate
        return load


def session_requests(
    target: Target, identities: Sequence[str], last_sync_count: int | None = RECORDS
) -> list[bytes]:
    """Give the ListRecords requests that begin a sync session of each identity."""
    return [
        signed_request(
            target.server,
            operations.LIST_RECORDS,
            sync.ListRecordsRequest(
                identity_pool_id=POOL_ID,
                identity_id=identity,
                dataset_name=DATASET_NAME,
                last_sync_count=last_sync_count,
            ),
        )
        for identity in identities
    ]


def _session_tokens(target: Target, identities: Sequence[str]) -> list[str]:
    requests = session_requests(target, identities)
    load = send_each(target.server.address, requests, TOKEN_CONNECTIONS, keeps=True)
    bodies = (answer.partition(b"\r\n\r\n")[2] for answer in load.answers)
    decoder = msgspec.json.Decoder(sync.ListRecordsResponse)
    return [decoder.decode(body).sync_session_token for body in bodies]


def _list_datasets(target: Target, identities: Sequence[str], tokens: Sequence[str]) -> list[bytes]:
    del tokens
    return [
        signed_request(
            target.server,
            operations.LIST_DATASETS,
            sync.ListDatasetsRequest(identity_pool_id=POOL_ID, identity_id=identity),
        )
        for identity in identities
    ]


def _list_own_datasets(
    target: Target, identities: Sequence[str], tokens: Sequence[str]
) -> list[bytes]:
    del tokens
    new = [one for one in dict.fromkeys(identities) if one not in target.credentials]
    if new:
        target.credentials.update(zip(new, _sign_in(target, new), strict=True))
    return [
        signed_request(
            target.server,
            operations.LIST_DATASETS,
            sync.ListDatasetsRequest(identity_pool_id=POOL_ID, identity_id=one),
            target.credentials[one],
        )
        for one in identities
    ]


def _sign_in(target: Target, identities: Sequence[str]) -> Iterator[Credentials]:
    """Give temporary credentials of guests, as the server grants them."""
    requests = credentials_requests(target, identities, ())
    load = send_each(target.server.address, requests, TOKEN_CONNECTIONS, keeps=True)
    return granted_credentials(answer.partition(b"\r\n\r\n")[2] for answer in load.answers)


def granted_credentials(bodies: Iterable[bytes]) -> Iterator[Credentials]:
    """Give the credentials in the bodies of answers to ``credentials_requests``."""
    decoder = msgspec.json.Decoder(identity.GetCredentialsForIdentityResponse)
    for body in bodies:
        granted = decoder.decode(body).credentials
        assert granted is not None
        yield Credentials(granted.access_key_id, granted.secret_key, granted.session_token)


def credentials_requests(
    target: Target, identities: Sequence[str], tokens: Sequence[str]
) -> list[bytes]:
    """Give requests of each identity's credentials."""
    del tokens
    return [
        unsigned_request(
            target.server,
            identity_operations.GET_CREDENTIALS_FOR_IDENTITY,
            identity.GetCredentialsForIdentityRequest(identity_id=one),
        )
        for one in identities
    ]


def _list_records(last_sync_count: int | None) -> Build:
    def build(target: Target, identities: Sequence[str], tokens: Sequence[str]) -> list[bytes]:
        del tokens
        return session_requests(target, identities, last_sync_count)

    return build


def _update_records(patches: int) -> Build:
    def build(target: Target, identities: Sequence[str], tokens: Sequence[str]) -> list[bytes]:
        return [
            signed_request(
                target.server,
                operations.UPDATE_RECORDS,
                sync.UpdateRecordsRequest(
                    identity_pool_id=POOL_ID,
                    identity_id=identity,
                    dataset_name=DATASET_NAME,
                    sync_session_token=token,
                    device_id=WRITER,
                    record_patches=_patches(number, patches),
                ),
            )
            for number, (identity, token) in enumerate(zip(identities, tokens, strict=True))
        ]

    return build


def _patches(number: int, count: int) -> list[sync.RecordPatch]:
    now = round(time.time(), 3)
    return [
        sync.RecordPatch(
            op="replace",
            key=KEYS[(number + offset) % RECORDS],
            value=value_of(number),
            sync_count=SYNC_COUNT,
            device_last_modified_date=now,
        )
        for offset in range(count)
    ]


LIST_DATASETS: Final = Scenario("ListDatasets", _list_datasets)
SCENARIOS: Final = (
    LIST_DATASETS,
    Scenario("ListDatasets, temporary credentials", _list_own_datasets, peer=LIST_DATASETS),
    Scenario("GetCredentialsForIdentity", credentials_requests),
    Scenario("ListRecords, 20 records", _list_records(None)),
    Scenario("ListRecords, 1 changed", _list_records(RECORDS - 1)),
    Scenario("UpdateRecords, 1 patch", _update_records(1), True, compares_with_sqlite=True),
    Scenario("UpdateRecords, 10 patches", _update_records(10), True),
)
"""Reads first: the updates move the counts that the second listing asks after."""
