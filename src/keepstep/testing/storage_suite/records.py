# ruff: noqa: D103 -- the name of a case says what holds
"""Cases of reading records: order, filters, positions, tombstones, and what values may hold."""

import hashlib
from itertools import pairwise
from typing import Any

import pytest

from keepstep.domain.dataset_changes import DatasetChange
from keepstep.domain.datasets import Record
from keepstep.domain.limits import MIB
from keepstep.interfaces.storage import RecordsFound, Store
from keepstep.wire import members

from .running import (
    DATE,
    IDENTITY,
    OTHER_IDENTITY,
    OTHER_POOL,
    POOL,
    apply,
    deleting,
    find,
    keys_found,
    on_empty_store,
    place,
    records_of,
    writing,
)

KEYS_IN_BYTE_ORDER = [
    "\x00",
    "\x00\x00",
    "\t",
    " ",
    '"',
    "'",
    "10",
    "9",
    "B",
    "\\",
    "_",
    "a",
    "a\x00",
    "a\x00b",
    "a ",
    "ab",
    "\x7f",
    "\u00e4",
    "\u20ac",
    "\ue000",
    "\uffee",
    "\U00010000",
    "\U0001f600",
]
"""In UTF-16, the last two would stand before U+E000."""


def _long_key(number: int) -> str:
    """Make a key of 1024 characters of four bytes each, which no compression shortens."""
    noise = hashlib.shake_256(number.to_bytes(4, "big")).digest(2048)
    return "".join(chr(0x10000 + high * 256 + low) for high, low in pairwise(noise[:1025]))


@on_empty_store
async def test_find_records_of_a_name_never_used_finds_nothing(store: Store) -> None:
    nothing = RecordsFound(
        dataset=None, records=[], session_consumed=False, merged_dataset_names=[]
    )
    assert await find(store, place()) == nothing
    state = await store.find_state(place(), ["a"], b"none")
    assert (state.dataset, dict(state.records), state.session_consumed) == (None, {}, False)
    assert state.live_datasets == 0


@on_empty_store
async def test_every_member_of_a_record_is_kept(store: Store) -> None:
    whole = Record(
        key="k",
        value="v",
        sync_count=1,
        last_modified_date=DATE,
        last_modified_by="d",
        device_last_modified_date=DATE - 5,
    )
    bare = Record(
        key="l",
        value=None,
        sync_count=1,
        last_modified_date=0,
        last_modified_by=None,
        device_last_modified_date=0,
    )
    change = writing(place(), {})
    await apply(
        store,
        DatasetChange(
            place=place(), expected_sync_count=None, dataset=change.dataset, records=(bare, whole)
        ),
    )
    found = await find(store, place())
    assert found == RecordsFound(
        change.dataset, [whole, bare], session_consumed=False, merged_dataset_names=[]
    )
    state = await store.find_state(place(), ["k", "l", "m"], b"none")
    assert dict(state.records) == {"k": whole, "l": bare}
    assert state.dataset == change.dataset


@on_empty_store
async def test_records_are_in_order_of_sync_count_then_byte_order_of_keys(store: Store) -> None:
    late = dict.fromkeys(KEYS_IN_BYTE_ORDER[::2], "2")
    await apply(store, writing(place(), dict.fromkeys(reversed(KEYS_IN_BYTE_ORDER), "1")))
    assert await keys_found(store, place()) == KEYS_IN_BYTE_ORDER
    await apply(store, writing(place(), late, expects=1))
    found = await find(store, place())
    early = dict.fromkeys(KEYS_IN_BYTE_ORDER[1::2], "1")
    assert found.records == records_of(early, 1) + records_of(late, 2)


@pytest.mark.parametrize("limit", [1, 2, 5])
@on_empty_store
async def test_find_records_pages_without_gap_or_repetition(store: Store, limit: int) -> None:
    count = None
    for part in range(4):
        keys = KEYS_IN_BYTE_ORDER[part::4]
        await apply(store, writing(place(), dict.fromkeys(keys, str(part)), expects=count))
        count = part + 1
    records: list[Record] = []
    after = None
    while page := (await find(store, place(), after=after, limit=limit, through=4)).records:
        assert len(page) <= limit
        records += page
        after = (page[-1].sync_count, page[-1].key)
    assert records == (await find(store, place())).records
    assert len(records) == len(KEYS_IN_BYTE_ORDER)


