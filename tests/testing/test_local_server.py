"""What a server for tests prints: why it failed, and nothing that it was told in confidence."""

import subprocess
import sys
from pathlib import Path

SECRET = "what-only-its-owner-may-read"
FAILS_INSIDE = f"""
import sqlite3
from contextlib import closing

import boto3
from botocore.config import Config

from keepstep.testing import local_server

with local_server(store="sqlite:keepstep.db") as server:
    once = Config(retries={{"total_max_attempts": 1}})
    client = boto3.client("cognito-sync", config=once, **server.client_arguments)
    place = dict(
        IdentityPoolId=server.new_id(), IdentityId=server.new_id(), DatasetName="things"
    )

    def write(sync_count):
        token = client.list_records(**place)["SyncSessionToken"]
        if sync_count:
            with closing(sqlite3.connect("keepstep.db")) as other, other:
                other.execute("UPDATE datasets SET sync_count = 'damaged'")
        patch = dict(Op="replace", Key="key", Value="{SECRET}", SyncCount=sync_count)
        client.update_records(**place, SyncSessionToken=token, RecordPatches=[patch])

    write(0)
    try:
        write(1)
    except client.exceptions.InternalErrorException:
        print("as expected")
"""
LOGS_ITS_OWN_WAY = """
import structlog

structlog.configure(processors=[structlog.processors.JSONRenderer()])
"""


def printed(directory: Path, program: str) -> str:
    """Give what a program prints that uses a server for tests."""
    ended = subprocess.run(
        [sys.executable, "-c", program],
        cwd=directory,
        check=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    return ended.stdout


def test_an_internal_error_is_told_with_its_traceback_and_without_values(tmp_path: Path) -> None:
    text = printed(tmp_path, FAILS_INSIDE)
    assert "as expected" in text
    assert "internal_error" in text
    assert "Traceback (most recent call last)" in text
    assert [hidden for hidden in (SECRET, "Signature=", "x-amz-date") if hidden in text] == []


def test_a_test_run_that_configures_its_own_logs_keeps_them(tmp_path: Path) -> None:
    text = printed(tmp_path, LOGS_ITS_OWN_WAY + FAILS_INSIDE)
    assert '"event": "internal_error"' in text
