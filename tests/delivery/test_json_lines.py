"""A stream to files of JSON lines: rotation, crashes, full and foreign folders, many writers."""

import stat
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import msgspec
import pytest

from keepstep.delivery.json_lines import JsonLinesOptions, JsonLinesSender
from keepstep.domain.limits import DAY_MS
from keepstep.domain.outbox import OutboxMessage
from keepstep.interfaces.delivery import DeliveryFailed
from keepstep.testing.sender_suite.running import DATE, message, read

from .conftest import context, run

DAY = "2023-11-14"
ROOT = Path(__file__).parents[2]


def send(
    folder: Path,
    messages: Sequence[OutboxMessage],
    *,
    file_bytes: int = 1_000_000,
    date: int = DATE,
) -> None:
    options = JsonLinesOptions(folder=str(folder), file_bytes=file_bytes)
    sender = JsonLinesSender(options, context(clock=lambda: date))
    assert run(sender.send(messages)) == [None] * len(messages)


def names(folder: Path) -> list[str]:
    return sorted(file.name for file in folder.iterdir())


def lines(folder: Path) -> list[bytes]:
    return b"".join((folder / name).read_bytes() for name in names(folder)).splitlines()


def test_each_record_is_one_line_as_it_is(tmp_path: Path) -> None:
    messages = [message(number) for number in range(3)]
    send(tmp_path / "new/folder", messages)
    file = tmp_path / "new/folder" / f"{DAY}.000001.jsonl"
    assert file.read_bytes() == b"".join(one.body + b"\n" for one in messages)


def test_a_record_with_line_breaks_between_its_members_is_one_line(tmp_path: Path) -> None:
    wide = msgspec.structs.replace(message(), body=b'{\r\n  "text": "a\\nb"\n}')
    send(tmp_path, [wide])
    assert lines(tmp_path) == [b'{"text":"a\\nb"}']


def test_files_are_not_for_everybody(tmp_path: Path) -> None:
    send(tmp_path, [message()])
    (file,) = tmp_path.iterdir()
    assert stat.S_IMODE(file.stat().st_mode) & 0o007 == 0


def test_a_full_file_is_followed_by_the_next_number(tmp_path: Path) -> None:
    size = len(message().body) + 1
    for number in range(5):
        send(tmp_path, [message(number)], file_bytes=2 * size)
    assert names(tmp_path) == [f"{DAY}.00000{number}.jsonl" for number in (1, 2, 3)]
    assert [file.stat().st_size for file in sorted(tmp_path.iterdir())] == [
        2 * size,
        2 * size,
        size,
    ]


def test_a_batch_that_is_longer_than_a_file_is_in_one(tmp_path: Path) -> None:
    send(tmp_path, [message(1), message(2)], file_bytes=10)
    send(tmp_path, [message(3)], file_bytes=10)
    assert names(tmp_path) == [f"{DAY}.000001.jsonl", f"{DAY}.000002.jsonl"]
    assert len(lines(tmp_path)) == 3


def test_each_day_has_files_of_its_own(tmp_path: Path) -> None:
    for day in range(3):
        send(tmp_path, [message(day)], date=DATE + day * DAY_MS)
    assert names(tmp_path) == [f"2023-11-{day}.000001.jsonl" for day in (14, 15, 16)]


def test_other_files_in_the_folder_are_left_alone(tmp_path: Path) -> None:
    strange = [f"{DAY}.notes", f"{DAY}.99.jsonl", f"{DAY}.000007.jsonl.gz", "README"]
    for name in strange:
        (tmp_path / name).write_text("mine")
    send(tmp_path, [message()])
    assert names(tmp_path) == sorted([*strange, f"{DAY}.000001.jsonl"])
    assert {(tmp_path / name).read_text() for name in strange} == {"mine"}


@pytest.mark.parametrize("torn", [b'{"identityId": "us-', b"{", b'{"a":1}'])
def test_a_torn_line_is_ended_and_harms_no_other(tmp_path: Path, torn: bytes) -> None:
    send(tmp_path, [message(1)])
    (file,) = tmp_path.iterdir()
    file.write_bytes(file.read_bytes() + torn)
    send(tmp_path, [message(2)])
    assert lines(tmp_path) == [message(1).body, torn, message(2).body]


def test_a_folder_that_cannot_be_written_is_a_failure_for_now(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(DeliveryFailed, match="cannot be written"):
        send(tmp_path / "file", [message()])


def test_a_disk_that_fills_up_leaves_no_part_of_a_batch(tmp_path: Path) -> None:
    limited = (
        "import resource, signal, sys, runpy\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))\n"
        "module = 'tests.delivery.json_lines_writer'\n"
        "runpy.run_module(module, run_name='__main__', alter_sys=True)\n"
    )
    ended = subprocess.run(
        [sys.executable, "-B", "-c", limited, str(tmp_path), "100000", "0", "10"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert "DeliveryFailed" in ended.stderr
    kept = lines(tmp_path)
    assert [read(line)["identityId"] for line in kept] == [
        message(number).place.identity_id for number in range(len(kept))
    ]
    assert 0 < len(kept) < 10


def test_processes_that_share_a_folder_tear_no_line(tmp_path: Path) -> None:
    count = 60
    command = [sys.executable, "-m", "tests.delivery.json_lines_writer", str(tmp_path), "2000"]
    writers = [
        subprocess.Popen([*command, str(first), str(count)], cwd=ROOT) for first in (0, 1000, 2000)
    ]
    assert [writer.wait(60) for writer in writers] == [0, 0, 0]
    arrived = [read(line)["identityId"] for line in lines(tmp_path)]
    for first in (0, 1000, 2000):
        own = [message(number).place.identity_id for number in range(first, first + count)]
        assert [one for one in arrived if one in own] == own
    assert len(arrived) == 3 * count
    assert len(names(tmp_path)) > 10
    assert all(file.stat().st_size <= 2000 for file in tmp_path.iterdir())
