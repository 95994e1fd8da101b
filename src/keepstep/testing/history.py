"""Recorded histories of a server's clients, and the check that five promises hold in them.

Record every request with ``History`` while clients run at once, connections break and servers
crash; end with one read of each dataset from count 0; then ``check`` finds, without a server,
what no correct server can have done. Values should be unique: a value says who wrote it.
"""

import enum
import math
import threading
import time
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Generator, Iterable, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import pairwise
from typing import NamedTuple, TypeVar

from keepstep.wire.errors import ResourceConflictException, ServiceError


class Promise(enum.Enum):
    """What a server promises."""

    NOTHING_LOST = "an accepted write is never lost once answered"
    NO_LOST_UPDATE = "of two writers with the same count, exactly one wins"
    COUNTS_GROW = "a count only grows, and is never used again"
    NO_GAP = "a reader at a count misses nothing later"
    ALL_OR_NONE = "all patches of one update, or none, and once"


class Violation(NamedTuple):
    """A promise that a history breaks, and how."""

    promise: Promise
    dataset: str
    text: str


class Patch(NamedTuple):
    """A value (None removes the record), and the sync count of the record it was made from."""

    value: str | None
    base: int


class State(NamedTuple):
    """What a record was seen as."""

    sync_count: int
    value: str | None


class Outcome(enum.Enum):
    """How a request ended for its client."""

    ACCEPTED = "accepted"
    REFUSED = "refused"
    UNKNOWN = "unknown"


@dataclass(eq=False, slots=True)
class Change:
    """A request that changes a dataset. One of unknown outcome may be applied at any later time."""

    dataset: str
    begun: float
    ended: float = math.inf
    outcome: Outcome = Outcome.UNKNOWN
    code: str | None = None


@dataclass(eq=False, slots=True)
class Deletion(Change):
    """A DeleteDataset; set ``outcome`` to what was answered."""


@dataclass(eq=False, slots=True)
class Write(Change):
    """An UpdateRecords: what was sent and, if accepted, the records answered."""

    patches: Mapping[str, Patch] = field(default_factory=dict[str, Patch])
    answered: Mapping[str, State] = field(default_factory=dict[str, State])

    def accept(self, answered: Mapping[str, State]) -> None:
        """Take the answer to an accepted write."""
        self.outcome, self.answered = Outcome.ACCEPTED, answered

    @property
    def values(self) -> dict[str, str | None]:
        """The values by key."""
        return {key: patch.value for key, patch in self.patches.items()}


@dataclass(eq=False, slots=True)
class Read:
    """A ListRecords from ``last``, all its pages together."""

    dataset: str
    last: int
    begun: float
    ended: float = math.inf
    pages: int = 0
    count: int = 0
    exists: bool = False
    deleted: bool = False
    records: list[tuple[str, State]] = field(default_factory=list[tuple[str, State]])

    def page(
        self, count: int, records: Iterable[tuple[str, State]], *, exists: bool, deleted: bool
    ) -> None:
        """Take the answer of the next page."""
        if self.pages == 0:
            self.exists = exists
        self.count, self.deleted, self.pages = count, deleted, self.pages + 1
        self.records.extend(records)

    @property
    def counted(self) -> bool:
        """Whether the count is the dataset's; one that is gone hides it from new clients."""
        return self.exists or self.last > 0


ChangeType = TypeVar("ChangeType", bound=Change)


