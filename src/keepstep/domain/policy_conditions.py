"""Conditions of policy statements: operators, set qualifiers, missing keys, and values of a type.

Source: IAM User Guide, "Condition operators" and "Multivalued context keys". Where a condition
cannot be told (a value that is no number, date or address where one is needed; a negated operator
whose variable has no value), it holds in a Deny and fails in an Allow.
"""

import enum
import ipaddress
import operator
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, Final, Protocol, TypeVar

import msgspec

from .policy_patterns import (
    VALUE_CHARACTERS_MAX,
    ArnPattern,
    Context,
    Glob,
    PolicyInvalid,
    quoted,
)

_Read = TypeVar("_Read")

_SECOND = timedelta(seconds=1)
_EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001 -- offsets are subtracted as numbers
_NUMBER = re.compile(r"[+-]?[0-9]{1,30}(\.[0-9]{1,30})?")
_EPOCH_TIME = re.compile(r"-?[0-9]{1,16}(\.[0-9]{1,9})?")
_CIDR = re.compile(r"[0-9A-Fa-f:.]+(/[0-9]{1,3})?")
_DATE = re.compile(
    r"(?P<year>[0-9]{4})(-(?P<month>[0-9]{2})(-(?P<day>[0-9]{2})"
    r"(T(?P<hour>[0-9]{2}):(?P<minute>[0-9]{2})(:(?P<second>[0-9]{2})(\.(?P<part>[0-9]{1,9}))?)?"
    r"(Z|(?P<sign>[+-])(?P<off_hour>[0-9]{2}):(?P<off_minute>[0-9]{2})))?)?)?"
)

_Address = ipaddress.IPv4Address | ipaddress.IPv6Address
_Network = ipaddress.IPv4Network | ipaddress.IPv6Network


class Test(Protocol):
    """One value of a condition, ready to be compared with what a request says."""

    @property
    def variables(self) -> frozenset[str]:
        """The keys its variables name."""
        ...

    def matches(self, value: Any, context: Context, /) -> bool | None:
        """Whether a request's value matches; None if that hangs on a variable without value."""
        ...


class _Comparison(msgspec.Struct, frozen=True):
    """A test against a typed value, which has no variables."""

    compare: Callable[[Any, Any], bool]
    expected: Any

    @property
    def variables(self) -> frozenset[str]:
        return frozenset()

    def matches(self, value: Any, _context: Context, /) -> bool:
        return self.compare(value, self.expected)


class Operator(msgspec.Struct, frozen=True, kw_only=True):
    """An operator: how it reads values, with a ValueError for one that is not of its type."""

    test: Callable[[str, bool], Test]
    """Reads a policy's value; the flag says whether variables mean anything."""
    read: Callable[[str], Any]
    """Reads a request's value."""
    negated: bool = False


class Qualifier(enum.Enum):
    """Which of a request's values must satisfy the condition."""

    ANY = "ForAnyValue"
    ALL = "ForAllValues"


class Condition(msgspec.Struct, frozen=True, kw_only=True):
    """One operator on one key.

    Of several values in the policy one must match; if the operator is negated, none may. Of
    several in the request, without a qualifier, one must match, or none may: so a negated
    operator is always the opposite of its plain one (no published rule).
    """

    key: str
    operator: Operator
    tests: tuple[Test, ...]
    qualifier: Qualifier | None
    if_missing: bool
    in_doubt: bool

    @property
    def keys(self) -> frozenset[str]:
        """Every key that the answer hangs on."""
        return frozenset({self.key}).union(*(test.variables for test in self.tests))

    def holds(self, context: Context) -> bool:
        """Whether the request satisfies the condition."""
        values = context.get(self.key)
        if not values:
            return self.if_missing
        if self.qualifier is not None and values == ("",):
            return self.qualifier is Qualifier.ALL
        try:
            readings = [self.operator.read(value) for value in values]
        except ValueError:
            return self.in_doubt
        outcomes = [self._satisfied(reading, context) for reading in readings]
        if self.qualifier is None:
            return all(outcomes) if self.operator.negated else any(outcomes)
        return all(outcomes) if self.qualifier is Qualifier.ALL else any(outcomes)

    def _satisfied(self, value: Any, context: Context) -> bool:
        unsure = False
        for test in self.tests:
            matches = test.matches(value, context)
            if matches:
                return not self.operator.negated
            unsure = unsure or matches is None
        if not self.operator.negated:
            return False
        return self.in_doubt if unsure else True


