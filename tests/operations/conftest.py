"""Operations in the test's own process: a store in memory, a function and listeners of the test's.

Nothing works in the background, so that what an operation leaves to be sent can be looked at.
"""

import asyncio
from collections.abc import Callable, Coroutine, Iterator
from typing import Any, TypeVar

import pytest

from keepstep.domain.credentials import IdentityCaller
from keepstep.domain.dataset_changes import DatasetChange
from keepstep.domain.datasets import DatasetPlace, Record
from keepstep.domain.limits import Limits
from keepstep.domain.logins import COGNITO_ISSUER
from keepstep.domain.outbox import OutboxMessage
from keepstep.domain.pools import IdentityPool, PoolSettings
from keepstep.domain.roles import Roles
from keepstep.interfaces.delivery_storage import OutboxFilter
from keepstep.interfaces.service import Account, Call, Service
from keepstep.interfaces.storage import NO_OBSERVER, RecordsQuery, Store
from keepstep.operations.sync.records import list_records, update_records
from keepstep.providers import LoginProviders
from keepstep.server.pools import KnownPools
from keepstep.server.revocations import KnownRevocations
from keepstep.server.stores import open_engine
from keepstep.server.token_keys import TokenKeyRing
from keepstep.wire import sync
from tests.domain.keys import counting_entropy, sealer

ACCOUNT_ID, REGION = "000000000000", "us-east-1"
POOL_ID = f"{REGION}:00000000-0000-0000-0000-000000000001"
IDENTITY_ID = f"{REGION}:00000000-0000-0000-0000-000000000002"
PLACE = DatasetPlace(POOL_ID, IDENTITY_ID, "things")
ROLE = f"arn:aws:iam::{ACCOUNT_ID}:role/app"
FUNCTION = f"arn:aws:lambda:{REGION}:{ACCOUNT_ID}:function:check"
LIMITS = Limits(records_per_dataset=4)

T = TypeVar("T")


class Clock:
    """Time that stands still until it is moved."""

    now = 1_800_000_000_000

    def __call__(self) -> int:
        return self.now


class NoStatistics:
    """Statistics that nobody wants."""

    def count_sync_session(self, identity_pool_id: str) -> None:
        del identity_pool_id


class Function:
    """A sync trigger of the test's: gives back its event until it is told what to answer."""

    def __init__(self) -> None:
        self.events: list[bytes] = []
        self.answer: Callable[[bytes], Coroutine[Any, Any, bytes]] | None = None

    async def call(self, function: str, event: bytes) -> bytes:
        assert function == FUNCTION
        self.events.append(event)
        return event if self.answer is None else await self.answer(event)


class Asked:
    """A store, and the names of the methods that were called on it."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self.names: list[str] = []

    def __getattr__(self, name: str) -> Any:
        self.names.append(name)
        return getattr(self._store, name)


class World:
    """A service with one pool, and what happens in it."""

    def __init__(self, runner: asyncio.Runner) -> None:
        self._runner = runner
        self.clock = Clock()
        self.function = Function()
        self.announced: list[DatasetChange] = []
        self.store: Store = runner.run(open_engine("sqlite::memory:", NO_OBSERVER))
        self.asked: Any = Asked(self.store)
        self.service = Service(
            store=self.asked,
            pools=KnownPools(self.store, self.clock, open_pools=False),
            statistics=NoStatistics(),
            sealer=sealer(),
            limits=LIMITS,
            clock=self.clock,
            entropy=counting_entropy(),
            account=Account(ACCOUNT_ID, REGION, COGNITO_ISSUER),
            roles=Roles(ACCOUNT_ID),
            logins=LoginProviders([], clock=self.clock),
            token_keys=TokenKeyRing(self.store, sealer(), REGION, self.clock),
            revocations=KnownRevocations(self.store, self.clock),
            triggers=self.function,
            announcer=self,
        )
        self.caller = IdentityCaller(
            account_id=ACCOUNT_ID,
            access_key_id="ASIA0000000000000000",
            identity_id=IDENTITY_ID,
            identity_pool_id=POOL_ID,
            role_arn=ROLE,
            role_id="AROA",
            session_name="app",
            issued_at=self.clock.now,
            amr=("unauthenticated",),
        )

    def announce(self, change: DatasetChange) -> None:
        """Listen to what the service announces."""
        self.announced.append(change)

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        return self._runner.run(work)

    def call(
        self,
        operation: Callable[[Call, Any], Coroutine[Any, Any, T]],
        request: object,
        service: Service | None = None,
        *,
        developer: bool = False,
    ) -> T:
        """Carry out an operation as the identity, or as a developer. Raises what it answers."""
        caller = None if developer else self.caller
        return self.run(operation(Call(service or self.service, caller), request))

    def set_up(self, settings: PoolSettings) -> None:
        """Let the pool have these settings; make it if it is not there."""
        now = self.clock.now
        self.service.pools.forget(POOL_ID)
        before = self.run(self.store.find_pool(POOL_ID))
        version = 1 if before is None else before.version + 1
        pool = IdentityPool(POOL_ID, "people", now, now, settings=settings, version=version)
        if before is None:
            assert self.run(self.store.create_pool(pool))
        else:
            assert self.run(self.store.update_pool(pool, expected_version=before.version))

    def token(self) -> str:
        """Begin a sync session."""
        return self.call(list_records, sync.ListRecordsRequest(*place_members())).sync_session_token

    def update(
        self,
        values: dict[str, str | None],
        *,
        sync_count: int = 1000,
        token: str | None = None,
        device: str | None = None,
        **arguments: Any,
    ) -> dict[str, tuple[str | None, int]]:
        """Update records; give the value and count of each that was written."""
        request = request_of(values, token or self.token(), sync_count, device)
        answer = self.call(update_records, request, **arguments)
        return {
            str(record.key): (record.value, record.sync_count or 0) for record in answer.records
        }

    def stored(self) -> dict[str, str | None]:
        """Give what the dataset holds, tombstones included."""
        records: list[Record] = self.run(self.store.find_records(RecordsQuery(PLACE), None)).records
        return {record.key: record.value for record in records}

    def outbox(self) -> list[OutboxMessage]:
        """Give what waits to be sent."""
        queued = self.run(self.store.list_outbox(OutboxFilter(), after=None, limit=100))
        return [one.message for one in queued]


def place_members() -> tuple[str, str, str]:
    return PLACE.identity_pool_id, PLACE.identity_id, PLACE.dataset_name


def request_of(
    values: dict[str, str | None], token: str, sync_count: int, device: str | None = None
) -> sync.UpdateRecordsRequest:
    patches = [
        sync.RecordPatch("remove" if value is None else "replace", key, sync_count, value)
        for key, value in values.items()
    ]
    return sync.UpdateRecordsRequest(*place_members(), token, device, patches)


@pytest.fixture
def world() -> Iterator[World]:
    """A world with a pool that nothing leaves."""
    with asyncio.Runner() as runner:
        made = World(runner)
        made.set_up(PoolSettings())
        yield made
        runner.run(made.store.close())
