"""A store that is opened beside its servers: what waits in it, and who holds what."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any, TypeVar

from keepstep.domain.outbox import QueuedMessage
from keepstep.domain.pools import PoolSettings
from keepstep.interfaces.delivery_storage import OutboxFilter
from keepstep.interfaces.storage import Store
from keepstep.testing.storage_suite.running import DATE, POOL, pool
from keepstep.wire.sync import CognitoStreams
from tests.conftest import StoreSettings
from tests.promises.stores import opened

STREAM = CognitoStreams(stream_name="changes", streaming_status="ENABLED")

Answer = TypeVar("Answer")


@asynccontextmanager
async def beside(settings: StoreSettings) -> AsyncGenerator[Store]:
    """Open the store for as long as the block lasts."""
    store = await opened(settings)
    try:
        yield store
    finally:
        await store.close()


def ask(settings: StoreSettings, work: Callable[[Store], Coroutine[Any, Any, Answer]]) -> Answer:
    """Do some work on the store."""

    async def run() -> Answer:
        async with beside(settings) as store:
            return await work(store)

    return asyncio.run(run())


def make_pool(settings: StoreSettings, identity_pool_id: str = POOL) -> None:
    """Make a pool that streams."""
    made = pool(identity_pool_id, settings=PoolSettings(cognito_streams=STREAM))
    assert ask(settings, lambda store: store.create_pool(made))


def outbox_of(settings: StoreSettings, identity_pool_id: str | None = None) -> list[QueuedMessage]:
    """Give what is in the outbox, of a pool or of all."""
    wanted = OutboxFilter(identity_pool_id)
    return ask(settings, lambda store: store.list_outbox(wanted, after=None, limit=10_000))


def end_leases(settings: StoreSettings) -> None:
    """End the leases of servers that are dead, as time would."""

    async def release(store: Store) -> None:
        for lease in await store.list_leases("", DATE):
            await store.release_leases([lease.name], lease.holder)

    ask(settings, release)
