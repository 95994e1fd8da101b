"""A whole deployment moves to another store, and its clients go on with the tokens they hold."""

import asyncio
import sqlite3
import subprocess
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import psycopg
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from keepstep.domain.copying import (
    KINDS,
    CopyProgress,
    IdentityRow,
    LoginRow,
    RecordRow,
    Row,
    member_types,
    position_of,
)
from keepstep.interfaces.copying import CopyableStore
from keepstep.server.copying import COPY_ROWS, CopyFailed, CopyStep, copy_deployment, copy_store
from keepstep.server.settings import load_settings
from keepstep.storage.postgres import PostgresStore
from keepstep.storage.sqlite import SQLiteStore
from keepstep.testing.storage_suite.running import DATE, IDENTITY, POOL, run
from keepstep.wire.members import LONG_MAX
from tests.storage.postgres_server import database, empty_database, execute, someone_waits

from .deployment import Held, go_on, served, settle
from .processes import KEEPSTEP, STORE, done, exports_of, keepstep, serving
from .test_cli_refusals import MASTER, OTHER_MASTER, sentence

pytestmark = pytest.mark.postgresql

PROGRESS = CopyProgress(source="sqlite:/old.db", deployment="one", run="run 1")
RECORDS = 2 * COPY_ROWS + 500
LAST_KEY = "last"


@pytest.fixture
def url() -> Iterator[str]:
    with database() as url:
        yield url


def unreported(step: CopyStep) -> None:
    """Tell nobody of a step."""


def copied(source: str, destination: str, **given: Any) -> int:
    """Copy a store into another; give how many rows both have."""
    stores = [load_settings(store=store, **given) for store in (source, destination)]
    return asyncio.run(copy_deployment(stores[0], stores[1], run="one", report=unreported))


def write_records(path: Path, count: int) -> None:
    """Make a store with a server key, an identity and so many records."""

    async def write() -> None:
        store = SQLiteStore.open(path)
        await store.begin_copy(PROGRESS)
        keys = [*(f"key-{number}" for number in range(count - 1)), LAST_KEY]
        records = [RecordRow(IDENTITY, POOL, "a", key, "v", 1, DATE, None, DATE) for key in keys]
        rows: list[Row] = [
            IdentityRow(IDENTITY, POOL, DATE, DATE, True, None, 1),
            LoginRow(POOL, "provider", "user", IDENTITY, 0),
        ]
        for row in rows:
            assert await store.load(type(row), [row], PROGRESS)
        assert await store.load(RecordRow, records, PROGRESS)
        assert await store.end_copy(PROGRESS)
        await store.close()

    run(write())


async def everything(store: CopyableStore) -> dict[str, set[Row]]:
    """Give every row of a store that is small."""
    pages = {kind.kind: await store.scan(kind, after=None, limit=10_000) for kind in KINDS}
    return {kind: set(page.rows) for kind, page in pages.items()}


def test_clients_go_on_with_their_tokens_after_a_move_there_and_back(
    tmp_path: Path, url: str
) -> None:
    old, new = f"sqlite:{tmp_path / STORE}", f"sqlite:{tmp_path / 'back.db'}"
    key = {"master_key_file": tmp_path / f"{STORE}.key"}
    with served(old) as server:
        held: Held = settle(server)
    there = copied(old, url)
    with served(url, **key) as server:
        go_on(server, held)
    back = copied(url, new, **key)
    assert back > there
    with served(new, **key) as server:
        go_on(server, held)


def test_what_is_copied_between_two_stores_of_one_engine_is_served_with_the_same_keys(
    tmp_path: Path,
) -> None:
    made = keepstep(tmp_path, "key", "create", environment=MASTER)
    key = exports_of(made.stdout)["AWS_ACCESS_KEY_ID"]
    again = ("copy", "--from", f"sqlite:{STORE}", "--to", "sqlite:other.db")
    ended = keepstep(tmp_path, *again, environment=MASTER)
    assert ended.returncode == 0, ended.stderr
    assert "access_keys: 1 copied (" in ended.stdout
    assert "access_keys: equal, 1 with checksum " in ended.stdout
    assert ended.stdout.splitlines()[-1] == (
        "sqlite:other.db holds the same 2 rows. Serve it with the source's master key: "
        "the one that was given now"
    )
    listed = keepstep(tmp_path, "key", "list", "--store", "sqlite:other.db", environment=MASTER)
    assert listed.stdout.startswith(f"{key}\t")


