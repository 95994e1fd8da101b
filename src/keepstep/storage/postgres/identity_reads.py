"""The reads of identities, logins, revocations and keys that sign tokens; see ``reads``."""

from collections.abc import Collection
from typing import Any

from keepstep.domain.datasets import Record
from keepstep.domain.identities import Identity, Login
from keepstep.domain.pools import IdentityPool
from keepstep.domain.revocations import Reason, Revocation
from keepstep.interfaces.identity_storage import StoredDataset, TokenKey

from .connections import Connection
from .reads import row_of, rows_of
from .values import dataset_of, decoded, digest_of, identities_of, login_digest, pool_of


async def find_identity(connection: Connection, identity_id: str) -> Identity | None:
    """Read an identity."""
    rows = await rows_of(connection, "find_identity", {"identity_id": identity_id})
    return next(iter(identities_of(rows)), None)


async def find_identities(
    connection: Connection, identity_pool_id: str, logins: Collection[Login]
) -> list[Identity]:
    """Read the identities that logins are linked to."""
    values = {
        "identity_pool_id": identity_pool_id,
        "login_digests": [login_digest(login) for login in logins],
    }
    found = identities_of(await rows_of(connection, "find_identities", values))
    wanted = frozenset(logins)
    return [identity for identity in found if not wanted.isdisjoint(identity.logins)]


async def list_identities(
    connection: Connection,
    identity_pool_id: str,
    after: tuple[int, str],
    limit: int,
    hide_disabled: bool,
) -> list[Identity]:
    """Read one page of a pool's identities."""
    values = {
        "identity_pool_id": identity_pool_id,
        "after_date": after[0],
        "after_id": after[1],
        "limit": limit,
        "hide_disabled": hide_disabled,
    }
    return identities_of(await rows_of(connection, "list_identities", values))


async def list_dataset_names(
    connection: Connection, identity_pool_id: str, identity_id: str
) -> dict[str, bool]:
    """Read which dataset names an identity has used, and which of them exist."""
    values = {"identity_id": identity_id, "identity_pool_id": identity_pool_id}
    return dict(await rows_of(connection, "list_dataset_names", values))


async def dump_datasets(
    connection: Connection, identity_pool_id: str, identity_id: str
) -> list[StoredDataset]:
    """Read everything an identity stores."""
    values = {"identity_id": identity_id, "identity_pool_id": identity_pool_id}
    found: dict[str, tuple[Any, list[Record]]] = {}
    for row in await rows_of(connection, "dump_datasets", values):
        _, records = found.setdefault(row[0], (row, []))
        if row[9] is not None:
            key, value = row[9].decode(), decoded(row[10])
            records.append(Record(key, value, row[11], row[12], decoded(row[13]), row[14]))
    return [
        StoredDataset(dataset=dataset_of(row[:8]), merged_under=row[8], records=records)
        for row, records in found.values()
    ]


async def list_pools(
    connection: Connection, after: tuple[int, str], limit: int
) -> list[IdentityPool]:
    """Read one page of pools, oldest first."""
    values = {"after_date": after[0], "after_id": after[1], "limit": limit}
    return [pool_of(row) for row in await rows_of(connection, "list_pools", values)]


async def find_revocation(connection: Connection, subject: str) -> Revocation | None:
    """Read the revocation of a subject."""
    row = await row_of(connection, "find_revocation", {"subject_digest": digest_of(subject)})
    if row is None:
        return None
    return Revocation(subject=row[0].decode(), not_before=row[1], reason=Reason(row[2]))


async def list_token_keys(connection: Connection) -> list[TokenKey]:
    """Read the keys that sign tokens."""
    return [TokenKey(*row) for row in await rows_of(connection, "list_token_keys")]
