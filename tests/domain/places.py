"""A place, and records and datasets in it, for tests of what is decided about them."""

from collections.abc import Mapping

from keepstep.domain.datasets import Dataset, DatasetPlace, Record
from keepstep.domain.patches import DatasetState, Patch

PLACE = DatasetPlace("eu-west-1:1", "eu-west-1:2", "things")
NOW = 1_700_000_000_000


def record(key: str, value: str | None, sync_count: int = 1, date: int = NOW) -> Record:
    return Record(
        key=key,
        value=value,
        sync_count=sync_count,
        last_modified_date=date,
        last_modified_by="device",
        device_last_modified_date=date - 5,
    )


def patch(key: str, value: str | None, sync_count: int = 9, date: int | None = None) -> Patch:
    return Patch(key=key, value=value, sync_count=sync_count, device_last_modified_date=date)


def dataset(sync_count: int, *, deleted: bool = False) -> Dataset:
    return Dataset(
        dataset_name=PLACE.dataset_name,
        sync_count=sync_count,
        deleted_sync_count=sync_count if deleted else 0,
        creation_date=None if deleted else NOW,
        last_modified_date=NOW,
    )


def state_of(values: Mapping[str, str | None]) -> DatasetState:
    """Give a dataset with all its records, tombstones where there is no value, as it is at 9."""
    records = {key: record(key, value, count) for count, (key, value) in enumerate(values.items())}
    return DatasetState(dataset=dataset(9), records=records)
