"""The command line as a whole: serving and looking after a store, and the groups of commands."""

import asyncio
import sys
from pathlib import Path
from typing import Annotated

import typer

from keepstep import __version__
from keepstep.interfaces.storage import StoreUnavailable, StoreUnusable
from keepstep.server.copying import CopyFailed
from keepstep.server.exports import ExportInvalid
from keepstep.server.opened import RootKey
from keepstep.server.settings import Settings, SettingsError, unknown_variables
from keepstep.server.stores import is_shared, missing_extra, name_of
from keepstep.server.workers import WorkersFailed

from .copying import copy as copy_command
from .identities import identity_app
from .keys import key_app
from .opening import ConfigOption, Refused, StoreOption, file_of, settings_of
from .outbox import outbox_app
from .pools import pool_app
from .revocations import revoke_app
from .triggers import trigger_app

app = typer.Typer(
    help="keepstep: an open, self-hosted Amazon Cognito Sync.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.command("copy")(copy_command)
app.add_typer(pool_app, name="pool")
app.add_typer(identity_app, name="identity")
app.add_typer(key_app, name="key")
app.add_typer(revoke_app, name="revoke")
app.add_typer(outbox_app, name="outbox")
app.add_typer(trigger_app, name="trigger")

_REMEDIED = (
    SettingsError,
    StoreUnusable,
    StoreUnavailable,
    WorkersFailed,
    ExportInvalid,
    CopyFailed,
    Refused,
    OSError,
)


def main() -> None:
    """Run the command line; failures that have a remedy are one sentence, not a traceback."""
    try:
        app()
    except _REMEDIED as error:
        typer.echo(f"keepstep: {error}", err=True)
        sys.exit(2)


@app.command()
def serve(
    host: Annotated[str | None, typer.Option(help="Address to listen on.")] = None,
    port: Annotated[int | None, typer.Option(help="Port; 0 takes a free one.")] = None,
    store: StoreOption = None,
    workers: Annotated[int | None, typer.Option(help="Processes that serve.")] = None,
    open_pools: Annotated[
        bool | None,
        typer.Option("--open-pools/--no-open-pools", help="Create pools at first use."),
    ] = None,
    insecure_logins: Annotated[
        bool | None,
        typer.Option(
            "--insecure-logins/--no-insecure-logins",
            help="For development only: take unsigned test tokens of any provider.",
        ),
    ] = None,
    config: ConfigOption = None,
) -> None:
    """Serve Cognito Sync and Cognito Identity until stopped."""
    from keepstep.server.run import serve as run_server  # noqa: PLC0415 -- a fast start

    settings = settings_of(
        config,
        host=host,
        port=port,
        store=store,
        workers=workers,
        open_pools=open_pools,
        insecure_logins=insecure_logins,
    )
    for name in unknown_variables():
        typer.echo(f"keepstep: {name} is no setting of keepstep; it does nothing", err=True)
    run_server(settings, lambda url, root: _print_ready(settings, url, root))


@app.command()
def backup(
    file: Annotated[Path, typer.Argument(help="File to write; it must not exist.")],
    store: StoreOption = None,
    config: ConfigOption = None,
) -> None:
    """Copy the store into a file while servers go on working on it."""
    from keepstep.storage.sqlite.files import backup as copy  # noqa: PLC0415 -- a fast start

    settings = settings_of(config, store=store)
    size = copy(file_of(settings), file)
    typer.echo(f"Wrote {file} ({size} bytes).")
    if settings.master_key is None:
        key = settings.master_key_file or Path(f"{file_of(settings)}.key")
        typer.echo(f"To use it you also need the master key: keep a copy of {key} apart from it.")


@app.command()
def check(store: StoreOption = None, config: ConfigOption = None) -> None:
    """Check every page of the store, of any size."""
    from keepstep.storage.sqlite.files import check_file  # noqa: PLC0415 -- a fast start

    path = file_of(settings_of(config, store=store))
    if not path.is_file():
        raise StoreUnusable(f"there is no store {path}")
    check_file(path)
    typer.echo(f"{path}: every page is sound.")


@app.command()
def migrate(store: StoreOption = None, config: ConfigOption = None) -> None:
    """Bring the schema of a PostgreSQL store to this version's; servers may go on meanwhile."""
    settings = settings_of(config, store=store)
    if not is_shared(settings.store):
        raise Refused("an embedded store brings its schema up by itself when it is opened")
    try:
        from keepstep.storage.postgres import migrate as apply_steps  # noqa: PLC0415 -- an extra
    except ImportError as error:
        raise missing_extra() from error
    migrated = asyncio.run(apply_steps(settings.store))
    done = [f"applied step {', '.join(map(str, migrated.steps))}"] if migrated.steps else []
    done += [f"distributed {', '.join(migrated.tables)}"] if migrated.tables else []
    typer.echo(f"{name_of(settings.store)}: {'; '.join(done) or 'nothing to do'}.")


@app.command()
def version() -> None:
    """Print the version."""
    typer.echo(__version__)


def _print_ready(settings: Settings, url: str, root: RootKey) -> None:
    if root.new:
        last_export = f"export AWS_SECRET_ACCESS_KEY={root.secret}"
    elif root.secret is not None:
        last_export = "# AWS_SECRET_ACCESS_KEY is the one you gave"
    else:
        last_export = (
            "# AWS_SECRET_ACCESS_KEY was printed at the first start; "
            "'keepstep key create' makes another pair"
        )
    pool = f"{settings.region}:00000000-0000-0000-0000-000000000000"
    lines = [
        f"keepstep {__version__} is ready at {url} (store: {name_of(settings.store)})",
        "",
        f"export AWS_ENDPOINT_URL={url}",
        f"export AWS_DEFAULT_REGION={settings.region}",
        f"export AWS_ACCESS_KEY_ID={root.access_key_id}",
        last_export,
        f"aws cognito-sync list-datasets --identity-pool-id {pool} --identity-id {pool}",
    ]
    typer.echo("\n".join(lines))
    sys.stdout.flush()
