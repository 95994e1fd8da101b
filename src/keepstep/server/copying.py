"""Moving a whole deployment from one store to another: copied, compared, and only then released.

Every step forward is kept in the destination together with the rows it brought, so that a copy
that was stopped anywhere goes on where it was. Until both stores have been found equal, the
destination is opened by nothing else.
"""

import asyncio
import hashlib
from collections.abc import AsyncGenerator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from keepstep.domain.copying import KINDS, CopyProgress, KindProgress, KindSum, Row, sum_with
from keepstep.interfaces.copying import CopyableStore, CopySource
from keepstep.interfaces.storage import StoreUnusable
from keepstep.storage.sqlite import SQLiteStore

from .opened import open_store
from .settings import Settings
from .stores import MEMORY, file_of, is_shared, missing_extra, name_of

COPY_ROWS: Final = 2_000
"""Rows that are read, and written in one transaction, at a time."""


class CopyFailed(Exception):
    """The stores cannot be copied, or are not equal afterwards. The text says what to do."""


@dataclass(frozen=True, slots=True)
class CopyStep:
    """What a copy has just done: some more rows of a kind are copied, or compared.

    ``rows`` are all so far, also those of earlier runs. ``equal`` is what was found once a kind
    was compared: its sum in both stores, or None.
    """

    kind: str
    rows: int
    new_rows: int
    compares: bool
    done: bool
    equal: KindSum | None = None


Report = Callable[[CopyStep], None]


async def copy_deployment(
    source: Settings, destination: Settings, *, run: str, report: Report
) -> int:
    """Copy the store of one setting into that of another; give how many rows both have then.

    ``run`` is a text of this run's own. The settings say the master key as well, which must be
    the source's: what it seals is copied as it is.

    Raises CopyFailed, StoreUnusable and StoreUnavailable with what to do.
    """
    _check_places(source, destination)
    async with AsyncExitStack() as stack:
        from_store = await stack.enter_async_context(_open(source, for_copy=False))
        await _check_master_key(source)
        to_store = await stack.enter_async_context(_open(destination, for_copy=True))
        for store in (from_store, to_store):
            await store.reserve()
        names = _name_of(source), _name_of(destination)
        return await copy_store(from_store, to_store, names=names, run=run, report=report)


async def copy_store(
    source: CopyableStore,
    destination: CopyableStore,
    *,
    names: tuple[str, str],
    run: str,
    report: Report,
    limit: int = COPY_ROWS,
) -> int:
    """Copy everything, or what is missing of an unfinished copy; give how many rows there are.

    ``names`` are those of the source and the destination.

    Raises CopyFailed if the destination has data of its own or the stores are not equal at the
    end: the next run then makes the kinds that differ anew.
    """
    progress = await _begin(source, destination, names, run)
    copying = _Copying(source, destination, names[1], progress, report, limit)
    for kind in KINDS:
        await copying.copy(kind)
    return await copying.compare()


def key_hint(source: Settings) -> str:
    """Say how the master key is given that the copy of a store is served with."""
    file = source.master_key_file or _own_key_file(source)
    if source.master_key is not None or file is None:
        return "the one that was given now"
    return _as_setting(file)


class _Copying:
    """One run of a copy."""

    def __init__(
        self,
        source: CopySource,
        destination: CopyableStore,
        destination_name: str,
        progress: CopyProgress,
        report: Report,
        limit: int,
    ) -> None:
        self._source = source
        self._destination = destination
        self._destination_name = destination_name
        self._progress = progress
        self._report = report
        self._limit = limit

    async def copy(self, kind: type[Row]) -> None:
        """Copy what is missing of a kind, or all of it if it was found to differ."""
        if self._progress.of(kind).differs:
            self._advance(kind, KindProgress())
            self._check_ours(await self._destination.clear(kind, self._progress))
        while not (before := self._progress.of(kind)).done:
            page = await self._source.scan(kind, after=before.position, limit=self._limit)
            new_rows, done = len(page.rows), page.position is None
            rows = before.rows + new_rows
            self._advance(kind, KindProgress(rows, page.position, done=done))
            self._check_ours(await self._destination.load(kind, page.rows, self._progress))
            self._report(CopyStep(kind.kind, rows, new_rows, compares=False, done=done))

    async def compare(self) -> int:
        """Compare everything; release the destination if it is equal, else say what is not."""
        total = 0
        differences: list[str] = []
        for kind in KINDS:
            there, here = await asyncio.gather(
                self._sum(self._source, kind, report=True),
                self._sum(self._destination, kind, report=False),
            )
            total += here.count
            if there != here:
                differences.append(f"{kind.kind} ({there} against {here})")
                for each in KINDS:
                    if kind.kind in (each.kind, each.home):
                        self._advance(each, KindProgress(differs=True))
            equal = here if there == here else None
            self._report(CopyStep(kind.kind, there.count, 0, compares=True, done=True, equal=equal))
        if differences:
            self._check_ours(await self._destination.keep_progress(self._progress))
            raise CopyFailed(
                f"the copy differs from {self._progress.source} in {', '.join(differences)}; "
                "stop the servers of that store and run the same command again, which copies "
                "that anew"
            )
        self._check_ours(await self._destination.end_copy(self._progress))
        return total

    async def _sum(self, store: CopySource, kind: type[Row], *, report: bool) -> KindSum:
        found, position = KindSum(), None
        while True:
            page = await store.scan(kind, after=position, limit=self._limit)
            if page.position is None:
                return found
            found, position = sum_with(found, page.rows), page.position
            if report:
                rows = len(page.rows)
                self._report(CopyStep(kind.kind, found.count, rows, compares=True, done=False))

    def _advance(self, kind: type[Row], progress: KindProgress) -> None:
        self._progress = self._progress.at(kind, progress)

    def _check_ours(self, ours: bool) -> None:
        if not ours:
            raise CopyFailed(
                f"another keepstep copy into {self._destination_name} took over; see that it ends"
            )


