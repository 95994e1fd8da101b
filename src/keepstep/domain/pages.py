"""Page tokens: sealed, and bound to the call whose next page they ask for."""

from typing import Final

import msgspec

from keepstep.wire.errors import InvalidParameterException

from .datasets import DatasetPlace
from .sealing import SealBroken, Sealer, purpose

BEFORE_ALL: Final = (0, "")
"""Comes before every (creation date, id)."""


class RecordsPosition(msgspec.Struct, frozen=True, kw_only=True):
    """Where a read of records in several pages stands.

    ``through`` freezes the dataset's count at the first page, so that what changes in between
    belongs to the next sync and nothing is skipped. The next page starts behind the record
    (``after_sync_count``, ``after_key``).
    """

    last_sync_count: int
    through: int
    after_sync_count: int
    after_key: str


def seal_name(call: str, scope: tuple[str, ...], name: str, sealer: Sealer) -> str:
    """Give the token of a listing by name whose last item was ``name``."""
    return sealer.seal_text(purpose("page", call, *scope), name.encode())


def open_name(call: str, scope: tuple[str, ...], token: str, sealer: Sealer) -> str:
    """Give the last item of the page before. Raises InvalidParameterException."""
    return _open(token, purpose("page", call, *scope), sealer).decode()


def seal_age(call: str, scope: tuple[str, ...], last: tuple[int, str], sealer: Sealer) -> str:
    """Give the token of a listing by (creation date, id) whose last item was ``last``."""
    return sealer.seal_text(purpose("page", call, *scope), msgspec.json.encode(last))


def open_age(
    call: str, scope: tuple[str, ...], token: str | None, sealer: Sealer
) -> tuple[int, str]:
    """Give the last item of the page before, or what is before all items if there is no token.

    Raises InvalidParameterException.
    """
    if token is None:
        return BEFORE_ALL
    opened = _open(token, purpose("page", call, *scope), sealer)
    return msgspec.json.decode(opened, type=tuple[int, str])


def seal_position(position: RecordsPosition, place: DatasetPlace, sealer: Sealer) -> str:
    """Give the token for the next page of a dataset's records."""
    return sealer.seal_text(_records_purpose(place), msgspec.json.encode(position))


def open_position(token: str, place: DatasetPlace, sealer: Sealer) -> RecordsPosition:
    """Give the position a token stands for. Raises InvalidParameterException."""
    return msgspec.json.decode(_open(token, _records_purpose(place), sealer), type=RecordsPosition)


def _records_purpose(place: DatasetPlace) -> bytes:
    return purpose(
        "page", "ListRecords", place.identity_pool_id, place.identity_id, place.dataset_name
    )


def _open(token: str, bound_to: bytes, sealer: Sealer) -> bytes:
    try:
        return sealer.open_text(bound_to, token)
    except SealBroken:
        raise InvalidParameterException(
            "NextToken is not valid for these inputs; leave it out to start from the first page."
        ) from None
