"""Makers of any valid request and response, read off the shapes themselves."""

import re
from typing import Any, Final

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy
from msgspec import inspect

from keepstep.wire.operations import Operation
from keepstep.wire.sync import Shape

from .published import bare, struct_fields

EXAMPLES: Final = settings(deadline=None, max_examples=40)
LAST_DATE_SECONDS: Final = 4_102_444_800
"""The year 2100: a date that the time zone of a machine cannot push out of range."""

MILLISECOND_DATES: Final = st.integers(0, LAST_DATE_SECONDS * 1000).map(lambda ms: ms / 1000)
WHOLE_SECOND_DATES: Final = st.integers(0, LAST_DATE_SECONDS).map(float)
ONE_CLASS: Final = re.compile(r"\\A\(\?a:(\[[^]]*\])[+*]\)\\Z")
"""A pattern of one repeated class of characters, whose length can be chosen as it is made."""
HEADER_VALUES: Final = st.from_regex(r"[!-~]([ -~]{0,30}[!-~])?", fullmatch=True)


def requests(
    operation: Operation[Any, Any], dates: SearchStrategy[float] = MILLISECOND_DATES
) -> SearchStrategy[Any]:
    """Make any request of an operation that can be sent: members in the path fit into one."""
    members = {f.name: members_of(f.type, dates) for f in struct_fields(operation.request).values()}
    for name, field in struct_fields(operation.request).items():
        if name in operation.labels:
            members[field.name] = members[field.name].filter(fits_path)
        elif name in operation.headers:
            members[field.name] = st.none() | HEADER_VALUES
    return st.builds(operation.request, **members)


def responses(shape: type[Shape]) -> SearchStrategy[Any]:
    """Make any response of a shape."""
    return members_of(inspect.type_info(shape), MILLISECOND_DATES)


def fits_path(text: str) -> bool:
    """Whether a text can be a path segment that every reader takes the same way."""
    return text not in {".", ".."} and not any(character in text for character in "/\\\0")


def members_of(kind: inspect.Type, dates: SearchStrategy[float]) -> SearchStrategy[Any]:
    """Make any valid value of a type."""
    match kind:
        case inspect.StructType(cls=cls, fields=fields):
            return st.builds(cls, **{f.name: members_of(f.type, dates) for f in fields})
        case inspect.UnionType(types=types):
            return st.one_of([members_of(choice, dates) for choice in types])
        case inspect.ListType(item_type=item, min_length=least):
            return st.lists(members_of(item, dates), min_size=least or 0, max_size=3)
        case inspect.DictType(key_type=key, value_type=value, max_length=most):
            size = 3 if most is None else min(most, 3)
            return st.dictionaries(members_of(key, dates), members_of(value, dates), max_size=size)
        case inspect.FloatType():
            return dates
        case _:
            return _scalars(bare(kind))


def _scalars(kind: inspect.Type) -> SearchStrategy[Any]:
    match kind:
        case inspect.NoneType():
            return st.none()
        case inspect.LiteralType(values=values):
            return st.sampled_from(values)
        case inspect.IntType(ge=least, le=most):
            return st.integers(least, most)
        case inspect.BoolType():
            return st.booleans()
        case inspect.StrType():
            return _texts(kind)
        case other:
            raise AssertionError(f"a shape holds a {other}")


def _texts(kind: inspect.StrType) -> SearchStrategy[str]:
    least, most = kind.min_length or 0, kind.max_length
    if kind.pattern is None:
        return st.text(min_size=least, max_size=None if most is None else min(most, 50))
    one_class = ONE_CLASS.fullmatch(kind.pattern)
    if one_class is not None:
        counted = f"{{{least},{min(most or 50, 50)}}}"
        return st.from_regex(re.compile(rf"{one_class[1]}{counted}", re.ASCII), fullmatch=True)
    matching = st.from_regex(re.compile(kind.pattern))
    return matching.filter(lambda text: least <= len(text) <= (most or len(text)))
