"""The changes of identities: transactions that lock in one order, pool, identities, datasets.

Whoever makes a dataset exist locks the pool and the identity too, so none appears meanwhile.
"""

from collections.abc import Iterable, Sequence
from typing import Final

from keepstep.domain.identities import Identity, IdentityChange, IdentityWrite, Merge
from keepstep.domain.revocations import Reason, Revocation, identity_subject
from keepstep.interfaces.identity_storage import GuestsPurged, StoredDataset, TokenKey

from .changes import whole_or_not, write
from .connections import Connection
from .identity_reads import find_identity, find_revocation
from .reads import row_of, rows_of
from .values import (
    Values,
    dataset_values,
    digest_of,
    identity_values,
    login_digest,
    records_values,
)

_GRAVITY: Final = (Reason.SIGNED_OUT, Reason.MERGED, Reason.DELETED)


async def change_identities(connection: Connection, change: IdentityChange) -> bool:
    """Apply a change of identities if all its conditions hold."""

    async def apply(connection: Connection) -> bool:
        if not await _lock_pool(connection, change.identity_pool_id):
            return False
        if not await _versions_hold(connection, change):
            return False
        for merge in change.merges:
            if not await _merge(connection, change.identity_pool_id, merge):
                return False
        merged = [
            Revocation(
                subject=identity_subject(merge.source), not_before=change.date, reason=Reason.MERGED
            )
            for merge in change.merges
        ]
        await revoke(connection, [*merged, *change.revokes])
        return await _write_identities(connection, change.identity_pool_id, change.writes)

    return await whole_or_not(connection, apply)


async def were_changed(connection: Connection, change: IdentityChange) -> bool | None:
    """Read whether a change of unknown outcome applied: its identities say so."""
    for written in change.writes:
        if await find_identity(connection, written.identity.identity_id) != written.identity:
            return None
    return True if change.writes else None


async def delete_identity(connection: Connection, identity_id: str, date: int) -> bool:
    """Delete an identity and all it has, and revoke its credentials, if it exists."""

    async def delete(connection: Connection) -> bool:
        found = await rows_of(connection, "lock_identities", {"identity_ids": [identity_id]})
        if not found:
            return False
        await _delete(connection, [(identity_id, found[0][1])], date)
        return True

    return await whole_or_not(connection, delete)


async def was_deleted(connection: Connection, identity_id: str, date: int) -> bool | None:
    """Read whether a deletion of unknown outcome applied: the revocation says so."""
    if await find_identity(connection, identity_id) is not None:
        return None
    revocation = await find_revocation(connection, identity_subject(identity_id))
    if revocation is None or revocation.reason != Reason.DELETED:
        return None
    return True if revocation.not_before >= date else None


async def restore_identity(
    connection: Connection, identity: Identity, datasets: Sequence[StoredDataset]
) -> bool:
    """Put an identity back if its pool exists and nothing of it is there."""
    place = {"identity_id": identity.identity_id, "identity_pool_id": identity.identity_pool_id}
    new = IdentityWrite(identity=identity, expected_version=None)

    async def restore(connection: Connection) -> bool:
        if not await _lock_pool(connection, identity.identity_pool_id):
            return False
        if not await _write_identities(connection, identity.identity_pool_id, [new]):
            return False
        live = sum(stored.dataset.exists for stored in datasets)
        await write(connection, "add_to_count", place | {"live": live})
        # The count is locked: of who creates a dataset now, one is seen here, the other waits.
        if await rows_of(connection, "lock_datasets", place):
            return False
        for stored in datasets:
            named = place | {"dataset_name": stored.dataset.dataset_name}
            head = dataset_values(stored.dataset) | {"merged_under": stored.merged_under}
            await write(connection, "restore_dataset", named | head)
            await write(connection, "restore_records", named | records_values(stored.records))
        reasons: Values = {
            "subject_digest": digest_of(identity_subject(identity.identity_id)),
            "reason": Reason.DELETED.value,
            "new_reason": Reason.SIGNED_OUT.value,
        }
        await write(connection, "change_reason", reasons)
        return True

    return await whole_or_not(connection, restore)


async def was_restored(connection: Connection, identity: Identity) -> bool | None:
    """Read whether a restoration of unknown outcome applied: the identity says so."""
    return True if await find_identity(connection, identity.identity_id) == identity else None


async def purge_guests(
    connection: Connection,
    created_before: int,
    after: tuple[int, str],
    limit: int,
    date: int,
) -> GuestsPurged:
    """Delete those of some guests that have no dataset."""
    page: Values = {
        "created_before": created_before,
        "after_date": after[0],
        "after_id": after[1],
        "limit": limit,
    }
    async with connection.transaction():
        guests = await rows_of(connection, "list_guests", page)
        ids = {"identity_ids": [row[0] for row in guests]}
        await rows_of(connection, "lock_identities", ids)
        idle = [(row[0], row[1]) for row in await rows_of(connection, "list_idle", ids)]
        await _delete(connection, idle, date)
    position = (guests[-1][1], guests[-1][0]) if len(guests) == limit else None
    return GuestsPurged(count=len(idle), position=position)


