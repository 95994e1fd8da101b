"""ListDatasets, DescribeDataset and DeleteDataset."""

from keepstep.domain.datasets import Dataset, DatasetPlace
from keepstep.domain.limits import PAGE_DATASETS_MAX, STALE_RETRIES_MAX
from keepstep.domain.pages import open_name, seal_name
from keepstep.domain.patches import decide_deletion
from keepstep.interfaces.service import Call
from keepstep.wire import sync
from keepstep.wire.errors import ResourceConflictException, ResourceNotFoundException

from .outgoing import with_deletion
from .pools import authorized_pool, existing_pool


async def list_datasets(call: Call, request: sync.ListDatasetsRequest) -> sync.ListDatasetsResponse:
    """List an identity's existing datasets by name, in byte order.

    Without MaxResults the page holds all of them, up to 1,000: the iOS SDK never asks for a
    second page. A token is given only when another dataset exists. An identity that has never
    stored anything has an empty list; the model has no not-found error here.

    Raises NotAuthorizedException for an unknown pool, InvalidParameterException for a bad token.
    """
    pool, identity = request.identity_pool_id, request.identity_id
    await authorized_pool(call, pool)
    sealer = call.service.sealer
    scope = (pool, identity)
    token = request.next_token
    after = open_name("ListDatasets", scope, token, sealer) if token is not None else ""
    limit = min(request.max_results or PAGE_DATASETS_MAX, PAGE_DATASETS_MAX)
    found = await call.service.store.list_datasets(pool, identity, after=after, limit=limit + 1)
    page = found[:limit]
    next_token = None
    if len(found) > limit:
        next_token = seal_name("ListDatasets", scope, page[-1].dataset_name, sealer)
    return sync.ListDatasetsResponse(
        datasets=[dataset_shape(identity, dataset) for dataset in page],
        count=len(page),
        next_token=next_token,
    )


async def describe_dataset(
    call: Call, request: sync.DescribeDatasetRequest
) -> sync.DescribeDatasetResponse:
    """Describe one dataset.

    Raises ResourceNotFoundException for an unknown pool, or a dataset that never existed or
    was deleted.
    """
    await existing_pool(call, request.identity_pool_id)
    place = DatasetPlace(request.identity_pool_id, request.identity_id, request.dataset_name)
    dataset = await call.service.store.find_dataset(place)
    if dataset is None or not dataset.exists:
        raise missing_dataset(place)
    return sync.DescribeDatasetResponse(dataset=dataset_shape(place.identity_id, dataset))


async def delete_dataset(
    call: Call, request: sync.DeleteDatasetRequest
) -> sync.DeleteDatasetResponse:
    """Delete a dataset with its records and tombstones; its counter stays and grows by one.

    Answers the dataset as it was just before.

    Raises ResourceNotFoundException for an unknown pool or dataset, and
    ResourceConflictException if other writers were faster a hundred times in a row.
    """
    pool = await existing_pool(call, request.identity_pool_id)
    service = call.service
    place = DatasetPlace(request.identity_pool_id, request.identity_id, request.dataset_name)
    for _ in range(STALE_RETRIES_MAX):
        dataset = await service.store.find_dataset(place)
        if dataset is None or not dataset.exists:
            raise missing_dataset(place)
        change = decide_deletion(place, dataset, now=service.clock())
        change = with_deletion(pool.settings, change)
        if await service.store.change_dataset(change):
            service.announcer.announce(change)
            return sync.DeleteDatasetResponse(dataset=dataset_shape(place.identity_id, dataset))
    raise ResourceConflictException(
        f"Dataset {place.dataset_name} is being changed by others; delete it again."
    )


def dataset_shape(identity_id: str, dataset: Dataset) -> sync.Dataset:
    """Give a dataset as it travels."""
    return sync.Dataset(
        identity_id=identity_id,
        dataset_name=dataset.dataset_name,
        creation_date=(dataset.creation_date or 0) / 1000,
        last_modified_date=dataset.last_modified_date / 1000,
        last_modified_by=dataset.last_modified_by,
        data_storage=dataset.data_storage,
        num_records=dataset.num_records,
    )


def missing_dataset(place: DatasetPlace) -> ResourceNotFoundException:
    """Give the error for a dataset that does not exist."""
    return ResourceNotFoundException(f"Dataset {place.dataset_name} doesn't exist")
