"""What commands begin with: their common options, the settings, and the store, opened."""

import asyncio
import os
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Annotated, Any, TypeVar

import typer

from keepstep.interfaces.storage import StoreUnusable
from keepstep.server.opened import OpenStore, open_store
from keepstep.server.settings import Settings, load_settings
from keepstep.server.stores import MEMORY, is_shared
from keepstep.server.stores import file_of as path_of

Answer = TypeVar("Answer")
StoreOption = Annotated[
    str | None,
    typer.Option(
        help="Where data lives: sqlite:PATH or postgresql://USER@HOST/DATABASE.",
        show_default=False,
    ),
]
ConfigOption = Annotated[
    Path | None, typer.Option(help="Settings file in TOML.", show_default=False)
]
YesOption = Annotated[bool, typer.Option("--yes", help="Do not ask.")]


class Refused(Exception):
    """What a command was asked to do cannot be done. The text says why, and what to do."""


def command_group(text: str) -> typer.Typer:
    """Make a group of commands that shows its help when it is called alone."""
    return typer.Typer(help=text, no_args_is_help=True)


def settings_of(config: Path | None, **flags: Any) -> Settings:
    """Read the settings; flags of None were not given. Raises SettingsError."""
    if config is not None:
        os.environ["KEEPSTEP_CONFIG"] = str(config)
    return load_settings(**flags)


def with_store(settings: Settings, work: Callable[[OpenStore], Awaitable[Answer]]) -> Answer:
    """Do some work on the store and close it again. Raises StoreUnusable and StoreUnavailable."""

    async def run() -> Answer:
        async with open_store(settings) as opened:
            return await work(opened)

    if settings.store == MEMORY:
        raise StoreUnusable("a store in memory is its server's own; name a file as the store")
    return asyncio.run(run())


def file_of(settings: Settings) -> Path:
    """Give the file of the store. Raises StoreUnusable for a store that has none."""
    if is_shared(settings.store):
        raise StoreUnusable("the store is a PostgreSQL database; use its own tools for that")
    path = path_of(settings.store)
    if path is None:
        raise StoreUnusable("a store in memory is its server's own; name a file as the store")
    return path