async def revoke(connection: Connection, revocations: Iterable[Revocation]) -> None:
    """Keep revocations, of those for one subject the later time and the graver reason."""
    kept: dict[str, tuple[int, Reason]] = {}
    for revocation in revocations:
        time, reason = kept.get(revocation.subject, (revocation.not_before, revocation.reason))
        kept[revocation.subject] = (
            max(time, revocation.not_before),
            max(reason, revocation.reason, key=_GRAVITY.index),
        )
    if kept:
        values = {
            "digests": [digest_of(subject) for subject in kept],
            "subjects": [subject.encode() for subject in kept],
            "times": [time for time, _ in kept.values()],
            "reasons": [reason.value for _, reason in kept.values()],
        }
        await write(connection, "revoke", values)


async def purge_revocations(connection: Connection, not_before: int, limit: int) -> int:
    """Forget revocations of what has ended."""
    return await write(connection, "purge_revocations", {"not_before": not_before, "limit": limit})


async def create_token_key(connection: Connection, key: TokenKey) -> bool:
    """Keep a key that signs tokens if its number is free."""
    values = {"number": key.number, "sealed": key.sealed, "creation_date": key.creation_date}
    return await write(connection, "create_token_key", values) == 1


async def delete_token_key(connection: Connection, number: int) -> bool:
    """Forget a key that signs tokens."""
    return await write(connection, "delete_token_key", {"number": number}) == 1


async def _lock_pool(connection: Connection, identity_pool_id: str) -> bool:
    return await row_of(connection, "lock_pool", {"identity_pool_id": identity_pool_id}) is not None


async def _versions_hold(connection: Connection, change: IdentityChange) -> bool:
    """Lock every identity of a change, and tell whether each has its expected version."""
    expected = {written.identity.identity_id: written.expected_version for written in change.writes}
    ids = set(expected)
    for merge in change.merges:
        ids |= {merge.source, merge.destination}
    if not change.merges and not any(version is not None for version in expected.values()):
        return True  # all are new, and their names are taken as they are written
    found = await rows_of(connection, "lock_identities", {"identity_ids": sorted(ids)})
    stored = {row[0]: row[4] for row in found if row[1] == change.identity_pool_id}
    return all(stored.get(each) == version for each, version in expected.items())


async def _merge(connection: Connection, identity_pool_id: str, merge: Merge) -> bool:
    """Move the datasets of a merge if each has a name of its own to go to."""
    source = {"identity_id": merge.source, "identity_pool_id": identity_pool_id}
    destination = {"identity_id": merge.destination, "identity_pool_id": identity_pool_id}
    used = await rows_of(connection, "lock_datasets", source)
    if any(exists and name not in merge.names for name, exists in used):
        return False
    names, new_names = list(merge.names), list(merge.names.values())
    if names and await rows_of(
        connection, "find_names", destination | {"dataset_names": new_names}
    ):
        return False
    moved = {
        "source": merge.source,
        "destination": merge.destination,
        "identity_pool_id": identity_pool_id,
        "names": names,
        "new_names": new_names,
    }
    live = await write(connection, "move_datasets", moved)
    await write(connection, "move_records", moved)
    await _delete_data(connection, [(merge.source, identity_pool_id)])
    if live:
        await write(connection, "add_to_count", destination | {"live": live})
    return True


async def _write_identities(
    connection: Connection, identity_pool_id: str, writes: Sequence[IdentityWrite]
) -> bool:
    """Write identities, and link their logins if each is free."""
    changed = [written.identity.identity_id for written in writes if written.expected_version]
    if changed:
        await write(connection, "unlink_logins", {"identity_ids": changed})
    for written in sorted(writes, key=lambda each: each.identity.identity_id):
        values = identity_values(written.identity) | {"identity_pool_id": identity_pool_id}
        if written.expected_version is None:
            count = await write(connection, "create_identity", values)
        else:
            values["expected_version"] = written.expected_version
            count = await write(connection, "update_identity", values)
        if count != 1:
            return False
    links = [
        (login, written.identity.identity_id, position)
        for written in writes
        for position, login in enumerate(written.identity.logins)
    ]
    if not links:
        return True
    values: Values = {
        "identity_pool_id": identity_pool_id,
        "digests": [login_digest(login) for login, _, _ in links],
        "provider_names": [login.provider_name.encode() for login, _, _ in links],
        "subjects": [login.subject.encode() for login, _, _ in links],
        "identity_ids": [identity_id for _, identity_id, _ in links],
        "positions": [position for _, _, position in links],
    }
    return await write(connection, "link_logins", values) == len(links)


async def _delete(connection: Connection, identities: list[tuple[str, str]], date: int) -> None:
    """Delete identities of pools, locked by now, with all they have; revoke their credentials."""
    if not identities:
        return
    ids = {"identity_ids": [identity_id for identity_id, _ in identities]}
    await _delete_data(connection, identities)
    await write(connection, "unlink_logins", ids)
    await write(connection, "delete_identities", ids)
    await revoke(
        connection,
        [
            Revocation(
                subject=identity_subject(identity_id), not_before=date, reason=Reason.DELETED
            )
            for identity_id, _ in identities
        ],
    )


async def _delete_data(connection: Connection, identities: list[tuple[str, str]]) -> None:
    """Delete datasets first: whoever writes their records waits, and then finds no head."""
    values = {
        "identity_ids": [identity_id for identity_id, _ in identities],
        "identity_pool_ids": [identity_pool_id for _, identity_pool_id in identities],
    }
    for step in ("delete_datasets", "delete_records", "delete_counts"):
        await write(connection, step, values)
