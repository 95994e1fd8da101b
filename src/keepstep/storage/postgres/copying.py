"""Copying to and from a database: whole tables in the order of their keys, a page a statement."""

import re
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any, Final

import msgspec

from keepstep.domain.copying import KINDS, CopyProgress, Row, key_at, member_types, position_of
from keepstep.interfaces.copying import SCAN_BYTES, RowType, ScannedRows
from keepstep.interfaces.storage import StoreUnusable

from .changes import whole_or_not, write
from .connections import Connection
from .queries import QUERIES
from .reads import Source, row_of
from .values import Values

_TAKEN_AS_BYTES: Final = re.compile(rb"%\((\w+)\)s::bytea")
_TEXTS: Final = {
    kind: [place for place, of in enumerate(member_types(kind).values()) if of is not bytes]
    for kind in KINDS
}
"""Which members are no bytes, whatever their column is."""
_PROGRESS: Final = msgspec.json.Decoder(CopyProgress)


async def check_finished(connection: Connection, name: str) -> None:
    """Raise StoreUnusable, with what to do, if the copy of another store into this is not done."""
    row = await row_of(connection, "find_copied_store")
    if row is not None:
        raise StoreUnusable(
            f"the store {name} is an unfinished copy of {row[0]}; run the same keepstep copy "
            "again until it is done"
        )


async def scan(
    connection: Connection, kind: type[RowType], after: str | None, limit: int
) -> ScannedRows[RowType]:
    """Read one page of the rows of a kind."""
    query = f"scan_{kind.kind}"
    key = zip(member_types(kind), key_at(kind, after), strict=False)
    values = _sent(query, {name: [member] for name, member in key})
    given = {name: member for name, (member,) in values.items()}
    found = await connection.rows(query, given | {"limit": limit, "bytes": SCAN_BYTES})
    rows = [_row_of(kind, row) for row in found]
    return ScannedRows(rows, position_of(rows[-1]) if rows else None)


async def load(
    connection: Connection, kind: type[RowType], rows: Sequence[RowType], progress: CopyProgress
) -> bool:
    """Write those rows of a kind that are not there."""
    query = f"load_{kind.kind}"
    columns = {name: [getattr(row, name) for row in rows] for name in member_types(kind)}
    values = _sent(query, columns)

    async def work(connection: Connection) -> bool:
        await connection.execute(QUERIES[query], values, binary=True)
        return await keep_progress(connection, progress)

    return await whole_or_not(connection, work)


async def clear(connection: Connection, kind: type[Row], progress: CopyProgress) -> bool:
    """Delete every row of a kind."""

    async def work(connection: Connection) -> bool:
        await write(connection, f"clear_{kind.kind}")
        return await keep_progress(connection, progress)

    return await whole_or_not(connection, work)


async def find_copy(source: Source) -> CopyProgress | None:
    """Read the progress of the unfinished copy."""
    row = await row_of(source, "find_copy")
    return None if row is None else _PROGRESS.decode(row[0])


async def begin_copy(connection: Connection, progress: CopyProgress) -> None:
    """Keep the progress of a run's copy in any other's place."""
    await write(connection, "begin_copy", _progress_values(progress))


async def keep_progress(connection: Connection, progress: CopyProgress) -> bool:
    """Keep how far a copy is, if it is still that run's."""
    return await write(connection, "keep_progress", _progress_values(progress)) == 1


async def end_copy(connection: Connection, progress: CopyProgress) -> bool:
    """Forget the copy, if it is still that run's."""
    return await write(connection, "end_copy", {"run": progress.run}) == 1


def _progress_values(progress: CopyProgress) -> Values:
    return {
        "source": progress.source,
        "run": progress.run,
        "progress": msgspec.json.encode(progress),
    }


@cache
def _taken_as_bytes(query: str) -> frozenset[str]:
    return frozenset(name.decode() for name in _TAKEN_AS_BYTES.findall(QUERIES[query]))


def _sent(query: str, columns: Mapping[str, list[Any]]) -> dict[str, list[Any]]:
    """Give columns with their texts as the statement takes them."""
    as_bytes = _taken_as_bytes(query)
    return {
        name: [each.encode() if isinstance(each, str) else each for each in column]
        if name in as_bytes
        else column
        for name, column in columns.items()
    }


def _row_of(kind: type[RowType], found: Sequence[Any]) -> RowType:
    members = list(found)
    for place in _TEXTS[kind]:
        if isinstance(members[place], bytes):
            members[place] = members[place].decode()
    return kind(*members)
