"""``keepstep revoke``: ending temporary credentials and OpenID tokens before their time."""

import re
from pathlib import Path
from typing import Annotated, Final

import typer

from keepstep.domain.limits import CACHE_AGE_MS, SECOND_MS
from keepstep.domain.pools import is_pool_id
from keepstep.domain.revocations import (
    EVERYTHING,
    Revocation,
    identity_subject,
    pool_subject,
    role_subject,
)
from keepstep.server.opened import system_clock

from .opening import ConfigOption, StoreOption, command_group, settings_of, with_store

revoke_app = command_group("End credentials of identities that were given out until now.")

_ROLE_ARN: Final = re.compile(r"arn:aws[a-z-]*:iam::[0-9]{12}:role/[!-~]+", re.ASCII)


@revoke_app.command("identity")
def revoke_identity(
    identity_id: Annotated[str, typer.Argument(metavar="ID", help="The identity's id.")],
    store: StoreOption = None,
    config: ConfigOption = None,
) -> None:
    """End the credentials of one identity."""
    _check_id(identity_id)
    _revoke(identity_subject(identity_id), f"the identity {identity_id}", store, config)


@revoke_app.command("role")
def revoke_role(
    arn: Annotated[str, typer.Argument(metavar="ARN", help="The role's ARN.")],
    store: StoreOption = None,
    config: ConfigOption = None,
) -> None:
    """End the credentials that are in one role."""
    if _ROLE_ARN.fullmatch(arn) is None:
        raise typer.BadParameter("a role's ARN is arn:aws:iam::ACCOUNT:role/NAME", param_hint="ARN")
    _revoke(role_subject(arn), f"the role {arn}", store, config)


@revoke_app.command("pool")
def revoke_pool(
    pool_id: Annotated[str, typer.Argument(metavar="ID", help="The identity pool's id.")],
    store: StoreOption = None,
    config: ConfigOption = None,
) -> None:
    """End the credentials of every identity of a pool."""
    _check_id(pool_id)
    _revoke(pool_subject(pool_id), f"the identity pool {pool_id}", store, config)


@revoke_app.command("all")
def revoke_all(store: StoreOption = None, config: ConfigOption = None) -> None:
    """End the credentials of every identity."""
    _revoke(EVERYTHING, "every identity", store, config)


def _revoke(subject: str, whose: str, store: str | None, config: Path | None) -> None:
    revocation = Revocation(subject=subject, not_before=system_clock())
    with_store(settings_of(config, store=store), lambda opened: opened.store.revoke(revocation))
    typer.echo(
        f"Revoked the credentials of {whose} that were given out until now. "
        f"Running servers notice within {CACHE_AGE_MS // SECOND_MS} seconds."
    )


def _check_id(text: str) -> None:
    if not is_pool_id(text):
        raise typer.BadParameter("an id is REGION:GUID, in lower case", param_hint="ID")
