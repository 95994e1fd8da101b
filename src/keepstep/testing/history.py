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
from typing import Final, NamedTuple

from keepstep.wire.errors import ServiceError

CONFLICT: Final = "ResourceConflictException"


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

    count: int
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
    def _changing(self, change: "ChangeType") -> "Generator[ChangeType]":
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
    return [
        violation for name in sorted(names) for violation in _DatasetCheck(history, name).run()
    ]
