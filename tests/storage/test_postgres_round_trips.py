"""How often the engine for teams goes to the database, and what it prepares there."""

import pytest

from keepstep.testing.storage_suite.running import (
    apply,
    deleting,
    find,
    place,
    pool,
    run,
    sending,
    session,
    writing,
)

from .postgres_proxy import proxy_of
from .test_postgres_outcomes import opened, url

__all__ = ["url"]


def test_what_devices_do_all_day_is_one_round_trip_each(url: str) -> None:
    async def count() -> None:
        async with proxy_of(url) as proxy, opened(f"{proxy.url}&pool_max=1") as store:
            await store.create_pool(pool())
            begun = 0
            for number in range(4):  # a statement that is being prepared takes two
                name = f"dataset-{number}"
                change = writing(place(name), {"a": "1"}, consumes=session(number), below=20)
                begun = proxy.round_trips
                await apply(store, change, sending(writing(place(name), {"a": "2"}, expects=1)))
                await find(store, place(name), session(number).session_id)
                await store.find_state(place(name), ["a", "b"], session(number).session_id)
                await store.find_state(place(name), None, session(number).session_id)
                await apply(store, deleting(place(name), expects=2))
                await apply(store, writing(place(name), {"a": "3"}, expects=3, below=20))
            assert proxy.round_trips - begun == 7

    run(count())


@pytest.mark.parametrize(("threshold", "prepares"), [("", True), ("&prepare_threshold=off", False)])
def test_statements_are_prepared_unless_the_url_says_no(
    url: str, threshold: str, prepares: bool
) -> None:
    async def read_often() -> None:
        async with proxy_of(url) as proxy, opened(proxy.url + threshold) as store:
            for _ in range(5):
                await store.find_dataset(place())
            assert (proxy.prepared > 0) == prepares

    run(read_often())
