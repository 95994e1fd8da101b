"""Texts of policies that stand for many: wildcards, variables, and ARNs field by field.

``*`` stands for any characters, none included, and ``?`` for exactly one. Matching costs at most
the product of the two lengths, whatever the pattern: no pattern backtracks.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

import msgspec

Context = Mapping[str, tuple[str, ...]]
"""Condition keys in lower case, each with its values; a key without values counts as missing."""

VALUE_CHARACTERS_MAX: Final = 2048
"""Characters of a context value that patterns look at; a longer one cannot be told (no source)."""
MULTI_VALUED_KEYS: Final = frozenset({"cognito-identity.amazonaws.com:amr", "aws:tagkeys"})
"""Keys that may have several values, and so cannot stand in a variable."""
_ESCAPES: Final = frozenset({"*", "?", "$"})
_ARN_FIELDS: Final = 6
_VARIABLE = re.compile(r"(\$\{[^{}]*\})")
_WILDCARD = re.compile(r"([*?])")


class PolicyInvalid(ValueError):
    """A policy document that cannot be used; the message says which element and why."""


def quoted(text: object) -> str:
    """Quote a part of a document for a message, shortened."""
    shown = repr(text)
    return shown if len(shown) <= 120 else shown[:117] + "..."


class Variable(msgspec.Struct, frozen=True):
    """A policy variable: ``${key}`` or ``${key, 'default'}``."""

    key: str
    default: str | None

    def resolve(self, context: Context) -> str | None:
        """Give the text to put in its place; None if the key has no single value."""
        values = context.get(self.key)
        if not values:
            return self.default
        value = values[0]
        return value if len(values) == 1 and len(value) <= VALUE_CHARACTERS_MAX else None


_Run = tuple[str | Variable, ...]
"""Literal text, in parts."""
_Stretch = tuple[_Run, ...]
"""What stands between two ``*``: runs with one ``?`` between each two."""


class _Piece(msgspec.Struct, frozen=True):
    """A stretch with its variables resolved: texts with one character between each two."""

    size: int
    texts: tuple[str, ...]
    expression: re.Pattern[str] | None = None
    """What finds it, if it has several texts and is searched for more than once."""

    def stands_at(self, text: str, start: int) -> bool:
        """Whether the text has this piece at that place, given that it is long enough."""
        for each in self.texts:
            if not text.startswith(each, start):
                return False
            start += len(each) + 1
        return True

    def find(self, text: str, start: int, stop: int) -> int:
        """Give the first place between start and stop that has this piece whole, or -1."""
        if len(self.texts) == 1:
            return text.find(self.texts[0], start, stop)
        if stop - start < self.size:
            return -1
        found = (self.expression or _expression(self.texts)).search(text, start, stop)
        return -1 if found is None else found.start()


class Glob(msgspec.Struct, frozen=True):
    """A pattern for a whole text. Without variables it is ready when parsed."""

    stretches: tuple[_Piece | _Stretch, ...]
    ignore_case: bool
    variables: frozenset[str]
    """The keys its variables name."""
    ready: tuple[_Piece, ...] | None
    literal: str | None
    """The only text it matches, if it has neither wildcards nor variables."""

    @classmethod
    def parse(
        cls, text: str, *, variables: bool, wildcards: bool = True, ignore_case: bool = False
    ) -> "Glob":
        """Read a pattern; what is switched off stands for itself.

        Raises PolicyInvalid for a malformed variable, or one of a multi-valued key.
        """
        named: set[str] = set()
        stretches: list[_Piece | _Stretch] = []
        for stretch in _stretches(text, variables=variables, wildcards=wildcards):
            here = {part.key for run in stretch for part in run if isinstance(part, Variable)}
            fixed = None if here else _resolve([stretch], {}, ignore_case=ignore_case)
            stretches += [stretch] if fixed is None else map(_searchable, fixed)
            named |= here
        ready = None if named else _resolve(stretches, {}, ignore_case=ignore_case)
        plain = ready is not None and len(ready) == 1 and len(ready[0].texts) == 1
        literal = ready[0].texts[0] if ready is not None and plain else None
        return cls(tuple(stretches), ignore_case, frozenset(named), ready, literal)

    @property
    def matches_everything(self) -> bool:
        """Whether the pattern is a lone ``*``."""
        return self.ready is not None and len(self.ready) == 2 and not any(map(_size, self.ready))

    def matches(self, value: str, context: Context) -> bool | None:
        """Whether the text fits the whole pattern; None if a variable has no value.

        What a variable stands for is literal: a ``*`` in it is a ``*`` and nothing else.
        """
        if self.ignore_case:
            value = value.lower()
        if self.literal is not None:
            return value == self.literal
        pieces = self.ready
        if pieces is None:
            pieces = _resolve(self.stretches, context, ignore_case=self.ignore_case)
        return None if pieces is None else _fits(pieces, value)


class ArnPattern(msgspec.Struct, frozen=True):
    """A pattern for ARNs, or for everything (``*``).

    The first five of the six fields are compared one by one, so a wildcard there crosses no
    colon; in the sixth it spans ``:`` and ``/``. Source: IAM User Guide, "ARN condition
    operators".
    """

    checks: tuple[tuple[int, Glob], ...]
    """The fields that restrict anything, with their places."""
    whole: Glob | None = None
    """Compared with the whole text instead: a condition's value that is one variable."""

    @property
    def variables(self) -> frozenset[str]:
        """The keys its variables name."""
        globs = [glob for _, glob in self.checks] + ([self.whole] if self.whole else [])
        return frozenset[str]().union(*(glob.variables for glob in globs))

    @classmethod
    def parse_resource(cls, text: str, *, variables: bool) -> "ArnPattern":
        """Read a pattern of Resource: variables stand after the fifth colon only.

        Raises PolicyInvalid.
        """
        pattern = cls._parse(text, variables=variables)
        if any(glob.variables for place, glob in pattern.checks if place < _ARN_FIELDS - 1):
            raise PolicyInvalid(
                f"{quoted(text)} has a variable before the fifth colon, where none may stand"
            )
        return pattern

    @classmethod
    def parse_condition(cls, text: str, *, variables: bool) -> "ArnPattern":
        """Read a condition's value, which may also be one variable alone.

        Raises PolicyInvalid.
        """
        if variables and _VARIABLE.fullmatch(text):
            return cls((), Glob.parse(text, variables=True))
        return cls._parse(text, variables=variables)

    @classmethod
    def _parse(cls, text: str, *, variables: bool) -> "ArnPattern":
        if text == "*":
            return cls(())
        fields = _fields(text, variables=variables)
        if len(fields) != _ARN_FIELDS or fields[0] != "arn":
            raise PolicyInvalid(
                f"{quoted(text)} is neither * nor an ARN of six fields "
                "(arn:partition:service:region:account:resource)"
            )
        globs = [Glob.parse(field, variables=variables) for field in fields]
        checks = [(place, glob) for place, glob in enumerate(globs) if not glob.matches_everything]
        return cls(tuple(checks))

    def matches(self, value: str, context: Context) -> bool | None:
        """Whether the text fits; None if that hangs on a variable that has no value."""
        if self.whole is not None:
            return self.whole.matches(value, context)
        return self.matches_fields(arn_fields(value), context)

    def matches_fields(self, fields: Sequence[str], context: Context) -> bool | None:
        """Whether what ``arn_fields`` gave fits; only ``*`` fits what is no ARN."""
        unsure = False
        if self.checks and not fields:
            return False
        for place, glob in self.checks:
            fits = glob.matches(fields[place], context)
            if fits is None:
                unsure = True
            elif not fits:
                return False
        return None if unsure else True


