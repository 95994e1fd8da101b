"""``keepstep copy``: moving a deployment to another store, with its progress on the terminal."""

import asyncio
import secrets
import time
from collections.abc import Generator
from contextlib import contextmanager
from typing import Annotated, Final

import typer
from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from keepstep.server.copying import CopyStep, Report, copy_deployment, key_hint
from keepstep.server.stores import name_of

from .opening import ConfigOption, settings_of

RUN_BYTES: Final = 16
SECONDS_MIN: Final = 0.001


def copy(
    source: Annotated[str, typer.Option("--from", metavar="STORE", help="The store to copy.")],
    destination: Annotated[
        str, typer.Option("--to", metavar="STORE", help="An empty store, or an unfinished copy.")
    ],
    config: ConfigOption = None,
) -> None:
    """Copy all data to another store, of any engine, and compare both; nothing may serve them."""
    from_settings = settings_of(config, store=source)
    to_settings = settings_of(config, store=destination)
    run = secrets.token_hex(RUN_BYTES)
    with _shown() as report:
        total = asyncio.run(copy_deployment(from_settings, to_settings, run=run, report=report))
    typer.echo(
        f"{name_of(destination)} holds the same {total} rows. Serve it with the source's master "
        f"key: {key_hint(from_settings)}"
    )


@contextmanager
def _shown() -> Generator[Report]:
    """Give what shows the steps of a copy: live on a terminal, else a line for each kind."""
    console = Console(highlight=False)
    meter = _Meter()
    if not console.is_terminal:

        def say(step: CopyStep) -> None:
            text = meter.text_of(step)
            if step.done:
                typer.echo(text)

        yield say
        return
    columns = (SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True) as progress:
        task = progress.add_task("", total=None)

        def show(step: CopyStep) -> None:
            text = meter.text_of(step)
            progress.update(task, description=text)
            if step.done:
                progress.console.print(text)

        yield show


class _Meter:
    """Puts steps into words, with the rate since their kind was begun."""

    def __init__(self) -> None:
        self._begun = time.monotonic()
        self._rows = 0

    def text_of(self, step: CopyStep) -> str:
        now = time.monotonic()
        self._rows += step.new_rows
        rate = round(self._rows / max(now - self._begun, SECONDS_MIN))
        if step.done:
            self._begun, self._rows = now, 0
        if not step.compares:
            return f"{step.kind}: {step.rows} copied ({rate} a second)"
        if not step.done:
            return f"{step.kind}: {step.rows} compared ({rate} a second)"
        return f"{step.kind}: {'DIFFERENT' if step.equal is None else f'equal, {step.equal}'}"
