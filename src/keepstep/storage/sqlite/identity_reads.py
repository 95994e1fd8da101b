"""The reads of identities, logins, revocations and keys that sign tokens; see ``reads``."""

import sqlite3
from collections.abc import Collection
from typing import Any

from keepstep.domain.datasets import Dataset, Record
from keepstep.domain.identities import Identity, Login
from keepstep.domain.pools import IdentityPool
from keepstep.domain.revocations import Reason, Revocation
from keepstep.interfaces.identity_storage import StoredDataset, TokenKey

from .queries import QUERIES
from .reads import pool_of

_FIND_IDENTITY = QUERIES["find_identity"]
_FIND_LOGINS = QUERIES["find_logins"]


def find_identity(connection: sqlite3.Connection, identity_id: str) -> Identity | None:
    """Read an identity; the caller holds a read transaction open."""
    row = connection.execute(_FIND_IDENTITY, (identity_id,)).fetchone()
    return _identity(connection, row) if row is not None else None


def find_identities(
    connection: sqlite3.Connection, identity_pool_id: str, logins: Collection[Login]
) -> list[Identity]:
    """Read the identities that logins are linked to; the caller holds a read transaction open."""
    ids: set[str] = set()
    for login in logins:
        values = (identity_pool_id, login.provider_name, login.subject)
        ids.update(row[0] for row in connection.execute(QUERIES["find_login"], values))
    found = [find_identity(connection, identity_id) for identity_id in ids]
    return sorted(
        (identity for identity in found if identity is not None),
        key=lambda identity: (identity.creation_date, identity.identity_id.encode()),
    )


def list_identities(
    connection: sqlite3.Connection,
    identity_pool_id: str,
    after: tuple[int, str],
    limit: int,
    hide_disabled: bool,
) -> list[Identity]:
    """Read one page of a pool's identities; the caller holds a read transaction open."""
    values = (identity_pool_id, *after, not hide_disabled, limit)
    rows = connection.execute(QUERIES["list_identities"], values)
    return [_identity(connection, row) for row in rows]


def list_dataset_names(
    connection: sqlite3.Connection, identity_pool_id: str, identity_id: str
) -> dict[str, bool]:
    """Read which dataset names an identity has used, and which of them exist."""
    rows = connection.execute(QUERIES["list_dataset_names"], (identity_id, identity_pool_id))
    return {row[0]: bool(row[1]) for row in rows}


def dump_datasets(
    connection: sqlite3.Connection, identity_pool_id: str, identity_id: str
) -> list[StoredDataset]:
    """Read everything an identity stores; the caller holds a read transaction open."""
    identity = (identity_id, identity_pool_id)
    datasets: list[StoredDataset] = []
    for row in connection.execute(QUERIES["dump_datasets"], identity):
        records = connection.execute(QUERIES["dump_records"], (*identity, row[0]))
        datasets.append(
            StoredDataset(
                dataset=Dataset(*row[:8]),
                merged_under=row[8],
                records=[Record(*record) for record in records],
            )
        )
    return datasets


def list_pools(
    connection: sqlite3.Connection, after: tuple[int, str], limit: int
) -> list[IdentityPool]:
    """Read one page of pools, oldest first."""
    return [pool_of(row) for row in connection.execute(QUERIES["list_pools"], (*after, limit))]


def find_revocation(connection: sqlite3.Connection, subject: str) -> Revocation | None:
    """Read the revocation of a subject."""
    row = connection.execute(QUERIES["find_revocation"], (subject,)).fetchone()
    if row is None:
        return None
    return Revocation(subject=row[0], not_before=row[1], reason=Reason(row[2]))


def list_token_keys(connection: sqlite3.Connection) -> list[TokenKey]:
    """Read the keys that sign tokens."""
    return [TokenKey(*row) for row in connection.execute(QUERIES["list_token_keys"])]


def _identity(connection: sqlite3.Connection, row: Any) -> Identity:
    logins = connection.execute(_FIND_LOGINS, (row[0],))
    return Identity(
        identity_id=row[0],
        identity_pool_id=row[1],
        creation_date=row[2],
        last_modified_date=row[3],
        logins=tuple(Login(*login) for login in logins),
        was_authenticated=bool(row[4]),
        merged_into=row[5],
        version=row[6],
    )
