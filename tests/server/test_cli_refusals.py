"""What the commands cannot do ends in one sentence on standard error, and exit code 2."""

import socket
import sqlite3
from pathlib import Path

import pytest

from .processes import KEEPSTEP, STORE, done, keepstep, serving

MASTER = {"KEEPSTEP_MASTER_KEY": "the master key that the store was made with"}
OTHER_MASTER = {"KEEPSTEP_MASTER_KEY": "another master key that is as long as that"}
UNKNOWN = "us-east-1:00000000-0000-4000-8000-000000000001"


def sentence(
    directory: Path, *arguments: str | bytes, environment: dict[str, str] | None = None
) -> str:
    """Run a command that must fail, and give the one sentence that it says."""
    ended = keepstep(directory, *arguments, environment=environment)
    lines = ended.stderr.splitlines()
    assert (ended.returncode, ended.stdout, len(lines)) == (2, "", 1), ended.stderr
    assert lines[0].startswith("keepstep: ")
    return lines[0].removeprefix("keepstep: ")


@pytest.fixture(params=["serve", "key create"])
def made(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A directory with a store that was made with a master key, by one command or the other."""
    if request.param == "serve":
        with serving(tmp_path, environment=MASTER) as running:
            assert running.stop() == 0
    else:
        ended = keepstep(tmp_path, "key", "create", environment=MASTER)
        assert ended.returncode == 0, ended.stderr
    return tmp_path


@pytest.mark.parametrize(
    ("arguments", "environment", "words"),
    [
        (("serve", "--store", "sqlite:missing/x.db"), {}, "missing/x.db"),
        (("pool", "list", "--store", "sqlite:missing/x.db"), {}, "missing/x.db"),
        (("serve",), {"KEEPSTEP_MASTER_KEY": "short"}, "at least 32 characters"),
        (("key", "create"), {"KEEPSTEP_MASTER_KEY": "short"}, "at least 32 characters"),
        (("serve",), {"KEEPSTEP_MASTER_KEY_FILE": "missing.key"}, "missing.key"),
        (("serve", "--config", "missing.toml"), {}, "missing.toml"),
        (("serve",), {"KEEPSTEP_CONFIG": "missing.toml"}, "missing.toml"),
        (("serve", "--host", "256.0.0.1"), {}, "256.0.0.1"),
        (("pool", "delete", UNKNOWN, "--yes"), {}, f"there is no identity pool {UNKNOWN}"),
        (("key", "revoke", "AKIAUNKNOWN"), {}, "there is no access key AKIAUNKNOWN"),
        (("check",), {}, f"there is no store {STORE}"),
        (("backup", "copy.db"), {}, STORE),
    ],
)
def test_what_cannot_be_done_is_said_in_one_sentence(
    tmp_path: Path, arguments: tuple[str, ...], environment: dict[str, str], words: str
) -> None:
    assert words in sentence(tmp_path, *arguments, environment={"KEEPSTEP_PORT": "0"} | environment)


def test_a_taken_port_is_named(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        assert port in sentence(tmp_path, "serve", "--port", port)


@pytest.mark.parametrize("content", [b"port = ", b"\xff\xfe\x00", b"[port\n"])
def test_a_settings_file_that_is_not_toml_is_named(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "wrong.toml").write_bytes(content)
    assert "wrong.toml" in sentence(tmp_path, "serve", "--config", "wrong.toml")


@pytest.mark.parametrize("arguments", [("serve", "--port", "0"), ("key", "create")])
def test_another_master_key_than_the_stores_is_refused(
    made: Path, arguments: tuple[str, ...]
) -> None:
    words = sentence(made, *arguments, environment=OTHER_MASTER)
    assert "the master key is not the one this store was made with" in words


@pytest.mark.parametrize(
    "arguments", [("serve", "--port", "0"), ("pool", "list"), ("check",), ("backup", "copy.db")]
)
def test_a_file_that_is_no_store_is_refused(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    (tmp_path / STORE).write_bytes(b"these are somebody's notes, not a database\n" * 100)
    assert STORE in sentence(tmp_path, *arguments)


@pytest.mark.parametrize("arguments", [("serve", "--port", "0"), ("backup", "copy.db")])
def test_the_database_of_another_program_is_refused(
    tmp_path: Path, arguments: tuple[str, ...]
) -> None:
    connection = sqlite3.connect(tmp_path / STORE)
    connection.execute("CREATE TABLE notes (text TEXT)")
    connection.close()
    assert "another program's" in sentence(tmp_path, *arguments)


def test_a_damaged_store_fails_the_check(tmp_path: Path) -> None:
    done(tmp_path, "pool", "create", "app")
    connection = sqlite3.connect(tmp_path / STORE)
    root = connection.execute(
        "SELECT rootpage FROM sqlite_master WHERE name = 'identity_pools'"
    ).fetchone()[0]
    size = connection.execute("PRAGMA page_size").fetchone()[0]
    connection.close()
    with (tmp_path / STORE).open("r+b") as file:
        file.seek((root - 1) * size)
        file.write(b"\xff" * size)
    assert "is damaged" in sentence(tmp_path, "check")


def test_a_backup_never_overwrites_a_file(tmp_path: Path) -> None:
    done(tmp_path, "pool", "create", "app")
    (tmp_path / "copy.db").write_bytes(b"precious")
    assert "copy.db exists" in sentence(tmp_path, "backup", "copy.db")
    assert (tmp_path / "copy.db").read_bytes() == b"precious"


def test_a_pool_id_that_is_taken_is_refused(tmp_path: Path) -> None:
    create = ("pool", "create", "app", "--id", UNKNOWN)
    done(tmp_path, *create)
    assert sentence(tmp_path, *create) == f"there is an identity pool {UNKNOWN} already"
    assert done(tmp_path, "pool", "list") == f"{UNKNOWN}\t0\tapp\n"


@pytest.mark.parametrize("pool_id", ["app", "us-east-1:", UNKNOWN.upper(), f"{UNKNOWN}0"])
def test_a_pool_id_of_another_form_is_refused(tmp_path: Path, pool_id: str) -> None:
    ended = keepstep(tmp_path, "pool", "create", "app", "--id", pool_id)
    assert (ended.returncode, ended.stdout) == (2, "")
    assert "an id is REGION:GUID" in ended.stderr
    assert not (tmp_path / STORE).exists()


def test_a_pool_name_that_is_not_text_is_refused_for_what_it_is(tmp_path: Path) -> None:
    ended = keepstep(tmp_path, "pool", "create", b"\xff")
    assert (ended.returncode, ended.stdout) == (2, "")
    assert "name" in ended.stderr
    assert "master_key" not in ended.stderr
    assert "Traceback" not in ended.stderr


@pytest.mark.parametrize(
    "arguments",
    [
        ("pool", "create", "app"),
        ("pool", "list"),
        ("pool", "delete", UNKNOWN, "--yes"),
        ("key", "create"),
        ("key", "list"),
        ("key", "revoke", "AKIAUNKNOWN"),
        ("backup", "copy.db"),
        ("check",),
    ],
)
def test_a_store_in_memory_is_refused_by_every_command_but_serve(
    tmp_path: Path, arguments: tuple[str, ...]
) -> None:
    words = sentence(tmp_path, *arguments, "--store", "sqlite::memory:")
    assert "a store in memory is its server's own" in words


def test_without_a_command_the_help_is_shown(tmp_path: Path) -> None:
    ended = keepstep(tmp_path)
    assert Path(KEEPSTEP).name in ended.stdout + ended.stderr
    assert "Traceback" not in ended.stderr
