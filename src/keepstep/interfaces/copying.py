"""What a storage engine does so that a whole store can be moved to another, of any engine.

The rows, and the closed list of their kinds, are in ``domain.copying``. An unfinished copy is
kept in the store it is made in, and an engine opens such a store for its copy alone.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Generic, Protocol, TypeVar

from keepstep.domain.copying import CopyProgress, Row

from .storage import Store

SCAN_BYTES: Final = 8 * 1024 * 1024
"""A page of rows ends early behind the row that brings its texts to about that many bytes."""

RowType = TypeVar("RowType", bound=Row)


@dataclass(frozen=True, slots=True)
class ScannedRows(Generic[RowType]):
    """Rows, and the position to go on behind; None: there are no rows any more."""

    rows: Sequence[RowType]
    position: str | None


class CopySource(Protocol):
    """What is copied from."""

    async def scan(
        self, kind: type[RowType], *, after: str | None, limit: int
    ) -> ScannedRows[RowType]:
        """Give the rows of a kind behind a position (None: from the first), at most ``limit``.

        Their order is the engine's own; it is one in which each row comes once. Fewer rows than
        the limit are no sign of the end: a page without rows is.
        """
        ...


class CopyDestination(Protocol):
    """What is copied to. False, with nothing written, if another run has taken the copy over."""

    async def find_copy(self) -> CopyProgress | None:
        """Give the copy that is unfinished here, or None."""
        ...

    async def begin_copy(self, progress: CopyProgress) -> None:
        """Keep the progress of a copy; from then on this run is the one that may go on with it."""
        ...

    async def load(
        self, kind: type[RowType], rows: Sequence[RowType], progress: CopyProgress
    ) -> bool:
        """Keep rows and the progress made by them, in one step. Rows that are there stay so."""
        ...

    async def clear(self, kind: type[Row], progress: CopyProgress) -> bool:
        """Delete every row of a kind, with what was derived from them; keep the progress.

        Rows that have it for their home are then loaded anew as well.
        """
        ...

    async def keep_progress(self, progress: CopyProgress) -> bool:
        """Keep the progress alone."""
        ...

    async def end_copy(self, progress: CopyProgress) -> bool:
        """Forget the copy: it is whole, and the store may be opened for anything."""
        ...


class CopyableStore(Store, CopySource, CopyDestination, Protocol):
    """An open store that can be copied, or copied to: what every engine gives."""

    async def reserve(self) -> None:
        """Keep other processes off the store until it is closed, where the engine can.

        Raises StoreUnusable if another process has it open. A database that servers share
        cannot tell: there, only the comparison at the end of a copy finds what they changed.
        """
        ...
