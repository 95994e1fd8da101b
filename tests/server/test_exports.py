"""The file of an exported identity: what stands in it, that nothing is lost, what is refused."""

from contextlib import suppress

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from keepstep.domain.datasets import Dataset, Record
from keepstep.domain.identities import Identity, Login
from keepstep.interfaces.identity_storage import StoredDataset
from keepstep.server.exports import Export, ExportInvalid, read_export, write_export

POOL = "us-east-1:00000000-0000-4000-8000-000000000001"
IDENTITY = "us-east-1:00000000-0000-4000-8000-000000000002"
OTHER = "us-east-1:00000000-0000-4000-8000-000000000003"

counts = st.integers(0, 2**63 - 1)
dates = st.integers(0, 253_402_300_799_000)
texts = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=30)
names = st.from_regex(r"[a-zA-Z0-9_.:-]{1,128}", fullmatch=True)
devices = st.none() | texts


@st.composite
def identities(draw: st.DrawFn) -> Identity:
    logins = draw(st.lists(st.builds(Login, texts, texts), max_size=3, unique=True))
    return Identity(
        identity_id=IDENTITY,
        identity_pool_id=POOL,
        creation_date=draw(dates),
        last_modified_date=draw(dates),
        logins=tuple(logins),
        was_authenticated=bool(logins) or draw(st.booleans()),
        merged_into=None if logins else draw(st.none() | st.just(OTHER)),
        version=draw(st.integers(1, 2**63 - 1)),
    )


@st.composite
def stored_datasets(draw: st.DrawFn) -> StoredDataset:
    sync_count = draw(counts)
    record = st.builds(
        Record,
        key=texts,
        value=st.none() | texts | st.just(""),
        sync_count=st.integers(0, sync_count),
        last_modified_date=dates,
        last_modified_by=devices,
        device_last_modified_date=dates,
    )
    creation_date = draw(st.none() | dates)
    records: list[Record] = []
    if creation_date is not None:
        records = draw(st.lists(record, max_size=4, unique_by=lambda one: one.key))
    dataset = Dataset(
        dataset_name=draw(names),
        sync_count=sync_count,
        deleted_sync_count=draw(counts),
        creation_date=creation_date,
        last_modified_date=draw(dates),
        last_modified_by=draw(devices),
        data_storage=sum(one.size for one in records),
        num_records=sum(one.is_live for one in records),
    )
    return StoredDataset(dataset, draw(st.none() | names), records)


exports = st.builds(
    Export,
    identities(),
    st.lists(stored_datasets(), max_size=3, unique_by=lambda one: one.dataset.dataset_name),
)

FILE = [
    b'{"format":"keepstep identity","version":1}\n',
    (
        b'{"line":"identity","identity_id":"us-east-1:00000000-0000-4000-8000-000000000002",'
        b'"identity_pool_id":"us-east-1:00000000-0000-4000-8000-000000000001","creation_date":1000,'
        b'"last_modified_date":2000,"logins":[{"provider_name":"accounts.google.com","subject":"7"}],'
        b'"was_authenticated":true,"merged_into":null,"version":3}\n'
    ),
    (
        b'{"line":"dataset","dataset_name":"notes","sync_count":5,"deleted_sync_count":2,'
        b'"creation_date":1500,"last_modified_date":1900,"last_modified_by":"phone",'
        b'"data_storage":9,"num_records":1,"merged_under":null}\n'
    ),
    (
        b'{"line":"record","key":"theme","value":"d\xc3\xa4k","sync_count":4,'
        b'"last_modified_date":1800,"last_modified_by":"phone","device_last_modified_date":1700}\n'
    ),
    (
        b'{"line":"record","key":"volume","value":null,"sync_count":5,'
        b'"last_modified_date":1900,"last_modified_by":null,"device_last_modified_date":1900}\n'
    ),
    (
        b'{"line":"dataset","dataset_name":"old","sync_count":8,"deleted_sync_count":8,'
        b'"creation_date":null,"last_modified_date":1600,"last_modified_by":null,'
        b'"data_storage":0,"num_records":0,"merged_under":null}\n'
    ),
    b'{"line":"end","datasets":2,"records":2}\n',
]
EXPORT = Export(
    Identity(
        identity_id=IDENTITY,
        identity_pool_id=POOL,
        creation_date=1000,
        last_modified_date=2000,
        logins=(Login("accounts.google.com", "7"),),
        was_authenticated=True,
        version=3,
    ),
    [
        StoredDataset(
            Dataset("notes", 5, 2, 1500, 1900, "phone", 9, 1),
            None,
            [
                Record("theme", "däk", 4, 1800, "phone", 1700),
                Record("volume", None, 5, 1900, None, 1900),
            ],
        ),
        StoredDataset(Dataset("old", 8, 8, None, 1600), None, []),
    ],
)