def arn_fields(text: str) -> Sequence[str]:
    """Take an ARN apart into its six fields; nothing if the text is no ARN."""
    fields = text.split(":", _ARN_FIELDS - 1)
    return fields if len(fields) == _ARN_FIELDS else ()


def _size(piece: _Piece) -> int:
    return piece.size


def _fits(pieces: Sequence[_Piece], text: str) -> bool:
    """Whether the pieces stand in the text in order, the first and last at its ends.

    Each piece in between takes the first place it can: a later one never helps what follows.
    """
    first, last = pieces[0], pieces[-1]
    if len(pieces) == 1:
        return len(text) == first.size and first.stands_at(text, 0)
    start, stop = first.size, len(text) - last.size
    if stop < start or not first.stands_at(text, 0) or not last.stands_at(text, stop):
        return False
    for piece in pieces[1:-1]:
        place = piece.find(text, start, stop)
        if place < 0:
            return False
        start = place + piece.size
    return True


def _resolve(
    stretches: Sequence[_Piece | _Stretch], context: Context, *, ignore_case: bool
) -> tuple[_Piece, ...] | None:
    """Put the variables' values in; None if one has none."""
    pieces: list[_Piece] = []
    for stretch in stretches:
        if isinstance(stretch, _Piece):
            pieces.append(stretch)
            continue
        texts: list[str] = []
        for run in stretch:
            text = ""
            for part in run:
                value = part if isinstance(part, str) else part.resolve(context)
                if value is None:
                    return None
                text += value
            texts.append(text.lower() if ignore_case else text)
        pieces.append(_piece(texts))
    return tuple(pieces)


