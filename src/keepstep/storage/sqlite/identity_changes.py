"""The statements of each change of identities; see ``changes``."""

import sqlite3
from collections.abc import Sequence

from keepstep.domain.identities import Identity, IdentityChange, IdentityWrite, Merge
from keepstep.domain.pools import IdentityPool
from keepstep.domain.revocations import Reason, Revocation, identity_subject
from keepstep.interfaces.identity_storage import GuestsPurged, StoredDataset, TokenKey

from . import identity_reads
from .changes import dataset_values, encoded_settings, write_records
from .delivery_changes import forget_devices
from .queries import QUERIES


def change_identities(connection: sqlite3.Connection, change: IdentityChange) -> bool:
    """Apply a change of identities if all its conditions hold."""
    identity_pool_id = change.identity_pool_id
    if not _pool_exists(connection, identity_pool_id):
        return False
    for merge in change.merges:
        if not _merge(connection, identity_pool_id, merge, change.date):
            return False
    for revocation in change.revokes:
        revoke(connection, revocation)
    identities = [write.identity for write in change.writes]
    unlinked = [(identity.identity_id,) for identity in identities]
    connection.executemany(QUERIES["unlink_logins"], unlinked)
    return all(
        _write_identity(connection, identity_pool_id, write) for write in change.writes
    ) and all(_link_logins(connection, identity_pool_id, identity) for identity in identities)


def delete_identity(connection: sqlite3.Connection, identity_id: str, date: int) -> bool:
    """Delete an identity and all it has, and revoke its credentials, if it exists."""
    identity = identity_reads.find_identity(connection, identity_id)
    if identity is None:
        return False
    _delete(connection, identity_id, identity.identity_pool_id, date)
    return True


def restore_identity(
    connection: sqlite3.Connection, identity: Identity, datasets: Sequence[StoredDataset]
) -> bool:
    """Put an identity back if its pool exists and nothing of it is there."""
    identity_pool_id, identity_id = identity.identity_pool_id, identity.identity_id
    if not _pool_exists(connection, identity_pool_id):
        return False
    if identity_reads.list_dataset_names(connection, identity_pool_id, identity_id):
        return False
    write = IdentityWrite(identity=identity, expected_version=None)
    if not _write_identity(connection, identity_pool_id, write):
        return False
    if not _link_logins(connection, identity_pool_id, identity):
        return False
    for stored in datasets:
        row_key = (identity_id, identity_pool_id, stored.dataset.dataset_name)
        connection.execute(QUERIES["create_dataset"], dataset_values(stored.dataset, row_key))
        connection.execute(QUERIES["set_merged_under"], (stored.merged_under, *row_key))
        write_records(connection, row_key, stored.records)
    reasons = (Reason.SIGNED_OUT, identity_subject(identity_id), Reason.DELETED)
    connection.execute(QUERIES["change_reason"], reasons)
    return True


def purge_guests(
    connection: sqlite3.Connection,
    created_before: int,
    after: tuple[int, str],
    limit: int,
    date: int,
) -> GuestsPurged:
    """Delete those of some guests that have no dataset."""
    values = (*after, created_before, limit)
    guests = connection.execute(QUERIES["list_guests"], values).fetchall()
    idle = [guest for guest in guests if not guest[3]]
    for identity_id, identity_pool_id, *_ in idle:
        _delete(connection, identity_id, identity_pool_id, date)
    position = (guests[-1][2], guests[-1][0]) if len(guests) == limit else None
    return GuestsPurged(count=len(idle), position=position)


def update_pool(connection: sqlite3.Connection, pool: IdentityPool, expected_version: int) -> bool:
    """Replace what a pool's owner may change, if its version is the expected one."""
    values = (
        pool.name,
        pool.creation_date,
        pool.last_modified_date,
        encoded_settings(pool),
        pool.version,
        pool.identity_pool_id,
        expected_version,
    )
    return connection.execute(QUERIES["update_pool"], values).rowcount == 1


def revoke(connection: sqlite3.Connection, revocation: Revocation) -> None:
    """Keep a revocation."""
    values = (revocation.subject, revocation.not_before, revocation.reason)
    connection.execute(QUERIES["revoke"], values)


def purge_revocations(connection: sqlite3.Connection, not_before: int, limit: int) -> int:
    """Forget revocations of what has ended."""
    return connection.execute(QUERIES["purge_revocations"], (not_before, limit)).rowcount


def create_token_key(connection: sqlite3.Connection, key: TokenKey) -> bool:
    """Keep a key that signs tokens if its number is free."""
    values = (key.number, key.sealed, key.creation_date)
    return connection.execute(QUERIES["create_token_key"], values).rowcount == 1


def delete_token_key(connection: sqlite3.Connection, number: int) -> bool:
    """Forget a key that signs tokens."""
    return connection.execute(QUERIES["delete_token_key"], (number,)).rowcount == 1


def _pool_exists(connection: sqlite3.Connection, identity_pool_id: str) -> bool:
    return connection.execute(QUERIES["pool_exists"], (identity_pool_id,)).fetchone() is not None


def _merge(connection: sqlite3.Connection, identity_pool_id: str, merge: Merge, date: int) -> bool:
    """Move the datasets of a merge if each has a name of its own to go to."""
    source, destination = merge.source, merge.destination
    used = identity_reads.list_dataset_names(connection, identity_pool_id, source)
    if any(exists and name not in merge.names for name, exists in used.items()):
        return False
    for name, new_name in merge.names.items():
        new_key = (destination, identity_pool_id, new_name)
        if connection.execute(QUERIES["find_dataset"], new_key).fetchone() is not None:
            return False
        values = (destination, new_name, source, identity_pool_id, name)
        for step in ("move_dataset", "move_records"):
            connection.execute(QUERIES[step], values)
    connection.execute(QUERIES["delete_identity_datasets"], (source, identity_pool_id))
    forget_devices(connection, source, identity_pool_id)
    subject = identity_subject(source)
    revoke(connection, Revocation(subject=subject, not_before=date, reason=Reason.MERGED))
    return True


def _write_identity(
    connection: sqlite3.Connection, identity_pool_id: str, write: IdentityWrite
) -> bool:
    identity = write.identity
    values = (
        identity.last_modified_date,
        identity.was_authenticated,
        identity.merged_into,
        identity.version,
        identity.creation_date,
        identity.identity_id,
        identity_pool_id,
    )
    if write.expected_version is None:
        written = connection.execute(QUERIES["create_identity"], values)
    else:
        written = connection.execute(QUERIES["update_identity"], (*values, write.expected_version))
    return written.rowcount == 1


def _link_logins(connection: sqlite3.Connection, identity_pool_id: str, identity: Identity) -> bool:
    """Link an identity's logins, in their order, if each is free."""
    return all(
        connection.execute(
            QUERIES["link_login"],
            (identity_pool_id, login.provider_name, login.subject, identity.identity_id, position),
        ).rowcount
        == 1
        for position, login in enumerate(identity.logins)
    )


def _delete(
    connection: sqlite3.Connection, identity_id: str, identity_pool_id: str, date: int
) -> None:
    for step in ("delete_identity", "unlink_logins"):
        connection.execute(QUERIES[step], (identity_id,))
    for step in ("delete_identity_datasets", "delete_identity_records"):
        connection.execute(QUERIES[step], (identity_id, identity_pool_id))
    forget_devices(connection, identity_id, identity_pool_id)
    subject = identity_subject(identity_id)
    revoke(connection, Revocation(subject=subject, not_before=date, reason=Reason.DELETED))
