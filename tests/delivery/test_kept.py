"""What is kept open for the next use: how many, which, and for how long."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from functools import partial

import pytest

from keepstep.delivery.kept import Kept

from .conftest import run
from .outboxes import eventually


class Things:
    """Things that are known by their names, and what became of them."""

    def __init__(self, at_most: int = 2) -> None:
        self.kept = Kept[str, str](at_most)
        self.begun: list[str] = []
        self.made: list[str] = []
        self.closed: list[str] = []
        self.unmakable = ""
        self.open = asyncio.Event()
        self.open.set()

    @asynccontextmanager
    async def _made(self, name: str) -> AsyncGenerator[str]:
        self.begun.append(name)
        await self.open.wait()
        if name == self.unmakable:
            raise ValueError(name)
        self.made.append(name)
        yield name
        self.closed.append(name)
        if name == "unclosable":
            raise ValueError(name)

    @asynccontextmanager
    async def using(self, name: str) -> AsyncGenerator[str]:
        async with self.kept.use(name, partial(self._made, name)) as thing:
            yield thing

    async def use(self, *names: str) -> None:
        for name in names:
            async with self.using(name) as thing:
                assert thing == name


def test_a_thing_is_made_once_and_the_one_used_longest_ago_is_closed_first() -> None:
    async def case() -> None:
        things = Things()
        await things.use("a", "b", "a", "c")
        assert (things.made, things.closed) == (["a", "b", "c"], ["b"])
        await things.use("b")
        assert things.closed == ["b", "a"]
        await things.kept.close()
        assert sorted(things.closed) == sorted(things.made)

    run(case())


def test_what_is_in_use_is_closed_when_it_is_not_any_more() -> None:
    async def case() -> None:
        things = Things()
        async with things.using("a"), things.using("a"), things.using("b"):
            async with things.using("c"):
                assert things.closed == []
            assert things.closed == ["c"]
            await things.use("a", "b")
        await things.use("d")
        assert things.closed == ["c", "a"]

    run(case())


def test_what_two_ask_for_at_the_same_time_is_made_once() -> None:
    async def case() -> None:
        things = Things()
        things.open.clear()
        asked = [asyncio.create_task(things.use("a")) for _ in range(3)]
        things.open.set()
        await asyncio.gather(*asked)
        assert things.made == ["a"]

    run(case())


def test_what_cannot_be_made_is_tried_again_at_its_next_use() -> None:
    async def case() -> None:
        things = Things()
        things.unmakable = "a"
        with pytest.raises(ValueError, match="a"):
            await things.use("a")
        things.unmakable = ""
        await things.use("a")
        assert things.made == ["a"]

    run(case())


def test_a_thing_that_fails_to_close_fails_nobody_else() -> None:
    async def case() -> None:
        things = Things(at_most=1)
        await things.use("unclosable", "a", "unclosable")
        await things.kept.close()
        assert things.closed == ["unclosable", "a", "unclosable"]

    run(case())


def test_a_use_that_is_cancelled_while_the_thing_is_made_leaves_nothing_behind() -> None:
    async def case() -> None:
        things = Things()
        things.open.clear()
        asked = asyncio.create_task(things.use("a"))
        await eventually(lambda: things.begun)
        asked.cancel()
        things.open.set()
        await things.use("a")
        assert (things.begun, things.made) == (["a", "a"], ["a"])

    run(case())
