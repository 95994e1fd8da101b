"""ListRecords and UpdateRecords: one sync of one device."""

from collections.abc import Sequence

from keepstep.domain.datasets import Dataset, DatasetPlace, Record, SyncSession
from keepstep.domain.limits import STALE_RETRIES_MAX, TRIGGER_CALLS_MAX
from keepstep.domain.pages import RecordsPosition, open_position, seal_position
from keepstep.domain.patches import Patch, check_patches, decide_update
from keepstep.domain.pools import PoolSettings
from keepstep.domain.sync_sessions import (
    begin_session,
    invalid_session,
    open_session,
    seal_session,
)
from keepstep.interfaces.service import Call
from keepstep.interfaces.storage import RecordsFound, RecordsQuery
from keepstep.wire import sync
from keepstep.wire.errors import InvalidParameterException, TooManyRequestsException
from keepstep.wire.members import LONG_MAX

from .outgoing import ask_trigger, trigger_of, with_outbox
from .pools import authorized_pool, check_still_there, existing_pool


async def list_records(call: Call, request: sync.ListRecordsRequest) -> sync.ListRecordsResponse:
    """List the records that changed after LastSyncCount, tombstones included, and begin a sync.

    A dataset that does not exist is a success with ``DatasetExists`` false. Without MaxResults
    one page holds everything: the iOS SDK never asks for a second one. Later pages keep to the
    sync count of the first. A session token that is passed in goes on being the session.

    Raises NotAuthorizedException for an unknown pool; InvalidParameterException for a token
    that cannot be used, or a count that the dataset has not reached.
    """
    service = call.service
    await authorized_pool(call, request.identity_pool_id)
    place = DatasetPlace(request.identity_pool_id, request.identity_id, request.dataset_name)
    session = None
    if request.sync_session_token is not None:
        session = open_session(request.sync_session_token, place, service.sealer, service.clock())
    position = _position(call, request, place)
    query = RecordsQuery(
        place,
        above=position.last_sync_count,
        through=position.through if request.next_token is not None else None,
        after=(position.after_sync_count, position.after_key)
        if request.next_token is not None
        else None,
        limit=min(request.max_results, LONG_MAX - 1) + 1
        if request.max_results is not None
        else None,
    )
    found = await service.store.find_records(query, session.session_id if session else None)
    if found.session_consumed:
        raise invalid_session()
    if found.dataset is None and position.last_sync_count > 0:
        await check_still_there(call, place)  # merged away is not deleted
    token = request.sync_session_token or _begin(call, place)
    return _listing(call, request, position, found, token)


async def update_records(
    call: Call, request: sync.UpdateRecordsRequest
) -> sync.UpdateRecordsResponse:
    """Apply all patches as one step, creating the dataset if there is none; consume the session.

    Answers the changed records, each with the dataset's new sync count. On any error nothing
    is stored and the session goes on.

    Raises InvalidParameterException for a bad patch or session token,
    ResourceConflictException for a patch of an older record than the stored one,
    LimitExceededException, ResourceNotFoundException for an unknown pool,
    NotAuthorizedException for an identity that was merged away or deleted,
    TooManyRequestsException if other writers were faster too often, and what the pool's sync
    trigger fails with: LambdaSocketTimeoutException, LambdaThrottledException or
    InvalidLambdaFunctionOutputException.
    """
    service = call.service
    pool = await existing_pool(call, request.identity_pool_id)
    place = DatasetPlace(request.identity_pool_id, request.identity_id, request.dataset_name)
    session = open_session(request.sync_session_token, place, service.sealer, service.clock())
    patches = [_patch(patch) for patch in request.record_patches or ()]
    check_patches(patches)
    records = await _apply(call, pool.settings, place, patches, session, request.device_id)
    return sync.UpdateRecordsResponse(records=[record_shape(record) for record in records])


def record_shape(record: Record) -> sync.Record:
    """Give a record as it travels; a tombstone has no value."""
    return sync.Record(
        key=record.key,
        value=record.value,
        sync_count=record.sync_count,
        last_modified_date=record.last_modified_date / 1000,
        last_modified_by=record.last_modified_by,
        device_last_modified_date=record.device_last_modified_date / 1000,
    )


