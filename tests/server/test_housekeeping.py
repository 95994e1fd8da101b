"""What a server does beside answering: statistics in batches, and expired sessions forgotten."""

import asyncio
import sqlite3
from collections.abc import Coroutine
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from keepstep.domain.limits import (
    CONSUMED_SESSIONS_PURGE_MS,
    PURGE_ROWS_MAX,
    REVOCATION_MS,
    SYNC_SESSION_MS,
)
from keepstep.domain.pools import IdentityPool
from keepstep.interfaces.storage import StoreUnavailable
from keepstep.server.housekeeping import Housekeeping
from keepstep.server.metrics import Metrics
from keepstep.storage.sqlite import SQLiteStore
from keepstep.testing import local_server
from tests.api.conftest import Clock
from tests.api.steps import begin, replace, write
from tests.conftest import Place, client_of

from .processes import eventually

POOL = "us-east-1:00000000-0000-4000-8000-000000000001"


class Groups:
    """Counts the commits of a store."""

    def __init__(self) -> None:
        self.sizes: list[int] = []

    def observe_read(self, seconds: float) -> None:
        del seconds

    def observe_change(self, seconds: float) -> None:
        del seconds

    def observe_group(self, size: int) -> None:
        self.sizes.append(size)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A store with one pool."""
    path = tmp_path / "keepstep.db"

    async def make() -> None:
        store = SQLiteStore.open(path)
        pool = IdentityPool(
            identity_pool_id=POOL, name="app", creation_date=1, last_modified_date=1
        )
        assert await store.create_pool(pool)
        await store.close()

    asyncio.run(make())
    return path


def query(path: Path, statement: str) -> int:
    """Ask the file a number, beside whoever has it open."""
    with closing(sqlite3.connect(path)) as connection:
        return connection.execute(statement).fetchone()[0]


def sync_sessions(path: Path) -> int:
    return query(path, "SELECT sum(sync_sessions_count) FROM identity_pools")


def consumed_sessions(path: Path) -> int:
    return query(path, "SELECT count(*) FROM consumed_sessions")


def keep_house(path: Path, work: Any, groups: Groups | None = None, now: int = 0) -> None:
    """Run ``work`` with a store and its housekeeping."""

    async def run() -> None:
        store = SQLiteStore.open(path, groups or Groups())
        doing: Coroutine[Any, Any, None] = work(store, Housekeeping(store, Metrics(), lambda: now))
        try:
            await doing
        finally:
            await store.close()

    asyncio.run(run())


def test_sync_sessions_reach_the_store_in_one_change(file: Path) -> None:
    groups = Groups()

    async def work(store: SQLiteStore, house: Housekeeping) -> None:
        for _ in range(1000):
            house.count_sync_session(POOL)
        assert (sync_sessions(file), groups.sizes) == (0, [])
        await house.flush()
        await house.flush()
        assert (sync_sessions(file), groups.sizes) == (1000, [1])

    keep_house(file, work, groups)


def test_what_cannot_be_stored_stays_counted(file: Path) -> None:
    async def work(store: SQLiteStore, house: Housekeeping) -> None:
        house.count_sync_session(POOL)
        with closing(sqlite3.connect(file)) as other:
            other.execute("ALTER TABLE identity_pools RENAME TO away")
            with pytest.raises(StoreUnavailable):
                await house.flush()
            house.count_sync_session(POOL)
            other.execute("ALTER TABLE away RENAME TO identity_pools")
        await house.flush()
        assert sync_sessions(file) == 2

    keep_house(file, work)


def test_a_purge_forgets_every_expired_session_and_no_other(file: Path) -> None:
    many = 2 * PURGE_ROWS_MAX + 1
    with closing(sqlite3.connect(file)) as other, other:
        rows = [("us-east-1:x", number.to_bytes(16), 1000) for number in range(many)]
        rows.append(("us-east-1:x", b"living", 1001))
        other.executemany("INSERT INTO consumed_sessions VALUES (?, ?, ?)", rows)

    async def work(store: SQLiteStore, house: Housekeeping) -> None:
        await house.purge()
        assert consumed_sessions(file) == 1

    keep_house(file, work, now=1001)


def test_metrics_that_cannot_be_published_keep_nothing_else_from_being_done(
    file: Path, tmp_path: Path
) -> None:
    directory = tmp_path / "metrics"
    directory.write_text("a file where the directory was")
    later = SYNC_SESSION_MS + CONSUMED_SESSIONS_PURGE_MS
    with closing(sqlite3.connect(file)) as other, other:
        other.execute("INSERT INTO consumed_sessions VALUES (?, ?, ?)", ("us-east-1:x", b"x", 1))

    async def counted(house: Housekeeping, total: int) -> None:
        house.count_sync_session(POOL)
        await asyncio.to_thread(
            eventually, lambda: sync_sessions(file) == total, "the sync session is counted"
        )

    async def run() -> None:
        store, clock = SQLiteStore.open(file), Clock(0)
        house = Housekeeping(store, Metrics(directory), clock)
        working = asyncio.create_task(house.run())
        try:
            await counted(house, 1)
            assert consumed_sessions(file) == 1
            clock.now = later
            await counted(house, 2)
            await counted(house, 3)
            assert consumed_sessions(file) == 0
        finally:
            working.cancel()
            await store.close()

    with capture_logs() as lines:
        asyncio.run(run())
    assert {(line["event"], line["step"]) for line in lines} == {("housekeeping_failed", "metrics")}


def test_what_cannot_be_purged_keeps_nothing_else_from_being_purged(file: Path) -> None:
    with closing(sqlite3.connect(file)) as other, other:
        other.execute("ALTER TABLE consumed_sessions RENAME TO away")
        other.execute("INSERT INTO revocations VALUES (?, ?, ?)", ("us-east-1:x", 1, "signed-out"))

    async def work(store: SQLiteStore, house: Housekeeping) -> None:
        await house.purge()

    keep_house(file, work, now=REVOCATION_MS + 2)
    assert query(file, "SELECT count(*) FROM revocations") == 0


def test_a_running_server_forgets_consumed_sessions_once_they_have_expired(
    tmp_path: Path, place: Place
) -> None:
    path, clock = tmp_path / "keepstep.db", Clock()
    with local_server(store=f"sqlite:{path}", clock=clock) as server:
        write(client_of(server), place, replace("theme", "dark"))
        assert consumed_sessions(path) == 1
        clock.now += SYNC_SESSION_MS + CONSUMED_SESSIONS_PURGE_MS
        eventually(lambda: consumed_sessions(path) == 0, "the expired session is forgotten")


def test_a_running_server_tells_the_sync_sessions_of_a_pool_soon(place: Place) -> None:
    with local_server() as server:
        client = client_of(server)
        for _ in range(3):
            begin(client, place)

        def counted() -> int:
            pool = place["IdentityPoolId"]
            usage = client.describe_identity_pool_usage(IdentityPoolId=pool)
            return usage["IdentityPoolUsage"].get("SyncSessionsCount", 0)

        eventually(lambda: counted() == 3, "the sync sessions are counted")


def test_a_stop_stores_what_was_counted_last(tmp_path: Path, place: Place) -> None:
    path = tmp_path / "keepstep.db"
    with local_server(store=f"sqlite:{path}") as server:
        begin(client_of(server), place)
        begin(client_of(server), place)
    assert sync_sessions(path) == 2
