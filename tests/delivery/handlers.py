"""Functions that tests use as sync triggers."""

import asyncio
import threading
from typing import Any

released = threading.Event()

not_a_function = "a text"


def told(event: dict[str, Any]) -> dict[str, Any]:
    return {**event, "thread": threading.current_thread().name}


async def told_later(event: dict[str, Any]) -> dict[str, Any]:
    await asyncio.sleep(0)
    return told(event)


def as_lambda_has_it(event: dict[str, Any], context: object) -> dict[str, Any]:
    return {**event, "context": context}


class Group:
    @staticmethod
    def told(event: dict[str, Any]) -> dict[str, Any]:
        return event


def fails(event: dict[str, Any]) -> dict[str, Any]:
    raise RuntimeError("a secret of the function")


async def fails_later(event: dict[str, Any]) -> dict[str, Any]:
    raise SystemExit(1)


async def gives_up(event: dict[str, Any]) -> dict[str, Any]:
    raise TimeoutError


def waits(event: dict[str, Any]) -> dict[str, Any]:
    released.wait(30)
    return event


async def waits_later(event: dict[str, Any]) -> dict[str, Any]:
    return await asyncio.get_running_loop().create_future()


def answers_a_set(event: dict[str, Any]) -> object:
    return {object()}


def answers_too_much(event: dict[str, Any]) -> object:
    return "x" * (6 * 1024 * 1024)


def takes_nothing() -> dict[str, Any]:
    return {}
