"""The sync algorithms of the shipped clients, without I/O: each yields calls and takes answers.

Simplified to their use of counts, tokens and pages, with their known faults: ``missed`` says
that a device has lost track of changes through one of them, and must be wiped to recover.
"""

from abc import ABC, abstractmethod
from collections.abc import Generator
from dataclasses import dataclass, field
from typing import Any, Final

from keepstep.wire.errors import (
    InvalidParameterException,
    ResourceConflictException,
    ResourceNotFoundException,
    ServiceError,
)
from keepstep.wire.sync import ListRecordsResponse, Record, RecordPatch

DELETED: Final = -1


@dataclass(frozen=True)
class List:
    """Call ListRecords."""

    last: int
    limit: int | None = None
    token: str | None = None
    page_token: str | None = None


@dataclass(frozen=True)
class Update:
    """Call UpdateRecords."""

    token: str
    patches: list[RecordPatch]


@dataclass(frozen=True)
class Delete:
    """Call DeleteDataset."""


Call = List | Update | Delete
Run = Generator[Call, Any, None]
"""A synchronisation: sent the answer to each call it yields, or thrown the error."""


@dataclass
class Local:
    """A device's copy of a record; ``edits`` tells whether it was edited during a push."""

    value: str | None = None
    count: int = 0
    dirty: bool = False
    edits: int = 0


@dataclass
class Device(ABC):
    """One device's copy of one dataset."""

    last: int = 0
    missed: bool = False
    records: dict[str, Local] = field(default_factory=dict[str, Local])

    @property
    def dirty(self) -> dict[str, Local]:
        return {key: local for key, local in sorted(self.records.items()) if local.dirty}

    @property
    def clean(self) -> dict[str, Local]:
        return {key: local for key, local in self.records.items() if not local.dirty}

    def edit(self, key: str, value: str | None) -> None:
        """Put or, with None, remove a record."""
        local = self.records.setdefault(key, Local())
        local.value, local.dirty, local.edits = value, True, local.edits + 1

    def delete(self) -> None:
        """Delete the dataset here now, and from the server with the next synchronisation."""
        self.forget()
        self.last = DELETED

    def forget(self) -> None:
        """Wipe the dataset here."""
        self.records.clear()
        self.last, self.missed = 0, False

    @abstractmethod
    def synchronize(self, limit: int, *, keep: bool) -> Run:
        """Synchronise with ``limit`` records a page; conflicts ``keep`` the local value, or not."""

    def pull(self, limit: int) -> Generator[Call, Any, ListRecordsResponse]:
        """List all pages; flags and token are those of the last."""
        records: list[Record] = []
        listing: ListRecordsResponse = yield List(self.last, limit)
        while True:
            records += listing.records
            if listing.next_token is None:
                listing.records = records
                self.look_for_ghosts(listing)
                return listing
            listing = yield List(self.last, limit, page_token=listing.next_token)

    def look_for_ghosts(self, listing: ListRecordsResponse) -> None:
        """Notice copies that a device without a count can never be told are gone."""
        if self.last == 0:
            listed = {record.key for record in listing.records}
            self.missed = any(key not in listed for key in self.clean)

    def store(self, record: Record, *, keep: bool = False) -> None:
        """Take a remote record, or only its count."""
        local = self.records.setdefault(record.key or "", Local())
        local.count = record.sync_count or 0
        if not keep:
            local.value, local.dirty = record.value, False

    def differs(self, record: Record) -> bool:
        """Whether a remote record has another value than an edited local one."""
        local = self.records.get(record.key or "", Local())
        return local.dirty and local.value != record.value

    def patches(self) -> list[RecordPatch]:
        return [
            RecordPatch(
                op="remove" if local.value is None else "replace",
                key=key,
                sync_count=local.count,
                value=local.value,
            )
            for key, local in self.dirty.items()
        ]

    def push(self, token: str) -> Generator[Call, Any, int]:
        """Send what was edited; give the highest count answered. Keeps edits made meanwhile."""
        before = {key: local.edits for key, local in self.records.items()}
        answered: list[Record] = yield Update(token, self.patches())
        for record in answered:
            key = record.key or ""
            edited = key in self.records and self.records[key].edits != before[key]
            self.store(record, keep=edited)
        return max(record.sync_count or 0 for record in answered)

    def push_carefully(self, listing: ListRecordsResponse) -> Generator[Call, Any, bool]:
        """Push, and take the new count if nobody wrote in between; False after a conflict."""
        if not self.dirty:
            return True
        highest = max(local.count for local in self.dirty.values())
        try:
            count = yield from self.push(listing.sync_session_token)
        except ResourceConflictException:
            self.last = min(self.last, highest)
            return False
        if count == listing.dataset_sync_count + 1:
            self.last = count
        elif self.last == 0:
            self.missed = True
        return True


