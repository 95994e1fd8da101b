"""``keepstep identity``: one identity at a time, shown, exported, imported and deleted."""

import os
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from keepstep.domain.identities import Identity
from keepstep.domain.limits import SECOND_MS, STALE_RETRIES_MAX
from keepstep.interfaces.storage import Store, StoreBusy
from keepstep.server.exports import Export, read_export, write_export
from keepstep.server.opened import OpenStore, system_clock

from .opening import (
    ConfigOption,
    Refused,
    StoreOption,
    YesOption,
    command_group,
    settings_of,
    with_store,
)

identity_app = command_group("Identities: the users of identity pools.")

IdArgument = Annotated[str, typer.Argument(metavar="ID", help="The identity's id.")]


@identity_app.command("show")
def show_identity(
    identity_id: IdArgument, store: StoreOption = None, config: ConfigOption = None
) -> None:
    """Print what an identity is: its pool, dates, state, logins and datasets."""

    async def look(opened: OpenStore) -> tuple[Identity, dict[str, bool]]:
        identity = await _existing(opened.store, identity_id)
        pool_id = identity.identity_pool_id
        return identity, await opened.store.list_dataset_names(pool_id, identity_id)

    identity, names = with_store(settings_of(config, store=store), look)
    lines = [
        ("identity", identity.identity_id),
        ("pool", identity.identity_pool_id),
        ("created", _written_out(identity.creation_date)),
        ("modified", _written_out(identity.last_modified_date)),
        ("state", _state(identity)),
        *(("login", f"{login.provider_name}\t{login.subject}") for login in identity.logins),
        *(("dataset", name) for name, exists in names.items() if exists),
        *(("deleted dataset", name) for name, exists in names.items() if not exists),
    ]
    for name, value in lines:
        typer.echo(f"{name}\t{value}")


@identity_app.command("export")
def export_identity(
    identity_id: IdArgument,
    to: Annotated[
        Path | None,
        typer.Option(help="File to write; it must not exist. Without it, standard output."),
    ] = None,
    store: StoreOption = None,
    config: ConfigOption = None,
) -> None:
    """Write everything held about one identity as JSON Lines."""
    export = with_store(
        settings_of(config, store=store), lambda opened: _export(opened.store, identity_id)
    )
    if to is None:
        sys.stdout.buffer.writelines(write_export(export))
        sys.stdout.buffer.flush()
        return
    _write_new(to, export)
    typer.echo(f"Wrote {to} ({_counts(export)}).")


@identity_app.command("import")
def import_identity(
    file: Annotated[str, typer.Argument(help="File to read; - is standard input.")] = "-",
    store: StoreOption = None,
    config: ConfigOption = None,
) -> None:
    """Put an exported identity back, with its id, logins, counts and records."""
    settings = settings_of(config, store=store)
    export = read_export(sys.stdin.buffer) if file == "-" else _read(Path(file))
    with_store(settings, lambda opened: _restore(opened.store, export))
    typer.echo(f"Imported {export.identity.identity_id} ({_counts(export)}).")


@identity_app.command("delete")
def delete_identity(
    identity_id: IdArgument,
    yes: YesOption = False,
    store: StoreOption = None,
    config: ConfigOption = None,
) -> None:
    """Delete an identity with its logins and all its data; its credentials end, too."""
    if not yes:
        typer.confirm(f"Delete {identity_id} with its logins and all its data?", abort=True)
    settings = settings_of(config, store=store)

    async def delete(opened: OpenStore) -> bool:
        return await opened.store.delete_identity(identity_id, date=system_clock())

    if not with_store(settings, delete):
        raise _missing(identity_id)
    typer.echo(f"Deleted {identity_id}.")


async def _existing(store: Store, identity_id: str) -> Identity:
    identity = await store.find_identity(identity_id)
    if identity is None:
        raise _missing(identity_id)
    return identity


async def _export(store: Store, identity_id: str) -> Export:
    """Read an identity and its datasets as they are between two changes of the identity.

    Raises Refused if there is no such identity, StoreBusy if it never stops changing.
    """
    for _ in range(STALE_RETRIES_MAX):
        identity = await _existing(store, identity_id)
        datasets = await store.dump_datasets(identity.identity_pool_id, identity_id)
        if await store.find_identity(identity_id) == identity:
            return Export(identity, datasets)
    raise StoreBusy(f"the identity {identity_id} is being changed by others; try again")


async def _restore(store: Store, export: Export) -> None:
    """Put an identity back. Raises Refused, with nothing changed, if something is in the way."""
    identity = export.identity
    if await store.restore_identity(identity, export.datasets):
        return
    identity_id, pool_id = identity.identity_id, identity.identity_pool_id
    if await store.find_pool(pool_id) is None:
        raise Refused(
            f"there is no identity pool {pool_id}; 'keepstep pool create NAME --id {pool_id}' "
            "makes it"
        )
    if await store.find_identity(identity_id) is not None:
        raise Refused(f"there is an identity {identity_id} already; delete it first")
    owners = await store.find_identities(pool_id, identity.logins)
    if owners:
        raise Refused(
            f"a login of the identity is linked to {owners[0].identity_id}; unlink it there, or "
            "delete that identity first"
        )
    raise Refused(f"there are datasets under {identity_id} already, from callers without a login")


def _read(path: Path) -> Export:
    """Read an export from a file. Raises ExportInvalid, and Refused if there is no such file."""
    try:
        with path.open("rb") as lines:
            return read_export(lines)
    except OSError as error:
        raise Refused(f"{path} cannot be read: {error.strerror}") from None


def _write_new(path: Path, export: Export) -> None:
    """Write an export into a file that only its owner may read: it names users.

    Raises Refused if there is such a file, or it cannot be written.
    """
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.writelines(write_export(export))
                file.flush()
                os.fsync(file.fileno())
        except BaseException:
            path.unlink()
            raise
    except FileExistsError:
        raise Refused(f"{path} exists; name a file that does not") from None
    except OSError as error:
        raise Refused(f"{path} cannot be written: {error.strerror}") from None


def _state(identity: Identity) -> str:
    if identity.merged_into is not None:
        return f"disabled, merged into {identity.merged_into}"
    if identity.is_guest:
        return "a guest's"
    return "a signed-in user's" if identity.logins else "out of reach: its last login is unlinked"


def _counts(export: Export) -> str:
    return f"{len(export.datasets)} datasets, {export.record_count} records"


def _written_out(milliseconds: int) -> str:
    return datetime.fromtimestamp(milliseconds / SECOND_MS, UTC).isoformat(timespec="milliseconds")


def _missing(identity_id: str) -> Refused:
    return Refused(f"there is no identity {identity_id}")
