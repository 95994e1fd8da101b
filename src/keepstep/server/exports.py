"""The file that one identity is kept in outside a store: JSON Lines, read and written.

A header line, the identity, then each dataset with its records behind it, then an end line with
counts, by which a file that was cut off is known. Dates are milliseconds since the epoch.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Final

import msgspec
from msgspec import Meta

from keepstep.domain.datasets import Dataset, Record
from keepstep.domain.identities import Identity, Login
from keepstep.interfaces.identity_storage import StoredDataset
from keepstep.wire.members import (
    LONG_MAX,
    SECONDS_MAX,
    DatasetName,
    IdentityId,
    IdentityPoolId,
    RecordKey,
    RecordValue,
    SyncCount,
)

FORMAT: Final = "keepstep identity"
VERSION: Final = 1

Date = Annotated[int, Meta(ge=0, le=SECONDS_MAX * 1000)]
Number = Annotated[int, Meta(ge=0, le=LONG_MAX)]


class ExportInvalid(Exception):
    """The file is no whole export of an identity. The text names the line and what is wrong."""


@dataclass(frozen=True, slots=True)
class Export:
    """An identity and everything it stores."""

    identity: Identity
    datasets: Sequence[StoredDataset]

    @property
    def record_count(self) -> int:
        """How many records there are, tombstones included."""
        return sum(len(stored.records) for stored in self.datasets)


class HeaderLine(msgspec.Struct, frozen=True):
    """The first line: what the file is. Only this line is the same in every version."""

    format: str
    version: int


class _Line(
    msgspec.Struct, frozen=True, kw_only=True, tag_field="line", forbid_unknown_fields=True
):
    """Any line but the first; ``line`` says which."""


class IdentityLine(_Line, frozen=True, kw_only=True, tag="identity"):
    """The identity, with every login linked to it."""

    identity_id: IdentityId
    identity_pool_id: IdentityPoolId
    creation_date: Date
    last_modified_date: Date
    logins: tuple[Login, ...]
    was_authenticated: bool
    merged_into: IdentityId | None
    version: Annotated[int, Meta(ge=1, le=LONG_MAX)]


class DatasetLine(_Line, frozen=True, kw_only=True, tag="dataset"):
    """A dataset, or the counter that a deleted one left: then ``creation_date`` is null."""

    dataset_name: DatasetName
    sync_count: SyncCount
    deleted_sync_count: SyncCount
    creation_date: Date | None
    last_modified_date: Date
    last_modified_by: str | None
    data_storage: Number
    num_records: Number
    merged_under: DatasetName | None


class RecordLine(_Line, frozen=True, kw_only=True, tag="record"):
    """A record of the dataset above it; without a value, the tombstone of one."""

    key: RecordKey
    value: RecordValue | None
    sync_count: SyncCount
    last_modified_date: Date
    last_modified_by: str | None
    device_last_modified_date: Date


class EndLine(_Line, frozen=True, kw_only=True, tag="end"):
    """The last line: how many lines of each kind came before it."""

    datasets: int
    records: int


Line = IdentityLine | DatasetLine | RecordLine | EndLine
_LINE: Final[msgspec.json.Decoder[Line]] = msgspec.json.Decoder(Line)
_HEADER: Final = msgspec.json.Decoder(HeaderLine)


def write_export(export: Export) -> Iterator[bytes]:
    """Give the lines of an export, each with its end."""
    encode = msgspec.json.Encoder().encode
    yield encode(HeaderLine(FORMAT, VERSION)) + b"\n"
    yield encode(IdentityLine(**_members(export.identity))) + b"\n"
    for stored in export.datasets:
        dataset = DatasetLine(**_members(stored.dataset), merged_under=stored.merged_under)
        yield encode(dataset) + b"\n"
        for record in stored.records:
            yield encode(RecordLine(**_members(record))) + b"\n"
    end = EndLine(datasets=len(export.datasets), records=export.record_count)
    yield encode(end) + b"\n"


def read_export(lines: Iterable[bytes]) -> Export:
    """Read an export back.

    Raises ExportInvalid.
    """
    reader = _Reader()
    for number, line in enumerate(lines, start=1):
        try:
            reader.take(line)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            # Texts that tell of the form, never of the content.
            raise ExportInvalid(f"line {number}: {error}") from None
        except RecursionError:
            raise ExportInvalid(f"line {number}: JSON is nested too deep") from None
        except ExportInvalid as error:
            raise ExportInvalid(f"line {number}: {error}") from None
    return reader.whole()


class _Reader:
    """Puts an export together, line by line."""

    def __init__(self) -> None:
        self._begun = False
        self._ended = False
        self._identity: Identity | None = None
        self._datasets: dict[str, StoredDataset] = {}
        self._records: list[Record] = []
        """Of the last dataset."""
        self._keys: set[str] = set()
        self._record_count = 0

    def take(self, text: bytes) -> None:
        if not self._begun:
            _check_header(text)
            self._begun = True
            return
        if self._ended:
            raise ExportInvalid("nothing may stand behind the end line")
        line = _LINE.decode(text)
        if isinstance(line, IdentityLine) != (self._identity is None):
            raise ExportInvalid("one identity line stands behind the header, and nowhere else")
        match line:
            case IdentityLine():
                self._identity = _identity(line)
            case DatasetLine():
                self._take_dataset(line)
            case RecordLine():
                self._take_record(line)
            case EndLine():
                self._take_end(line)

    def whole(self) -> Export:
        if not self._begun:
            raise ExportInvalid("the file is empty")
        if self._identity is None or not self._ended:
            raise ExportInvalid("the file was cut off: its end line is missing")
        return Export(self._identity, list(self._datasets.values()))

    def _take_dataset(self, line: DatasetLine) -> None:
        self._check_last_dataset()
        if line.dataset_name in self._datasets:
            raise ExportInvalid(f"there is a dataset {line.dataset_name} above already")
        dataset = Dataset(**_members(line, without="merged_under"))
        self._records = []
        self._keys.clear()
        self._datasets[line.dataset_name] = StoredDataset(dataset, line.merged_under, self._records)

    def _take_record(self, line: RecordLine) -> None:
        if not self._datasets:
            raise ExportInvalid("a record stands behind its dataset, and there is none above")
        if line.key in self._keys:
            raise ExportInvalid("the dataset has a record with this key above already")
        self._keys.add(line.key)
        self._records.append(Record(**_members(line)))
        self._record_count += 1

    def _take_end(self, line: EndLine) -> None:
        self._check_last_dataset()
        found = len(self._datasets), self._record_count
        if (line.datasets, line.records) != found:
            raise ExportInvalid(
                f"the end line counts {line.datasets} datasets and {line.records} records, but "
                f"{found[0]} and {found[1]} stand above it"
            )
        self._ended = True

    def _check_last_dataset(self) -> None:
        """Check that what a dataset says of its records is so; the limits are checked by it."""
        if not self._datasets:
            return
        dataset = next(reversed(self._datasets.values())).dataset
        name, records = dataset.dataset_name, self._records
        if any(record.sync_count > dataset.sync_count for record in records):
            raise ExportInvalid(f"the dataset {name} above has a record that is ahead of its count")
        if records and not dataset.exists:
            raise ExportInvalid(f"the dataset {name} above is deleted and has records")
        live, size = sum(record.is_live for record in records), sum(r.size for r in records)
        if (dataset.num_records, dataset.data_storage) != (live, size):
            raise ExportInvalid(
                f"the dataset {name} above says it has {dataset.num_records} records of "
                f"{dataset.data_storage} bytes, but has {live} of {size}"
            )


def _check_header(text: bytes) -> None:
    try:
        header = _HEADER.decode(text)
    except (msgspec.DecodeError, UnicodeDecodeError):
        header = None
    if header is None or header.format != FORMAT:
        raise ExportInvalid("this is no export of an identity")
    if header.version != VERSION:
        raise ExportInvalid(
            f"the export is of version {header.version}; this keepstep reads version {VERSION}"
        )


def _identity(line: IdentityLine) -> Identity:
    if len(set(line.logins)) != len(line.logins):
        raise ExportInvalid("the identity has the same login twice")
    if line.merged_into is not None and line.logins:
        raise ExportInvalid("an identity that was merged into another one has no logins")
    if line.logins and not line.was_authenticated:
        raise ExportInvalid("an identity with logins was authenticated")
    return Identity(**_members(line))


def _members(struct: msgspec.Struct, *, without: str | None = None) -> dict[str, Any]:
    return {name: getattr(struct, name) for name in struct.__struct_fields__ if name != without}
