"""``python -m bench.profile``: where the time of an operation goes, by cProfile, in this process.

The application is called directly, without uvicorn; a profiler slows small functions most, so
the shares say where to look and not how fast anything is.
"""

import argparse
import asyncio
import cProfile
import os
import pstats
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import msgspec
import uvloop

from keepstep.server.assembly import assemble
from keepstep.server.logs import configure_logs
from keepstep.server.settings import load_settings
from keepstep.wire.sync import ListRecordsResponse

from .preload import Population, preload
from .scenarios import (
    SCENARIOS,
    Scenario,
    Target,
    credentials_requests,
    granted_credentials,
    session_requests,
)
from .servers import CREDENTIALS, Server

IDENTITIES: Final = 1_000
CONCURRENT: Final = 64
_NO_SERVER: Final = Server(("127.0.0.1", 8080), 0, 0)


class Caller:
    """Calls an ASGI application with the bytes of requests."""

    def __init__(self, application: Any) -> None:
        """Take the application."""
        self._application = application

    async def call_all(self, requests: Sequence[bytes]) -> list[bytes]:
        """Give the bodies of the answers, in order; a bounded number is under way at a time."""
        bodies: list[bytes] = []
        for start in range(0, len(requests), CONCURRENT):
            group = requests[start : start + CONCURRENT]
            bodies += await asyncio.gather(*(self._call(request) for request in group))
        return bodies

    async def _call(self, request: bytes) -> bytes:
        head, _, body = request.partition(b"\r\n\r\n")
        first, *lines = head.split(b"\r\n")
        method, target, _ = first.split(b" ")
        path, _, query = target.partition(b"?")
        pairs = (line.partition(b": ") for line in lines)
        scope = {
            "type": "http",
            "method": method.decode(),
            "path": path.decode(),
            "raw_path": path,
            "query_string": query,
            "headers": [(name.lower(), value) for name, _, value in pairs],
            "client": ("127.0.0.1", 0),
            "scheme": "http",
        }
        sent: list[dict[str, Any]] = []

        async def receive() -> dict[str, Any]:
            return {"type": "http.request", "body": body, "more_body": False}

        async def send(message: dict[str, Any]) -> None:
            sent.append(message)

        await self._application(scope, receive, send)
        answer: bytes = sent[1]["body"]
        if sent[0]["status"] != 200:
            raise SystemExit(answer.decode())
        return answer


async def profile(scenario: Scenario, population: Population, count: int) -> cProfile.Profile:
    """Profile so many calls of one scenario."""
    settings = load_settings(
        store=f"sqlite:{population.file}",
        sign_ins_per_second=0,
        access_key_id=CREDENTIALS.access_key_id,
        secret_access_key=CREDENTIALS.secret_access_key,
    )
    target = Target(_NO_SERVER, population)
    async with assemble(settings) as (application, _):
        caller = Caller(application)
        identities = target.take(count)
        bodies = await caller.call_all(credentials_requests(target, identities, ()))
        target.credentials = dict(zip(identities, granted_credentials(bodies), strict=True))
        tokens = [""] * count
        if scenario.once_only:
            bodies = await caller.call_all(session_requests(target, identities))
            decoder = msgspec.json.Decoder(ListRecordsResponse)
            tokens = [decoder.decode(body).sync_session_token for body in bodies]
        requests = scenario.build(target, identities, tokens)
        profiler = cProfile.Profile()
        profiler.enable()
        await caller.call_all(requests)
        profiler.disable()
    return profiler


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.profile", description=__doc__)
    parser.add_argument("--requests", type=int, default=5_000, help="requests of each operation")
    parser.add_argument("--lines", type=int, default=30, help="functions to print")
    parser.add_argument("--sort", default="tottime", help="tottime, cumtime or ncalls")
    given = parser.parse_args()
    sys.stderr = Path(os.devnull).open("w")  # noqa: SIM115 -- the request log goes on being written
    configure_logs()
    with tempfile.TemporaryDirectory(prefix=".bench-", dir=Path.cwd()) as folder:
        population = preload(Path(folder) / "small.db", IDENTITIES)
        for scenario in SCENARIOS:
            print(f"{scenario.name}: {given.requests} requests", flush=True)
            with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
                profiler = runner.run(profile(scenario, population, given.requests))
            pstats.Stats(profiler).strip_dirs().sort_stats(given.sort).print_stats(given.lines)


if __name__ == "__main__":
    main()
