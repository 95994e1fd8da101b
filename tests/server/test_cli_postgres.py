"""A store in PostgreSQL from the command line: migrate, serve, several servers, the commands."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import Place
from tests.storage.postgres_server import database, empty_database

from .processes import ROOT, keepstep, serving
from .test_cli_refusals import sentence

MASTER = {"KEEPSTEP_MASTER_KEY": "one master key for all servers of the database"}


@pytest.fixture
def url() -> Iterator[str]:
    """A database that has the schema."""
    with database() as url:
        yield url


def test_a_database_without_the_schema_is_refused_until_it_is_migrated(tmp_path: Path) -> None:
    with empty_database() as url:
        assert "keepstep migrate --store" in sentence(
            tmp_path, "pool", "list", "--store", url, environment=MASTER
        )
        first = keepstep(tmp_path, "migrate", "--store", url)
        assert re.fullmatch(r"postgresql://\S+: applied step 1.*\n", first.stdout), first.stderr
        again = keepstep(tmp_path, "migrate", "--store", url)
        assert again.stdout.endswith(": nothing to do.\n")
        listed = keepstep(tmp_path, "pool", "list", "--store", url, environment=MASTER)
        assert (listed.returncode, listed.stdout) == (0, "")


def test_two_servers_share_one_database(tmp_path: Path, url: str) -> None:
    given, options = {**MASTER, **ROOT}, ("--store", url, "--open-pools")
    with (
        serving(tmp_path, *options, environment=given) as one,
        serving(tmp_path, *options, environment=given) as other,
    ):
        place: Place = {
            "IdentityPoolId": one.server.new_id(),
            "IdentityId": one.server.new_id(),
            "DatasetName": "things",
        }
        token = one.client.list_records(**place)["SyncSessionToken"]
        one.client.update_records(
            **place,
            SyncSessionToken=token,
            RecordPatches=[{"Op": "replace", "Key": "a", "Value": "1", "SyncCount": 0}],
        )
        (record,) = other.client.list_records(**place)["Records"]
        assert (record.get("Key"), record.get("Value")) == ("a", "1")


def test_a_password_is_not_printed(tmp_path: Path, url: str) -> None:
    with_password = url.replace("postgres:@", "postgres:of-the-database@")
    assert with_password != url
    with serving(tmp_path, "--store", with_password, environment={**MASTER, **ROOT}) as running:
        assert "(store: postgresql://" in running.printed
        assert "of-the-database" not in running.printed + running.logged


def test_a_database_needs_a_master_key_and_keeps_to_it(tmp_path: Path, url: str) -> None:
    assert "a PostgreSQL store needs a master key" in sentence(
        tmp_path, "key", "create", "--store", url
    )
    made = keepstep(tmp_path, "key", "create", "--store", url, environment=MASTER)
    assert made.returncode == 0, made.stderr
    other = {"KEEPSTEP_MASTER_KEY": "another master key that is as long as that"}
    assert "the master key is not the one this store was made with" in sentence(
        tmp_path, "key", "create", "--store", url, environment=other
    )


@pytest.mark.parametrize("arguments", [("backup", "copy.db"), ("check",)])
def test_what_is_for_files_points_to_the_databases_own_tools(
    tmp_path: Path, url: str, arguments: tuple[str, ...]
) -> None:
    assert "use its own tools" in sentence(tmp_path, *arguments, "--store", url)


def test_an_embedded_store_needs_no_migration(tmp_path: Path) -> None:
    assert "by itself" in sentence(tmp_path, "migrate", "--store", "sqlite:any.db")
