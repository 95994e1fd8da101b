"""The changes of identities: transactions that lock in one order, pool, identities, datasets.

Whoever makes a dataset exist locks the pool and the identity too, so none appears meanwhile.
"""

from collections.abc import Iterable, Sequence
from typing import Final

from keepstep.domain.identities import Identity, IdentityChange, IdentityWrite, Merge
from keepstep.domain.revocations import Reason, Revocation, identity_subject
from keepstep.interfaces.identity_storage import GuestsPurged, StoredDataset, TokenKey

from .changes import rows_of_each, whole_or_not, write, write_each
from .connections import Connection
from .identity_reads import find_identity, find_revocation
from .reads import row_of
from .values import (
    Values,
    dataset_values,
    identity_of,
    identity_values,
    login_values,
    records_values,
    revocation_key,
)

_GRAVITY: Final = (Reason.SIGNED_OUT, Reason.MERGED, Reason.DELETED)


async def change_identities(connection: Connection, change: IdentityChange) -> bool:
    """Apply a change of identities if all its conditions hold."""

    async def apply(connection: Connection) -> bool:
        if not await _lock_pool(connection, change.identity_pool_id):
            return False
        stored = await _lock_stored(connection, change)
        if not _versions_hold(change, stored):
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
        return await _write_identities(connection, change.identity_pool_id, change.writes, stored)

    return await whole_or_not(connection, apply)


async def were_changed(connection: Connection, change: IdentityChange) -> bool | None:
    """Read whether a change of unknown outcome applied: its identities say so."""
    for written in change.writes:
        if await find_identity(connection, written.identity.identity_id) != written.identity:
            return None
    return await _confirmed(connection, [written.identity.identity_id for written in change.writes])


async def delete_identity(connection: Connection, identity_id: str, date: int) -> bool:
    """Delete an identity and all it has, and revoke its credentials, if it exists."""

    async def delete(connection: Connection) -> bool:
        found = await _lock_identities(connection, [identity_id])
        await _delete(connection, found, date)
        return bool(found)

    return await whole_or_not(connection, delete)


async def was_deleted(connection: Connection, identity_id: str, date: int) -> bool | None:
    """Read whether a deletion of unknown outcome applied: the revocation says so."""
    if await find_identity(connection, identity_id) is not None:
        return None
    revocation = await find_revocation(connection, identity_subject(identity_id))
    if revocation is None or revocation.reason != Reason.DELETED:
        return None
    if revocation.not_before < date:
        return None
    await revoke(connection, [revocation])  # as it is; see changes.was_changed
    return True


async def restore_identity(
    connection: Connection, identity: Identity, datasets: Sequence[StoredDataset]
) -> bool:
    """Put an identity back if its pool exists and nothing of it is there."""
    place = {"identity_id": identity.identity_id, "identity_pool_id": identity.identity_pool_id}
    new = IdentityWrite(identity=identity, expected_version=None)

    async def restore(connection: Connection) -> bool:
        if not await _lock_pool(connection, identity.identity_pool_id):
            return False
        if not await _write_identities(connection, identity.identity_pool_id, [new], []):
            return False
        live = sum(stored.dataset.exists for stored in datasets)
        await write(connection, "add_to_count", place | {"live": live})
        # The count is locked: of who creates a dataset now, one is seen here, the other waits.
        if await connection.rows("lock_datasets", place):
            return False
        for stored in datasets:
            named = place | {"dataset_name": stored.dataset.dataset_name}
            head = dataset_values(stored.dataset) | {"merged_under": stored.merged_under}
            await write(connection, "restore_dataset", named | head)
            await write(connection, "restore_records", named | records_values(stored.records))
        reasons: Values = {
            **revocation_key(identity_subject(identity.identity_id)),
            "reason": Reason.DELETED.value,
            "new_reason": Reason.SIGNED_OUT.value,
        }
        await write(connection, "change_reason", reasons)
        return True

    return await whole_or_not(connection, restore)


async def was_restored(connection: Connection, identity: Identity) -> bool | None:
    """Read whether a restoration of unknown outcome applied: the identity says so."""
    if await find_identity(connection, identity.identity_id) != identity:
        return None
    return await _confirmed(connection, [identity.identity_id])


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
        guests = await connection.rows("list_guests", page)
        locked = await _lock_identities(connection, [row[0] for row in guests])
        still = [identity for identity in locked if identity.is_guest]
        used = await rows_of_each(connection, "has_dataset", map(_place, still))
        idle = [identity for identity, rows in zip(still, used, strict=True) if not rows[0][0]]
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
    values = [
        revocation_key(subject)
        | {"subject": subject.encode(), "not_before": time, "reason": reason.value}
        for subject, (time, reason) in kept.items()
    ]
    if values:
        values.sort(key=lambda each: each["subject_digest"])
        await write_each(connection, "revoke", values)


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


