"""A start: it comes to its ready line, and rests in little memory."""

import json
import os
import re
from pathlib import Path

import pytest

import keepstep
from tests.api.steps import replace, write
from tests.conftest import Place

from .processes import DEADLINE_SECONDS, ROOT, Serving, eventually, serving, started

RESIDENT_KIB_MAX = 100_000
TRIGGER = """
import os
import pathlib

pathlib.Path(f"loaded-{os.getpid()}").touch()


def check(event):
    return event
"""
FUNCTION = "arn:aws:lambda:us-east-1:000000000000:function:check"


def resident_kib(pid: int) -> int:
    status = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    found = re.search(r"^VmRSS:\s+(\d+) kB$", status, re.MULTILINE)
    assert found is not None
    return int(found[1])


def test_the_ready_line_comes_when_requests_are_answered(running: Serving, place: Place) -> None:
    assert " is ready at http://127.0.0.1:" in running.printed
    assert running.client.list_records(**place)["DatasetExists"] is False


def test_a_started_server_rests_under_a_hundred_megabytes(running: Serving, place: Place) -> None:
    assert resident_kib(running.process.pid) < RESIDENT_KIB_MAX
    write(running.client, place, replace("theme", "dark"))
    assert eventually(lambda: resident_kib(running.process.pid), "it still runs") < RESIDENT_KIB_MAX


@pytest.fixture
def with_trigger(tmp_path: Path) -> dict[str, str]:
    """The environment of a server with a Python trigger that tells which processes load it."""
    (tmp_path / "shop.py").write_text(TRIGGER, encoding="utf-8")
    source = Path(keepstep.__file__).parents[1]
    return {
        **ROOT,
        "KEEPSTEP_TRIGGERS": json.dumps([{"function": FUNCTION, "python": "shop:check"}]),
        "PYTHONPATH": os.pathsep.join([str(tmp_path), str(source)]),
    }


def test_only_workers_load_what_delivers(tmp_path: Path, with_trigger: dict[str, str]) -> None:
    with serving(tmp_path, "--workers", "2", environment=with_trigger) as running:
        loaded = {int(file.name.partition("-")[2]) for file in tmp_path.glob("loaded-*")}
        assert loaded == running.workers()


@pytest.mark.parametrize("workers", ["1", "2"])
def test_a_trigger_that_cannot_be_loaded_is_named_and_nothing_is_served(
    tmp_path: Path, with_trigger: dict[str, str], workers: str
) -> None:
    (tmp_path / "shop.py").unlink()
    with started(tmp_path, "--workers", workers, environment=with_trigger) as running:
        assert running.process.wait(DEADLINE_SECONDS) == 2
        assert "triggers (KEEPSTEP_TRIGGERS): shop:check cannot be imported" in running.logged
        assert "Traceback" not in running.logged
        assert running.printed == ""
