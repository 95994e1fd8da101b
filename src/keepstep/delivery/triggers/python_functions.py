"""A sync trigger that is a Python function of the server's own process.

It gets the event as a dictionary and gives the answer as one, as a handler of Lambda does; a
handler that also takes Lambda's context gets None for it. It runs in a thread, so that it holds
nobody up; one that does not end in time keeps its thread, and so many of them are too many.
"""

import asyncio
import contextlib
import inspect
import threading
from collections.abc import Callable, Coroutine
from importlib import import_module
from typing import Any, Final, cast

import msgspec

from keepstep.domain.limits import TRIGGER_ANSWER_BYTES_MAX

from .outcomes import failed, throttled, timed_out, too_long

THREADS_MAX: Final = 32
"""Calls of one function that may run at once."""


class PythonFunction:
    """One function, ``module:function``, plain or async."""

    def __init__(self, function: str, path: str, seconds: float) -> None:
        """Import it. Raises ValueError."""
        self._function = function
        self._handler = _handler(path)
        self._seconds = seconds
        self._running = 0

    async def call(self, event: bytes) -> bytes:
        """Call it with an event. See ``interfaces.delivery.SyncTriggers``."""
        if self._running >= THREADS_MAX:
            raise throttled(self._function)
        ended: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
        self._running += 1
        # A daemon: a function that never ends does not keep the server from stopping.
        threading.Thread(
            target=self._run, args=(event, ended), name="sync-trigger", daemon=True
        ).start()
        try:
            answer = await asyncio.wait_for(ended, self._seconds)
        except (TimeoutError, _TimedOut):
            raise timed_out(self._function, self._seconds) from None
        except _Failed as failure:
            raise failed(self._function, str(failure)) from None
        if len(answer) > TRIGGER_ANSWER_BYTES_MAX:
            raise too_long(self._function)
        return answer

    async def close(self) -> None:
        """Nothing is kept open; calls that still run end with the process."""

    def _run(self, event: bytes, ended: asyncio.Future[bytes]) -> None:
        answer: bytes | None = None
        failure: _Failed | _TimedOut | None = None
        try:
            answer = self._answer(event)
        except _TimedOut as error:
            failure = error
        except BaseException as error:  # noqa: BLE001 -- whatever it raises, its caller is told
            failure = _Failed(f"{type(error).__name__}: {error}")
        # The loop is closed if the server stopped in between.
        with contextlib.suppress(RuntimeError):
            ended.get_loop().call_soon_threadsafe(self._end, ended, answer, failure)

    def _answer(self, event: bytes) -> bytes:
        answer = self._handler(msgspec.json.decode(event))
        if inspect.iscoroutine(answer):
            answer = asyncio.run(self._in_time(cast("Coroutine[Any, Any, Any]", answer)))
        return msgspec.json.encode(answer)

    async def _in_time(self, work: Coroutine[Any, Any, Any]) -> Any:
        """Run a coroutine, and end it when its caller has been told that it took too long."""
        limit = asyncio.timeout(self._seconds)
        try:
            async with limit:
                return await work
        except TimeoutError:
            if limit.expired():
                raise _TimedOut from None
            raise

    def _end(
        self,
        ended: asyncio.Future[bytes],
        answer: bytes | None,
        failure: "_Failed | _TimedOut | None",
    ) -> None:
        self._running -= 1
        if ended.done():
            return
        if failure is not None:
            ended.set_exception(failure)
        else:
            ended.set_result(answer or b"")


class _TimedOut(Exception):
    """A coroutine took too long."""


class _Failed(Exception):
    """What a function raised, in words for the operator."""


def _handler(path: str) -> Callable[[dict[str, Any]], Any]:
    """Import a function and make it take an event alone. Raises ValueError."""
    module_name, _, name = path.partition(":")
    if not module_name or not name:
        raise ValueError(f"{path} is not of the form module:function")
    try:
        found: Any = import_module(module_name)
        for part in name.split("."):
            found = getattr(found, part)
    except (ImportError, AttributeError) as error:
        raise ValueError(f"{path} cannot be imported: {error}") from None
    if _takes(found, 1):
        return found
    if _takes(found, 2):
        return lambda event: found(event, None)
    raise ValueError(f"{path} has to be a function of one argument, the event")


def _takes(function: Any, count: int) -> bool:
    """Whether something is a function of that many arguments."""
    try:
        inspect.signature(function).bind(*[None] * count)
    except TypeError:
        return False
    return True