@on_empty_store
async def test_a_position_need_not_be_a_stored_record(store: Store) -> None:
    await apply(store, writing(place(), {"a": "1", "c": "1"}))
    await apply(store, writing(place(), {"b": "2"}, expects=1))
    assert await keys_found(store, place(), after=(1, "b")) == ["c", "b"]
    assert await keys_found(store, place(), after=(1, "z")) == ["b"]
    assert await keys_found(store, place(), after=(0, "z")) == ["a", "c", "b"]
    assert await keys_found(store, place(), after=(2, "b")) == []


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({}, "abcd"),
        ({"above": 1}, "bcd"),
        ({"above": 4}, ""),
        ({"through": 2}, "ab"),
        ({"through": 0}, ""),
        ({"through": members.LONG_MAX}, "abcd"),
        ({"above": 1, "through": 3}, "bc"),
        ({"above": 3, "through": 2}, ""),
        ({"above": 1, "limit": 2}, "bc"),
        ({"limit": 0}, ""),
        ({"after": (2, "b"), "through": 3}, "c"),
        ({"after": (2, "b"), "limit": 1}, "c"),
        ({"above": 3, "after": (1, "a")}, "d"),
        ({"above": 2, "through": 3, "after": (1, "a"), "limit": 5}, "c"),
    ],
)
@on_empty_store
async def test_find_records_keeps_to_every_part_of_its_query(
    store: Store, query: dict[str, Any], expected: str
) -> None:
    for count, key in enumerate("abcd"):
        await apply(store, writing(place(), {key: "1"}, expects=count or None))
    found = await find(store, place(), **query)
    assert [record.key for record in found.records] == list(expected)
    assert found.dataset == await store.find_dataset(place())


@on_empty_store
async def test_a_record_written_again_moves_to_its_new_sync_count(store: Store) -> None:
    await apply(store, writing(place(), {"a": "1", "b": "1"}))
    await apply(store, writing(place(), {"a": "2"}, expects=1))
    assert await keys_found(store, place()) == ["b", "a"]
    assert await keys_found(store, place(), through=1) == ["b"]


@on_empty_store
async def test_a_tombstone_is_given_and_is_not_an_empty_value(store: Store) -> None:
    await apply(store, writing(place(), {"empty": "", "gone": "1"}))
    await apply(store, writing(place(), {"gone": None}, expects=1))
    found = await find(store, place())
    assert [(record.key, record.value) for record in found.records] == [
        ("empty", ""),
        ("gone", None),
    ]
    state = await store.find_state(place(), ["empty", "gone"], b"none")
    assert {key: record.value for key, record in state.records.items()} == {
        "empty": "",
        "gone": None,
    }


@on_empty_store
async def test_a_tombstone_can_be_written_over(store: Store) -> None:
    await apply(store, writing(place(), {"a": None}))
    await apply(store, writing(place(), {"a": "back"}, expects=1))
    assert (await find(store, place())).records == records_of({"a": "back"}, 2)


@on_empty_store
async def test_deletion_erases_every_record_and_tombstone(store: Store) -> None:
    deletion = deleting(place(), expects=1)
    await apply(store, writing(place(), {"a": "1", "b": None}), deletion)
    found = await find(store, place())
    assert (found.dataset, found.records) == (deletion.dataset, [])
    state = await store.find_state(place(), ["a", "b"], b"none")
    assert (state.dataset, dict(state.records)) == (deletion.dataset, {})


@on_empty_store
async def test_deletion_erases_records_of_its_own_dataset_only(store: Store) -> None:
    others = [
        place("thing"),
        place("things2"),
        place(identity_id=OTHER_IDENTITY),
        place(identity_pool_id=OTHER_POOL),
    ]
    for where in (place(), *others):
        await apply(store, writing(where, {"a": "1"}))
    await apply(store, deleting(place(), expects=1))
    for where in others:
        assert (await find(store, where)).records == records_of({"a": "1"}, 1)


@on_empty_store
async def test_find_state_counts_live_datasets_for_a_name_that_does_not_exist(
    store: Store,
) -> None:
    for name in ("a", "b", "c"):
        await apply(store, writing(place(name), {}))
    await apply(store, deleting(place("c"), expects=1))
    await apply(store, writing(place("d", identity_id=OTHER_IDENTITY), {}))
    await apply(store, writing(place("e", identity_pool_id=OTHER_POOL), {}))
    for name in ("c", "new"):
        assert (await store.find_state(place(name), [], b"none")).live_datasets == 2