def test_a_copy_that_was_killed_goes_on_where_it_was(tmp_path: Path, url: str) -> None:
    write_records(tmp_path / STORE, RECORDS)
    done(tmp_path, "key", "list")
    key = {"KEEPSTEP_MASTER_KEY_FILE": f"{STORE}.key"}
    copy = ("copy", "--from", f"sqlite:{STORE}", "--to", url)
    with psycopg.connect(url) as other:
        other.execute(_TAKE_THE_LAST_KEY)  # the copy waits for the end of this transaction
        with subprocess.Popen(
            [KEEPSTEP, *copy], cwd=tmp_path, stdout=subprocess.DEVNULL
        ) as process:
            run(someone_waits(url))
            process.kill()
        other.rollback()
    ((held,),) = execute(b"SELECT count(*) FROM records", url=url)
    assert 0 < held < RECORDS
    refusal = sentence(tmp_path, "serve", "--port", "0", "--store", url, environment=key)
    assert "is an unfinished copy of sqlite:" in refusal
    assert "run the same keepstep copy again" in refusal
    ended = keepstep(tmp_path, *copy, environment=key)
    assert ended.returncode == 0, ended.stderr
    assert f"records: equal, {RECORDS} with checksum " in ended.stdout
    ((held,),) = execute(b"SELECT count(DISTINCT record_key) FROM records", url=url)
    assert held == RECORDS
    run(_open_and_close(url))


async def _open_and_close(url: str) -> None:
    await (await PostgresStore.open(url)).close()


_TAKE_THE_LAST_KEY = b"""
    INSERT INTO records (
        identity_id, identity_pool_id, dataset_name, key_digest, record_key, sync_count,
        last_modified_date, device_last_modified_date
    )
    SELECT 'us-east-1:00000000-0000-4000-8000-00000000000a',
           'us-east-1:00000000-0000-4000-8000-000000000001', 'a', sha256('last'), 'last', 1, 1, 1
"""


def test_a_source_that_changed_meanwhile_is_told_and_the_next_run_repairs(
    tmp_path: Path, url: str
) -> None:
    path = tmp_path / STORE
    write_records(path, 10)
    done(tmp_path, "key", "list")

    def change(step: CopyStep) -> None:
        if step.kind == KINDS[-1].kind and step.done and not step.compares:
            with closing(sqlite3.connect(path, isolation_level=None)) as connection:
                connection.execute("DELETE FROM records WHERE record_key = 'key-1'")
                connection.execute("UPDATE records SET value = 'w' WHERE record_key = 'key-2'")
                connection.execute("UPDATE identities SET version = 2")

    source, destination = load_settings(store=f"sqlite:{path}"), load_settings(store=url)
    with pytest.raises(CopyFailed) as raised:
        asyncio.run(copy_deployment(source, destination, run="one", report=change))
    text = str(raised.value)
    assert "identities (1 with" in text
    assert "records (9 with" in text
    assert "logins" not in text
    assert "stop the servers of that store and run the same command again" in text
    assert copied(f"sqlite:{path}", url) == 12

    async def check() -> None:
        here, there = SQLiteStore.open(path), await PostgresStore.open(url)
        assert await everything(here) == await everything(there)
        assert await here.find_identity(IDENTITY) == await there.find_identity(IDENTITY)
        await here.close()
        await there.close()

    run(check())


def test_of_two_copies_at_once_the_later_one_goes_on(tmp_path: Path) -> None:
    async def copy() -> None:
        source, destination = SQLiteStore.in_memory(), SQLiteStore.open(tmp_path / "other.db")
        await source.create_server_key(b"key", DATE, first=True)

        def take_over(step: CopyStep) -> None:
            with closing(sqlite3.connect(tmp_path / "other.db")) as connection:
                connection.execute("UPDATE copies SET run = 'another'")
                connection.commit()

        with pytest.raises(CopyFailed, match="another keepstep copy into there took over"):
            await copy_store(
                source, destination, names=("here", "there"), run="one", report=take_over
            )
        await source.close()
        await destination.close()

    run(copy())