class AndroidDevice(Device):
    """The Android, Unity and .NET clients."""

    def synchronize(self, limit: int, *, keep: bool) -> Run:
        for _ in range(4):
            if self.last == DELETED:
                yield from _delete_if_there()
                self.forget()
                return
            listing = yield from self.pull(limit)
            gone = self.last != 0 and not listing.dataset_exists
            if gone or listing.dataset_deleted_after_requested_sync_count:
                self.forget()
                return
            for record in listing.records:
                local = self.records.get(record.key or "", Local())
                conflict = self.differs(record) and local.count != record.sync_count
                self.store(record, keep=keep and conflict)
            if listing.records:
                self.last = listing.dataset_sync_count
            if (yield from self.push_carefully(listing)):
                return


class IosDevice(Device):
    """The iOS client from 2.4.17: no pages, one session through all rounds, nothing dropped."""

    def synchronize(self, limit: int, *, keep: bool) -> Run:
        del limit
        token: str | None = None
        for _ in range(5):
            if self.last == DELETED:
                yield from _delete_if_there()
                self.forget()
                return
            try:
                listing: ListRecordsResponse = yield List(self.last, token=token)
            except InvalidParameterException as error:
                if not error.message.startswith("No such SyncCount:"):
                    raise
                self.last -= 1
                continue
            self.look_for_ghosts(listing)
            token = listing.sync_session_token
            gone = self.last != 0 and not listing.dataset_exists
            if gone or listing.dataset_deleted_after_requested_sync_count:
                self.last = 0
                for local in self.records.values():
                    local.count, local.dirty = 0, True
            for record in listing.records:
                self.store(record, keep=keep and self.differs(record))
            if listing.records:
                self.last = listing.dataset_sync_count
            if (yield from self.push_carefully(listing)):
                return


class JavaScriptDevice(Device):
    """The JavaScript client, which pushes only after an empty listing, or over a conflict."""

    def synchronize(self, limit: int, *, keep: bool) -> Run:
        for _ in range(4):
            if self.last == DELETED:
                self.missed = True  # for good, if there is nothing to delete
                yield Delete()
                self.forget()
                return
            listing = yield from self.pull(limit)
            if listing.dataset_deleted_after_requested_sync_count:
                self.forget()
                return
            conflicts = [record for record in listing.records if self.differs(record)]
            for record in conflicts:
                self.store(record, keep=keep)
            if listing.records and not conflicts:
                for record in listing.records:
                    self.store(record)
                self.last = listing.dataset_sync_count
                continue
            if not self.dirty and not conflicts:
                return
            pushed = yield from self.push_past(listing, len(conflicts))
            if pushed and not conflicts:
                return

    def push_past(self, listing: ListRecordsResponse, conflicts: int) -> Generator[Call, Any, bool]:
        """Push, and move past what others wrote meanwhile and what the conflicts kept out."""
        if not self.dirty:
            return True
        try:
            count = yield from self.push(listing.sync_session_token)
        except ServiceError:
            return False
        jumped = count > listing.dataset_sync_count + 1
        self.missed = self.missed or jumped or conflicts < len(listing.records)
        self.last = count
        return True


def _delete_if_there() -> Run:
    try:
        yield Delete()
    except ResourceNotFoundException:
        return