async def _apply(
    call: Call,
    settings: PoolSettings,
    place: DatasetPlace,
    patches: Sequence[Patch],
    session: SyncSession,
    device_id: str | None,
) -> tuple[Record, ...]:
    service = call.service
    trigger = trigger_of(call, settings) if settings.events else None
    keys = None if trigger is not None else [patch.key for patch in patches]
    for _ in range(STALE_RETRIES_MAX if trigger is None else TRIGGER_CALLS_MAX):
        state = await service.store.find_state(place, keys, session.session_id)
        if state.session_consumed:
            raise invalid_session()
        if not patches:
            return ()
        wanted = patches
        if trigger is not None:
            wanted = await ask_trigger(call, trigger, place, state, patches)
        change = decide_update(
            place,
            state,
            wanted,
            session=session,
            now=service.clock(),
            modified_by=device_id or call.account_id,
            limits=service.limits,
        )
        if settings.cognito_streams is not None or settings.push_sync is not None:
            change = with_outbox(settings, change, device_id)
        if await service.store.change_dataset(change):
            service.announcer.announce(change)
            return change.records
        await check_still_there(call, place)
    raise TooManyRequestsException(
        f"Dataset {place.dataset_name} is being changed by many others; try again."
    )


def _patch(patch: sync.RecordPatch) -> Patch:
    removes = patch.op == "remove"
    if patch.value is None and not removes:
        raise InvalidParameterException(
            f"The patch that replaces the key {patch.key!r} has no Value; give a string, or use "
            "the Op 'remove'."
        )
    date = patch.device_last_modified_date
    return Patch(
        key=patch.key,
        value=None if removes else patch.value,
        sync_count=patch.sync_count,
        device_last_modified_date=None if date is None else round(date * 1000),
    )


def _position(call: Call, request: sync.ListRecordsRequest, place: DatasetPlace) -> RecordsPosition:
    if request.next_token is None:
        return RecordsPosition(
            last_sync_count=request.last_sync_count or 0,
            through=0,
            after_sync_count=0,
            after_key="",
        )
    position = open_position(request.next_token, place, call.service.sealer)
    if request.last_sync_count not in (None, position.last_sync_count):
        raise InvalidParameterException(
            f"NextToken belongs to LastSyncCount {position.last_sync_count}, not "
            f"{request.last_sync_count}; leave it out to start from the first page."
        )
    return position


def _begin(call: Call, place: DatasetPlace) -> str:
    service = call.service
    service.statistics.count_sync_session(place.identity_pool_id)
    session = begin_session(service.clock(), service.entropy)
    return seal_session(session, place, service.sealer)


def _listing(
    call: Call,
    request: sync.ListRecordsRequest,
    position: RecordsPosition,
    found: RecordsFound,
    session_token: str,
) -> sync.ListRecordsResponse:
    last = position.last_sync_count
    dataset = found.dataset
    exists = dataset is not None and dataset.exists
    count = position.through if request.next_token is not None else _count(dataset, last)
    page = found.records[: request.max_results]
    next_token = None
    if len(found.records) > len(page):
        place = DatasetPlace(request.identity_pool_id, request.identity_id, request.dataset_name)
        position = RecordsPosition(
            last_sync_count=last,
            through=count,
            after_sync_count=page[-1].sync_count,
            after_key=page[-1].key,
        )
        next_token = seal_position(position, place, call.service.sealer)
    return sync.ListRecordsResponse(
        records=[record_shape(record) for record in page],
        next_token=next_token,
        count=len(page),
        dataset_sync_count=count,
        last_modified_by=dataset.last_modified_by if dataset is not None and exists else None,
        dataset_exists=exists,
        dataset_deleted_after_requested_sync_count=_deleted_since(dataset, last),
        sync_session_token=session_token,
        merged_dataset_names=None if next_token is not None else found.merged_dataset_names or None,
    )


def _count(dataset: Dataset | None, last_sync_count: int) -> int:
    """Give the dataset's count to a client, hiding a deleted dataset's from one that is new.

    A fresh iOS client would otherwise keep a count for a dataset that does not exist, and take
    it for deleted at its next sync.

    Raises InvalidParameterException for a count not reached; iOS matches its beginning.
    """
    if dataset is None:
        return 0
    if last_sync_count > dataset.sync_count:
        raise InvalidParameterException(
            f"No such SyncCount: {last_sync_count} exists for this Dataset"
        )
    return 0 if not dataset.exists and last_sync_count == 0 else dataset.sync_count


def _deleted_since(dataset: Dataset | None, last_sync_count: int) -> bool:
    """Tell a client whether the data it last saw is gone.

    A name the server has never seen counts as deleted, so that clients recover by themselves
    after a server was restored without it.
    """
    if dataset is None:
        return last_sync_count > 0
    return 0 < last_sync_count < dataset.deleted_sync_count
