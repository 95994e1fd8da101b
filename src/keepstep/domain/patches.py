"""What an UpdateRecords request does to a dataset: all of it, or an error and nothing."""

from collections.abc import Mapping, Sequence

import msgspec

from keepstep.wire.errors import (
    InvalidParameterException,
    LimitExceededException,
    ResourceConflictException,
)

from .dataset_changes import DatasetChange
from .datasets import Dataset, DatasetPlace, Record, SyncSession
from .limits import Limits


class Patch(msgspec.Struct, frozen=True, kw_only=True):
    """One wanted change of a record; with no value it removes the record.

    ``sync_count`` is the count of the record the client started from. A device date of None
    stands for the time of the write.
    """

    key: str
    value: str | None
    sync_count: int
    device_last_modified_date: int | None = None


class DatasetState(msgspec.Struct, frozen=True, kw_only=True):
    """What an update is decided on: the dataset, the patched records, and its surroundings.

    ``live_datasets`` counts the identity's existing datasets; it matters, and is read, only
    when this one does not exist.
    """

    dataset: Dataset | None
    records: Mapping[str, Record]
    session_consumed: bool = False
    live_datasets: int = 0


def check_patches(patches: Sequence[Patch]) -> None:
    """Refuse a list that names a key twice: the service gives the order no meaning.

    Raises InvalidParameterException.
    """
    seen: set[str] = set()
    for patch in patches:
        if patch.key in seen:
            raise InvalidParameterException(
                f"The key {patch.key!r} is patched more than once; send one patch for each key."
            )
        seen.add(patch.key)


def decide_update(
    place: DatasetPlace,
    state: DatasetState,
    patches: Sequence[Patch],
    *,
    session: SyncSession,
    now: int,
    modified_by: str,
    limits: Limits,
) -> DatasetChange:
    """Decide the change that applies all patches, each record with the dataset's next count.

    Any non-empty list advances the count by one, even if no value differs: then no client, old
    or new, ends up one count ahead of the server.

    Raises ResourceConflictException for the first patch made from an older record than the
    stored one, and LimitExceededException if the dataset would outgrow a limit.
    """
    before = state.dataset
    check_conflicts(patches, state.records)
    count = (before.sync_count if before is not None else 0) + 1
    records = tuple([_patched(patch, count, now, modified_by) for patch in patches])
    growth = added = 0
    for record in records:
        stored = state.records.get(record.key)
        growth += record.size - (stored.size if stored is not None else 0)
        added += record.is_live - (stored is not None and stored.is_live)
    exists = before is not None and before.exists
    after = Dataset(
        dataset_name=place.dataset_name,
        sync_count=count,
        deleted_sync_count=before.deleted_sync_count if before is not None else 0,
        creation_date=before.creation_date if before is not None and exists else now,
        last_modified_date=now,
        last_modified_by=modified_by,
        data_storage=(before.data_storage if before is not None else 0) + growth,
        num_records=(before.num_records if before is not None else 0) + added,
    )
    check_limits(after, growth=growth, added=added, limits=limits)
    if not exists and state.live_datasets >= limits.datasets_per_identity:
        raise LimitExceededException(
            f"The identity has {state.live_datasets} datasets and may have "
            f"{limits.datasets_per_identity}; delete one before creating "
            f"{place.dataset_name!r}."
        )
    return DatasetChange(
        place=place,
        expected_sync_count=before.sync_count if before is not None else None,
        dataset=after,
        records=records,
        consumes=session,
        datasets_below=None if exists else limits.datasets_per_identity,
    )


def decide_deletion(place: DatasetPlace, dataset: Dataset, *, now: int) -> DatasetChange:
    """Decide the change that deletes a dataset's data and keeps its counter.

    The deletion consumes a count, so that a client can tell the dataset's lives apart.
    """
    count = dataset.sync_count + 1
    return DatasetChange(
        place=place,
        expected_sync_count=dataset.sync_count,
        dataset=Dataset(
            dataset_name=place.dataset_name,
            sync_count=count,
            deleted_sync_count=count,
            last_modified_date=now,
        ),
        erases_records=True,
    )


def check_conflicts(patches: Sequence[Patch], records: Mapping[str, Record]) -> None:
    """Refuse a patch made from an older record than the stored one.

    A higher count is fine: AWS's own clients stamp every patch with the dataset's count. The
    text is exact; .NET matches its beginning.

    Raises ResourceConflictException for the first such patch.
    """
    for patch in patches:
        stored = records.get(patch.key)
        if stored is not None and patch.sync_count < stored.sync_count:
            raise ResourceConflictException(
                f"Current SyncCount for: {patch.key} is: {stored.sync_count} "
                f"not: {patch.sync_count}"
            )


def check_limits(after: Dataset, *, growth: int, added: int, limits: Limits) -> None:
    """Refuse a dataset that grew past a limit; one that shrinks towards it is allowed.

    Raises LimitExceededException.
    """
    if added > 0 and after.num_records > limits.records_per_dataset:
        raise LimitExceededException(
            f"The dataset would hold {after.num_records} records and may hold "
            f"{limits.records_per_dataset}; remove records first."
        )
    if growth > 0 and after.data_storage > limits.dataset_bytes:
        raise LimitExceededException(
            f"The dataset would hold {after.data_storage} bytes and may hold "
            f"{limits.dataset_bytes}; shorten or remove values first."
        )


def _patched(patch: Patch, count: int, now: int, modified_by: str) -> Record:
    device_date = patch.device_last_modified_date
    return Record(
        key=patch.key,
        value=patch.value,
        sync_count=count,
        last_modified_date=now,
        last_modified_by=modified_by,
        device_last_modified_date=now if device_date is None else device_date,
    )