async def _begin(
    source: CopyableStore, destination: CopyableStore, names: tuple[str, str], run: str
) -> CopyProgress:
    """Begin a copy, or take an unfinished one over."""
    keys = await source.list_server_keys()
    deployment = hashlib.sha256(b"".join(keys[-1:])).hexdigest()
    begun = await destination.find_copy()
    if begun is None:
        await _check_empty(destination, names[1])
    elif begun.deployment != deployment:
        raise CopyFailed(
            f"{names[1]} is an unfinished copy of another deployment, {begun.source}; run that "
            "copy again, or name an empty store"
        )
    progress = CopyProgress(
        source=names[0],
        deployment=deployment,
        run=run,
        kinds={} if begun is None else begun.kinds,
    )
    await destination.begin_copy(progress)
    return progress


async def _check_empty(destination: CopyableStore, name: str) -> None:
    pages = [await destination.scan(kind, after=None, limit=1) for kind in KINDS]
    held = [kind.kind for kind, page in zip(KINDS, pages, strict=True) if page.rows]
    if held:
        raise CopyFailed(
            f"{name} is not empty and no unfinished copy (it has {', '.join(held)}); name an empty "
            "store. A copy that was finished needs nothing more"
        )


def _check_places(source: Settings, destination: Settings) -> None:
    for settings in (source, destination):
        if settings.store == MEMORY:
            raise CopyFailed("a store in memory is its server's own; name a file or a database")
    file, other = file_of(source.store), file_of(destination.store)
    if file is not None and not file.is_file():
        raise CopyFailed(f"there is no store {file}")
    if source.store == destination.store or (
        file is not None and other is not None and other.exists() and file.samefile(other)
    ):
        raise CopyFailed("the source and the destination are the same store; name two")


async def _check_master_key(source: Settings) -> None:
    """Open the source as a server does, which proves that the master key is its own."""
    try:
        async with open_store(source):
            pass
    except StoreUnusable as error:
        own = _own_key_file(source)
        given = source.master_key is not None or source.master_key_file is not None
        if own is None or not given or not own.is_file():
            raise
        raise StoreUnusable(f"{error}; beside the source is {_as_setting(own)}") from None


@asynccontextmanager
async def _open(settings: Settings, *, for_copy: bool) -> AsyncGenerator[CopyableStore]:
    store = await _opened(settings.store, for_copy=for_copy)
    try:
        yield store
    finally:
        await store.close()


async def _opened(store: str, *, for_copy: bool) -> CopyableStore:
    if is_shared(store):
        try:
            from keepstep.storage.postgres import PostgresStore  # noqa: PLC0415 -- an extra
        except ImportError as error:
            raise missing_extra() from error
        return await PostgresStore.open(store, for_copy=for_copy)
    path = file_of(store)
    assert path is not None, "checked before"
    return SQLiteStore.open(path, for_copy=for_copy)


def _name_of(settings: Settings) -> str:
    file = file_of(settings.store)
    return name_of(settings.store) if file is None else f"sqlite:{file.absolute()}"


def _own_key_file(settings: Settings) -> Path | None:
    file = file_of(settings.store)
    return None if file is None else Path(f"{file}.key")


def _as_setting(file: Path) -> str:
    return f"KEEPSTEP_MASTER_KEY_FILE={file.absolute()}"
