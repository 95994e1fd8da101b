"""Bulk publishes: sending all that a pool's datasets hold to its stream once."""

import msgspec

from keepstep.wire.errors import AlreadyStreamedException, DuplicateRequestException
from keepstep.wire.members import BulkPublishStatus

from .limits import SECOND_MS, Limits


class BulkPublish(msgspec.Struct, frozen=True, kw_only=True):
    """The last bulk publish of a pool; one that was never asked for has no row.

    Dates are milliseconds since the epoch; ``complete_date`` is set when it succeeded. All
    datasets up to ``position``, an identity id and a dataset name, were sent. Each change has a
    ``version``.
    """

    identity_pool_id: str
    status: BulkPublishStatus
    start_date: int
    complete_date: int | None = None
    failure_message: str | None = None
    position: tuple[str, str] = ("", "")
    version: int = 1


def begun(
    identity_pool_id: str, before: BulkPublish | None, *, now: int, limits: Limits
) -> BulkPublish:
    """Begin a pool's next bulk publish, after the one before if there was one.

    Raises DuplicateRequestException while that is in progress, and AlreadyStreamedException if it
    succeeded too short a time ago; a failed one may be repeated at once.
    """
    if before is not None and before.status == "IN_PROGRESS":
        raise DuplicateRequestException(
            "A bulk publish of this identity pool is in progress; GetBulkPublishDetails tells when "
            "it has ended."
        )
    pause = limits.bulk_publish_pause_seconds
    if before is not None and before.complete_date is not None:
        left = pause - max(0, now - before.complete_date) // SECOND_MS
        if left > 0:
            raise AlreadyStreamedException(
                f"This identity pool was published less than {pause} seconds ago; publish it again "
                f"in {left} seconds."
            )
    version = 1 if before is None else before.version + 1
    return BulkPublish(
        identity_pool_id=identity_pool_id, status="IN_PROGRESS", start_date=now, version=version
    )


def proceeded(publish: BulkPublish, position: tuple[str, str]) -> BulkPublish:
    """Note that all datasets up to a position were sent."""
    return msgspec.structs.replace(publish, position=position, version=publish.version + 1)


def succeeded(publish: BulkPublish, now: int) -> BulkPublish:
    """Note that all datasets were sent."""
    return msgspec.structs.replace(
        publish, status="SUCCEEDED", complete_date=now, version=publish.version + 1
    )


def failed(publish: BulkPublish, reason: str) -> BulkPublish:
    """Note that the rest cannot be sent; the reason is for the pool's owner."""
    return msgspec.structs.replace(
        publish, status="FAILED", failure_message=reason, version=publish.version + 1
    )