def refusal(lines: list[bytes]) -> str:
    """Give the words in which a file is refused."""
    with pytest.raises(ExportInvalid) as caught:
        read_export(lines)
    return str(caught.value)


def without(number: int) -> list[bytes]:
    """Give the file without one of its lines, counted from 1."""
    return FILE[: number - 1] + FILE[number:]


def twice(number: int) -> list[bytes]:
    """Give the file with one of its lines, counted from 1, repeated."""
    return FILE[:number] + FILE[number - 1 :]


def changed(number: int, **members: object) -> list[bytes]:
    """Give the file with other members in one of its lines, counted from 1."""
    line = msgspec.json.decode(FILE[number - 1]) | members
    return [*FILE[: number - 1], msgspec.json.encode(line) + b"\n", *FILE[number:]]


def test_files_of_this_version_read_as_they_were_written() -> None:
    assert read_export(FILE) == EXPORT
    assert list(write_export(EXPORT)) == FILE


@given(exports)
def test_an_export_reads_back_as_it_was(export: Export) -> None:
    assert read_export(write_export(export)) == export


@given(exports)
def test_every_line_of_an_export_is_one_line(export: Export) -> None:
    written = b"".join(write_export(export))
    assert written.splitlines(keepends=True) == list(write_export(export))


@given(st.data(), exports)
def test_an_export_that_was_cut_off_anywhere_is_refused(
    data: st.DataObject, export: Export
) -> None:
    written = b"".join(write_export(export))
    length = data.draw(st.integers(0, len(written) - 2))
    with pytest.raises(ExportInvalid):
        read_export(written[:length].splitlines(keepends=True))


@given(st.lists(st.binary(max_size=50) | st.sampled_from(FILE), max_size=8))
def test_any_bytes_are_an_export_or_are_refused_in_words(lines: list[bytes]) -> None:
    with suppress(ExportInvalid):
        assert list(write_export(read_export(lines)))


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        ([], "the file is empty"),
        ([b"\n"], "line 1: this is no export of an identity"),
        ([b"\xff\n"], "line 1: this is no export of an identity"),
        (without(1), "line 1: this is no export of an identity"),
        (changed(1, format="notes"), "line 1: this is no export of an identity"),
        (
            changed(1, version=2, more=True),
            "line 1: the export is of version 2; this keepstep reads version 1",
        ),
        (without(2), "line 2: one identity line stands behind the header, and nowhere else"),
        (twice(2), "line 3: one identity line stands behind the header, and nowhere else"),
        (without(3), "line 3: a record stands behind its dataset, and there is none above"),
        (
            without(4),
            "line 5: the dataset notes above says it has 1 records of 9 bytes, but has 0 of 0",
        ),
        (
            without(5),
            "line 6: the end line counts 2 datasets and 2 records, but 2 and 1 stand above it",
        ),
        (twice(6), "line 7: there is a dataset old above already"),
        (twice(4), "line 5: the dataset has a record with this key above already"),
        (without(7), "the file was cut off: its end line is missing"),
        (twice(7), "line 8: nothing may stand behind the end line"),
        ([*FILE[:3], b"{\n"], "line 4: Input data was truncated"),
        ([*FILE[:3], b'{"a":' + b"[" * 100_000], "line 4: JSON is nested too deep"),
    ],
)
def test_a_file_with_a_wrong_line_is_refused_with_the_lines_number(
    lines: list[bytes], words: str
) -> None:
    assert refusal(lines) == words


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        (changed(2, merged_into=OTHER), "line 2: an identity that was merged into another one"),
        (changed(2, was_authenticated=False), "line 2: an identity with logins was authenticated"),
        (changed(2, logins=[{"provider_name": "p", "subject": "s"}] * 2), "the same login twice"),
        (changed(2, identity_id="me"), "at `$.identity_id`"),
        (changed(3, sync_count=4), "line 6: the dataset notes above has a record that is ahead"),
        (changed(3, creation_date=None), "line 6: the dataset notes above is deleted and has"),
        (changed(3, sync_count=2**63), "at `$.sync_count`"),
        (changed(3, dataset_name="my notes"), "at `$.dataset_name`"),
        (changed(4, sync_count=-1), "line 4: Expected `int` >= 0 - at `$.sync_count`"),
        (changed(4, value=7), "line 4: Expected `str | null`, got `int` - at `$.value`"),
        (changed(4, colour="red"), "line 4: Object contains unknown field `colour`"),
        (changed(4, line="note"), "line 4: Invalid value 'note' - at `$.line`"),
    ],
)
def test_a_line_that_cannot_be_true_is_refused(lines: list[bytes], words: str) -> None:
    assert words in refusal(lines)


@pytest.mark.parametrize("end", [b"", b"\r\n"])
def test_how_lines_end_does_not_matter(end: bytes) -> None:
    assert read_export([line.rstrip() + end for line in FILE]) == EXPORT
