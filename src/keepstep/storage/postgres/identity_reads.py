"""The reads of identities, logins, revocations and keys that sign tokens; see ``reads``."""

from collections.abc import Collection
from typing import Any

from keepstep.domain.datasets import Record
from keepstep.domain.identities import Identity, Login
from keepstep.domain.pools import IdentityPool
from keepstep.domain.revocations import Reason, Revocation
from keepstep.interfaces.identity_storage import StoredDataset, TokenKey

from .connections import ATTEMPTS_MAX
from .reads import Source, row_of
from .values import dataset_of, decoded, identity_of, login_digest, pool_of, revocation_key


async def find_identity(source: Source, identity_id: str) -> Identity | None:
    """Read an identity."""
    row = await row_of(source, "find_identity", {"identity_id": identity_id})
    return identity_of(row) if row is not None else None


async def find_identities(
    source: Source, identity_pool_id: str, logins: Collection[Login]
) -> list[Identity]:
    """Read the identities that logins are linked to.

    If a login goes to another identity between the two reads, both are made again.
    """
    wanted = frozenset(logins)
    values = {
        "identity_pool_id": identity_pool_id,
        "login_digests": [login_digest(login) for login in wanted],
    }
    found: list[Identity] = []
    for _ in range(ATTEMPTS_MAX):
        owners = [row[0] for row in await source.rows("find_owners", values)]
        if not owners:
            return []
        rows = await source.rows("find_identities", {"identity_ids": owners})
        found = [each for each in map(identity_of, rows) if not wanted.isdisjoint(each.logins)]
        if len(found) == len(owners):
            break
    return found


async def list_identities(
    source: Source,
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
    return [identity_of(row) for row in await source.rows("list_identities", values)]


async def list_dataset_names(
    source: Source, identity_pool_id: str, identity_id: str
) -> dict[str, bool]:
    """Read which dataset names an identity has used, and which of them exist."""
    values = {"identity_id": identity_id, "identity_pool_id": identity_pool_id}
    return dict(await source.rows("list_dataset_names", values))


async def dump_datasets(
    source: Source, identity_pool_id: str, identity_id: str
) -> list[StoredDataset]:
    """Read everything an identity stores."""
    values = {"identity_id": identity_id, "identity_pool_id": identity_pool_id}
    found: dict[str, tuple[Any, list[Record]]] = {}
    for row in await source.rows("dump_datasets", values):
        _, records = found.setdefault(row[0], (row, []))
        if row[9] is not None:
            key, value = row[9].decode(), decoded(row[10])
            records.append(Record(key, value, row[11], row[12], decoded(row[13]), row[14]))
    return [
        StoredDataset(dataset=dataset_of(row[:8]), merged_under=row[8], records=records)
        for row, records in found.values()
    ]


async def list_pools(source: Source, after: tuple[int, str], limit: int) -> list[IdentityPool]:
    """Read one page of pools, oldest first."""
    values = {"after_date": after[0], "after_id": after[1], "limit": limit}
    return [pool_of(row) for row in await source.rows("list_pools", values)]


async def find_revocation(source: Source, subject: str) -> Revocation | None:
    """Read the revocation of a subject."""
    row = await row_of(source, "find_revocation", revocation_key(subject))
    if row is None:
        return None
    return Revocation(subject=row[0].decode(), not_before=row[1], reason=Reason(row[2]))


async def list_token_keys(source: Source) -> list[TokenKey]:
    """Read the keys that sign tokens."""
    return [TokenKey(*row) for row in await source.rows("list_token_keys")]
