"""Receives posts, and counts them in a file, one byte each. ``python -m bench.receiver FILE``."""

import asyncio
import sys
from pathlib import Path

import uvloop

_ANSWER = b"HTTP/1.1 204 No Content\r\n\r\n"
_HEAD_END = b"\r\n\r\n"
_LENGTH = b"content-length: "


async def receive(file: Path) -> None:
    with file.open("ab", buffering=0) as counted:

        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            try:
                while True:
                    head = (await reader.readuntil(_HEAD_END)).lower()
                    length = head.partition(_LENGTH)[2].partition(b"\r")[0]
                    await reader.readexactly(int(length))
                    counted.write(b".")
                    writer.write(_ANSWER)
            except (asyncio.IncompleteReadError, ConnectionError):
                writer.close()

        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        print(server.sockets[0].getsockname()[1], flush=True)
        await server.serve_forever()


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(receive(Path(sys.argv[1])))
