"""The operations of a service in the test's own process, without a network or signatures."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from keepstep.delivery.aws import AwsClients, AwsSettings
from keepstep.delivery.triggers import Triggers
from keepstep.domain.limits import Limits
from keepstep.domain.logins import COGNITO_ISSUER
from keepstep.domain.pools import IdentityPool, PoolSettings, new_pool_id
from keepstep.domain.roles import Roles
from keepstep.interfaces.service import Account, Call, Service
from keepstep.providers import InsecureLogins, LoginProviders
from keepstep.server.announcements import Announcements
from keepstep.server.pools import KnownPools
from keepstep.server.revocations import KnownRevocations
from keepstep.server.token_keys import TokenKeyRing
from tests.conftest import StoreSettings
from tests.domain.keys import counting_entropy, sealer

from .stores import opened

ACCOUNT_ID, REGION = "000000000000", "us-east-1"
DATASETS_MAX = 3

T = TypeVar("T")


class Clock:
    """Time that goes on a little with every call."""

    now = 1_800_000_000_000

    def __call__(self) -> int:
        self.now += 1
        return self.now


class NoStatistics:
    """Statistics that nobody wants."""

    def count_sync_session(self, identity_pool_id: str) -> None:
        del identity_pool_id


class World:
    """A service without a network, on a store."""

    def __init__(self, runner: asyncio.Runner, settings: StoreSettings) -> None:
        clock, entropy = Clock(), counting_entropy()
        self._runner = runner
        self.store = runner.run(opened(settings))
        self.service = Service(
            store=self.store,
            pools=KnownPools(self.store, clock, open_pools=False),
            statistics=NoStatistics(),
            sealer=sealer(),
            limits=Limits(datasets_per_identity=DATASETS_MAX),
            clock=clock,
            entropy=entropy,
            account=Account(ACCOUNT_ID, REGION, COGNITO_ISSUER),
            roles=Roles(ACCOUNT_ID),
            logins=InsecureLogins(LoginProviders([], clock=clock)),
            token_keys=TokenKeyRing(self.store, sealer(), REGION, clock),
            revocations=KnownRevocations(self.store, clock),
            triggers=Triggers([], AwsClients(AwsSettings()), clock),
            announcer=Announcements([]),
        )

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        return self._runner.run(work)

    def call(self, function: Callable[[Call, Any], Coroutine[Any, Any, T]], request: object) -> T:
        """Carry out an operation. Raises the ServiceError it answers."""
        return self.run(function(Call(self.service, None), request))

    def new_pool(self, developer_provider: str) -> str:
        """Create a pool that takes guests, any provider's users and a developer's."""
        pool_id, now = new_pool_id(REGION, self.service.entropy), self.service.clock()
        wanted = PoolSettings(
            allow_unauthenticated=True, developer_provider_name=developer_provider
        )
        assert self.run(
            self.store.create_pool(IdentityPool(pool_id, "people", now, now, settings=wanted))
        )
        return pool_id
