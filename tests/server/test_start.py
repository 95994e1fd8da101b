"""A start: it comes to its ready line, and rests in little memory."""

import re
from pathlib import Path

from tests.api.steps import replace, write
from tests.conftest import Place

from .processes import Serving, eventually

RESIDENT_KIB_MAX = 100_000


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
