"""Sync triggers: the event that a pool's function is asked with, and what its answer does.

The rules are those of the developer guide, "Cognito Events". The event shows the whole dataset
as the update would leave it; the answer says how it shall be. What a function answers may be
anything: all of it is checked, and what is not such an answer changes nothing.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final, NoReturn, cast

import msgspec

from keepstep.wire.errors import InvalidLambdaFunctionOutputException

from .datasets import DatasetPlace, Record
from .limits import TRIGGER_ANSWER_BYTES_MAX
from .patches import DatasetState, Patch
from .pools import region_of

EVENT_VERSION: Final = 2
KEY_LENGTH_MAX: Final = 1024
"""Characters of a record's key (service model)."""
VALUE_LENGTH_MAX: Final = 1_048_575
"""Characters of a record's value (service model)."""

_RECORDS: Final = "datasetRecords"
_ECHO_MAX: Final = 128
_encoder: Final = msgspec.json.Encoder()


def trigger_event(place: DatasetPlace, state: DatasetState, patches: Sequence[Patch]) -> bytes:
    """Give the event of an update, as JSON.

    ``state`` holds every record. Those that are not patched have one value, old and new, and the
    operation ``replace``. Tombstones are left out: the real service has null for them, which
    breaks functions (amazon-cognito-js issue 61).
    """
    records = {
        key: {"oldValue": record.value, "newValue": record.value, "op": "replace"}
        for key, record in state.records.items()
        if record.is_live
    }
    for patch in patches:
        stored = state.records.get(patch.key)
        records[patch.key] = {
            "oldValue": None if stored is None else stored.value,
            "newValue": patch.value,
            "op": "remove" if patch.value is None else "replace",
        }
    return _encoder.encode({**_read_only(place), _RECORDS: dict(sorted(records.items()))})


def triggered_patches(
    place: DatasetPlace, state: DatasetState, patches: Sequence[Patch], answer: bytes
) -> list[Patch]:
    """Give the patches that an update becomes by what its trigger answered.

    The update's own come first. A record that the answer leaves out keeps its stored state: if
    it was patched, that state is written anew, so that the client, which takes for saved only
    what comes back, does not send the patch for ever. Of the other records those are patched
    whose value changes. What the function writes has the time of the write as its device date,
    except where it goes by the client's own patch.

    Raises InvalidLambdaFunctionOutputException for anything but such an answer.
    """
    wanted = _wanted_values(place, answer)
    result = [_answered(patch, state.records.get(patch.key), wanted) for patch in patches]
    patched = {patch.key for patch in patches}
    for key, value in wanted.items():
        stored = state.records.get(key)
        if key in patched or value == (None if stored is None else stored.value):
            continue
        result.append(
            Patch(key=key, value=value, sync_count=0 if stored is None else stored.sync_count)
        )
    return result


def _answered(patch: Patch, stored: Record | None, wanted: Mapping[str, str | None]) -> Patch:
    if patch.key in wanted:
        return msgspec.structs.replace(patch, value=wanted[patch.key])
    return Patch(
        key=patch.key,
        value=None if stored is None else stored.value,
        sync_count=patch.sync_count,
        device_last_modified_date=None if stored is None else stored.device_last_modified_date,
    )


def _read_only(place: DatasetPlace) -> dict[str, int | str]:
    return {
        "version": EVENT_VERSION,
        "eventType": "SyncTrigger",
        "region": region_of(place.identity_pool_id),
        "identityPoolId": place.identity_pool_id,
        "identityId": place.identity_id,
        "datasetName": place.dataset_name,
    }


def _wanted_values(place: DatasetPlace, answer: bytes) -> dict[str, str | None]:
    """Give the value that each record of an answer shall have, None for one to be removed."""
    event = _object(answer)
    for name, value in _read_only(place).items():
        given = event.get(name)
        if isinstance(given, bool) or given != value:
            _refuse(f"has not the {name} that it was asked with; only {_RECORDS} may be changed")
    records = event.get(_RECORDS)
    if not isinstance(records, dict):
        _refuse(f"has no {_RECORDS} that is an object")
    return {
        _checked_key(key): _wanted_value(key, record)
        for key, record in cast("dict[str, Any]", records).items()
    }


def _wanted_value(key: str, record: object) -> str | None:
    if record is None:
        return None
    if not isinstance(record, dict):
        _refuse(f"has for {_shown(key)} neither an object nor null")
    members = cast("dict[str, object]", record)
    operation = members.get("op")
    if operation == "remove":
        return None
    if operation != "replace":
        _refuse(f"has for {_shown(key)} an op that is neither replace nor remove")
    if "newValue" not in members:
        _refuse(f"has for {_shown(key)} no newValue; to remove it, set it to null")
    value = members["newValue"]
    if value is not None and not isinstance(value, str):
        _refuse(f"has for {_shown(key)} a newValue that is neither a string nor null")
    if value is not None and len(value) > VALUE_LENGTH_MAX:
        _refuse(f"has for {_shown(key)} a newValue of over {VALUE_LENGTH_MAX} characters")
    if value is not None and not _is_text(value):
        _refuse(f"has for {_shown(key)} a newValue that is not Unicode text")
    return value


def _checked_key(key: str) -> str:
    if not 0 < len(key) <= KEY_LENGTH_MAX:
        _refuse(f"has the key {_shown(key)}; a key has 1 to {KEY_LENGTH_MAX} characters")
    if not _is_text(key):
        _refuse(f"has the key {_shown(key)}, which is not Unicode text")
    return key


def _object(answer: bytes) -> dict[str, Any]:
    """Read an answer strictly: JSON of today's standard, and no name twice in one object."""
    if len(answer) > TRIGGER_ANSWER_BYTES_MAX:
        _refuse(f"has {len(answer)} bytes, over {TRIGGER_ANSWER_BYTES_MAX}")
    try:
        decoded: Any = json.loads(
            answer.decode(), object_pairs_hook=_unique, parse_constant=_no_number
        )
    except (ValueError, RecursionError):
        _refuse("is not JSON in UTF-8")
    if not isinstance(decoded, dict):
        _refuse("is not a JSON object")
    return cast("dict[str, Any]", decoded)


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        _refuse("names a member of one object twice")
    return found


def _no_number(text: str) -> NoReturn:
    _refuse(f"holds {text}, which is not JSON")


def _is_text(text: str) -> bool:
    """Whether a text has no half of a surrogate pair, which JSON can spell and UTF-8 cannot."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _shown(key: str) -> str:
    return repr(key if len(key) <= _ECHO_MAX else f"{key[:_ECHO_MAX]}…")


def _refuse(problem: str) -> NoReturn:
    raise InvalidLambdaFunctionOutputException(
        f"The answer of the sync trigger {problem}; it has the format of the event."
    )
