"""The statements of the ``.sql`` files by name, without their comments and line breaks."""

import re
from collections.abc import Mapping, Sequence
from importlib.resources import files
from typing import Final, NamedTuple

from psycopg.adapt import PyFormat

FILES: Final = (
    "queries.sql",
    "dataset_changes.sql",
    "identity_queries.sql",
    "delivery_queries.sql",
    "copy_queries.sql",
)

_SECTION = re.compile(r"^-- name: (\w+)\n(.*?);$", re.MULTILINE | re.DOTALL)
_PARAMETER = re.compile(rb"%\((\w+)\)s")
_COMMENT = re.compile(r"^\s*--.*$", re.MULTILINE)


def _load() -> Mapping[str, bytes]:
    folder = files("keepstep.storage.postgres")
    texts = [folder.joinpath(name).read_text(encoding="utf-8") for name in FILES]
    return {
        name: " ".join(_COMMENT.sub("", statement).split()).encode()
        for text in texts
        for name, statement in _SECTION.findall(text)
    }


QUERIES: Final = _load()


class Numbered(NamedTuple):
    """A statement as the database takes it: its parameters have numbers in place of names."""

    sql: bytes
    parameters: Sequence[str]
    """Their names, in the order of their numbers."""
    formats: Sequence[PyFormat]
    """How each travels: as whoever makes it of a value sees fit."""


def _numbered(query: bytes) -> Numbered:
    names = list(dict.fromkeys(_PARAMETER.findall(query)))
    sql = _PARAMETER.sub(lambda match: b"$%d" % (names.index(match[1]) + 1), query)
    return Numbered(sql, [name.decode() for name in names], [PyFormat.AUTO] * len(names))


NUMBERED: Final = {name: _numbered(query) for name, query in QUERIES.items()}
