"""Making a typed request of what arrived, and the message for one that breaks the constraints.

msgspec decides whether a request is valid; the rest here only explains why one is not, naming
every violation at once in the form the service uses: ``2 validation errors detected: Value
'INVALID' at 'identityPoolId' failed to satisfy constraint: Member must …; Value …``.
"""

import re
from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Any, Final, TypeVar, cast

import msgspec
from msgspec import inspect

from .errors import ServiceError
from .members import published_pattern
from .sensitive import HIDDEN, is_sensitive

VIOLATIONS_MAX: Final = 100
"""Violations that one message names; there may be more."""
ECHO_MAX: Final = 128
"""Characters of a refused value that the message repeats."""

Converted = TypeVar("Converted")

_BOOLEANS: Final = {"true", "false", "0", "1"}
_DIGITS: Final = re.compile(r"-?[0-9]+")
_ODD_NUMERAL: Final = re.compile(r"[\s_]|[^\x00-\x7f]")
"""What Python takes in a number and JSON readers do not."""


def typed(
    shape: type[Converted], values: Mapping[str, Any], refusal: type[ServiceError]
) -> Converted:
    """Make a structure of its members; raises the refusal, naming every violated constraint.

    ``values`` holds the members by their names on the wire, as the protocol decoded them.
    """
    try:
        return msgspec.convert(values, shape, strict=False)
    except msgspec.ValidationError as error:
        raise refusal(explain(shape, values) or str(error)) from None


def explain(shape: type[Any], values: Mapping[str, Any]) -> str | None:
    """Name the violations in the members of a request, or answer None if there is none.

    ``values`` holds the members by their names on the wire, as the protocol decoded them.
    """
    found = _structure(inspect.type_info(shape), values, "")
    return message(list(islice(found, VIOLATIONS_MAX)))


def violation(value: object, path: str, constraint: str) -> str:
    """Say that the value at a path breaks a constraint; ``HIDDEN`` is not shown."""
    return f"{_place(value, path)} Member must {constraint}"


def message(violations: list[str]) -> str | None:
    """Join violations into the text of one error."""
    if not violations:
        return None
    errors = "error" if len(violations) == 1 else "errors"
    return f"{len(violations)} validation {errors} detected: {'; '.join(violations)}"


def member_path(name: str) -> str:
    """Give the name that messages use for a member: ``IdentityPoolId`` is ``identityPoolId``."""
    return name[:1].lower() + name[1:]


def _place(value: object, path: str) -> str:
    if value is HIDDEN:
        return f"Value at '{path}' failed to satisfy constraint:"
    shown = "null" if value is None else f"'{_echo(value)}'"
    return f"Value {shown} at '{path}' failed to satisfy constraint:"


def _echo(value: object) -> str:
    if isinstance(value, str):
        text = value
    else:
        try:
            text = repr(value)
        except RecursionError:  # nearly too deep for the JSON reader, too deep from here
            text = ""
    return text if len(text) <= ECHO_MAX else text[:ECHO_MAX] + "…"


def _structure(kind: inspect.Type, values: Mapping[str, Any], prefix: str) -> Iterator[str]:
    if not isinstance(kind, inspect.StructType):
        return
    for field in kind.fields:
        path = prefix + member_path(field.encode_name)
        value = values.get(field.encode_name)
        if value is not None:
            yield from _value(field.type, value, path)
        elif field.required:
            yield violation(None, path, "not be null")


def _value(  # noqa: C901, PLR0912 -- one case for each kind of member
    kind: inspect.Type, value: Any, path: str
) -> Iterator[str]:
    match kind:
        case inspect.Metadata():
            shown = HIDDEN if is_sensitive(kind) else value
            yield from (violation(shown, path, rule) for rule in _broken(kind.type, value))
        case inspect.UnionType():
            for choice in kind.types:
                if not isinstance(choice, inspect.NoneType):
                    yield from _value(choice, value, path)
        case inspect.StructType():
            if isinstance(value, dict):
                yield from _structure(kind, cast("dict[str, Any]", value), path + ".")
            else:
                yield violation(value, path, "be a structure")
        case inspect.ListType():
            yield from _list(kind, value, path)
        case inspect.DictType():
            yield from _map(kind, value, path)
        case inspect.StrType():
            yield from (violation(value, path, rule) for rule in _broken(kind, value))
        case inspect.LiteralType():
            if value not in kind.values:
                allowed = ", ".join(str(choice) for choice in kind.values)
                yield violation(value, path, f"satisfy enum value set: [{allowed}]")
        case inspect.IntType() | inspect.FloatType():
            yield from _number(kind, value, path)
        case inspect.BoolType():
            if _echo(value).lower() not in _BOOLEANS:
                yield violation(value, path, "be true or false")
        case _:
            return


