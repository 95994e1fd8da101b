"""Bulk publishes: sending all that a pool's datasets hold to its stream once."""

from collections.abc import Sequence
from typing import Final

import msgspec

from keepstep.wire.errors import AlreadyStreamedException, DuplicateRequestException
from keepstep.wire.members import BulkPublishStatus

from .limits import SECOND_MS, Limits


class BulkPublish(msgspec.Struct, frozen=True, kw_only=True):
    """The last bulk publish of a pool; one that was never asked for has no row.

    Dates are milliseconds since the epoch; ``complete_date`` is set when it succeeded. All
    datasets up to ``position``, an identity id and a dataset name, were sent, except those that
    cannot be: while it is in progress, ``failure_message`` holds what is known of them, and is for
    the pool's owner only when it failed. Each change has a ``version``.
    """

    identity_pool_id: str
    status: BulkPublishStatus
    start_date: int
    complete_date: int | None = None
    failure_message: str | None = None
    position: tuple[str, str] = ("", "")
    version: int = 1


class LeftOut(msgspec.Struct, frozen=True):
    """How many datasets a bulk publish in progress could not send, and why not the first."""

    datasets: int = 0
    reason: str = ""


_left_out: Final = msgspec.json.Decoder(LeftOut)


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


def proceeded(
    publish: BulkPublish, position: tuple[str, str], left_out: Sequence[str] = ()
) -> BulkPublish:
    """Note that all datasets up to a position were sent, except some that cannot be, and why."""
    return msgspec.structs.replace(
        publish,
        position=position,
        failure_message=_with(publish, left_out),
        version=publish.version + 1,
    )


def ended(publish: BulkPublish, left_out: Sequence[str], now: int) -> BulkPublish:
    """Note that all datasets were sent, except some that cannot be, and why.

    It succeeded if none of them was left out, now or before.
    """
    message = _with(publish, left_out)
    if message is not None:
        return _failed(publish, _told(message))
    return msgspec.structs.replace(
        publish, status="SUCCEEDED", complete_date=now, version=publish.version + 1
    )


def failed(publish: BulkPublish, reason: str) -> BulkPublish:
    """Note that the rest cannot be sent; the reason is for the pool's owner."""
    if publish.failure_message is not None:
        reason = f"{reason}; before that, {_told(publish.failure_message)}"
    return _failed(publish, reason)


def _failed(publish: BulkPublish, reason: str) -> BulkPublish:
    return msgspec.structs.replace(
        publish, status="FAILED", failure_message=reason, version=publish.version + 1
    )


def _with(publish: BulkPublish, reasons: Sequence[str]) -> str | None:
    """Give what is kept of the datasets left out so far, and for these reasons."""
    if not reasons:
        return publish.failure_message
    kept = publish.failure_message
    before = LeftOut() if kept is None else _left_out.decode(kept)
    after = LeftOut(before.datasets + len(reasons), before.reason or reasons[0])
    return msgspec.json.encode(after).decode()


def _told(kept: str) -> str:
    left_out = _left_out.decode(kept)
    if left_out.datasets == 1:
        return f"1 dataset was not published: {left_out.reason}"
    return f"{left_out.datasets} datasets were not published; the first: {left_out.reason}"
