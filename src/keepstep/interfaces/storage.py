"""The contract of a storage engine.

Reading and writing are different interfaces. A read sees one consistent state and never
writes. A change is one value, applied whole or not at all, and durable once it is answered.
Every method may raise StoreUnavailable; nothing of a change that raised it was acknowledged.
Engines store and find; they hold no rule of the service. ``keepstep.testing.storage_suite``
tests all that is said here.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from keepstep.domain.access import AccessKey
from keepstep.domain.dataset_changes import DatasetChange
from keepstep.domain.datasets import Dataset, DatasetPlace, Record
from keepstep.domain.patches import DatasetState
from keepstep.domain.pools import IdentityPool, IdentityUsage, PoolUsage

from .delivery_storage import DeliveryReader, DeliveryWriter
from .identity_storage import IdentityReader, IdentityWriter


class StoreUnavailable(Exception):
    """The store cannot serve now. The text is for the operator and names what to do."""


class StoreBusy(StoreUnavailable):
    """More changes wait than the store takes; the caller should come back later."""


class StoreUnusable(Exception):
    """The store cannot be opened as it is. The text is for the operator and names what to do."""


@dataclass(slots=True)
class RecordsQuery:
    """Which records of a dataset to read.

    Those with ``above`` < sync count ≤ ``through`` (None: no upper end), behind the position
    (``after_sync_count``, ``after_key``) if given, at most ``limit`` (None: all of them).
    """

    place: DatasetPlace
    above: int = 0
    through: int | None = None
    after: tuple[int, str] | None = None
    limit: int | None = None


@dataclass(slots=True)
class RecordsFound:
    """The dataset (None: the name never existed) and the records asked for, tombstones included.

    The records are in ascending order of sync count, then key in byte order of UTF-8.
    ``merged_dataset_names`` are the existing datasets that came from merged identities and are
    reported under this name, in byte order; deleting such a dataset ends that for good.
    """

    dataset: Dataset | None
    records: list[Record]
    session_consumed: bool
    merged_dataset_names: list[str]


class StoreObserver(Protocol):
    """What an engine tells about its own work."""

    def observe_read(self, seconds: float) -> None:
        """Take the time one read took."""
        ...

    def observe_change(self, seconds: float) -> None:
        """Take the time from handing over one change to its being durable."""
        ...

    def observe_group(self, size: int) -> None:
        """Take how many changes one commit made durable."""
        ...


class _NoObserver:
    """Observes nothing."""

    def observe_read(self, seconds: float) -> None:
        """Ignore it."""

    def observe_change(self, seconds: float) -> None:
        """Ignore it."""

    def observe_group(self, size: int) -> None:
        """Ignore it."""


NO_OBSERVER: Final = _NoObserver()
"""For stores that nobody watches."""


class DatasetReader(Protocol):
    """Reads of the data that users sync."""

    async def list_datasets(
        self, identity_pool_id: str, identity_id: str, *, after: str, limit: int
    ) -> list[Dataset]:
        """Give the existing datasets whose name is greater than ``after``, in byte order."""
        ...

    async def find_dataset(self, place: DatasetPlace) -> Dataset | None:
        """Give the dataset or its surviving counter; None if the name never existed."""
        ...

    async def find_records(self, query: RecordsQuery, session_id: bytes | None) -> RecordsFound:
        """Give the records of a query and whether the session, if given, was consumed."""
        ...

    async def find_state(
        self, place: DatasetPlace, keys: Sequence[str] | None, session_id: bytes
    ) -> DatasetState:
        """Give what an update of the given keys is decided on; None stands for every key."""
        ...

    async def measure_identity(self, identity_pool_id: str, identity_id: str) -> IdentityUsage:
        """Give what the identity stores in its existing datasets."""
        ...


class PoolReader(Protocol):
    """Reads of identity pools."""

    async def find_pool(self, identity_pool_id: str) -> IdentityPool | None:
        """Give a pool, or None."""
        ...

    async def measure_pools(self, *, after: str, limit: int) -> list[PoolUsage]:
        """Give the pools whose id is greater than ``after``, in byte order, with their usage."""
        ...

    async def measure_pool(self, identity_pool_id: str) -> PoolUsage | None:
        """Give what one pool stores, or None if there is no such pool."""
        ...


class KeyReader(Protocol):
    """Reads of developers' keys and of the server's own."""

    async def find_access_key(self, access_key_id: str) -> AccessKey | None:
        """Give an access key that is not revoked, or None."""
        ...

    async def list_access_keys(self) -> list[AccessKey]:
        """Give every access key that is not revoked, oldest first."""
        ...

    async def list_server_keys(self) -> list[bytes]:
        """Give the server's own sealed keys, newest first."""
        ...


class Writer(Protocol):
    """Changes. Each is one atomic, durable step."""

    async def change_dataset(self, change: DatasetChange) -> bool:
        """Apply a change whole; False, with nothing written, if its conditions do not hold."""
        ...

    async def create_pool(self, pool: IdentityPool) -> bool:
        """Create a pool; False, with nothing written, if the id is taken."""
        ...

    async def delete_pool(self, identity_pool_id: str) -> bool:
        """Delete a pool with its identities and all their data; False if there is no such pool.

        Its messages in the outbox, its devices and its bulk publish go with it.
        """
        ...

    async def add_sync_sessions(self, counts: Mapping[str, int]) -> None:
        """Add to the number of sync sessions of pools; unknown pools are passed over."""
        ...

    async def purge_consumed_sessions(self, expired_before: int, *, limit: int) -> int:
        """Forget at most ``limit`` consumed sessions that expired before a time; give how many."""
        ...

    async def create_access_key(self, key: AccessKey) -> None:
        """Keep an access key; its id must be new."""
        ...

    async def revoke_access_key(self, access_key_id: str) -> bool:
        """Revoke an access key for good; False if there is no such key."""
        ...

    async def create_server_key(self, sealed: bytes, creation_date: int, *, first: bool) -> bool:
        """Keep a key of the server; with ``first``, only if there is none yet (else False)."""
        ...


class Store(
    DatasetReader,
    PoolReader,
    IdentityReader,
    KeyReader,
    DeliveryReader,
    Writer,
    IdentityWriter,
    DeliveryWriter,
    Protocol,
):
    """An open store."""

    async def check(self) -> None:
        """Answer if the store can serve reads and changes now; raise StoreUnavailable if not."""
        ...

    async def close(self) -> None:
        """Finish the changes already handed over, then let go of the store."""
        ...