def _list(kind: inspect.ListType, value: Any, path: str) -> Iterator[str]:
    if not isinstance(value, list):
        yield violation(value, path, "be a list")
        return
    items = cast("list[Any]", value)
    yield from (violation(items, path, rule) for rule in _wrong_length(kind, len(items)))
    for position, item in enumerate(items, start=1):
        yield from _value(kind.item_type, item, f"{path}.{position}.member")


def _map(kind: inspect.DictType, value: Any, path: str) -> Iterator[str]:
    if not isinstance(value, dict):
        yield violation(HIDDEN if is_sensitive(kind) else value, path, "be a map")
        return
    entries = cast("dict[str, Any]", value)
    for rule in _wrong_length(kind, len(entries)):
        yield violation(f"{len(entries)} entries", path, rule)
    if any(_broken(kind.key_type, key) for key in entries):
        yield f"{_place(_entries(kind, entries), path)} Map keys {_all_rules(kind.key_type)}"
    texts = [item for item in entries.values() if isinstance(item, str)]
    if any(_broken(kind.value_type, text) for text in texts):
        yield f"{_place(_entries(kind, entries), path)} Map value {_all_rules(kind.value_type)}"
    for key, item in entries.items():
        if not (isinstance(item, str) and _is_text(kind.value_type)):
            yield from _value(kind.value_type, item, f"{path}.{_echo(key)}.member")


def _entries(kind: inspect.DictType, entries: dict[str, Any]) -> str:
    """Write a map as the service does: ``{graph.facebook.com=}``, what is sensitive hidden."""
    hide = is_sensitive(kind)
    shown = (f"{key}={HIDDEN if hide and item else _echo(item)}" for key, item in entries.items())
    return f"{{{', '.join(shown)}}}"


def _all_rules(kind: inspect.Type) -> str:
    """Name all the constraints of a map's keys or values (aws-sdk-cpp issue 1085)."""
    kind = _unmarked(kind)
    rules: list[str] = []
    if isinstance(kind, inspect.StrType):
        if kind.max_length is not None:
            rules.append(f"have length less than or equal to {kind.max_length}")
        if kind.min_length is not None:
            rules.append(f"have length greater than or equal to {kind.min_length}")
        if kind.pattern is not None:
            pattern = published_pattern(kind.pattern)
            rules.append(f"satisfy regular expression pattern: {pattern}")
    return f"must satisfy constraint: [{', '.join(f'Member must {rule}' for rule in rules)}]"


def _unmarked(kind: inspect.Type) -> inspect.Type:
    return kind.type if isinstance(kind, inspect.Metadata) else kind


def _is_text(kind: inspect.Type) -> bool:
    return isinstance(_unmarked(kind), inspect.StrType)


def _wrong_length(kind: inspect.ListType | inspect.DictType, length: int) -> Iterator[str]:
    if kind.min_length is not None and length < kind.min_length:
        yield f"have length greater than or equal to {kind.min_length}"
    if kind.max_length is not None and length > kind.max_length:
        yield f"have length less than or equal to {kind.max_length}"


def _broken(kind: inspect.Type, value: Any) -> list[str]:
    """Name the constraints of a text that a value breaks."""
    kind = _unmarked(kind)
    if not isinstance(kind, inspect.StrType):
        return []
    if not isinstance(value, str):
        return ["be a string"]
    broken: list[str] = []
    if kind.pattern is not None and not _matches(kind.pattern, value):
        broken.append(f"satisfy regular expression pattern: {published_pattern(kind.pattern)}")
    if kind.min_length is not None and len(value) < kind.min_length:
        broken.append(f"have length greater than or equal to {kind.min_length}")
    if kind.max_length is not None and len(value) > kind.max_length:
        broken.append(f"have length less than or equal to {kind.max_length}")
    return broken


def _number(kind: inspect.IntType | inspect.FloatType, value: Any, path: str) -> Iterator[str]:
    number = _as_number(kind, value)
    if number is None:
        name = "a whole number" if isinstance(kind, inspect.IntType) else "a number of seconds"
        yield violation(value, path, f"be {name}")
    elif kind.ge is not None and not number >= kind.ge:
        yield violation(value, path, f"have value greater than or equal to {kind.ge}")
    elif kind.le is not None and not number <= kind.le:
        yield violation(value, path, f"have value less than or equal to {kind.le}")


def _as_number(kind: inspect.IntType | inspect.FloatType, value: Any) -> int | float | None:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    if isinstance(value, str) and _ODD_NUMERAL.search(value):
        return None
    try:
        if isinstance(kind, inspect.FloatType):
            return float(value)
        if isinstance(value, int) or (isinstance(value, str) and _DIGITS.fullmatch(value)):
            return int(value)
        number = float(value)
        return int(number) if number.is_integer() else None
    except (ValueError, OverflowError):
        return None


def _matches(pattern: str, value: str) -> bool:
    return re.search(pattern, value) is not None
