"""What an operation may use: the store, the clock, randomness, keys, roles, triggers, limits."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from keepstep.domain.access import Caller
from keepstep.domain.limits import Limits
from keepstep.domain.openid_tokens import TokenSigningKey
from keepstep.domain.pools import IdentityPool
from keepstep.domain.revocations import Revocation
from keepstep.domain.roles import Roles
from keepstep.domain.sealing import Entropy, Sealer

from .delivery import Announcer, SyncTriggers
from .logins import LoginVerifier
from .storage import Store

Clock = Callable[[], int]
"""Gives the time in milliseconds since the epoch."""


class Pools(Protocol):
    """The identity pools an operation may address."""

    async def find(self, identity_pool_id: str) -> IdentityPool | None:
        """Give a pool, at most a few seconds old, or None."""
        ...

    def forget(self, identity_pool_id: str) -> None:
        """Look the pool up anew the next time."""
        ...


class Statistics(Protocol):
    """What is counted beside the data; a crash may lose the last second of it."""

    def count_sync_session(self, identity_pool_id: str) -> None:
        """Count a sync session begun in a pool."""
        ...


class TokenKeys(Protocol):
    """The keys that sign OpenID tokens. They are replaced from time to time."""

    async def current(self) -> TokenSigningKey:
        """Give the key to sign with."""
        ...

    async def published(self) -> Sequence[TokenSigningKey]:
        """Give every key whose tokens may be alive, newest first."""
        ...


class Revocations(Protocol):
    """From when on tokens and credentials must be."""

    async def find(self, subjects: tuple[str, ...], issued_at: int) -> Revocation | None:
        """Give a revocation of one of the subjects since a time, or None; seconds old at most."""
        ...

    def forget(self) -> None:
        """Look everything up anew the next time."""
        ...


@dataclass(frozen=True, slots=True)
class Account:
    """The one account of the server, and who it says it is in tokens."""

    account_id: str
    region: str
    token_issuer: str


@dataclass(frozen=True, slots=True)
class Service:
    """Everything the operations share; made once, by the server's assembly.

    With ``trigger_developers``, developers' updates are subject to sync triggers too.
    """

    store: Store
    pools: Pools
    statistics: Statistics
    sealer: Sealer
    limits: Limits
    clock: Clock
    entropy: Entropy
    account: Account
    roles: Roles
    logins: LoginVerifier
    token_keys: TokenKeys
    revocations: Revocations
    triggers: SyncTriggers
    announcer: Announcer
    trigger_developers: bool = False


@dataclass(slots=True)
class Call:
    """One call: who makes it, and what the operation may use. Some operations take anybody."""

    service: Service
    caller: Caller | None

    @property
    def account_id(self) -> str:
        """The account that the call is in."""
        return self.service.account.account_id
