"""Arrays as parameters, in PostgreSQL's binary form.

psycopg looks at every element of a plain list three times to find out what it is an array of;
these types say so.
"""

import struct
from typing import Any, Final

from psycopg import AsyncConnection
from psycopg.adapt import Dumper
from psycopg.pq import Format

_BYTEA, _BYTEA_ARRAY = 17, 1001
"""The numbers of types, the same in every PostgreSQL."""
_BIGINT, _BIGINT_ARRAY = 20, 1016
_BIGINT_BYTES: Final = 8

_HEAD: Final = struct.Struct("!iiIii")
"""Dimensions, whether there are NULLs, the elements' type, how many they are, the first one's
number; without the last two where there are no elements."""
_EMPTY_HEAD: Final = struct.Struct("!iiI")
_NUMBER: Final = struct.Struct("!iq")
_NULL: Final = b"\xff\xff\xff\xff"


class Blobs(list[bytes | None]):
    """An array of BYTEA."""


class Numbers(list[int]):
    """An array of BIGINT."""


class _BlobsDumper(Dumper):
    format = Format.BINARY
    oid = _BYTEA_ARRAY

    def dump(self, obj: Blobs) -> bytes:
        """Give the array as it travels."""
        if not obj:
            return _EMPTY_HEAD.pack(0, 0, _BYTEA)
        parts = [_HEAD.pack(1, None in obj, _BYTEA, len(obj), 1)]
        for blob in obj:
            parts += (_NULL,) if blob is None else (len(blob).to_bytes(4, "big"), blob)
        return b"".join(parts)


class _NumbersDumper(Dumper):
    format = Format.BINARY
    oid = _BIGINT_ARRAY

    def dump(self, obj: Numbers) -> bytes:
        """Give the array as it travels."""
        if not obj:
            return _EMPTY_HEAD.pack(0, 0, _BIGINT)
        head = _HEAD.pack(1, 0, _BIGINT, len(obj), 1)
        return head + b"".join([_NUMBER.pack(_BIGINT_BYTES, number) for number in obj])


def register_arrays(connection: AsyncConnection[Any]) -> None:
    """Let a connection take these types as parameters."""
    connection.adapters.register_dumper(Blobs, _BlobsDumper)
    connection.adapters.register_dumper(Numbers, _NumbersDumper)
