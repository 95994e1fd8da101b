"""Appends numbered messages to a folder of JSON lines: ``FOLDER FILE_BYTES FIRST COUNT``."""

import asyncio
import sys

from keepstep.delivery.json_lines import JsonLinesOptions, JsonLinesSender
from keepstep.testing.sender_suite.running import message

from .conftest import context


async def append(folder: str, file_bytes: int, first: int, count: int) -> None:
    sender = JsonLinesSender(JsonLinesOptions(folder=folder, file_bytes=file_bytes), context())
    for number in range(first, first + count):
        await sender.send([message(number)])


if __name__ == "__main__":
    folder, *numbers = sys.argv[1:]
    asyncio.run(append(folder, *map(int, numbers)))
