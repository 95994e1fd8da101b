"""Workers that end again and again: the pauses before they are started anew."""

import json
import os
import signal
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from keepstep.domain.limits import WORKER_PAUSE_SECONDS_MAX, WORKER_STEADY_SECONDS
from keepstep.server.workers import Restarts
from tests.api.steps import replace, write
from tests.conftest import Place

from .processes import ROOT, Serving, eventually, serving
from .test_pages import stopped

MASTER, OTHER_MASTER = "the right master key of this store", "another master key, which is wrong"


def with_key_file(directory: Path) -> dict[str, str]:
    """Give the environment of a server whose workers cannot start with another key in a file."""
    file = directory / "master.key"
    file.write_text(MASTER)
    return {**ROOT, "KEEPSTEP_MASTER_KEY_FILE": str(file)}


def ends(running: Serving) -> list[dict[str, Any]]:
    """Give the lines of the workers that ended."""
    lines = [line for line in running.logged.splitlines(True) if line.endswith("}\n")]
    ours = [line for line in lines if line.startswith("{")]  # others write there, too: coverage
    return [line for line in map(json.loads, ours) if line["event"] == "worker_ended"]


def test_a_worker_that_keeps_ending_is_started_after_growing_pauses_up_to_a_limit() -> None:
    restarts = Restarts()
    assert [restarts.pause_seconds(0.5) for _ in range(6)] == [0, 1, 2, 4, 8, 16]
    assert [restarts.pause_seconds(0.5) for _ in range(50)] == [WORKER_PAUSE_SECONDS_MAX] * 50


def test_a_worker_that_has_stayed_up_is_started_without_a_pause() -> None:
    restarts = Restarts()
    for _ in range(6):
        restarts.pause_seconds(0)
    assert restarts.pause_seconds(WORKER_STEADY_SECONDS - 1) == WORKER_PAUSE_SECONDS_MAX
    assert [restarts.pause_seconds(WORKER_STEADY_SECONDS) for _ in range(3)] == [0, 0, 0]
    assert restarts.pause_seconds(0) == 1


def test_a_server_pauses_before_each_start_of_a_worker_and_a_stop_waits_for_no_pause(
    tmp_path: Path,
) -> None:
    environment = with_key_file(tmp_path)
    with serving(tmp_path, "--workers", "2", environment=environment) as running:
        (tmp_path / "master.key").write_text(OTHER_MASTER)
        os.kill(min(running.workers()), signal.SIGKILL)
        eventually(lambda: len(ends(running)) == 5, "a worker ends again and again")
        assert running.stop() == 0
        stopped = datetime.now(UTC)
    pauses = [line["pause_seconds"] for line in ends(running)]
    assert pauses == [0, 1, 2, 4, 8]
    times = [datetime.fromisoformat(line["timestamp"]) for line in ends(running)]
    waited = [(b - a).total_seconds() for a, b in zip(times, [*times[1:], stopped], strict=True)]
    assert all(a >= b for a, b in zip(waited[:-1], pauses[:-1], strict=True))
    assert waited[-1] < pauses[-1]


def test_a_worker_serves_again_once_it_can_and_the_others_serve_meanwhile(
    tmp_path: Path, place: Place
) -> None:
    environment = with_key_file(tmp_path)
    with serving(tmp_path, "--open-pools", "--workers", "2", environment=environment) as running:
        killed, spared = sorted(running.workers())
        (tmp_path / "master.key").write_text(OTHER_MASTER)
        os.kill(killed, signal.SIGKILL)
        eventually(lambda: len(ends(running)) == 3, "the worker cannot start")
        write(running.client, place, replace("theme", "dark"))
        (tmp_path / "master.key").write_text(MASTER)
        eventually(lambda: len(running.workers() - {spared}) == 1, "it is started once more")
        with stopped(spared):
            write(running.client, place, replace("theme", "light", 1))
