"""What is dear to make and open, kept for the next time: so many at most, and what is in use."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Hashable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Generic, TypeVar

import structlog

Key = TypeVar("Key", bound=Hashable)
Thing = TypeVar("Thing")
_log = structlog.stdlib.get_logger()


@dataclass(slots=True)
class _Entry(Generic[Thing]):
    thing: Thing
    open: AsyncExitStack
    users: int = 0


class Kept(Generic[Key, Thing]):
    """Things by their keys. It belongs to one event loop."""

    def __init__(self, at_most: int) -> None:
        """Beyond so many, the one whose last use is longest ago is closed, unless it is in use."""
        self._at_most = at_most
        self._entries: dict[Key, _Entry[Thing]] = {}
        self._making = asyncio.Lock()

    @asynccontextmanager
    async def use(
        self, key: Key, make: Callable[[], AbstractAsyncContextManager[Thing]]
    ) -> AsyncGenerator[Thing]:
        """Give the thing of a key, made if it is not there; it is open while the block lasts.

        Raises what making it raises.
        """
        async with self._making:
            entry = self._entries.pop(key, None) or await _made(make)
            self._entries[key] = entry  # behind those used before
            entry.users += 1
        try:
            yield entry.thing
        finally:
            entry.users -= 1
            await self._close_surplus()

    async def close(self) -> None:
        """Close everything."""
        while self._entries:
            _, entry = self._entries.popitem()
            await _close(entry)

    async def _close_surplus(self) -> None:
        while len(self._entries) > self._at_most:
            idle = next((key for key, entry in self._entries.items() if not entry.users), None)
            if idle is None:
                return
            await _close(self._entries.pop(idle))


async def _made(make: Callable[[], AbstractAsyncContextManager[Thing]]) -> _Entry[Thing]:
    stack = AsyncExitStack()
    return _Entry(await stack.enter_async_context(make()), stack)


async def _close(entry: _Entry[Thing]) -> None:
    try:
        await entry.open.aclose()
    except Exception:  # noqa: BLE001 -- logged whole; who used something else has no part in it
        _log.exception("close_failed")
