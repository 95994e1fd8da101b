"""All that a store keeps, row by row, in a form that is no engine's own: what a copy carries.

A kind of row is a table, which has the same name in every engine. Its members stand in the
order in which the engines' statements give and take them, those of the key first. What an
engine derives from other rows is no kind: it is made anew where rows are loaded.
"""

import hashlib
from collections.abc import Iterable, Mapping
from types import GenericAlias
from typing import Any, ClassVar, Final

import msgspec


class Row(msgspec.Struct, frozen=True, array_like=True):
    """A row of any kind; ``key_length`` members, the first ones, tell it from all others.

    An engine may keep what it derives from rows of a kind with those of another kind, the
    ``home``: then rows are loaded after those of their home, and anew whenever those are.
    """

    kind: ClassVar[str]
    key_length: ClassVar[int] = 1
    home: ClassVar[str | None] = None


class IdentityPoolRow(Row, frozen=True):
    """An identity pool, with the number of its sync sessions; the settings are JSON."""

    kind: ClassVar[str] = "identity_pools"

    identity_pool_id: str
    name: str
    creation_date: int
    last_modified_date: int
    sync_sessions_count: int
    settings: str
    version: int


class IdentityRow(Row, frozen=True):
    """An identity, disabled or not, without its logins."""

    kind: ClassVar[str] = "identities"

    identity_id: str
    identity_pool_id: str
    creation_date: int
    last_modified_date: int
    was_authenticated: bool
    merged_into: str | None
    version: int


class LoginRow(Row, frozen=True):
    """A login, and its place among those of its identity."""

    kind: ClassVar[str] = "logins"
    key_length: ClassVar[int] = 3
    home: ClassVar[str | None] = IdentityRow.kind

    identity_pool_id: str
    provider_name: str
    subject: str
    identity_id: str
    position: int


class DatasetRow(Row, frozen=True):
    """A dataset, or the counter of a deleted one: then there is no creation date."""

    kind: ClassVar[str] = "datasets"
    key_length: ClassVar[int] = 3

    identity_id: str
    identity_pool_id: str
    dataset_name: str
    sync_count: int
    deleted_sync_count: int
    creation_date: int | None
    last_modified_date: int
    last_modified_by: str | None
    data_storage: int
    num_records: int
    merged_under: str | None


class RecordRow(Row, frozen=True):
    """A record, or a tombstone: then there is no value."""

    kind: ClassVar[str] = "records"
    key_length: ClassVar[int] = 4

    identity_id: str
    identity_pool_id: str
    dataset_name: str
    record_key: str
    value: str | None
    sync_count: int
    last_modified_date: int
    last_modified_by: str | None
    device_last_modified_date: int


class ConsumedSessionRow(Row, frozen=True):
    """A sync session that was consumed."""

    kind: ClassVar[str] = "consumed_sessions"
    key_length: ClassVar[int] = 2

    identity_id: str
    session_id: bytes
    expires_at: int


class RevocationRow(Row, frozen=True):
    """A revocation of credentials."""

    kind: ClassVar[str] = "revocations"

    subject: str
    not_before: int
    reason: str


class TokenKeyRow(Row, frozen=True):
    """A key that signs OpenID tokens, sealed."""

    kind: ClassVar[str] = "token_keys"

    number: int
    sealed: bytes
    creation_date: int


class AccessKeyRow(Row, frozen=True):
    """A developer's access key, revoked or not; a revoked one has no secret."""

    kind: ClassVar[str] = "access_keys"

    access_key_id: str
    sealed_secret: bytes
    description: str
    read_only: bool
    creation_date: int
    revoked: bool


class ServerKeyRow(Row, frozen=True):
    """A key of the server itself, sealed: it opens session tokens and page tokens."""

    kind: ClassVar[str] = "server_keys"

    sealed: bytes
    creation_date: int


class OutboxRow(Row, frozen=True):
    """A message in the outbox, with what became of it; those set aside are a part of it."""

    kind: ClassVar[str] = "outbox"
    key_length: ClassVar[int] = 6

    set_aside: bool
    identity_id: str
    identity_pool_id: str
    dataset_name: str
    channel: str
    sync_count: int
    creation_date: int
    partition: int
    attempts: int
    next_attempt_date: int
    failure: str | None
    body: bytes