async def _confirmed(connection: Connection, identity_ids: Sequence[str]) -> bool | None:
    """Write identities as they are, each where it is kept; see ``changes.was_changed``."""
    for identity_id in identity_ids:
        if await write(connection, "confirm_identity", {"identity_id": identity_id}) != 1:
            return None
    return True if identity_ids else None


async def _lock_pool(connection: Connection, identity_pool_id: str) -> bool:
    return await row_of(connection, "lock_pool", {"identity_pool_id": identity_pool_id}) is not None


async def _lock_identities(connection: Connection, ids: Iterable[str]) -> list[Identity]:
    """Lock identities, each by itself and all in one order; give those that are there."""
    values = [{"identity_id": identity_id} for identity_id in sorted(set(ids))]
    found = await rows_of_each(connection, "lock_identity", values) if values else []
    return [identity_of(row) for rows in found for row in rows]


async def _lock_stored(connection: Connection, change: IdentityChange) -> list[Identity]:
    """Lock every identity of a change, if it is of one that may be there; give what is stored."""
    ids = {written.identity.identity_id for written in change.writes}
    for merge in change.merges:
        ids |= {merge.source, merge.destination}
    if not change.merges and all(written.expected_version is None for written in change.writes):
        return []  # all are new, and their names are taken as they are written
    found = await _lock_identities(connection, ids)
    return [each for each in found if each.identity_pool_id == change.identity_pool_id]


def _versions_hold(change: IdentityChange, stored: Iterable[Identity]) -> bool:
    """Whether each identity that a change writes has its expected version."""
    versions = {identity.identity_id: identity.version for identity in stored}
    return all(
        versions.get(written.identity.identity_id) == written.expected_version
        for written in change.writes
    )


async def _merge(connection: Connection, identity_pool_id: str, merge: Merge) -> bool:
    """Move the datasets of a merge if each has a name of its own to go to."""
    source = {"identity_id": merge.source, "identity_pool_id": identity_pool_id}
    destination = {"identity_id": merge.destination, "identity_pool_id": identity_pool_id}
    used = await connection.rows("lock_datasets", source)
    if any(exists and name not in merge.names for name, exists in used):
        return False
    names, new_names = list(merge.names), list(merge.names.values())
    if names and await connection.rows("find_names", destination | {"dataset_names": new_names}):
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
    await _delete_data(connection, [source])
    if live:
        await write(connection, "add_to_count", destination | {"live": live})
    return True


async def _write_identities(
    connection: Connection,
    identity_pool_id: str,
    writes: Sequence[IdentityWrite],
    stored: Iterable[Identity],
) -> bool:
    """Write identities, and link their logins instead of those stored, if each is free."""
    changed = {written.identity.identity_id for written in writes if written.expected_version}
    await _unlink(connection, [each for each in stored if each.identity_id in changed])
    for written in sorted(writes, key=lambda each: each.identity.identity_id):
        values = identity_values(written.identity) | {"identity_pool_id": identity_pool_id}
        if written.expected_version is None:
            count = await write(connection, "create_identity", values)
        else:
            values["expected_version"] = written.expected_version
            count = await write(connection, "update_identity", values)
        if count != 1:
            return False
    links = _login_values(written.identity for written in writes)
    return not links or await write_each(connection, "link_login", links) == len(links)


def _login_values(identities: Iterable[Identity]) -> list[Values]:
    """Give the logins of identities, in the order of their digests."""
    values: list[Values] = [
        _place(identity) | login_values(login) | {"position": position}
        for identity in identities
        for position, login in enumerate(identity.logins)
    ]
    return sorted(values, key=lambda each: each["login_digest"])


async def _unlink(connection: Connection, identities: Iterable[Identity]) -> None:
    values = _login_values(identities)
    if values:
        await write_each(connection, "unlink_login", values)


async def _delete(connection: Connection, identities: Sequence[Identity], date: int) -> None:
    """Delete identities, locked by now, with all they have; revoke their credentials."""
    if not identities:
        return
    places = [_place(identity) for identity in identities]
    await _delete_data(connection, places)
    await _unlink(connection, identities)
    await write_each(connection, "delete_identity", places)
    await revoke(
        connection,
        [
            Revocation(
                subject=identity_subject(identity.identity_id),
                not_before=date,
                reason=Reason.DELETED,
            )
            for identity in identities
        ],
    )


async def _delete_data(connection: Connection, places: Sequence[Values]) -> None:
    """Delete datasets first: whoever writes their records waits, and then finds no head.

    Messages of theirs still leave.
    """
    for step in (
        "delete_datasets",
        "delete_records",
        "delete_count",
        "delete_devices",
        "delete_subscriptions",
    ):
        await write_each(connection, step, places)


def _place(identity: Identity) -> Values:
    return {"identity_id": identity.identity_id, "identity_pool_id": identity.identity_pool_id}
