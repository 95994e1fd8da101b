"""Keeping tokens and secrets out of logs and messages.

A member is sensitive when its type carries the mark of ``members.SENSITIVE``.
"""

from functools import cache
from typing import Any, Final, cast

import msgspec
from msgspec import inspect

from . import sync
from .members import SENSITIVE

HIDDEN: Final = "***"
"""What is printed in place of a sensitive value."""


class Shape(sync.Shape, omit_defaults=True):
    """A structure that leaves absent members out and prints no sensitive one."""

    def __repr__(self) -> str:
        shown = ", ".join(f"{name}={value!r}" for name, value in self.__rich_repr__())
        return f"{type(self).__name__}({shown})"

    def __rich_repr__(self) -> list[tuple[str, Any]]:
        hidden = sensitive_fields(type(self))
        values = [(name, getattr(self, name)) for name in self.__struct_fields__]
        return [(n, HIDDEN if n in hidden and v is not None else v) for n, v in values]


@cache
def sensitive_fields(shape: type[msgspec.Struct]) -> frozenset[str]:
    """Name the attributes of a structure that hold something sensitive."""
    described = inspect.type_info(shape)
    assert isinstance(described, inspect.StructType)
    return frozenset(field.name for field in described.fields if is_sensitive(field.type))


def is_sensitive(kind: inspect.Type) -> bool:
    """Whether a value of this type, or what it lists or maps to, is sensitive."""
    match kind:
        case inspect.Metadata():
            marks = cast("dict[str, Any]", kind.extra or {})  # pyright: ignore[reportUnknownMemberType] -- msgspec says no more than dict
            return SENSITIVE in marks or is_sensitive(kind.type)
        case inspect.UnionType(types=choices):
            return any(is_sensitive(choice) for choice in choices)
        case inspect.ListType(item_type=item):
            return is_sensitive(item)
        case inspect.DictType(value_type=value):
            return is_sensitive(value)
        case _:
            return False