class OutboxLaneRow(Row, frozen=True):
    """A lane of the outbox in which messages wait, and until when."""

    kind: ClassVar[str] = "outbox_lanes"
    key_length: ClassVar[int] = 4

    identity_id: str
    identity_pool_id: str
    dataset_name: str
    channel: str
    partition: int
    next_attempt_date: int


class DeviceRow(Row, frozen=True):
    """A device that is told of changes."""

    kind: ClassVar[str] = "devices"
    key_length: ClassVar[int] = 3

    identity_id: str
    identity_pool_id: str
    device_id: str
    platform: str
    token: str
    creation_date: int
    endpoint: str | None


class SubscriptionRow(Row, frozen=True):
    """A subscription of a device to a dataset."""

    kind: ClassVar[str] = "subscriptions"
    key_length: ClassVar[int] = 4

    identity_id: str
    identity_pool_id: str
    dataset_name: str
    device_id: str


class BulkPublishRow(Row, frozen=True):
    """The last bulk publish of a pool."""

    kind: ClassVar[str] = "bulk_publishes"

    identity_pool_id: str
    status: str
    start_date: int
    complete_date: int | None
    failure_message: str | None
    position_identity_id: str
    position_dataset_name: str
    version: int


KINDS: Final[tuple[type[Row], ...]] = (
    ServerKeyRow,
    AccessKeyRow,
    TokenKeyRow,
    IdentityPoolRow,
    IdentityRow,
    LoginRow,
    DatasetRow,
    RecordRow,
    ConsumedSessionRow,
    RevocationRow,
    OutboxRow,
    OutboxLaneRow,
    DeviceRow,
    SubscriptionRow,
    BulkPublishRow,
)
"""Every kind, in the order in which a copy goes through them."""


def member_types(kind: type[Row]) -> dict[str, Any]:
    """Give the members of a kind, in their order, with their types."""
    return {member.name: member.type for member in msgspec.structs.fields(kind)}


def position_of(row: Row) -> str:
    """Give the position behind a row, in an order by its key or by what is made of the key."""
    return msgspec.json.encode(msgspec.structs.astuple(row)[: row.key_length]).decode()


def key_at(kind: type[Row], position: str | None) -> tuple[Any, ...]:
    """Give the key that a position is behind; before every row (None) each member is None."""
    if position is None:
        return (None,) * kind.key_length
    types = tuple(member_types(kind).values())[: kind.key_length]
    return msgspec.json.decode(position, type=GenericAlias(tuple, types))


class KindSum(msgspec.Struct, frozen=True):
    """How many rows of a kind there are, and the sum of their digests, whatever their order."""

    count: int = 0
    checksum: int = 0

    def __str__(self) -> str:
        return f"{self.count} with checksum {self.checksum % 2**64:016x}"


_SUM_MODULUS: Final = 2**256
_ENCODER: Final = msgspec.msgpack.Encoder()


def sum_with(before: KindSum, rows: Iterable[Row]) -> KindSum:
    """Add rows, in their canonical encoding, to the sum of others."""
    count, checksum = before.count, before.checksum
    for row in rows:
        digest = hashlib.sha256(_ENCODER.encode(row)).digest()
        checksum += int.from_bytes(digest, "big")
        count += 1
    return KindSum(count, checksum % _SUM_MODULUS)


class KindProgress(msgspec.Struct, frozen=True):
    """How far the copy of a kind is; one that was found to ``differ`` is to be made anew."""

    rows: int = 0
    position: str | None = None
    done: bool = False
    differs: bool = False


class CopyProgress(msgspec.Struct, frozen=True, kw_only=True):
    """An unfinished copy: of which store, and how far it is.

    ``source`` names the store for people and ``deployment`` tells deployments apart. ``run`` is
    the process that makes the copy: another one that takes over leaves it without a say.
    """

    source: str
    deployment: str
    run: str
    kinds: Mapping[str, KindProgress] = {}

    def of(self, kind: type[Row]) -> KindProgress:
        """Give how far a kind is."""
        return self.kinds.get(kind.kind, KindProgress())

    def at(self, kind: type[Row], progress: KindProgress) -> "CopyProgress":
        """Give the same with a kind further on."""
        return msgspec.structs.replace(self, kinds={**self.kinds, kind.kind: progress})
