"""``keepstep key``: access keys of developers."""

import secrets
from typing import Annotated

import typer

from keepstep.server.keys import create_access_key
from keepstep.server.opened import OpenStore, system_clock

from .opening import ConfigOption, Refused, StoreOption, command_group, settings_of, with_store

key_app = command_group("Access keys of developers.")


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

    access_key_id, secret = with_store(settings_of(config, store=store), create)
    typer.echo(f"export AWS_ACCESS_KEY_ID={access_key_id}")
    typer.echo(f"export AWS_SECRET_ACCESS_KEY={secret}")


@key_app.command("list")
def list_keys(store: StoreOption = None, config: ConfigOption = None) -> None:
    """List the access keys: id, what they may do, what they are for."""

    async def show(opened: OpenStore) -> None:
        for key in await opened.store.list_access_keys():
            may = "reads" if key.read_only else "reads and writes"
            typer.echo(f"{key.access_key_id}\t{may}\t{key.description}")

    with_store(settings_of(config, store=store), show)


@key_app.command("revoke")
def revoke_key(
    access_key_id: Annotated[str, typer.Argument(metavar="ID", help="The access key's id.")],
    store: StoreOption = None,
    config: ConfigOption = None,
) -> None:
    """Revoke an access key for good; running servers notice within seconds."""
    settings = settings_of(config, store=store)
    if not with_store(settings, lambda opened: opened.store.revoke_access_key(access_key_id)):
        raise Refused(f"there is no access key {access_key_id}")
    typer.echo(f"Revoked {access_key_id}.")
