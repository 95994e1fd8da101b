"""The engine for teams: a PostgreSQL database that any number of servers share."""

from .engine import PostgresStore
from .schema import migrate
from .settings import PostgresSettings

__all__ = ["PostgresSettings", "PostgresStore", "migrate"]
