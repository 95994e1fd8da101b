"""Identity pools: the account's name spaces for identities."""

import re
import uuid

import msgspec

from .sealing import Entropy

_POOL_ID = re.compile(r"[a-z]{2}(-[a-z]+)+-[0-9]:[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


class IdentityPool(msgspec.Struct, frozen=True):
    """An identity pool. Dates are milliseconds since the epoch."""

    identity_pool_id: str
    name: str
    creation_date: int
    last_modified_date: int
    sync_sessions_count: int = 0


class IdentityUsage(msgspec.Struct, frozen=True, kw_only=True):
    """What one identity stores; ``last_modified_date`` is None while it stores nothing."""

    dataset_count: int = 0
    data_storage: int = 0
    last_modified_date: int | None = None


class PoolUsage(msgspec.Struct, frozen=True, kw_only=True):
    """What one pool stores; ``last_modified_date`` is the latest of it and its datasets."""

    pool: IdentityPool
    data_storage: int
    last_modified_date: int


def new_pool_id(region: str, entropy: Entropy) -> str:
    """Make a pool id of the service's form: the region, a colon and a random UUID."""
    return f"{region}:{uuid.UUID(bytes=entropy(16), version=4)}"


def is_pool_id(text: str) -> bool:
    """Whether the text has the form REGION:GUID, in lower case."""
    return _POOL_ID.fullmatch(text) is not None