class NullCondition(msgspec.Struct, frozen=True, kw_only=True):
    """The operator Null: whether the key is missing, or has nothing but empty text."""

    key: str
    expected: frozenset[bool]

    @property
    def keys(self) -> frozenset[str]:
        """The key that the answer hangs on."""
        return frozenset({self.key})

    def holds(self, context: Context) -> bool:
        """Whether the request satisfies the condition."""
        values = context.get(self.key)
        return (not values or values == ("",)) in self.expected


def parse_conditions(
    blocks: Mapping[str, Mapping[str, Sequence[str]]], *, denies: bool, variables: bool
) -> tuple[Condition | NullCondition, ...]:
    """Read a statement's conditions, by operator and key; all of them must hold.

    Raises PolicyInvalid for an unknown operator, a name that is no key, or a value that is not
    of the operator's type: a condition is never skipped, since a skipped one widens.
    """
    return tuple(
        _condition(name, key, values, denies=denies, variables=variables)
        for name, by_key in blocks.items()
        for key, values in by_key.items()
    )


def _condition(
    name: str, key: str, values: Sequence[str], *, denies: bool, variables: bool
) -> Condition | NullCondition:
    if ":" not in key:
        raise PolicyInvalid(f"Condition: {quoted(key)} is no condition key, such as aws:SourceIp")
    if name == "Null":
        expected = _read_each(name, key, values, _boolean)
        return NullCondition(key=key.lower(), expected=frozenset(expected))
    prefix, colon, rest = name.rpartition(":")
    plain = rest.removesuffix("IfExists")
    known = OPERATORS.get(plain)
    if known is None or (colon and prefix not in _QUALIFIERS):
        raise PolicyInvalid(f"Condition: {quoted(name)} is no known operator")
    qualifier = _QUALIFIERS.get(prefix)
    missing_holds = {None: known.negated, Qualifier.ANY: False, Qualifier.ALL: True}
    return Condition(
        key=key.lower(),
        operator=known,
        tests=tuple(_read_each(name, key, values, lambda text: known.test(text, variables))),
        qualifier=qualifier,
        if_missing=plain != rest or missing_holds[qualifier],
        in_doubt=denies,
    )


def _read_each(
    name: str, key: str, values: Iterable[str], read: Callable[[str], _Read]
) -> list[_Read]:
    try:
        return [read(value) for value in values]
    except PolicyInvalid as error:
        raise PolicyInvalid(f"Condition {quoted(name)} {quoted(key)}: {error}") from None
    except ValueError:
        raise PolicyInvalid(
            f"Condition {quoted(name)} {quoted(key)}: a value is not of the operator's type"
        ) from None


def _text(text: str) -> str:
    if len(text) > VALUE_CHARACTERS_MAX:
        raise ValueError("too long")
    return text


def _boolean(text: str) -> bool:
    if text.lower() not in {"true", "false"}:
        raise ValueError("not a boolean")
    return text.lower() == "true"


def _number(text: str) -> Decimal:
    if _NUMBER.fullmatch(text) is None:
        raise ValueError("not a number")
    return Decimal(text)


