"""The bare server: uvicorn, and an application that always gives one and the same answer.

Run as ``python -m bench.bare FILE``; the file holds an ``Answer`` in JSON.
"""

import asyncio
import socket
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import msgspec
import uvicorn
import uvloop

from keepstep.server.names import AsWritten

Send = Callable[[dict[str, Any]], Awaitable[None]]


class Answer(msgspec.Struct, frozen=True):
    """The bytes of an answer, without what uvicorn adds itself."""

    headers: list[tuple[str, str]]
    body: str


def application(answer: Answer) -> Callable[[Any, Any, Send], Awaitable[None]]:
    """Give the ASGI application that answers so."""
    headers = [(AsWritten(name.encode()), value.encode()) for name, value in answer.headers]
    start = {"type": "http.response.start", "status": 200, "headers": headers}
    body = {"type": "http.response.body", "body": answer.body.encode()}

    async def answer_always(scope: Any, receive: Any, send: Send) -> None:
        del scope, receive
        await send(start)
        await send(body)

    return answer_always


def main() -> None:
    answer = msgspec.json.decode(Path(sys.argv[1]).read_bytes(), type=Answer)
    listener = socket.create_server(("127.0.0.1", 0), backlog=2048)
    config = uvicorn.Config(
        application(answer),
        http="httptools",
        ws="none",
        lifespan="off",
        interface="asgi3",
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_keep_alive=60,
    )
    print(f"bare uvicorn is ready at http://127.0.0.1:{listener.getsockname()[1]} ", flush=True)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(uvicorn.Server(config).serve(sockets=[listener]))


if __name__ == "__main__":
    main()
