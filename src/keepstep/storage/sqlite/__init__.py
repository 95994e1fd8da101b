"""The embedded engine: one SQLite file, or memory, in the server's own process."""

from .engine import SQLiteStore

__all__ = ["SQLiteStore"]