@on_empty_store
async def test_find_state_reads_any_number_of_keys(store: Store) -> None:
    values = {f"key-{number:04}": str(number) for number in range(1024)}
    await apply(store, writing(place(), values))
    state = await store.find_state(place(), [*values, "absent"], b"none")
    assert state.records == {record.key: record for record in records_of(values, 1)}
    assert dict((await store.find_state(place(), [], b"none")).records) == {}


@on_empty_store
async def test_find_state_of_every_key_reads_the_whole_dataset(store: Store) -> None:
    assert dict((await store.find_state(place(), None, b"none")).records) == {}
    values: dict[str, str | None] = {"gone": None, "kept": "", "\U0001f600": "1"}
    await apply(store, writing(place(), values), writing(place(), {"new": "2"}, expects=1))
    for other in (place("thing"), place(identity_id=OTHER_IDENTITY)):
        await apply(store, writing(other, {"other": "1"}))
    state = await store.find_state(place(), None, b"none")
    records = records_of(values, 1) + records_of({"new": "2"}, 2)
    assert state.records == {record.key: record for record in records}
    assert state.dataset is not None
    assert state.dataset.sync_count == 2
    await apply(store, deleting(place(), expects=2))
    assert dict((await store.find_state(place(), None, b"none")).records) == {}


@pytest.mark.parametrize(
    "text",
    [
        "\x00",
        "a\x00b\x00",
        "\U0001f600\u200d\U0001f5fa",
        "'; DROP TABLE records; --",
        "%s {} $1 \\N ?",
        " padded ",
        "\r\n",
        "\ufeff",
        "\uffff",
        "9007199254740993",
        "0x10",
        "true",
        "e\u0301",
    ],
)
@on_empty_store
async def test_keys_and_values_come_back_as_they_went_in(store: Store, text: str) -> None:
    await apply(store, writing(place(), {text: text}))
    assert (await find(store, place())).records == records_of({text: text}, 1)
    state = await store.find_state(place(), [text], b"none")
    assert state.records[text].value == text


@on_empty_store
async def test_values_of_a_mebibyte_are_kept(store: Store) -> None:
    values: dict[str, str | None] = {
        "plain": "x" * MIB,
        "nul": "\x00" * MIB,
        "wide": "\U0001f600" * (MIB // 4),
    }
    await apply(store, writing(place(), values))
    assert (await find(store, place())).records == records_of(values, 1)


@on_empty_store
async def test_keys_of_the_greatest_length_are_kept_in_order(store: Store) -> None:
    values = {_long_key(number): str(number) for number in range(20)}
    assert all(len(key) == 1024 and len(key.encode()) == 4096 for key in values)
    await apply(store, writing(place(), values))
    assert (await find(store, place())).records == records_of(values, 1)
    state = await store.find_state(place(), list(values), b"none")
    assert {key: record.value for key, record in state.records.items()} == values


@on_empty_store
async def test_counts_and_dates_use_all_of_63_bits(store: Store) -> None:
    for count in (members.LONG_MAX - 1, members.LONG_MAX):
        expects = None if count < members.LONG_MAX else members.LONG_MAX - 1
        await apply(store, writing(place(), {str(count): "1"}, expects=expects, sync_count=count))
    found = await find(store, place(), above=members.LONG_MAX - 2)
    assert [record.sync_count for record in found.records] == [
        members.LONG_MAX - 1,
        members.LONG_MAX,
    ]
    assert await keys_found(store, place(), above=members.LONG_MAX - 1) == [str(members.LONG_MAX)]
    position = (members.LONG_MAX - 1, str(members.LONG_MAX - 1))
    assert await keys_found(store, place(), after=position) == [str(members.LONG_MAX)]
    dated = Record(
        key="dated",
        value="",
        sync_count=1,
        last_modified_date=members.LONG_MAX,
        last_modified_by="",
        device_last_modified_date=-members.LONG_MAX,
    )
    change = writing(place("dated"), {})
    await apply(
        store,
        DatasetChange(
            place=change.place, expected_sync_count=None, dataset=change.dataset, records=(dated,)
        ),
    )
    assert (await find(store, place("dated"))).records == [dated]
    listed = await store.list_datasets(POOL, IDENTITY, after="dated", limit=5)
    assert [dataset.sync_count for dataset in listed] == [members.LONG_MAX]