class History:
    """Records requests, from any number of threads."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        """``clock`` must be one for all clients."""
        self._clock = clock
        self._lock = threading.Lock()
        self.changes: list[Change] = []
        self.reads: list[Read] = []

    @contextmanager
    def writing(self, dataset: str, patches: Mapping[str, Patch]) -> Generator[Write]:
        """Record a write around its request; call ``accept`` with the answer."""
        with self._changing(Write(dataset, self._clock(), patches=patches)) as write:
            yield write

    @contextmanager
    def deleting(self, dataset: str) -> Generator[Deletion]:
        """Record a deletion around its request; it is accepted if nothing is raised."""
        with self._changing(Deletion(dataset, self._clock())) as deletion:
            yield deletion
            deletion.outcome = Outcome.ACCEPTED

    @contextmanager
    def reading(self, dataset: str, last: int) -> Generator[Read]:
        """Record a read around its requests; call ``page`` with each answer."""
        read = Read(dataset, last, self._clock())
        yield read
        read.ended = self._clock()
        with self._lock:
            self.reads.append(read)

    @contextmanager
    def _changing(self, change: ChangeType) -> Generator[ChangeType]:
        """A refusal is an error below 500; every other one leaves the outcome unknown."""
        with self._lock:
            self.changes.append(change)
        try:
            yield change
        except ServiceError as error:
            change.code = error.code
            if error.status < 500:
                change.outcome = Outcome.REFUSED
            raise
        finally:
            if change.outcome is not Outcome.UNKNOWN:
                change.ended = self._clock()


def check(history: History) -> list[Violation]:
    """Give every breach of the promises; an empty list means that they hold."""
    names = {entry.dataset for entry in (*history.changes, *history.reads)}
    return [violation for name in sorted(names) for violation in _DatasetCheck(history, name).run()]


@dataclass(eq=False, slots=True)
class _Applied:
    """A write that took place with a count; ``patches`` is None if only its effect is known."""

    count: int
    values: Mapping[str, str | None]
    begun: float
    ended: float
    patches: Mapping[str, Patch] | None


class _DatasetCheck:
    """The check of one dataset's history."""

    def __init__(self, history: History, dataset: str) -> None:
        self._dataset = dataset
        self._found: list[Violation] = []
        changes = [change for change in history.changes if change.dataset == dataset]
        self._changes = [change for change in changes if change.outcome is not Outcome.REFUSED]
        self._writes = [change for change in changes if isinstance(change, Write)]
        self._deletions = [one for one in self._changes if isinstance(one, Deletion)]
        self._reads = [read for read in history.reads if read.dataset == dataset]
        self._applied: dict[int, _Applied] = {}
        self._by_key: dict[str, list[_Applied]] = {}
        self._undecided: list[Write] = []

    def run(self) -> list[Violation]:
        self._take_answers()
        self._take_observations()
        self._check_order()
        self._check_numbers()
        self._check_chains()
        self._check_conflicts()
        ordered = sorted(self._applied.values(), key=lambda applied: applied.count)
        for read in self._reads:
            self._check_read(read, ordered)
            self._check_deletions(read)
        return self._found

    def _report(self, promise: Promise, text: str) -> None:
        self._found.append(Violation(promise, self._dataset, text))

    def _take_answers(self) -> None:
        """Place the accepted writes by the count they were answered with."""
        for write in self._writes:
            if write.outcome is not Outcome.ACCEPTED:
                continue
            answered = {key: state.value for key, state in write.answered.items()}
            counts = {state.sync_count for state in write.answered.values()}
            if answered != write.values or len(counts) != 1:
                text = f"a write of {write.values} was answered with {dict(write.answered)}"
                self._report(Promise.ALL_OR_NONE, text)
            count = max(counts, default=0)
            if count in self._applied:
                self._report(Promise.COUNTS_GROW, f"the count {count} was given to two writes")
            self._place(_Applied(count, write.values, write.begun, write.ended, write.patches))

    def _take_observations(self) -> None:
        """Find the write of every record seen, and so which unknown ones took place."""
        seen: dict[int, dict[str, str | None]] = {}
        first: dict[int, float] = {}
        for read in self._reads:
            for key, (count, value) in read.records:
                records = seen.setdefault(count, {})
                first[count] = min(first.get(count, math.inf), read.ended)
                if records.setdefault(key, value) != value:
                    self._report(Promise.COUNTS_GROW, f"{key!r} at {count} has two values")
        self._undecided = [one for one in self._writes if one.outcome is Outcome.UNKNOWN]
        candidates: dict[int, list[Write]] = {}
        for count, records in seen.items():
            known = self._applied.get(count)
            if known is None:
                candidates[count] = [
                    write
                    for write in self._undecided
                    if records.items() <= write.values.items() and write.begun < first[count]
                ]
            elif not records.items() <= known.values.items():
                self._report(Promise.COUNTS_GROW, f"{records} at {count}, which is {known.values}")
        for count, choices in candidates.items():
            write = choices[0] if len(choices) == 1 else None
            if not choices or (write is not None and write not in self._undecided):
                text = f"{seen[count]} at {count} was never written, or refused, or made twice"
                self._report(Promise.ALL_OR_NONE, text)
            if write is not None and write in self._undecided:
                self._undecided.remove(write)
                known = _Applied(count, write.values, write.begun, first[count], write.patches)
            else:
                begun = min((one.begun for one in choices), default=-math.inf)
                known = _Applied(count, seen[count], begun, first[count], None)
            self._place(known)

    def _place(self, applied: _Applied) -> None:
        self._applied[applied.count] = applied
        for key in applied.values:
            self._by_key.setdefault(key, []).append(applied)

    def _check_order(self) -> None:
        """Who begins after another was answered has a higher count, or sees at least its own."""
        writes = list(self._applied.values())
        reads = [read for read in self._reads if read.counted]
        ended = sorted((one.ended, one.count) for one in (*writes, *reads))
        highest: list[int] = []
        for _, count in ended:
            highest.append(max(count, highest[-1] if highest else 0))
        times = [time for time, _ in ended]

        def floor(begun: float) -> int:
            before = bisect_left(times, begun)
            return highest[before - 1] if before else 0

        for write in writes:
            if write.patches is not None and write.count <= floor(write.begun):
                self._report(Promise.COUNTS_GROW, f"{write.count} was given after a higher count")
        for read in reads:
            if read.count < floor(read.begun):
                self._report(Promise.NOTHING_LOST, f"a read at {read.count} after a higher one")

    def _check_numbers(self) -> None:
        """Every change takes one count, so a count is the number of changes up to it."""
        begun = sorted(one.begun for one in self._changes)
        ended = sorted(one.ended for one in self._changes if one.outcome is Outcome.ACCEPTED)
        for read in self._reads:
            least, most = bisect_left(ended, read.begun), bisect_left(begun, read.ended)
            if read.counted and not least <= read.count <= most:
                promise = Promise.COUNTS_GROW if read.count > most else Promise.NOTHING_LOST
                self._report(promise, f"a read at {read.count} after {least} to {most} changes")

    def _check_chains(self) -> None:
        """Each write of a key was made from what the write before it left."""
        for key, applied in self._by_key.items():
            for before, after in pairwise(sorted(applied, key=lambda one: one.count)):
                base = after.patches[key].base if after.patches is not None else before.count
                if base < before.count and not self._erased(before, after):
                    text = f"{key!r} at {after.count} was made from {base}, over {before.count}"
                    self._report(Promise.NO_LOST_UPDATE, text)

    def _erased(self, before: _Applied, after: _Applied) -> bool:
        """Whether a deletion may have come between, with a count of its own."""
        between = range(before.count + 1, after.count)
        return any(count not in self._applied for count in between) and any(
            one.begun < after.ended and one.ended > before.begun for one in self._deletions
        )

    def _check_conflicts(self) -> None:
        """A conflict has a winner: a write of one of the keys, newer than its base."""
        for write in self._writes:
            if write.outcome is Outcome.REFUSED and write.code == ResourceConflictException.code:
                applied = any(
                    one.begun < write.ended and one.count > patch.base
                    for key, patch in write.patches.items()
                    for one in self._by_key.get(key, ())
                )
                if not applied and not self._undecided_on(write.patches, write.ended):
                    self._report(Promise.NO_LOST_UPDATE, f"nobody won over {write.patches}")

    def _undecided_on(self, keys: Iterable[str], before: float) -> bool:
        undecided = (one.patches.keys() for one in self._undecided if one.begun < before)
        return any(not written.isdisjoint(keys) for written in undecided)

    def _check_read(self, read: Read, ordered: list[_Applied]) -> None:
        """A read has the last write of each key in its range, or a later write took it away."""
        seen = dict(read.records)
        positions = [(state.sync_count, key.encode()) for key, state in read.records]
        if positions != sorted(set(positions)) or len(seen) != len(positions):
            self._report(Promise.NO_GAP, f"a read out of order: {read.records}")
        if any(not read.last < count <= read.count for count, _ in positions):
            self._report(Promise.NO_GAP, f"a read from {read.last} has {read.records}")
        start = bisect_right(ordered, read.last, key=lambda one: one.count)
        end = bisect_right(ordered, read.count, key=lambda one: one.count)
        latest = {key: applied for applied in ordered[start:end] for key in applied.values}
        for write in dict.fromkeys(latest.values()):
            keys = [key for key in write.values if latest[key] is write]
            shown = [key for key in keys if key in seen and seen[key].sync_count == write.count]
            missing = [
                key
                for key in keys
                if key not in shown and not self._taken(key, write, read, ordered[end:])
            ]
            if missing:
                lost = Promise.NOTHING_LOST if read.last == 0 else Promise.NO_GAP
                text = f"a read from {read.last} to {read.count} lacks {missing} of {write.count}"
                self._report(Promise.ALL_OR_NONE if shown else lost, text)

    def _taken(self, key: str, write: _Applied, read: Read, later: list[_Applied]) -> bool:
        """Whether a record may have moved on, or gone, before the page it belonged to was read."""
        if any(one.begun < read.ended and one.ended > write.begun for one in self._deletions):
            return True
        if read.pages < 2:
            return False
        moved = any(one.begun < read.ended and key in one.values for one in later)
        return moved or self._undecided_on([key], read.ended)

    def _check_deletions(self, read: Read) -> None:
        """What was deleted stays away, who knew it is told, and nothing else is ever gone."""
        done = [
            one.begun
            for one in self._deletions
            if one.outcome is Outcome.ACCEPTED and one.ended < read.begun
        ]
        last = max(done, default=-math.inf)
        seen = {state.sync_count for _, state in read.records}
        gone = [write for write in self._applied.values() if done and write.ended < last]
        if any(write.count in seen for write in gone):
            self._report(Promise.NOTHING_LOST, f"a read shows what was deleted: {read.records}")
        if any(0 < read.last <= write.count for write in gone) and not read.deleted:
            self._report(Promise.NO_GAP, f"a read from {read.last} was not told of a deletion")
        if read.exists and not read.deleted:
            return
        remaining = [
            write.count
            for write in self._applied.values()
            if write.ended < read.begun and not self._taken("", write, read, [])
        ]
        if remaining and not read.exists:
            self._report(Promise.NOTHING_LOST, f"the dataset of {remaining} does not exist")
        deletable = any(one.begun < read.ended for one in self._deletions)
        if remaining and read.deleted and not deletable:
            self._report(Promise.NO_GAP, f"a read from {read.last} was told of no real deletion")
