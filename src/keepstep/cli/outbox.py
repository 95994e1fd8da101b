"""``keepstep outbox``: what waits to leave the server, and what was set aside."""

from datetime import UTC, datetime
from typing import Annotated

import typer

from keepstep.delivery.worker import retry
from keepstep.domain.limits import SECOND_MS
from keepstep.domain.outbox import Lane, QueuedMessage
from keepstep.interfaces.delivery_storage import OutboxFilter
from keepstep.server.opened import OpenStore, system_clock

from .opening import ConfigOption, StoreOption, YesOption, command_group, settings_of, with_store

PAGE = 500

outbox_app = command_group("Messages that wait to leave the server.")
PoolOption = Annotated[
    str | None, typer.Option("--pool", metavar="ID", help="Only those of an identity pool.")
]
IdentityOption = Annotated[
    str | None, typer.Option("--identity", metavar="ID", help="Only those of an identity.")
]


@outbox_app.command("list")
def list_messages(
    pool: PoolOption = None,
    identity: IdentityOption = None,
    set_aside: Annotated[
        bool | None,
        typer.Option("--set-aside/--waiting", help="Only those set aside, or only the others."),
    ] = None,
    store: StoreOption = None,
    config: ConfigOption = None,
) -> None:
    """List messages: where from, since when, how often tried, and what went wrong last."""
    wanted = OutboxFilter(pool, identity, set_aside)

    async def show(opened: OpenStore) -> None:
        after: tuple[Lane, int] | None = None
        while page := await opened.store.list_outbox(wanted, after=after, limit=PAGE):
            for queued in page:
                typer.echo(_line(queued))
            after = (page[-1].message.lane, page[-1].message.sync_count)

    with_store(settings_of(config, store=store), show)


@outbox_app.command("retry")
def retry_messages(
    pool: PoolOption = None,
    identity: IdentityOption = None,
    store: StoreOption = None,
    config: ConfigOption = None,
) -> None:
    """Try messages again now, those set aside too; running servers notice within a second."""
    wanted = OutboxFilter(pool, identity)
    count = with_store(
        settings_of(config, store=store),
        lambda opened: retry(opened.store, wanted, now=system_clock()),
    )
    typer.echo(f"{count} messages will be tried again.")


@outbox_app.command("drop")
def drop_messages(
    pool: PoolOption = None,
    identity: IdentityOption = None,
    waiting: Annotated[bool, typer.Option("--waiting", help="Those that still wait, too.")] = False,
    yes: YesOption = False,
    store: StoreOption = None,
    config: ConfigOption = None,
) -> None:
    """Forget messages that were set aside: they never leave the server."""
    wanted = OutboxFilter(pool, identity, None if waiting else True)
    if not yes:
        typer.confirm("Messages that are dropped never arrive. Drop them?", abort=True)
    count = with_store(
        settings_of(config, store=store), lambda opened: opened.store.drop_outbox(wanted)
    )
    typer.echo(f"Dropped {count} messages.")


def _line(queued: QueuedMessage) -> str:
    message, place = queued.message, queued.message.place
    made = datetime.fromtimestamp(message.creation_date / SECOND_MS, UTC)
    return "\t".join(
        (
            "set aside" if queued.set_aside else "waits",
            message.channel.value,
            place.identity_pool_id,
            place.identity_id,
            place.dataset_name,
            f"count {message.sync_count}",
            made.isoformat(timespec="seconds"),
            f"{queued.attempts} attempts",
            " ".join((queued.failure or "").split()),
        )
    )
