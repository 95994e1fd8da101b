"""The examples of docs/live-changes.md, run as they stand there."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from keepstep.testing import LocalServer
from keepstep.wire.sigv4 import Credentials
from tests.conftest import Place, client_of

from .live_streams import PATIENCE_SECONDS
from .owners import new_guest
from .steps import replace, write

PAGE = Path(__file__).parents[2] / "docs/live-changes.md"
FIRST_EVENT = """
import os
names = ("AWS_ENDPOINT_URL", "POOL_ID", "IDENTITY_ID")
events = live_changes(*(os.environ[name] for name in names), "settings")
event_id, data = next(events)
print("id:", event_id, "event:", data["Records"][0]["Value"])
"""


def example(language: str) -> str:
    """Give the one example of the page in a language."""
    text = PAGE.read_text(encoding="utf-8")
    (found,) = re.findall(rf"^```{language}\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    return found


def curl(*, as_guest: bool) -> list[str]:
    lines = example("sh").splitlines()
    kept = [line for line in lines if as_guest or "x-amz-security-token" not in line]
    assert len(kept) == len(lines) - (not as_guest)
    return ["sh", "-c", "\n".join(kept)]


def python(*, as_guest: bool) -> list[str]:
    del as_guest  # boto3 knows by itself
    return [sys.executable, "-c", example("python") + FIRST_EVENT]


def environment(server: LocalServer, place: Place, keys: Credentials) -> dict[str, str]:
    return {
        **os.environ,
        "AWS_ENDPOINT_URL": server.endpoint_url,
        "AWS_DEFAULT_REGION": server.region,
        "AWS_ACCESS_KEY_ID": keys.access_key_id,
        "AWS_SECRET_ACCESS_KEY": keys.secret_access_key,
        "POOL_ID": place["IdentityPoolId"],
        "IDENTITY_ID": place["IdentityId"],
        **({"AWS_SESSION_TOKEN": keys.session_token} if keys.session_token else {}),
    }


EXAMPLES = [python, curl] if shutil.which("curl") else [python]


@pytest.mark.parametrize("as_guest", [False, True])
@pytest.mark.parametrize("command", EXAMPLES)
def test_an_example_of_the_documentation_reads_the_first_event(
    server: LocalServer, command: Callable[..., list[str]], *, as_guest: bool
) -> None:
    guest = new_guest(server, server.new_id())
    place: Place = {**guest.identity, "DatasetName": "settings"}
    write(client_of(server), place, replace("theme", "dark"))
    root = Credentials(server.access_key_id, server.secret_access_key)
    keys = guest.credentials if as_guest else root
    with subprocess.Popen(
        command(as_guest=as_guest),
        env=environment(server, place, keys),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as running:
        assert running.stdout is not None
        printed = ""
        while "dark" not in printed:
            line = running.stdout.readline()
            assert line, running.communicate(timeout=PATIENCE_SECONDS)[1]
            printed += line
        running.terminate()
    assert re.search(r"^id: 1\b", printed, re.MULTILINE)
