"""What PostgreSQL's errors mean to an operator, in words that say what to do."""

from typing import Final

import psycopg
from psycopg import errors

_WORDS: Final = {
    "25006": "the server is read-only, probably a standby; name the primary in the URL, or all "
    "hosts and target_session_attrs=read-write",
    "28": "it refuses this user; check the user, the password and pg_hba.conf",
    "3D000": "there is no such database; create it, or name another in the URL",
    "42501": "this user may not do that; grant it all rights on keepstep's tables",
    "42P01": "a table is missing; run keepstep migrate",
    "53100": "its disk is full; free some space on it",
    "53300": "it has no connection left; raise its max_connections or lower pool_max in the URL",
    "53": "it is out of a resource; look into its log",
    "57014": "a statement took too long and was stopped; look for what holds it up in "
    "pg_stat_activity",
    "57P03": "it is starting up or shutting down; try again",
    "57P": "it shut the connection down; try again",
    "58": "it failed to read or write its files; check its disk",
    "XX": "it failed inside; look into its log",
}
"""By SQLSTATE, or its beginning: the longest one counts."""
_CONFLICTS: Final = (errors.SerializationFailure, errors.DeadlockDetected)


def explain(error: BaseException, name: str) -> str:
    """Say what is wrong with the store of a name and what to do about it."""
    state = error.sqlstate if isinstance(error, psycopg.Error) else None
    detail = " ".join(str(error).split())
    if state is None:
        words = "it cannot be reached; check that it runs and that the URL is right"
    else:
        words = next(
            (_WORDS[state[:length]] for length in (5, 3, 2) if state[:length] in _WORDS),
            "it refused a statement; look into its log",
        )
    return f"the store {name}: {words} ({detail})"


def is_conflict(error: BaseException) -> bool:
    """Whether the database undid the whole transaction because of another; it may be repeated."""
    return isinstance(error, _CONFLICTS)


def is_lost(error: BaseException) -> bool:
    """Whether the connection ended, so that nobody knows what became of a change under way."""
    if not isinstance(error, psycopg.OperationalError | psycopg.InterfaceError):
        return False
    return error.sqlstate is None or error.sqlstate.startswith(("08", "57P"))


def is_read_only(error: BaseException) -> bool:
    """Whether the server takes no writes, so that another must be found."""
    return isinstance(error, errors.ReadOnlySqlTransaction)
