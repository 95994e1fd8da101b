"""Sends a pool's stream to files of JSON lines, one record a line, a new file by size and day.

Any number of processes may write to one folder: each batch is appended under a lock on the file,
and is on the disk before it counts as delivered. A line that a crash left torn is ended before
the next one begins, so it harms no other.
"""

import asyncio
import fcntl
import os
import re
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import ClassVar, Final

import msgspec

from keepstep.domain.limits import MIB, SECOND_MS
from keepstep.domain.outbox import OutboxMessage
from keepstep.interfaces.delivery import DeliveryFailed, Outcome

from .senders import SenderContext

BATCH_MAX: Final = 1000
"""Messages that share one wait for the disk."""
FILE_MODE: Final = 0o640
"""Users' data: for the owner, and a group that may read it."""
NEW_LINE: Final = b"\n"

_NUMBERED: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}\.([0-9]{6})\.jsonl")


class JsonLinesOptions(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The folder, and the size at which a file is full."""

    folder: str
    file_bytes: int = 128 * MIB

    def __post_init__(self) -> None:
        """Refuse what cannot be used. Raises ValueError."""
        if not Path(self.folder).is_absolute():
            raise ValueError("folder has to be an absolute path")
        if self.file_bytes < 1:
            raise ValueError("file_bytes has to be 1 or more")


class JsonLinesSender:
    """Appends messages to the last file of the day (in UTC)."""

    Options: ClassVar = JsonLinesOptions
    batch_max = BATCH_MAX

    def __init__(self, options: JsonLinesOptions, context: SenderContext) -> None:
        """The folder is made when there is something to send."""
        self._folder = Path(options.folder)
        self._file_bytes = options.file_bytes
        self._clock = context.clock

    async def send(self, messages: Sequence[OutboxMessage]) -> Sequence[Outcome]:
        """Append messages, all or none. See ``interfaces.delivery.StreamSender``."""
        if messages:
            lines = b"".join(_line(message.body) for message in messages)
            try:
                await asyncio.to_thread(self._append, lines)
            except OSError as error:
                raise DeliveryFailed(
                    f"the folder {self._folder} cannot be written ({error.strerror or error})"
                ) from None
        return [None] * len(messages)

    async def close(self) -> None:
        """Nothing is kept open."""

    def _append(self, lines: bytes) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        day = datetime.fromtimestamp(self._clock() / SECOND_MS, UTC).date().isoformat()
        number = self._last_number(day)
        while not self._append_to(self._folder / f"{day}.{number:06}.jsonl", lines):
            number += 1

    def _last_number(self, day: str) -> int:
        found = map(_NUMBERED.fullmatch, (file.name for file in self._folder.glob(f"{day}.*")))
        return max((int(match[1]) for match in found if match is not None), default=1)

    def _append_to(self, file: Path, lines: bytes) -> bool:
        """Append lines to a file and wait for the disk; False, with nothing written, if full."""
        with _locked(file) as descriptor:
            size = os.fstat(descriptor).st_size
            if size > 0 and size + len(lines) > self._file_bytes:
                return False
            is_torn = size > 0 and os.pread(descriptor, 1, size - 1) != NEW_LINE
            try:
                _write(descriptor, NEW_LINE + lines if is_torn else lines)
                os.fsync(descriptor)
            except OSError:
                os.ftruncate(descriptor, size)
                raise
        if size == 0:
            _sync_folder(self._folder)
        return True


@contextmanager
def _locked(file: Path) -> Generator[int]:
    """Open a file for appending, alone for as long as the block lasts."""
    descriptor = os.open(file, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, FILE_MODE)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield descriptor
    finally:
        os.close(descriptor)


def _line(record: bytes) -> bytes:
    """Give a record on one line; JSON has line breaks only where they mean nothing."""
    if b"\n" in record or b"\r" in record:
        record = msgspec.json.format(record, indent=-1)
    return record + NEW_LINE


def _write(descriptor: int, content: bytes) -> None:
    view = memoryview(content)
    while view:
        view = view[os.write(descriptor, view) :]


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
