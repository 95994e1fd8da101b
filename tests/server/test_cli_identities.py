"""``keepstep identity``: what is shown, exported, imported and deleted of one user."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from keepstep.domain.logins import UNSUPPORTED_PROVIDER
from tests.api.identity.steps import DEVELOPER, Pool, login, not_authorized
from tests.api.steps import contents, remove, replace, write
from tests.conftest import client_of

from .processes import ROOT, STORE, done, eventually, keepstep, serving
from .test_cli_refusals import sentence
from .users import DATASET, Served, place_of, refusal, served_in

UNKNOWN = "us-east-1:00000000-0000-4000-8000-000000000001"
GOOGLE = "accounts.google.com"
USER, OTHER_USER = login(GOOGLE, "user"), login("appleid.apple.com", "user")


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with served_in(tmp_path_factory.mktemp("served")) as running:
        yield running


@pytest.fixture
def pool(served: Served) -> Pool:
    return served.new_pool()


@pytest.fixture
def user(served: Served, pool: Pool) -> str:
    """An identity with two logins, a dataset, the counter of a deleted one, and a merged one."""
    guest_id, identity_id = pool.guest(), pool.log_in(USER)
    guest = served.client(pool, guest_id)
    write(guest, place_of(pool, guest_id), replace("as", "guest"))
    client = served.client(pool, identity_id, USER)
    write(client, place_of(pool, identity_id), replace("theme", "dark"), replace("zoom", "2"))
    write(client, place_of(pool, identity_id), remove("zoom", 1))
    write(client, place_of(pool, identity_id, "gone"), replace("key", "value"))
    client.delete_dataset(**place_of(pool, identity_id, "gone"))
    assert pool.link(guest_id, USER) == identity_id
    assert pool.link(identity_id, USER, OTHER_USER) == identity_id
    return identity_id


def exported(served: Served, identity_id: str) -> str:
    return done(served.directory, "identity", "export", identity_id)


def imported(served: Served, written: str) -> str:
    """Import what was exported from standard input, and give what that printed."""
    ended = keepstep(served.directory, "identity", "import", answers=written)
    assert ended.returncode == 0, ended.stderr
    return ended.stdout


def refused_import(served: Served, written: str) -> str:
    """Give the sentence in which an export is refused."""
    ended = keepstep(served.directory, "identity", "import", "-", answers=written)
    assert (ended.returncode, ended.stdout) == (2, "")
    assert len(ended.stderr.splitlines()) == 1
    return ended.stderr.removeprefix("keepstep: ").rstrip("\n")


def show(served: Served, identity_id: str) -> list[str]:
    return done(served.directory, "identity", "show", identity_id).splitlines()


def lines_of(written: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in written.splitlines()]


def test_an_export_holds_everything_about_an_identity(served: Served, user: str) -> None:
    header, identity, *rest, end = lines_of(exported(served, user))
    assert (header["format"], header["version"]) == ("keepstep identity", 1)
    assert identity["identity_id"] == user
    assert [each["provider_name"] for each in identity["logins"]] == [*USER, *OTHER_USER]
    found = [(line["line"], line.get("dataset_name") or line["key"]) for line in rest]
    merged = next(line["dataset_name"] for line in rest if line.get("merged_under"))
    assert found == [
        ("dataset", "gone"),
        ("dataset", DATASET),
        ("record", "theme"),
        ("record", "zoom"),
        ("dataset", merged),
        ("record", "as"),
    ]
    assert (end["datasets"], end["records"]) == (3, 3)


def test_a_deleted_identity_comes_back_with_its_id_logins_counts_and_data(
    served: Served, pool: Pool, user: str
) -> None:
    written, place = exported(served, user), place_of(pool, user)
    before = client_of(served.running.server).list_records(**place)
    done(served.directory, "identity", "delete", user, "--yes")
    assert imported(served, written) == f"Imported {user} (3 datasets, 3 records).\n"
    assert exported(served, user) == written
    assert pool.log_in(OTHER_USER) == user
    client = served.client(pool, user, USER)
    after = client.list_records(**place)
    for member in ("Records", "DatasetSyncCount", "MergedDatasetNames", "LastModifiedBy"):
        assert after.get(member) == before.get(member)
    assert write(client, place, replace("theme", "light", 1))[0].get("SyncCount") == 3
    assert write(client, place_of(pool, user, "gone"), replace("a", "b"))[0].get("SyncCount") == 3


def test_an_identity_moves_to_another_store_through_a_file(
    served: Served, pool: Pool, user: str, tmp_path: Path
) -> None:
    file = tmp_path / "user.jsonl"
    printed = done(served.directory, "identity", "export", user, "--to", str(file))
    assert printed == f"Wrote {file} (3 datasets, 3 records).\n"
    assert file.stat().st_mode & 0o777 == 0o600
    done(tmp_path, "pool", "create", "app", "--id", pool.pool_id)
    done(tmp_path, "identity", "import", file.name)
    with serving(tmp_path) as other:
        assert contents(other.client, place_of(pool, user)) == {"theme": "dark", "zoom": None}


def test_a_file_that_exists_is_never_overwritten(served: Served, user: str, tmp_path: Path) -> None:
    file = tmp_path / "precious"
    file.write_bytes(b"precious")
    words = sentence(served.directory, "identity", "export", user, "--to", str(file))
    assert words == f"{file} exists; name a file that does not"
    assert file.read_bytes() == b"precious"


def test_an_identity_that_is_there_is_never_overwritten(served: Served, user: str) -> None:
    written = exported(served, user)
    changed = written.replace("dark", "grey")
    assert refused_import(served, changed) == (
        f"there is an identity {user} already; delete it first"
    )
    assert exported(served, user) == written


def test_an_identity_whose_login_is_anothers_now_is_refused(
    served: Served, pool: Pool, user: str
) -> None:
    written = exported(served, user)
    done(served.directory, "identity", "delete", user, "--yes")
    other = pool.log_in(OTHER_USER)
    assert f"a login of the identity is linked to {other}" in refused_import(served, written)
    assert sentence(served.directory, "identity", "show", user) == f"there is no identity {user}"


def test_an_identity_is_refused_where_its_pool_is_missing(
    served: Served, pool: Pool, user: str
) -> None:
    written = exported(served, user)
    done(served.directory, "pool", "delete", pool.pool_id, "--yes")
    words = refused_import(served, written)
    assert words.startswith(f"there is no identity pool {pool.pool_id}; 'keepstep pool create")


def test_an_identity_is_refused_over_data_that_its_developer_wrote_meanwhile(
    served: Served, pool: Pool
) -> None:
    identity_id = pool.log_in(USER)
    written = exported(served, identity_id).replace(identity_id, UNKNOWN).replace("user", "new")
    place = place_of(pool, UNKNOWN)
    write(client_of(served.running.server), place, replace("theme", "dark"))
    assert f"there are datasets under {UNKNOWN} already" in refused_import(served, written)


@pytest.mark.parametrize(
    ("missing", "words"),
    [
        (2, "line 9: "),
        (40, "the file was cut off: "),
        (60, "line 8: "),
        (None, "the file is empty"),
    ],
)
def test_a_file_that_is_not_whole_changes_nothing(
    served: Served, user: str, missing: int | None, words: str
) -> None:
    written = exported(served, user)
    done(served.directory, "identity", "delete", user, "--yes")
    cut_off = written[:-missing] if missing is not None else ""
    assert refused_import(served, cut_off).startswith(words)
    assert sentence(served.directory, "identity", "show", user) == f"there is no identity {user}"
    imported(served, written)


def test_an_identity_is_shown_with_its_logins_and_datasets(
    served: Served, pool: Pool, user: str
) -> None:
    shown = [line.split("\t") for line in show(served, user)]
    assert [line[0] for line in shown[:5]] == ["identity", "pool", "created", "modified", "state"]
    assert [shown[0][1], shown[1][1], shown[4][1]] == [user, pool.pool_id, "a signed-in user's"]
    assert ["login", GOOGLE, "user"] in shown
    assert ["dataset", DATASET] in shown
    assert ["deleted dataset", "gone"] in shown


def test_the_state_of_an_identity_is_shown(served: Served, pool: Pool) -> None:
    guest = pool.guest()
    assert "state\ta guest's" in show(served, guest)
    identity_id = pool.log_in(USER)
    pool.link(guest, USER)
    assert f"state\tdisabled, merged into {identity_id}" in show(served, guest)
    pool.public.unlink_identity(IdentityId=identity_id, Logins=USER, LoginsToRemove=[*USER])
    assert "state\tout of reach: its last login is unlinked" in show(served, identity_id)


def test_a_merged_identity_is_exported_and_imported_as_such(served: Served, pool: Pool) -> None:
    guest, identity_id = pool.guest(), pool.log_in(USER)
    pool.link(guest, USER)
    written = exported(served, guest)
    done(served.directory, "identity", "delete", guest, "--yes")
    imported(served, written)
    assert pool.link(guest, USER) == identity_id


def test_credentials_of_a_deleted_identity_are_refused(
    served: Served, pool: Pool, user: str
) -> None:
    client, place = served.client(pool, user, USER), place_of(pool, user)
    assert refusal(client, place) is None
    assert done(served.directory, "identity", "delete", user, "--yes") == f"Deleted {user}.\n"
    code = eventually(lambda: refusal(client, place), "the credentials are refused")
    assert code == "NotAuthorizedException"
    assert pool.log_in(USER) != user


def test_deleting_an_identity_asks_first(served: Served, pool: Pool) -> None:
    identity_id = pool.guest()
    delete = ("identity", "delete", identity_id)
    ended = keepstep(served.directory, *delete, answers="n\n")
    assert (ended.returncode, "all its data?" in ended.stdout) == (1, True)
    assert show(served, identity_id)
    assert keepstep(served.directory, *delete, answers="y\n").returncode == 0
    assert sentence(served.directory, *delete, "--yes") == f"there is no identity {identity_id}"


@pytest.mark.parametrize("command", ["show", "export"])
def test_an_identity_that_is_not_there_is_named(served: Served, command: str) -> None:
    words = sentence(served.directory, "identity", command, UNKNOWN)
    assert words == f"there is no identity {UNKNOWN}"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("import", "missing.jsonl"), "missing.jsonl cannot be read: No such file or directory"),
        (("import", "."), ". cannot be read: Is a directory"),
    ],
)
def test_a_file_that_cannot_be_read_is_named(
    tmp_path: Path, arguments: tuple[str, ...], words: str
) -> None:
    assert sentence(tmp_path, "identity", *arguments) == words
    assert not (tmp_path / STORE).exists()


def test_a_file_that_cannot_be_written_is_named(served: Served, pool: Pool) -> None:
    words = sentence(
        served.directory, "identity", "export", pool.guest(), "--to", "missing/user.jsonl"
    )
    assert words == "missing/user.jsonl cannot be written: No such file or directory"


@pytest.mark.parametrize("command", ["show", "export", "delete"])
def test_a_store_in_memory_is_refused(tmp_path: Path, command: str) -> None:
    yes = ["--yes"] if command == "delete" else []
    words = sentence(tmp_path, "identity", command, UNKNOWN, *yes, "--store", "sqlite::memory:")
    assert "a store in memory is its server's own" in words


def test_a_created_pool_takes_guests_and_developers_users_only_if_it_was_asked_to(
    served: Served, pool: Pool
) -> None:
    plain = done(served.directory, "pool", "create", "plain", "--no-guests").strip()
    found = [
        pool.developer.describe_identity_pool(IdentityPoolId=each) for each in (plain, pool.pool_id)
    ]
    assert [each["AllowUnauthenticatedIdentities"] for each in found] == [False, True]
    assert [each.get("DeveloperProviderName") for each in found] == [None, DEVELOPER]


@pytest.mark.parametrize("name", ["", "my app", "cognito-identity.amazonaws.com", "a" * 129])
def test_a_developer_providers_name_of_another_form_is_refused(tmp_path: Path, name: str) -> None:
    ended = keepstep(tmp_path, "pool", "create", "app", "--developer-provider", name)
    assert (ended.returncode, ended.stdout) == (2, "")
    assert "a developer provider's name has" in ended.stderr
    assert not (tmp_path / STORE).exists()


def test_test_logins_are_taken_loudly_and_only_if_the_server_was_asked_to(
    served: Served, pool: Pool, tmp_path: Path
) -> None:
    assert pool.log_in(USER)
    assert "INSECURE_LOGINS" in served.running.logged
    with serving(tmp_path, "--no-insecure-logins", environment=ROOT) as secure:
        with not_authorized(UNSUPPORTED_PROVIDER):
            Served(secure, tmp_path).new_pool().log_in(USER)
        assert "INSECURE_LOGINS" not in secure.logged
