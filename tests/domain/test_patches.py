"""What an update does to a dataset, against a recount from scratch over random histories."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from keepstep.domain.dataset_changes import DatasetChange
from keepstep.domain.datasets import Dataset, DatasetPlace, Record, SyncSession
from keepstep.domain.limits import MIB, Limits
from keepstep.domain.patches import (
    DatasetState,
    Patch,
    check_patches,
    decide_deletion,
    decide_update,
)
from keepstep.wire.errors import (
    InvalidParameterException,
    LimitExceededException,
    ResourceConflictException,
)

PLACE = DatasetPlace("us-east-1:1", "us-east-1:2", "things")
SESSION = SyncSession(b"s" * 16, 1)
NOW = 1_700_000_000_000
TIGHT = Limits(records_per_dataset=3, dataset_bytes=24, datasets_per_identity=2)


@dataclass
class Held:
    """A dataset as a store holds it: what changes are applied to."""

    dataset: Dataset | None = None
    records: dict[str, Record] = field(default_factory=dict[str, Record])

    @property
    def count(self) -> int:
        return 0 if self.dataset is None else self.dataset.sync_count

    def apply(self, change: DatasetChange) -> None:
        assert change.expected_sync_count == (self.dataset and self.dataset.sync_count)
        if change.erases_records:
            self.records.clear()
        self.records.update({record.key: record for record in change.records})
        self.dataset = change.dataset

    def recount(self) -> tuple[int, int]:
        """Give the number of live records and their bytes, from scratch."""
        live = [(r.key, r.value) for r in self.records.values() if r.value is not None]
        return len(live), sum(len((key + value).encode()) for key, value in live)

    def update(
        self,
        *patches: Patch,
        limits: Limits = TIGHT,
        now: int = NOW,
        live_datasets: int = 0,
        modified_by: str = "device",
    ) -> DatasetChange:
        """Decide an update and, unless it raises, apply it."""
        state = DatasetState(
            dataset=self.dataset, records=self.records, live_datasets=live_datasets
        )
        change = decide_update(
            PLACE,
            state,
            patches,
            session=SESSION,
            now=now,
            modified_by=modified_by,
            limits=limits,
        )
        self.apply(change)
        return change

    def delete(self, now: int = NOW) -> DatasetChange:
        assert self.dataset is not None
        change = decide_deletion(PLACE, self.dataset, now=now)
        self.apply(change)
        return change


def patch(key: str, value: str | None, sync_count: int = 0, date: int | None = None) -> Patch:
    return Patch(key=key, value=value, sync_count=sync_count, device_last_modified_date=date)


PATCHES = st.lists(
    st.builds(
        patch,
        st.sampled_from(["a", "b", "c", "é", "long-key"]),
        st.none() | st.text(max_size=8),
        st.integers(0, 6),
        st.none() | st.integers(0, NOW),
    ),
    min_size=1,
    max_size=4,
    unique_by=lambda patch: patch.key,
)
DELETION: list[Patch] = []
HISTORIES = st.lists(PATCHES | st.just(DELETION), max_size=10)


def stale(patches: Sequence[Patch], records: Mapping[str, Record]) -> bool:
    return any(p.key in records and p.sync_count < records[p.key].sync_count for p in patches)


@settings(deadline=None)
@given(history=HISTORIES)
def test_books_equal_a_recount_whatever_happened(history: list[list[Patch]]) -> None:
    held = Held()
    for patches in history:
        before = held.count
        if patches:
            try:
                held.update(*patches, limits=Limits())
            except ResourceConflictException:
                continue
        elif held.dataset is not None and held.dataset.exists:
            held.delete()
        else:
            continue
        assert held.dataset is not None
        assert (held.dataset.num_records, held.dataset.data_storage) == held.recount()
        assert held.count == before + 1
        assert all(record.sync_count <= held.count for record in held.records.values())


@settings(deadline=None)
@given(history=HISTORIES)
def test_an_update_conflicts_exactly_if_a_patch_is_older_than_its_record(
    history: list[list[Patch]],
) -> None:
    held = Held()
    for patches in filter(None, history):
        records, dataset = dict(held.records), held.dataset
        if stale(patches, records):
            with pytest.raises(ResourceConflictException):
                held.update(*patches, limits=Limits())
            assert (held.records, held.dataset) == (records, dataset)
        else:
            held.update(*patches, limits=Limits())


@settings(deadline=None)
@given(history=HISTORIES)
def test_an_update_writes_every_patch_with_the_next_count_and_nothing_else(
    history: list[list[Patch]],
) -> None:
    held = Held()
    for patches in filter(None, history):
        if stale(patches, held.records):
            continue
        untouched = {k: r for k, r in held.records.items() if k not in {p.key for p in patches}}
        before = held.count
        change = held.update(*patches, limits=Limits())
        assert [(r.key, r.value) for r in change.records] == [(p.key, p.value) for p in patches]
        assert {record.sync_count for record in change.records} == {before + 1}
        assert change.dataset.sync_count == before + 1
        assert change.consumes == SESSION
        assert not change.erases_records
        assert untouched.items() <= held.records.items()


@settings(deadline=None)
@given(history=HISTORIES, limits=st.sampled_from([TIGHT, Limits(dataset_bytes=8)]))
def test_an_update_is_refused_exactly_if_it_grows_past_a_limit(
    history: list[list[Patch]], limits: Limits
) -> None:
    """The dataset begins over both limits, as after an operator lowered them."""
    held = Held()
    held.update(*(patch(f"old{i}", "12345") for i in range(5)), limits=Limits())
    for patches in filter(None, history):
        if stale(patches, held.records):
            continue
        before, after = held.recount(), Held(None, dict(held.records))
        after.records.update(
            {p.key: record(p.key, p.value, held.count + 1) for p in patches},
        )
        number, size = after.recount()
        too_many = number > max(limits.records_per_dataset, before[0])
        too_big = size > max(limits.dataset_bytes, before[1])
        if too_many or too_big:
            with pytest.raises(LimitExceededException):
                held.update(*patches, limits=limits)
            assert held.recount() == before
        else:
            held.update(*patches, limits=limits)


def record(key: str, value: str | None, sync_count: int) -> Record:
    return Record(
        key=key,
        value=value,
        sync_count=sync_count,
        last_modified_date=NOW,
        last_modified_by=None,
        device_last_modified_date=NOW,
    )


def test_the_first_update_creates_the_dataset_with_count_one() -> None:
    held = Held()
    change = held.update(patch("a", "é", date=5), now=NOW, modified_by="phone")
    assert change.expected_sync_count is None
    assert change.dataset == Dataset(
        dataset_name="things",
        sync_count=1,
        creation_date=NOW,
        last_modified_date=NOW,
        last_modified_by="phone",
        data_storage=3,
        num_records=1,
    )
    (written,) = change.records
    assert written.device_last_modified_date == 5
    assert written.last_modified_date == NOW
    assert written.last_modified_by == "phone"


def test_a_device_date_left_out_is_the_time_of_the_write() -> None:
    (written,) = Held().update(patch("a", "x"), now=NOW).records
    assert written.device_last_modified_date == NOW


def test_a_device_date_of_the_epoch_is_kept() -> None:
    (written,) = Held().update(patch("a", "x", date=0), now=NOW).records
    assert written.device_last_modified_date == 0


def test_an_update_keeps_the_creation_date() -> None:
    held = Held()
    held.update(patch("a", "x"), now=NOW)
    change = held.update(patch("a", "y", 1), now=NOW + 5, modified_by="other")
    assert (change.dataset.creation_date, change.dataset.last_modified_date) == (NOW, NOW + 5)
    assert change.dataset.last_modified_by == "other"


def test_an_update_that_changes_no_value_advances_the_count() -> None:
    held = Held()
    held.update(patch("a", "x"))
    assert held.update(patch("a", "x", 1)).dataset.sync_count == 2


def test_the_first_stale_patch_is_named_as_clients_match_it() -> None:
    """The form seen in amazon-cognito-js issue 31."""
    held = Held()
    held.update(patch("user", "x"), patch("b", "x"))
    with pytest.raises(ResourceConflictException) as raised:
        held.update(patch("new", "y", 0), patch("user", "y", 0), patch("b", "y", 0))
    assert raised.value.message == "Current SyncCount for: user is: 1 not: 0"


@pytest.mark.parametrize("sync_count", [1, 2, 1000])
def test_a_patch_with_a_higher_count_than_the_record_is_accepted(sync_count: int) -> None:
    held = Held()
    held.update(patch("a", "x"))
    held.update(patch("a", "y", sync_count), patch("new", "z", sync_count), limits=Limits())
    assert held.records["a"].sync_count == held.records["new"].sync_count == 2


def test_the_same_value_from_an_older_record_conflicts() -> None:
    held = Held()
    held.update(patch("a", "x"))
    with pytest.raises(ResourceConflictException):
        held.update(patch("a", "x", 0))


def test_a_removed_record_leaves_a_tombstone_that_counts_for_conflicts_alone() -> None:
    held = Held()
    held.update(patch("a", "x"))
    assert held.update(patch("a", None, 1)).dataset.num_records == 0
    assert held.recount() == (0, 0)
    with pytest.raises(ResourceConflictException, match="Current SyncCount for: a is: 2 not: 1"):
        held.update(patch("a", "y", 1))
    assert held.update(patch("a", "y", 2)).dataset.num_records == 1


def test_removing_a_key_that_does_not_exist_writes_a_tombstone() -> None:
    change = Held().update(patch("a", None))
    assert [(r.key, r.value, r.sync_count) for r in change.records] == [("a", None, 1)]
    assert (change.dataset.num_records, change.dataset.data_storage) == (0, 0)


def test_a_key_patched_twice_is_refused() -> None:
    with pytest.raises(InvalidParameterException, match="'a' is patched more than once"):
        check_patches([patch("a", "x"), patch("b", "x"), patch("a", None)])
    check_patches([patch("a", "x"), patch("A", "x")])
    check_patches([])


def test_the_last_record_that_fits_is_taken_and_one_more_is_not() -> None:
    limits = Limits()
    held = Held()
    held.update(*(patch(str(i), "") for i in range(1024)), limits=limits)
    with pytest.raises(LimitExceededException, match="1025 records and may hold 1024"):
        held.update(patch("more", ""), limits=limits)
    held.update(patch("0", None, 1), patch("more", ""), limits=limits)


def test_the_last_byte_that_fits_is_taken_and_one_more_is_not() -> None:
    limits = Limits()
    held = Held()
    held.update(patch("a", "x" * (MIB - 1)), limits=limits)
    with pytest.raises(LimitExceededException, match="1048577 bytes and may hold 1048576"):
        held.update(patch("b", ""), limits=limits)
    held.update(patch("a", "x", 1), patch("b", ""), limits=limits)


def test_an_identity_may_create_datasets_up_to_its_limit() -> None:
    change = Held().update(patch("a", "x"), live_datasets=1)
    assert change.datasets_below == 2
    with pytest.raises(LimitExceededException, match="has 2 datasets and may have 2"):
        Held().update(patch("a", "x"), live_datasets=2)


def test_a_full_identity_may_update_a_dataset_that_exists_but_not_revive_one() -> None:
    held = Held()
    held.update(patch("a", "x"))
    assert held.update(patch("a", "y", 1), live_datasets=2).datasets_below is None
    held.delete()
    with pytest.raises(LimitExceededException):
        held.update(patch("a", "z"), live_datasets=2)


def test_a_deletion_erases_the_data_and_consumes_a_count() -> None:
    held = Held()
    held.update(patch("a", "x"))
    change = held.delete(now=NOW + 9)
    assert change.erases_records
    assert change.consumes is None
    assert not change.dataset.exists
    assert (change.dataset.sync_count, change.dataset.deleted_sync_count) == (2, 2)
    assert (change.dataset.num_records, change.dataset.data_storage) == (0, 0)


def test_a_dataset_created_again_goes_on_counting_and_remembers_its_deletion() -> None:
    held = Held()
    held.update(patch("a", "x"), now=NOW)
    held.delete(now=NOW + 1)
    change = held.update(patch("a", "y", 0), now=NOW + 2)
    assert (change.dataset.sync_count, change.dataset.deleted_sync_count) == (3, 2)
    assert change.dataset.creation_date == NOW + 2
    assert change.dataset.num_records == 1
