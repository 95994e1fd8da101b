"""What reads whole tables has more time than what devices ask for, and lends it to nothing else."""

import asyncio
from collections.abc import Iterator

import pytest

from keepstep.interfaces.storage import StoreUnavailable
from keepstep.testing.storage_suite.running import IDENTITY, POOL, apply, place, pool, run, writing

from .postgres_server import database, someone_waits
from .test_postgres_outcomes import holding, opened

LOCK_DATASETS = b"LOCK TABLE datasets IN ACCESS EXCLUSIVE MODE"


@pytest.fixture
def url() -> Iterator[str]:
    with database() as url:
        yield url


def test_a_long_statement_outlasts_the_time_of_others_and_leaves_them_theirs(url: str) -> None:
    async def measure() -> None:
        async with opened(url, statement_seconds=0.2, pool_max=2) as store:
            await store.create_pool(pool())
            await apply(store, writing(place(), {"a": "1"}, below=20))

            async def list_names() -> None:
                await store.list_datasets(POOL, IDENTITY, after="", limit=1)

            for _ in range(2):  # in the second round, on connections that were used for it
                async with holding(url, LOCK_DATASETS) as other:
                    measuring = [asyncio.create_task(store.measure_pool(POOL))]
                    await someone_waits(url)
                    with pytest.raises(StoreUnavailable, match="took too long"):
                        await list_names()
                    assert not measuring[0].done()
                    await other.rollback()
                (usage,) = await asyncio.gather(*measuring)
                assert usage is not None
                assert usage.pool == pool()
            async with holding(url, LOCK_DATASETS) as other:
                failed = await asyncio.gather(
                    list_names(), store.dump_datasets(POOL, IDENTITY), return_exceptions=True
                )
                assert ["took too long" in str(each) for each in failed] == [True, True]

    run(measure())