def _date(text: str) -> int:
    """Read a W3C date (four digits are a year) or seconds since the epoch, in nanoseconds."""
    parts = _DATE.fullmatch(text)
    if parts is None:
        if _EPOCH_TIME.fullmatch(text) is None:
            raise ValueError("not a date")
        return int(Decimal(text).scaleb(9))
    found = parts.groupdict()
    year, month, day, hour, minute, second = (
        int(found[name] or least)
        for name, least in (
            ("year", 1), ("month", 1), ("day", 1), ("hour", 0), ("minute", 0), ("second", 0)
        )
    )  # fmt: skip
    local = datetime(year, month, day, hour, minute, second)  # noqa: DTZ001 -- as above
    offset = int(found["off_hour"] or 0) * 60 + int(found["off_minute"] or 0)
    ahead = -offset if found["sign"] == "-" else offset
    seconds = (local - _EPOCH) // _SECOND - ahead * 60
    return seconds * 10**9 + int((found["part"] or "").ljust(9, "0"))


def _address(text: str) -> Sequence[_Address]:
    """Read an address; an IPv4 one written as IPv6 counts as both."""
    address = ipaddress.ip_address(text)
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return (address,) if mapped is None else (address, mapped)


def _network(text: str) -> _Network:
    if _CIDR.fullmatch(text) is None:
        raise ValueError("not a range of addresses")
    return ipaddress.ip_network(text, strict=False)


def _within(addresses: Sequence[_Address], network: _Network) -> bool:
    return any(address in network for address in addresses)


def _string_operators() -> dict[str, Operator]:
    def exact(text: str, variables: bool) -> Glob:
        return Glob.parse(text, variables=variables, wildcards=False)

    def any_case(text: str, variables: bool) -> Glob:
        return Glob.parse(text, variables=variables, wildcards=False, ignore_case=True)

    def like(text: str, variables: bool) -> Glob:
        return Glob.parse(text, variables=variables)

    def arn(text: str, variables: bool) -> ArnPattern:
        return ArnPattern.parse_condition(text, variables=variables)

    pairs: tuple[tuple[str, str, Callable[[str, bool], Test]], ...] = (
        ("StringEquals", "StringNotEquals", exact),
        ("StringEqualsIgnoreCase", "StringNotEqualsIgnoreCase", any_case),
        ("StringLike", "StringNotLike", like),
        ("ArnEquals", "ArnNotEquals", arn),
        ("ArnLike", "ArnNotLike", arn),
    )
    return {
        name: Operator(test=test, read=_text, negated=negated)
        for plain, opposite, test in pairs
        for name, negated in ((plain, False), (opposite, True))
    }


def _typed(
    read: Callable[[str], Any],
    compare: Callable[[Any, Any], bool],
    *,
    negated: bool = False,
    expect: Callable[[str], Any] | None = None,
) -> Operator:
    """Make an operator of a type without variables; ``expect`` reads a policy's value."""
    expected = expect or read

    def test(text: str, _variables: bool) -> Test:
        return _Comparison(compare, expected(text))

    return Operator(test=test, read=read, negated=negated)


def _ordered_operators(kind: str, read: Callable[[str], Any]) -> dict[str, Operator]:
    return {
        f"{kind}Equals": _typed(read, operator.eq),
        f"{kind}NotEquals": _typed(read, operator.eq, negated=True),
        f"{kind}LessThan": _typed(read, operator.lt),
        f"{kind}LessThanEquals": _typed(read, operator.le),
        f"{kind}GreaterThan": _typed(read, operator.gt),
        f"{kind}GreaterThanEquals": _typed(read, operator.ge),
    }


_QUALIFIERS: Final[Mapping[str, Qualifier]] = {each.value: each for each in Qualifier}
OPERATORS: Final[Mapping[str, Operator]] = {
    **_string_operators(),
    **_ordered_operators("Numeric", _number),
    **_ordered_operators("Date", _date),
    "Bool": _typed(_boolean, operator.eq),
    "IpAddress": _typed(_address, _within, expect=_network),
    "NotIpAddress": _typed(_address, _within, expect=_network, negated=True),
}
"""The operators by name, without qualifier and ``IfExists``; beside them there is ``Null``."""
