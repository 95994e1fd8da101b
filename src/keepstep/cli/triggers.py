"""``keepstep trigger``: what a sync trigger would make of data that is stored."""

import json
from collections import Counter
from collections.abc import Generator, Iterator, MutableMapping
from contextlib import contextmanager
from itertools import takewhile
from typing import Annotated, Any, Final

import structlog
import typer
from rich.cells import cell_len, set_cell_size

from keepstep.domain.datasets import DatasetPlace
from keepstep.domain.trigger_replays import Difference
from keepstep.server.opened import system_clock
from keepstep.server.trigger_replays import Replay, ReplayFailed, replay_trigger

from .opening import ConfigOption, Refused, StoreOption, command_group, settings_of, with_store

trigger_app = command_group("Sync triggers: functions that have a say in updates.")

CELL: Final = 22
"""Width of a cell of the table; with three of them a line has 80 characters."""
CONTEXT: Final = 6
"""Characters of a long value that are shown before the first that differs."""
KINDS: Final = ("added", "replaced", "removed")
NOTHING: Final = "-"
CUT: Final = "…"


@trigger_app.command("replay")
def replay(
    pool: Annotated[str, typer.Argument(metavar="POOL", help="The identity pool's id.")],
    identity: Annotated[str, typer.Argument(metavar="IDENTITY", help="The identity's id.")],
    dataset: Annotated[str, typer.Argument(metavar="DATASET", help="The dataset's name.")],
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Required: a replay only shows, it never writes.")
    ] = False,
    function: Annotated[
        str | None,
        typer.Option(metavar="ARN", help="Function to ask in place of the pool's trigger."),
    ] = None,
    full: Annotated[bool, typer.Option("--full", help="Show keys and values whole.")] = False,
    store: StoreOption = None,
    config: ConfigOption = None,
) -> None:
    """Ask a pool's trigger about a stored dataset, and show what its answer would change."""
    if not dry_run:
        raise Refused("a replay never writes what the function answers; say so by --dry-run")
    settings = settings_of(config, store=store)
    place = DatasetPlace(pool, identity, dataset)
    with _reasons_told():
        found = with_store(
            settings,
            lambda opened: replay_trigger(settings, opened.store, place, function, system_clock),
        )
    typer.echo(f"{found.function} was asked with {_records(found.record_count)}.")
    for line in _blocks(found) if full else _table(found):
        typer.echo(line)
    typer.echo(_summary(found))


@contextmanager
def _reasons_told() -> Generator[None]:
    """Say, with the failure of a function, why it failed, which otherwise only the log tells."""
    reasons: list[str] = []

    def keep(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> str:
        if "reason" in event:
            reasons.append(" ".join(event["reason"].split()))
        raise structlog.DropEvent

    structlog.configure(processors=[keep])
    try:
        yield
    except ReplayFailed as failure:
        raise Refused(" ".join([str(failure), *(f"({one})" for one in reasons)])) from None


def _table(found: Replay) -> Iterator[str]:
    if found.differences:
        yield ""
        yield _row("CHANGE", "KEY", "STORED", "ANSWERED")
    for one in found.differences:
        stored, answered = _quoted(one.stored), _quoted(one.answered)
        yield _row(
            _kind(one),
            _short(_quoted(one.key)),
            _short(stored, answered),
            _short(answered, stored),
        )
    yield ""


def _blocks(found: Replay) -> Iterator[str]:
    for one in found.differences:
        yield f"\n{_kind(one)} {_quoted(one.key)}"
        yield f"  stored    {_quoted(one.stored)}"
        yield f"  answered  {_quoted(one.answered)}"
    yield ""


def _row(kind: str, *cells: str) -> str:
    row = "  ".join([kind.ljust(len("replaced")), *(set_cell_size(cell, CELL) for cell in cells)])
    return row.rstrip()


def _summary(found: Replay) -> str:
    counts = Counter(_kind(one) for one in found.differences)
    if not counts:
        return "Its answer would change no record."
    changes = ", ".join(f"{counts[kind]} {kind}" for kind in KINDS if counts[kind])
    return f"Its answer would change {_records(len(found.differences))}: {changes}."


def _kind(difference: Difference) -> str:
    if difference.stored is None:
        return "added"
    return "removed" if difference.answered is None else "replaced"


def _quoted(text: str | None) -> str:
    """Give a text as a JSON string, in which everything is seen and nothing moves the cursor."""
    if text is None:
        return NOTHING
    quoted = json.dumps(text, ensure_ascii=False)
    if quoted.isprintable():
        return quoted
    return "".join(one if one.isprintable() else json.dumps(one)[1:-1] for one in quoted)


def _short(text: str, other: str = "") -> str:
    """Cut a text to the width of a cell, around the first character that another has not."""
    if cell_len(text) <= CELL:
        return text
    same = sum(1 for _ in takewhile(bool, map(str.__eq__, text, other)))
    if same > 2 * CONTEXT:
        text = CUT + text[same - CONTEXT :]
    return text if cell_len(text) <= CELL else set_cell_size(text, CELL - 1).rstrip() + CUT


def _records(count: int) -> str:
    return f"{count} record" if count == 1 else f"{count} records"
