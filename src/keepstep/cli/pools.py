"""``keepstep pool``: identity pools."""

import secrets
from typing import Annotated

import msgspec
import typer

from keepstep.domain.logins import COGNITO_LOGIN
from keepstep.domain.pools import IdentityPool, PoolSettings, is_pool_id, new_pool_id
from keepstep.domain.revocations import Reason, Revocation, pool_subject
from keepstep.server.opened import OpenStore, system_clock
from keepstep.wire.members import DeveloperProviderName

from .opening import (
    ConfigOption,
    Refused,
    StoreOption,
    YesOption,
    command_group,
    settings_of,
    with_store,
)

pool_app = command_group("Identity pools.")


@pool_app.command("create")
def create_pool(
    name: Annotated[str, typer.Argument(help="A name for people.")],
    pool_id: Annotated[
        str | None, typer.Option("--id", help="REGION:GUID, to keep the id of a pool from AWS.")
    ] = None,
    guests: Annotated[
        bool, typer.Option("--guests/--no-guests", help="Let users in without a login.")
    ] = False,
    developer_provider: Annotated[
        str | None, typer.Option(help="Name under which your own backend signs users in.")
    ] = None,
    store: StoreOption = None,
    config: ConfigOption = None,
) -> None:
    """Create an identity pool and print its id."""
    if not name.isprintable():
        raise typer.BadParameter("a name is printable text", param_hint="NAME")
    if developer_provider is not None:
        _check_developer_provider(developer_provider)
    settings = settings_of(config, store=store)
    if pool_id is None:
        pool_id = new_pool_id(settings.region, secrets.token_bytes)
    if not is_pool_id(pool_id):
        raise typer.BadParameter("an id is REGION:GUID, in lower case", param_hint="--id")
    now = system_clock()
    pool = IdentityPool(
        identity_pool_id=pool_id,
        name=name,
        creation_date=now,
        last_modified_date=now,
        settings=PoolSettings(
            allow_unauthenticated=guests, developer_provider_name=developer_provider
        ),
    )
    if not with_store(settings, lambda opened: opened.store.create_pool(pool)):
        raise Refused(f"there is an identity pool {pool_id} already")
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

    with_store(settings_of(config, store=store), measure)


@pool_app.command("delete")
def delete_pool(
    pool_id: Annotated[str, typer.Argument(metavar="ID", help="The pool's id.")],
    yes: YesOption = False,
    store: StoreOption = None,
    config: ConfigOption = None,
) -> None:
    """Delete an identity pool with the data of all its identities."""
    if not yes:
        typer.confirm(f"Delete {pool_id} with the data of all its identities?", abort=True)

    async def delete(opened: OpenStore) -> bool:
        if not await opened.store.delete_pool(pool_id):
            return False
        # Else credentials of its identities would reach into a pool made again with this id.
        await opened.store.revoke(
            Revocation(
                subject=pool_subject(pool_id), not_before=system_clock(), reason=Reason.DELETED
            )
        )
        return True

    if not with_store(settings_of(config, store=store), delete):
        raise Refused(f"there is no identity pool {pool_id}")
    typer.echo(f"Deleted {pool_id}.")


def _check_developer_provider(name: str) -> None:
    try:
        msgspec.convert(name, DeveloperProviderName)
    except msgspec.ValidationError:
        name = COGNITO_LOGIN
    if name == COGNITO_LOGIN:
        raise typer.BadParameter(
            "a developer provider's name has 1 to 128 letters, digits, points, hyphens and "
            "underscores, and is not the service's own",
            param_hint="--developer-provider",
        )