def _piece(texts: Sequence[str]) -> _Piece:
    return _Piece(sum(map(len, texts)) + len(texts) - 1, tuple(texts))


def _searchable(piece: _Piece) -> _Piece:
    if len(piece.texts) == 1:
        return piece
    return _Piece(piece.size, piece.texts, _expression(piece.texts))


def _expression(texts: Sequence[str]) -> re.Pattern[str]:
    """Write texts with one character between each two as an expression of that length."""
    return re.compile(".".join(map(re.escape, texts)), re.DOTALL)


def _stretches(text: str, *, variables: bool, wildcards: bool) -> Iterator[_Stretch]:
    """Take a pattern apart at its ``*`` and its ``?``."""
    run: list[str | Variable] = []
    stretch: list[_Run] = []
    for part, is_wildcard in _parts(text, variables=variables, wildcards=wildcards):
        if not is_wildcard:
            run.append(part)
            continue
        stretch.append(tuple(run))
        run = []
        if part == "*":
            yield tuple(stretch)
            stretch = []
    yield (*stretch, tuple(run))


def _parts(text: str, *, variables: bool, wildcards: bool) -> Iterator[tuple[str | Variable, bool]]:
    """Give the parts of a pattern: text, variables, and (marked True) wildcards."""
    for index, part in enumerate(_VARIABLE.split(text) if variables else (text,)):
        if index % 2:
            yield _variable(part), False
            continue
        if variables and "${" in part:
            raise PolicyInvalid(f"{quoted(text)} has a variable without its closing brace")
        for place, bit in enumerate(_WILDCARD.split(part) if wildcards else (part,)):
            if bit:
                yield bit, place % 2 == 1


def _variable(text: str) -> str | Variable:
    """Read ``${key}`` or ``${key, 'default'}``; ``${*}``, ``${?}`` and ``${$}`` are text."""
    body = text[2:-1]
    if body in _ESCAPES:
        return body
    name, comma, rest = body.partition(",")
    key, default = name.strip().lower(), rest.strip()
    if ":" not in key or set(key) & set("*?$'"):
        raise PolicyInvalid(f"{quoted(text)} does not name a condition key, such as aws:userid")
    if key in MULTI_VALUED_KEYS:
        raise PolicyInvalid(f"{quoted(text)} names a key of several values, which cannot be used")
    if not comma:
        return Variable(key, None)
    if len(default) < 2 or default[0] != "'" or default[-1] != "'" or "'" in default[1:-1]:
        raise PolicyInvalid(f"{quoted(text)} needs its default in single quotation marks")
    return Variable(key, default[1:-1])


def _fields(text: str, *, variables: bool) -> list[str]:
    """Split a pattern into up to six fields at the colons that stand outside variables."""
    fields = [""]
    for index, part in enumerate(_VARIABLE.split(text) if variables else (text,)):
        head, *rest = (part,) if index % 2 else part.split(":", _ARN_FIELDS - len(fields))
        fields[-1] += head
        fields.extend(rest)
    return fields
