"""A server of somebody else's, as a process that says on standard error where it runs."""

import re
import subprocess
import threading
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from typing import Any


@contextmanager
def server_process(command: Sequence[str], **options: Any) -> Generator[str]:
    """Give the URL of a server for as long as the block lasts."""
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, **options) as process:
        assert process.stderr is not None
        told: list[str] = []
        for line in process.stderr:
            told.append(line)
            found = re.search(r"[Rr]unning on (http://127\.0\.0\.1:\d+)", line)
            if found is not None:
                break
        else:
            raise AssertionError("".join(told))
        threading.Thread(target=process.stderr.read, daemon=True).start()
        try:
            yield found[1]
        finally:
            process.terminate()
