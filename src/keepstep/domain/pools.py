"""Identity pools: the account's name spaces for identities."""

import re
import uuid
from collections.abc import Mapping

import msgspec

from keepstep.wire.identity import CognitoIdentityProvider, RoleMapping
from keepstep.wire.sync import CognitoStreams, PushSync

from .sealing import Entropy

_POOL_ID = re.compile(r"[a-z]{2}(-[a-z]+)+-[0-9]{1,2}:[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


class PrincipalTagMap(msgspec.Struct, frozen=True, kw_only=True):
    """Which session tags a provider's claims become; by default its ``client`` and ``username``."""

    use_defaults: bool
    principal_tags: Mapping[str, str] = {}


class PoolSettings(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """How a pool signs its users in, and what leaves the server, as its owner set it up.

    ``roles`` of None are the built-in ones; the keys of the others are ``authenticated`` and
    ``unauthenticated``. ``allow_classic_flow`` of None was never set, and allows it. The keys of
    ``role_mappings`` and ``principal_tags`` are provider names; those of ``events`` are kinds of
    event, of which there is one, ``SyncTrigger``.
    """

    allow_unauthenticated: bool = False
    allow_classic_flow: bool | None = None
    supported_login_providers: Mapping[str, str] = {}
    developer_provider_name: str | None = None
    open_id_connect_provider_arns: tuple[str, ...] = ()
    cognito_identity_providers: tuple[CognitoIdentityProvider, ...] = ()
    saml_provider_arns: tuple[str, ...] = ()
    tags: Mapping[str, str] = {}
    roles: Mapping[str, str] | None = None
    role_mappings: Mapping[str, RoleMapping] = {}
    principal_tags: Mapping[str, PrincipalTagMap] = {}
    push_sync: PushSync | None = None
    cognito_streams: CognitoStreams | None = None
    events: Mapping[str, str] = {}


class IdentityPool(msgspec.Struct, frozen=True):
    """An identity pool. Dates are milliseconds since the epoch; each change has a version."""

    identity_pool_id: str
    name: str
    creation_date: int
    last_modified_date: int
    sync_sessions_count: int = 0
    settings: PoolSettings = PoolSettings()
    version: int = 1


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


def region_of(identity_pool_id: str) -> str:
    """Give the region that an id names; identities have their pool's."""
    return identity_pool_id.partition(":")[0]


def is_pool_id(text: str) -> bool:
    """Whether the text has the form REGION:GUID, in lower case."""
    return _POOL_ID.fullmatch(text) is not None
