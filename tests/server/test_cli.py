"""The commands: what each prints, and what a running server makes of it."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from botocore.exceptions import ClientError
from types_boto3_cognito_sync import CognitoSyncClient

from keepstep import __version__
from tests.api.steps import contents, refused, replace, write
from tests.conftest import Place, client_of

from .processes import (
    KEEPSTEP,
    ROOT,
    STORE,
    Serving,
    done,
    eventually,
    exports_of,
    keepstep,
    serving,
)


@pytest.fixture
def closed(tmp_path: Path) -> Iterator[Serving]:
    """A process that serves only pools that were created."""
    with serving(tmp_path, environment=ROOT) as started:
        yield started


def new_key(directory: Path, *options: str) -> tuple[str, str]:
    """Create an access key; give its id and secret as they were printed."""
    exports = exports_of(done(directory, "key", "create", *options))
    return exports["AWS_ACCESS_KEY_ID"], exports["AWS_SECRET_ACCESS_KEY"]


def client_with(running: Serving, key: tuple[str, str]) -> CognitoSyncClient:
    access_key_id, secret = key
    return client_of(running.with_keys(secret, access_key_id))


def refusal(client: CognitoSyncClient, place: Place) -> str | None:
    """Give the code that ListRecords is refused with, None if it is not."""
    try:
        client.list_records(**place)
    except ClientError as error:
        return error.response.get("Error", {}).get("Code")
    return None


def pasted(running: Serving, command: str) -> str:
    """Paste the exports that a server printed into a shell, then a command; give its output."""
    exports = [line for line in running.printed.splitlines() if line.startswith("export ")]
    path = f"{Path(KEEPSTEP).parent}{os.pathsep}{os.environ['PATH']}"
    ended = subprocess.run(
        ["bash", "-e", "-c", "\n".join([*exports, command])],
        env={**os.environ, "PATH": path},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    return ended.stdout


def test_the_lines_that_serve_prints_work_in_a_shell_as_they_are(tmp_path: Path) -> None:
    with serving(tmp_path, "--open-pools") as running:
        ready, *_, last = running.printed.splitlines()
        endpoint = exports_of(running.printed)["AWS_ENDPOINT_URL"]
        assert ready == f"keepstep {__version__} is ready at {endpoint} (store: sqlite:{STORE})"
        assert '"Count": 0' in pasted(running, last)
        pool = last.split()[-1]
        script = (
            "import boto3; print(boto3.client('cognito-sync').list_datasets("
            f"IdentityPoolId='{pool}', IdentityId='{pool}')['Count'])"
        )
        assert pasted(running, f'{sys.executable} -c "{script}"') == "0\n"


def test_the_first_start_prints_the_root_key_and_the_second_only_its_id(
    tmp_path: Path, place: Place
) -> None:
    with serving(tmp_path, "--open-pools") as first:
        root = exports_of(first.printed)
        assert first.stop() == 0
    with serving(tmp_path, "--open-pools") as second:
        assert exports_of(second.printed)["AWS_ACCESS_KEY_ID"] == root["AWS_ACCESS_KEY_ID"]
        assert root["AWS_SECRET_ACCESS_KEY"] not in second.printed + second.logged
        key = root["AWS_ACCESS_KEY_ID"], root["AWS_SECRET_ACCESS_KEY"]
        assert refusal(client_with(second, key), place) is None


def test_a_root_key_of_the_environment_works_and_is_neither_printed_nor_stored(
    running: Serving, place: Place, tmp_path: Path
) -> None:
    assert refusal(running.client, place) is None
    assert ROOT["KEEPSTEP_SECRET_ACCESS_KEY"] not in running.printed + running.logged
    assert done(tmp_path, "key", "list") == ""


def test_a_created_key_is_listed_and_works_until_it_is_revoked(
    running: Serving, place: Place, tmp_path: Path
) -> None:
    key = new_key(tmp_path, "--description", "nightly export")
    assert done(tmp_path, "key", "list") == f"{key[0]}\treads and writes\tnightly export\n"
    client = client_with(running, key)
    write(client, place, replace("theme", "dark"))
    assert done(tmp_path, "key", "revoke", key[0]) == f"Revoked {key[0]}.\n"
    code = eventually(lambda: refusal(client, place), "the revoked key is refused")
    assert code == "UnrecognizedClientException"
    assert done(tmp_path, "key", "list") == ""


def test_a_read_only_key_reads_and_does_not_write(
    running: Serving, place: Place, tmp_path: Path
) -> None:
    write(running.client, place, replace("theme", "dark"))
    key = new_key(tmp_path, "--read-only")
    assert done(tmp_path, "key", "list").split("\t")[1] == "reads"
    reader = client_with(running, key)
    assert contents(reader, place) == {"theme": "dark"}
    with refused("AccessDeniedException", 403):
        write(reader, place, replace("theme", "light", 1))
    with refused("AccessDeniedException", 403):
        reader.delete_dataset(**place)


def test_a_created_pool_is_taken_by_a_running_server_at_once(
    closed: Serving, place: Place, tmp_path: Path
) -> None:
    assert refusal(closed.client, place) == "NotAuthorizedException"
    pool = place["IdentityPoolId"]
    assert done(tmp_path, "pool", "create", "from AWS", "--id", pool) == f"{pool}\n"
    assert refusal(closed.client, place) is None


def test_pools_are_listed_by_id_with_their_bytes_and_names(closed: Serving, tmp_path: Path) -> None:
    pools = [done(tmp_path, "pool", "create", f"app {number}").strip() for number in range(2)]
    place = Place(IdentityPoolId=pools[1], IdentityId=pools[1], DatasetName="things")
    write(closed.client, place, replace("key", "value"))
    expected = [f"{pools[0]}\t0\tapp 0", f"{pools[1]}\t8\tapp 1"]
    assert done(tmp_path, "pool", "list").splitlines() == sorted(expected)


def test_a_deleted_pool_is_refused_and_its_data_is_gone_when_it_is_created_again(
    closed: Serving, place: Place, tmp_path: Path
) -> None:
    create = ("pool", "create", "app", "--id", place["IdentityPoolId"])
    done(tmp_path, *create)
    write(closed.client, place, replace("theme", "dark"))
    done(tmp_path, "pool", "delete", place["IdentityPoolId"], "--yes")
    assert done(tmp_path, "pool", "list") == ""
    code = eventually(lambda: refusal(closed.client, place), "the deleted pool is refused")
    assert code == "NotAuthorizedException"
    done(tmp_path, *create)
    listed = closed.client.list_records(**place)
    assert (listed["DatasetExists"], listed["Records"]) == (False, [])


def test_deleting_a_pool_asks_first(tmp_path: Path) -> None:
    pool = done(tmp_path, "pool", "create", "app").strip()
    ended = keepstep(tmp_path, "pool", "delete", pool, answers="n\n")
    assert (ended.returncode, "all its identities?" in ended.stdout) == (1, True)
    assert done(tmp_path, "pool", "list") == f"{pool}\t0\tapp\n"
    assert keepstep(tmp_path, "pool", "delete", pool, answers="y\n").returncode == 0
    assert done(tmp_path, "pool", "list") == ""


def test_a_backup_of_a_served_store_serves_what_was_written(
    running: Serving, place: Place, tmp_path: Path
) -> None:
    write(running.client, place, replace("theme", "dark"))
    key = new_key(tmp_path)
    printed = done(tmp_path, "backup", "copy.db")
    assert f"Wrote copy.db ({(tmp_path / 'copy.db').stat().st_size} bytes)." in printed
    assert f"{STORE}.key" in printed
    restored = tmp_path / "restored"
    restored.mkdir()
    shutil.copy(tmp_path / "copy.db", restored / STORE)
    shutil.copy(tmp_path / f"{STORE}.key", restored / f"{STORE}.key")
    with serving(restored) as again:
        assert contents(client_with(again, key), place) == {"theme": "dark"}


def test_a_sound_store_passes_the_check_while_it_is_served(
    running: Serving, tmp_path: Path
) -> None:
    assert done(tmp_path, "check") == f"{STORE}: every page is sound.\n"


def test_version_prints_the_version(tmp_path: Path) -> None:
    assert done(tmp_path, "version") == f"{__version__}\n"


@pytest.mark.parametrize("options", [("serve",), ("key", "create"), ("pool", "create", "app")])
def test_the_master_key_file_made_beside_the_store_is_its_owners_alone(
    tmp_path: Path, options: tuple[str, ...]
) -> None:
    mask = os.umask(0)
    try:
        if options == ("serve",):
            with serving(tmp_path):
                pass
        else:
            done(tmp_path, *options)
    finally:
        os.umask(mask)
    assert (tmp_path / f"{STORE}.key").stat().st_mode & 0o777 == 0o600


def test_no_key_file_is_made_when_the_master_key_is_given(tmp_path: Path) -> None:
    ended = keepstep(tmp_path, "key", "create", environment={"KEEPSTEP_MASTER_KEY": "m" * 32})
    assert ended.returncode == 0, ended.stderr
    assert not (tmp_path / f"{STORE}.key").exists()


def test_secrets_are_not_in_the_store_in_the_clear(tmp_path: Path) -> None:
    _, secret = new_key(tmp_path)
    stored = b"".join(path.read_bytes() for path in tmp_path.iterdir())
    assert secret.encode() not in stored
