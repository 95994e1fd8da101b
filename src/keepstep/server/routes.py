"""From a method and a raw path to a row of the table.

The path is split before anything in it is decoded, and a path that different readers could
take differently is refused.
"""

import re
from collections.abc import Callable
from operator import itemgetter
from typing import Final, NamedTuple

from keepstep.operations.table import LIVE_TABLE, SYNC_TABLE, Row
from keepstep.wire.errors import (
    BadRequest,
    InvalidParameterException,
    UnknownOperationException,
)

METHOD_OVERRIDE: Final = b"x-http-method-override"

_AMBIGUOUS: Final = re.compile(rb"(?i)%2f|%5c|%00|\\|/\.{1,2}(?:/|\Z)|/(?:%2e){1,2}(?:/|\Z)")


class _Template(NamedTuple):
    """A path of the table: where its fixed segments are, what they are, where its labels are."""

    row: Row
    pick_fixed: Callable[[list[bytes]], tuple[bytes, ...]]
    fixed: tuple[bytes, ...]
    labels: tuple[int, ...]


def _templates() -> dict[tuple[str, int], list[_Template]]:
    table: dict[tuple[str, int], list[_Template]] = {}
    for row in (*SYNC_TABLE, *LIVE_TABLE):
        segments = row.operation.uri.split("/")
        fixed = [i for i, part in enumerate(segments) if not part.startswith("{")]
        template = _Template(
            row,
            itemgetter(*fixed),
            tuple(segments[i].encode() for i in fixed),
            tuple(i for i in range(len(segments)) if i not in fixed),
        )
        table.setdefault((row.operation.method, len(segments)), []).append(template)
    return table


_TEMPLATES: Final = _templates()


def effective_method(method: str, override: bytes | None) -> str:
    """Give the method a request stands for.

    Unity cannot send DELETE; it sends POST with an override header (Unity SDK, Cognito Sync's
    post-marshall handler). No other override is taken.

    Raises InvalidParameterException.
    """
    if override is None:
        return method
    if method != "POST" or override.strip().upper() != b"DELETE":
        raise InvalidParameterException(
            "X-HTTP-Method-Override may only turn a POST into a DELETE."
        )
    return "DELETE"


def route(method: str, raw_path: bytes) -> tuple[Row, list[bytes]]:
    """Find the operation of a request, and the raw path segments of its labels.

    Raises UnknownOperationException, BadRequest where the pool id is missing as real clients
    leave it out, and InvalidParameterException for a path that could be read in two ways.
    """
    if _may_be_ambiguous(raw_path) and _AMBIGUOUS.search(raw_path):
        raise InvalidParameterException(
            "The path holds a dot segment or an encoded slash, backslash or NUL; no identifier "
            "needs one."
        )
    segments = raw_path.split(b"/")
    for template in _TEMPLATES.get((method, len(segments)), ()):
        if template.pick_fixed(segments) == template.fixed:
            labels = [segments[i] for i in template.labels]
            if all(labels):
                return template.row, labels
    if segments[1:2] == [b"identitypools"] and b"" in segments[2:]:
        if not segments[2]:
            raise BadRequest("Identity pool id is missing or incorrect in the request URI.")
        raise InvalidParameterException("The path holds an empty segment; give every identifier.")
    raise UnknownOperationException(
        f"No operation has the method {method} and this path; check both against the API "
        "reference of Amazon Cognito Sync."
    )


def _may_be_ambiguous(raw_path: bytes) -> bool:
    """Whether the path holds more than identifiers with an encoded colon; a quick look."""
    return b"/." in raw_path or b"\\" in raw_path or raw_path.count(b"%") != raw_path.count(b"%3A")
