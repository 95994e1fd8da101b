"""What the service must answer: sync counts, tokens and deletions of one identity, in memory.

Written from the published rules alone, as plainly as they can be said; it shares no code with
the server.
"""

from dataclasses import dataclass, field

HOUR_MS = 3_600_000

Records = dict[str, tuple[int, str | None]]


@dataclass(frozen=True)
class Refused(Exception):
    """An error; a text of None may be any."""

    code: str
    text: str | None = None


@dataclass(frozen=True)
class Patch:
    """One patch of an update; a value of None removes."""

    key: str
    value: str | None
    count: int


@dataclass(frozen=True)
class Listing:
    """One page of ListRecords; ``position`` is where the next page goes on, if there is one."""

    records: list[tuple[str, int, str | None]]
    count: int
    exists: bool
    deleted: bool
    position: "Position | None"


@dataclass(frozen=True)
class Position:
    """Where a listing in pages stands: its range of counts, and the record it is behind."""

    last: int
    through: int
    after: tuple[int, str]


@dataclass
class ModelDataset:
    """A dataset name. The counter outlives the records."""

    counter: int = 0
    deleted_at: int = 0
    exists: bool = False
    records: Records = field(default_factory=dict[str, tuple[int, str | None]])

    @property
    def live(self) -> dict[str, str]:
        return {key: value for key, (_, value) in self.records.items() if value is not None}


@dataclass
class Model:
    """One identity's datasets, and the session tokens the server has given out."""

    datasets_max: int
    records_max: int
    now: int = 0
    datasets: dict[str, ModelDataset] = field(default_factory=dict[str, ModelDataset])
    tokens: dict[str, tuple[str, int]] = field(default_factory=dict[str, tuple[str, int]])
    consumed: set[str] = field(default_factory=set[str])

    def token_given(self, dataset: str, token: str) -> None:
        """Take note of a session token the server answered; it lasts an hour from its first."""
        self.tokens.setdefault(token, (dataset, self.now + HOUR_MS))

    def list_records(
        self, name: str, last: int, limit: int | None, token: str | None, position: Position | None
    ) -> Listing:
        """Answer a listing. Raises Refused."""
        if token is not None:
            self._check_token(name, token)
        dataset = self.datasets.get(name)
        if dataset is None:
            return Listing([], 0, exists=False, deleted=last > 0, position=None)
        if position is None:
            if last > dataset.counter:
                text = f"No such SyncCount: {last} exists for this Dataset"
                raise Refused("InvalidParameterException", text)
            hidden = not dataset.exists and last == 0
            position = Position(last, 0 if hidden else dataset.counter, (last, "\U0010ffff"))
        found = sorted(
            (count, key)
            for key, (count, _) in dataset.records.items()
            if position.after < (count, key) and count <= position.through
        )
        page = found if limit is None else found[:limit]
        more = len(found) > len(page)
        return Listing(
            [(key, count, dataset.records[key][1]) for count, key in page],
            position.through,
            dataset.exists,
            deleted=0 < last < dataset.deleted_at,
            position=Position(last, position.through, page[-1]) if more else None,
        )

    def update_records(self, name: str, token: str, patches: list[Patch]) -> Records:
        """Answer an update. Raises Refused."""
        self._check_token(name, token)
        if not patches:
            return {}
        dataset = self.datasets.get(name, ModelDataset())
        for patch in patches:
            current = dataset.records.get(patch.key, (0, None))[0]
            if patch.count < current:
                text = f"Current SyncCount for: {patch.key} is: {current} not: {patch.count}"
                raise Refused("ResourceConflictException", text)
        count = dataset.counter + 1
        changed: Records = {patch.key: (count, patch.value) for patch in patches}
        records = {**dataset.records, **changed}
        after = ModelDataset(count, dataset.deleted_at, exists=True, records=records)
        if len(after.live) > max(self.records_max, len(dataset.live)):
            raise Refused("LimitExceededException")
        if not dataset.exists and len(self.existing) >= self.datasets_max:
            raise Refused("LimitExceededException")
        self.datasets[name] = after
        self.consumed.add(token)
        return changed

    def delete_dataset(self, name: str) -> None:
        """Answer a deletion. Raises Refused."""
        dataset = self.datasets.get(name)
        if dataset is None or not dataset.exists:
            raise Refused("ResourceNotFoundException")
        deleted_at = dataset.counter + 1
        self.datasets[name] = ModelDataset(deleted_at, deleted_at)

    @property
    def existing(self) -> dict[str, ModelDataset]:
        """The datasets that exist, by name."""
        return {name: one for name, one in sorted(self.datasets.items()) if one.exists}

    def _check_token(self, name: str, token: str) -> None:
        dataset, expires = self.tokens.get(token, ("", 0))
        if dataset != name or expires <= self.now or token in self.consumed:
            text = "SyncSessionToken not valid for these inputs"
            raise Refused("InvalidParameterException", text)
