"""What a store's URL says: where the database is, and how its connections are used.

The engine's own parameters stand in the URL beside libpq's, which it passes on:
``postgresql://keepstep@db/keepstep?sslmode=require&pool_max=40&prepare_threshold=off``.
"""

from collections.abc import Mapping
from typing import Final
from urllib.parse import parse_qsl, quote, urlencode, urlsplit

import msgspec
import psycopg
from psycopg.conninfo import conninfo_to_dict

from keepstep.interfaces.storage import StoreUnusable

POOL_MIN: Final = 1
"""Connections kept open."""
POOL_MAX: Final = 20
"""Connections at most; each is a process of the database."""
POOL_WAIT_SECONDS: Final = 5.0
"""How long a call waits for a free connection."""
POOL_WAITING_MAX: Final = 4096
"""Calls that may wait for a free connection before callers are told to slow down."""
CONNECT_SECONDS: Final = 5
"""How long one attempt to connect may take."""
STATEMENT_SECONDS: Final = 10.0
"""How long a statement may take, waiting for locks included."""
LONG_STATEMENT_SECONDS: Final = 600.0
"""The same for those that read or delete the data of whole pools, and for schema steps."""
IDLE_SECONDS: Final = 300.0
"""How long a connection above the least number may be idle before it is closed."""
PREPARE_THRESHOLD: Final = 2
"""Executions of a statement on one connection before it is prepared there."""


class PostgresSettings(msgspec.Struct, frozen=True, kw_only=True):
    """The engine's own parameters. ``prepare_threshold`` of None never prepares a statement.

    PgBouncer needs that in its transaction mode, unless its max_prepared_statements is set.
    """

    pool_min: int = POOL_MIN
    pool_max: int = POOL_MAX
    pool_wait_seconds: float = POOL_WAIT_SECONDS
    connect_seconds: int = CONNECT_SECONDS
    statement_seconds: float = STATEMENT_SECONDS
    long_statement_seconds: float = LONG_STATEMENT_SECONDS
    prepare_threshold: int | None = PREPARE_THRESHOLD


def split_url(url: str, settings: PostgresSettings | None = None) -> tuple[str, PostgresSettings]:
    """Give the URL for libpq, and the settings with what the URL says about them.

    Raises StoreUnusable if either is malformed.
    """
    before = msgspec.structs.asdict(settings or PostgresSettings())
    try:
        parts = urlsplit(url)
        given = parse_qsl(parts.query, keep_blank_values=True)
        own = {name: value for name, value in given if name in before}
        rest = urlencode([pair for pair in given if pair[0] not in own], quote_via=quote)
        conninfo = parts._replace(query=rest).geturl()
        conninfo_to_dict(conninfo)
    except (ValueError, psycopg.ProgrammingError):
        raise StoreUnusable(
            "the store's URL is not one of PostgreSQL's; write "
            "postgresql://user@host:5432/database, with special characters percent-encoded"
        ) from None
    return conninfo, _converted(before, own)


def name_of(conninfo: str) -> str:
    """Name a database for people, without a password."""
    known = conninfo_to_dict(conninfo)
    host = known.get("host") or known.get("hostaddr") or "localhost"
    port = f":{known['port']}" if "port" in known else ""
    return f"postgresql://{host}{port}/{known.get('dbname', '')}"


def _converted(before: Mapping[str, object], own: Mapping[str, str]) -> PostgresSettings:
    """Make settings of texts; "off" turns a threshold off."""
    values = {name: None if value == "off" else value for name, value in own.items()}
    try:
        settings = msgspec.convert({**before, **values}, PostgresSettings, strict=False)
    except msgspec.ValidationError as error:
        raise StoreUnusable(f"the store's URL: {error}; correct that parameter") from None
    if settings.pool_max < max(settings.pool_min, 1) or settings.pool_min < 0:
        raise StoreUnusable("the store's URL: pool_max must be 1 or more, and pool_min no more")
    return settings