@pytest.mark.parametrize(
    ("arguments", "environment", "words"),
    [
        (("sqlite:missing.db", "sqlite:new.db"), MASTER, "there is no store missing.db"),
        ((f"sqlite:{STORE}", f"sqlite:./{STORE}"), MASTER, "are the same store; name two"),
        ((f"sqlite:{STORE}", "sqlite::memory:"), MASTER, "a store in memory is its server's own"),
        ((f"sqlite:{STORE}", "sqlite:used.db"), MASTER, "is not empty and no unfinished copy"),
        ((f"sqlite:{STORE}", "sqlite:new.db"), OTHER_MASTER, "the master key is not the one"),
        (("sqlite:used.db", "sqlite:new.db"), MASTER, "KEEPSTEP_MASTER_KEY_FILE=/"),
        ((f"sqlite:{STORE}", "sqlite:begun.db"), MASTER, "unfinished copy of another deployment"),
        (("sqlite:begun.db", "sqlite:new.db"), MASTER, "is an unfinished copy of sqlite:/old.db"),
    ],
)
def test_what_cannot_be_copied_is_said_in_one_sentence(
    made: Path, arguments: tuple[str, str], environment: dict[str, str], words: str
) -> None:
    command = ("copy", "--from", arguments[0], "--to", arguments[1])
    assert words in sentence(made, *command, environment=environment)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with a store of a given master key, one with its own, and an unfinished copy."""
    directory = tmp_path_factory.mktemp("made")
    assert keepstep(directory, "key", "create", environment=MASTER).returncode == 0
    done(directory, "key", "create", "--store", "sqlite:used.db")

    async def begin() -> None:
        store = SQLiteStore.open(directory / "begun.db")
        await store.begin_copy(PROGRESS)
        await store.close()

    run(begin())
    return directory


def test_a_store_that_is_served_is_not_copied(tmp_path: Path) -> None:
    with serving(tmp_path, environment=MASTER):
        command = ("copy", "--from", f"sqlite:{STORE}", "--to", "sqlite:new.db")
        refusal = sentence(tmp_path, *command, environment=MASTER)
    assert f"{STORE} is open in another process; stop its servers first" in refusal


def test_a_database_without_the_schema_is_not_copied_to(tmp_path: Path) -> None:
    done(tmp_path, "key", "list")
    with empty_database() as url:
        refusal = sentence(tmp_path, "copy", "--from", f"sqlite:{STORE}", "--to", url)
    assert "is empty; run keepstep migrate" in refusal


ANY_CHARACTERS = st.characters(exclude_categories=["Cs"])
CHARACTERS = st.characters(exclude_categories=["Cs"], exclude_characters="\x00")
TEXTS_WITH_NUL = {
    *("description", "last_modified_by", "name", "provider_name", "record_key", "settings"),
    *("subject", "value"),
}


@st.composite
def rows_of(draw: st.DrawFn, kind: type[Row]) -> list[Row]:
    """Give rows of a kind, each with a key of its own."""
    members: list[st.SearchStrategy[Any]] = []
    for place, (name, of) in enumerate(member_types(kind).items()):
        in_key = place < kind.key_length
        characters = ANY_CHARACTERS if name in TEXTS_WITH_NUL else CHARACTERS
        text = st.text(characters, min_size=in_key, max_size=8)
        number = st.integers(0 if in_key else -LONG_MAX, LONG_MAX)
        by_type: dict[Any, st.SearchStrategy[Any]] = {
            str: text,
            bytes: st.binary(min_size=in_key, max_size=8),
            int: number,
            bool: st.booleans(),
            str | None: st.none() | text,
            int | None: st.none() | number,
        }
        members.append(by_type[of])
    rows = st.tuples(*members).map(lambda values: kind(*values))
    return draw(st.lists(rows, max_size=4, unique_by=position_of))


deployments = st.fixed_dictionaries({kind: rows_of(kind) for kind in KINDS})


@pytest.fixture(scope="module")
def shared_url() -> Iterator[str]:
    with database() as url:
        yield url


@given(deployment=deployments, limit=st.integers(1, 3))
@hypothesis_settings(max_examples=15, deadline=None)
def test_any_deployment_comes_back_from_a_database_as_it_was(
    shared_url: str, deployment: dict[type[Row], list[Row]], limit: int
) -> None:
    async def there_and_back() -> None:
        old, new = SQLiteStore.in_memory(), SQLiteStore.in_memory()
        between = await PostgresStore.open(shared_url, for_copy=True)
        await between.begin_copy(PROGRESS)
        for kind in KINDS:
            assert await between.clear(kind, PROGRESS)
        assert await between.end_copy(PROGRESS)
        await old.begin_copy(PROGRESS)
        for kind, rows in deployment.items():
            assert await old.load(kind, rows, PROGRESS)
        assert await old.end_copy(PROGRESS)
        for source, destination in ((old, between), (between, new)):
            await copy_store(
                source,
                destination,
                names=("here", "there"),
                run="one",
                report=unreported,
                limit=limit,
            )
        expected = {kind.kind: set(rows) for kind, rows in deployment.items()}
        assert await everything(old) == await everything(new) == expected
        for store in (old, between, new):
            await store.close()

    run(there_and_back())
