"""The command line: parse, assemble, call, print."""

import asyncio
import os
import secrets
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Annotated, Any, TypeVar

import typer

from keepstep import __version__
from keepstep.domain.pools import IdentityPool, is_pool_id, new_pool_id
from keepstep.interfaces.storage import StoreUnavailable, StoreUnusable
from keepstep.server.assembly import (
    OpenStore,
    RootKey,
    open_store,
    store_path,
    system_clock,
)
from keepstep.server.keys import create_access_key
from keepstep.server.settings import Settings, SettingsError, load_settings, unknown_variables
from keepstep.server.workers import WorkersFailed

Answer = TypeVar("Answer")
StoreOption = Annotated[
    str | None, typer.Option(help="Where data lives: sqlite:PATH.", show_default=False)
]
ConfigOption = Annotated[
    Path | None, typer.Option(help="Settings file in TOML.", show_default=False)
]

app = typer.Typer(
    help="keepstep: an open, self-hosted Amazon Cognito Sync.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
pool_app = typer.Typer(help="Identity pools.", no_args_is_help=True)
key_app = typer.Typer(help="Access keys of developers.", no_args_is_help=True)
app.add_typer(pool_app, name="pool")
app.add_typer(key_app, name="key")


def main() -> None:
    """Run the command line; failures that have a remedy are one sentence, not a traceback."""
    try:
        app()
    except (SettingsError, StoreUnusable, StoreUnavailable, WorkersFailed, OSError) as error:
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
    config: ConfigOption = None,
) -> None:
    """Serve Cognito Sync until stopped."""
    from keepstep.server.run import serve as run_server

    settings = _settings(
        config, host=host, port=port, store=store, workers=workers, open_pools=open_pools
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
    from keepstep.storage.sqlite.files import backup as copy

    settings = _settings(config, store=store)
    size = copy(_file_of(settings), file)
    typer.echo(f"Wrote {file} ({size} bytes).")
    if settings.master_key is None:
        key = settings.master_key_file or Path(f"{_file_of(settings)}.key")
        typer.echo(f"To use it you also need the master key: keep a copy of {key} apart from it.")


@app.command()
def check(store: StoreOption = None, config: ConfigOption = None) -> None:
    """Check every page of the store, of any size."""
    from keepstep.storage.sqlite.files import check_file

    path = _file_of(_settings(config, store=store))
    if not path.is_file():
        raise StoreUnusable(f"there is no store {path}")
    check_file(path)
    typer.echo(f"{path}: every page is sound.")


@app.command()
def version() -> None:
    """Print the version."""
    typer.echo(__version__)


@pool_app.command("create")
def create_pool(
    name: Annotated[str, typer.Argument(help="A name for people.")],
    id: Annotated[
        str | None, typer.Option(help="REGION:GUID, to keep the id of a pool moved from AWS.")
    ] = None,
    store: StoreOption = None,
    config: ConfigOption = None,
) -> None:
    """Create an identity pool and print its id."""
    if not name.isprintable():
        raise typer.BadParameter("a name is printable text", param_hint="NAME")
    settings = _settings(config, store=store)
    pool_id = id if id is not None else new_pool_id(settings.region, secrets.token_bytes)
    if not is_pool_id(pool_id):
        raise typer.BadParameter("an id is REGION:GUID, in lower case", param_hint="--id")

    async def create(opened: OpenStore) -> bool:
        now = system_clock()
        pool = IdentityPool(
            identity_pool_id=pool_id, name=name, creation_date=now, last_modified_date=now
        )
        return await opened.store.create_pool(pool)

    if not _with_store(settings, create):
        raise StoreUnusable(f"there is an identity pool {pool_id} already")
    typer.echo(pool_id)


@pool_app.command("list")
def list_pools(store: StoreOption = None, config: ConfigOption = None) -> None:
    """List the identity pools: id, bytes stored, name."""

    async def measure(opened: OpenStore) -> None:
        after = ""
        while page := await opened.store.measure_pools(after=after, limit=1000):
            for usage in page:
                pool = usage.pool
                typer.echo(f"{pool.identity_pool_id}\t{usage.data_storage}\t{pool.name}")
            after = page[-1].pool.identity_pool_id

    _with_store(_settings(config, store=store), measure)


@pool_app.command("delete")
def delete_pool(
    id: Annotated[str, typer.Argument(help="The pool's id.")],
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    store: StoreOption = None,
    config: ConfigOption = None,
) -> None:
    """Delete an identity pool with the data of all its identities."""
    if not yes:
        typer.confirm(f"Delete {id} with the data of all its identities?", abort=True)
    settings = _settings(config, store=store)
    if not _with_store(settings, lambda opened: opened.store.delete_pool(id)):
        raise StoreUnusable(f"there is no identity pool {id}")
    typer.echo(f"Deleted {id}.")


@key_app.command("create")
def create_key(
    description: Annotated[str, typer.Option(help="What the key is for.")] = "",
    read_only: Annotated[bool, typer.Option("--read-only", help="Refuse all writes.")] = False,
    store: StoreOption = None,
    config: ConfigOption = None,
) -> None:
    """Create an access key and print it; its secret is not to be had again."""

    async def create(opened: OpenStore) -> tuple[str, str]:
        key, secret = await create_access_key(
            opened.store,
            opened.master,
            description=description,
            read_only=read_only,
            now=system_clock(),
            entropy=secrets.token_bytes,
        )
        return key.access_key_id, secret

    access_key_id, secret = _with_store(_settings(config, store=store), create)
    typer.echo(f"export AWS_ACCESS_KEY_ID={access_key_id}")
    typer.echo(f"export AWS_SECRET_ACCESS_KEY={secret}")


@key_app.command("list")
def list_keys(store: StoreOption = None, config: ConfigOption = None) -> None:
    """List the access keys: id, what they may do, what they are for."""

    async def show(opened: OpenStore) -> None:
        for key in await opened.store.list_access_keys():
            may = "reads" if key.read_only else "reads and writes"
            typer.echo(f"{key.access_key_id}\t{may}\t{key.description}")

    _with_store(_settings(config, store=store), show)


@key_app.command("revoke")
def revoke_key(
    id: Annotated[str, typer.Argument(help="The access key's id.")],
    store: StoreOption = None,
    config: ConfigOption = None,
) -> None:
    """Revoke an access key for good; running servers notice within seconds."""
    settings = _settings(config, store=store)
    if not _with_store(settings, lambda opened: opened.store.revoke_access_key(id)):
        raise StoreUnusable(f"there is no access key {id}")
    typer.echo(f"Revoked {id}.")


def _settings(config: Path | None, **flags: Any) -> Settings:
    if config is not None:
        os.environ["KEEPSTEP_CONFIG"] = str(config)
    return load_settings(**flags)


def _with_store(settings: Settings, work: Callable[[OpenStore], Awaitable[Answer]]) -> Answer:
    async def run() -> Answer:
        async with open_store(settings) as opened:
            return await work(opened)

    _file_of(settings)
    return asyncio.run(run())


def _file_of(settings: Settings) -> Path:
    path = store_path(settings)
    if path is None:
        raise StoreUnusable("a store in memory is its server's own; name a file as the store")
    return path


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
        f"keepstep {__version__} is ready at {url} (store: {settings.store})",
        "",
        f"export AWS_ENDPOINT_URL={url}",
        f"export AWS_DEFAULT_REGION={settings.region}",
        f"export AWS_ACCESS_KEY_ID={root.access_key_id}",
        last_export,
        f"aws cognito-sync list-datasets --identity-pool-id {pool} --identity-id {pool}",
    ]
    typer.echo("\n".join(lines))
    sys.stdout.flush()
