"""Where each table's rows live on Citus, and the statements that reach more than one place there.

A database without the extension is left as it is. What grows with users is distributed by the
identity, all tables of it alike, so that a shard holds everything of its identities; every node
has a copy of what is small. A statement must say where it goes: all that it uses of distributed
tables is pinned to one value of their columns, or it is named here with the reason.
"""

from collections.abc import Mapping
from typing import Final

import msgspec

from keepstep.interfaces.storage import StoreUnusable

from .connections import Connection

LEADING: Final = "datasets"
"""The table with which the others of an identity are co-located."""


class Distributed(msgspec.Struct, frozen=True):
    """A table whose rows are spread by the hash of a column."""

    column: str
    beside: str


class Reference(msgspec.Struct, frozen=True):
    """A small table, of which every node has a copy."""


class Local(msgspec.Struct, frozen=True):
    """A table that only the coordinator has, and that no statement uses beside another."""


Decision = Distributed | Reference | Local

_ALONE: Final = "none"
"""What Citus calls a group of its own."""
_OF_IDENTITIES: Final = Distributed("identity_id", LEADING)

TABLES: Final[Mapping[str, Decision]] = {
    "identity_pools": Reference(),
    "access_keys": Reference(),
    "server_keys": Reference(),
    "token_keys": Reference(),
    LEADING: Distributed("identity_id", _ALONE),
    "dataset_counts": _OF_IDENTITIES,
    "records": _OF_IDENTITIES,
    "consumed_sessions": _OF_IDENTITIES,
    "identities": _OF_IDENTITIES,
    "revocations": _OF_IDENTITIES,
    # Unique in its pool whatever the identity, so the claim of a login lives where its digest does.
    "logins": Distributed("login_digest", _ALONE),
    "outbox": _OF_IDENTITIES,
    "outbox_lanes": _OF_IDENTITIES,
    "devices": _OF_IDENTITIES,
    "subscriptions": _OF_IDENTITIES,
    # One holder writes them every few seconds, which for a table of every node is a commit of all.
    "leases": Local(),
    "bulk_publishes": Local(),
    "copies": Local(),
    "keepstep_schema": Local(),
}
"""Every table, in the order in which they are distributed."""

SPREAD: Final[Mapping[str, str]] = {
    "find_identities": "those of several logins at a sign-in; mostly one, and then one place",
    "find_owners": "as find_identities",
    "list_identities": "a page for a developer",
    "list_guests": "a page of the purge of guests",
    "measure_pool": "a developer's look at a whole pool",
    "measure_pools": "as measure_pool",
    "purge_consumed_sessions": "housekeeping",
    "purge_revocations": "housekeeping",
    "move_datasets": "a merge: from one identity to another",
    "move_records": "as move_datasets",
    "delete_pool_datasets": "the deletion of a whole pool",
    "delete_pool_records": "as delete_pool_datasets",
    "delete_pool_counts": "as delete_pool_datasets",
    "delete_pool_identities": "as delete_pool_datasets",
    "delete_pool_logins": "as delete_pool_datasets",
    "delete_pool_lanes": "as delete_pool_datasets",
    "delete_pool_outbox": "as delete_pool_datasets",
    "delete_pool_devices": "as delete_pool_datasets",
    "delete_pool_subscriptions": "as delete_pool_datasets",
    "list_due": "who delivers looks for what is due, whoever's it is",
    "list_pool_datasets": "a page of a bulk publish",
    "find_sync_counts": "one look at all that a server's clients wait for",
    "list_outbox": "a page for an operator",
    "list_set_aside": "as list_outbox",
    "measure_outbox": "a metric",
    "count_outbox": "an operator retries what is in the outbox",
    "retry_waiting_lanes": "as count_outbox",
    "retry_waiting": "as count_outbox",
    "retry_set_aside": "as count_outbox",
    "drop_lanes": "an operator drops what is in the outbox",
    "drop_waiting": "as drop_lanes",
    "drop_set_aside": "as drop_lanes",
}
"""Statements that reach several places, each with its reason; all others reach one."""
COPYING: Final = ("scan_", "load_", "clear_")
"""What the statements begin with that read or write whole tables, for a copy of the store."""

_HAS_CITUS: Final = b"SELECT 1 FROM pg_extension WHERE extname = 'citus'"
_FIND: Final = b"""
    SELECT class.relname,
           CASE partition.partmethod
               WHEN 'h' THEN column_to_column_name(partition.logicalrelid, partition.partkey)
           END,
           partition.partmethod = 'n' AND partition.repmodel = 't'
    FROM pg_dist_partition AS partition
    JOIN pg_class AS class ON class.oid = partition.logicalrelid
    WHERE partition.logicalrelid = ANY (
        SELECT to_regclass(name) FROM unnest(%(names)s::text[]) AS name
    )
"""
_DISTRIBUTE: Final = b"""
    SELECT create_distributed_table(
        %(table)s::text::regclass, %(column)s::text, colocate_with => %(beside)s::text
    )
"""
_REFER: Final = b"SELECT create_reference_table(%(table)s::text::regclass)"
_FORGET: Final = b"""
    SELECT truncate_local_data_after_distributing_table(%(table)s::text::regclass)
"""
"""What the table held before is in the shards by now, and nobody would delete it here."""


async def undistributed(connection: Connection, name: str) -> list[str]:
    """Give the tables that are yet to be distributed, in order; none without Citus.

    Raises StoreUnusable if one was distributed in another way.
    """
    if await (await connection.execute(_HAS_CITUS)).fetchone() is None:
        return []
    cursor = await connection.execute(_FIND, {"names": list(TABLES)})
    found = {table: (column, copied) for table, column, copied in await cursor.fetchall()}
    missing: list[str] = []
    for table, decision in TABLES.items():
        column, copied = found.get(table, (None, False))
        match decision:
            case Distributed() if column is None and not copied:
                missing.append(table)
            case Reference() if column is None and not copied:
                missing.append(table)
            case Distributed(wanted):
                _check(table, column == wanted, f"distributed by {wanted}", name)
            case Reference():
                _check(table, copied, "a reference table", name)
            case Local():
                _check(table, column is None and not copied, "left undistributed", name)
    return missing


async def distribute(connection: Connection, table: str) -> None:
    """Distribute a table, with what it holds; nobody reads or writes it meanwhile."""
    match TABLES[table]:
        case Distributed(column, beside):
            values = {"table": table, "column": column, "beside": beside}
            await connection.execute(_DISTRIBUTE, values)
        case Reference():
            await connection.execute(_REFER, {"table": table})
        case Local():
            return
    await connection.execute(_FORGET, {"table": table})


def _check(table: str, holds: bool, wanted: str, name: str) -> None:
    if not holds:
        raise StoreUnusable(
            f"the store {name}: its table {table} must be {wanted}; undo what was done to it "
            f"(SELECT undistribute_table('{table}')) and run keepstep migrate again"
        )
