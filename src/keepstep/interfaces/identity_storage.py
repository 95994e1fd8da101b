"""What a storage engine does for identities; see ``storage`` for what holds of every method."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Protocol

from keepstep.domain.datasets import Dataset, Record
from keepstep.domain.identities import Identity, IdentityChange, Login
from keepstep.domain.pools import IdentityPool
from keepstep.domain.revocations import Revocation


@dataclass(slots=True)
class TokenKey:
    """A key that signs OpenID tokens, sealed. ``number`` counts from 1 and tells keys apart."""

    number: int
    sealed: bytes
    creation_date: int


@dataclass(slots=True)
class StoredDataset:
    """A dataset, or the counter of a deleted one, whole.

    ``merged_under`` is the dataset name that reports it since a merge, or None. The records are
    in ascending order of sync count, then key in byte order of UTF-8.
    """

    dataset: Dataset
    merged_under: str | None
    records: Sequence[Record]


@dataclass(slots=True)
class GuestsPurged:
    """How many guests were deleted, and the position to go on behind; None: there are no more."""

    count: int
    position: tuple[int, str] | None


class IdentityReader(Protocol):
    """Reads of identities, logins and revocations."""

    async def find_identity(self, identity_id: str) -> Identity | None:
        """Give an identity, disabled or not, or None."""
        ...

    async def find_identities(
        self, identity_pool_id: str, logins: Collection[Login]
    ) -> list[Identity]:
        """Give the identities that any of the logins is linked to, each once, oldest first.

        Identities of the same age are in byte order of their ids.
        """
        ...

    async def list_identities(
        self, identity_pool_id: str, *, after: tuple[int, str], limit: int, hide_disabled: bool
    ) -> list[Identity]:
        """Give a pool's identities behind a (creation date, id), in that order."""
        ...

    async def list_dataset_names(self, identity_pool_id: str, identity_id: str) -> dict[str, bool]:
        """Give every dataset name an identity has used, and whether that dataset exists now."""
        ...

    async def dump_datasets(self, identity_pool_id: str, identity_id: str) -> list[StoredDataset]:
        """Give everything an identity stores, of one state, in byte order of the names."""
        ...

    async def list_pools(self, *, after: tuple[int, str], limit: int) -> list[IdentityPool]:
        """Give the pools behind a (creation date, id), in that order."""
        ...

    async def find_revocation(self, subject: str) -> Revocation | None:
        """Give the revocation of a subject, or None."""
        ...

    async def list_token_keys(self) -> list[TokenKey]:
        """Give the keys that sign OpenID tokens, newest, which has the greatest number, first."""
        ...


class IdentityWriter(Protocol):
    """Changes of identities. Each is one atomic, durable step."""

    async def change_identities(self, change: IdentityChange) -> bool:
        """Apply a change whole; False, with nothing written, if its conditions do not hold."""
        ...

    async def delete_identity(self, identity_id: str, *, date: int) -> bool:
        """Delete an identity with its logins and all its data; False if there is none.

        Its credentials are revoked, with the reason DELETED, and no dataset can come to exist
        under its id for as long as that revocation is kept.
        """
        ...

    async def restore_identity(self, identity: Identity, datasets: Sequence[StoredDataset]) -> bool:
        """Put an identity back with all its data, as it was.

        False, with nothing written, if the pool is missing, or the identity, one of its logins
        or a dataset of it (or its counter) is there. A DELETED revocation of it becomes
        SIGNED_OUT.
        """
        ...

    async def update_pool(self, pool: IdentityPool, *, expected_version: int) -> bool:
        """Replace a pool's name, dates and settings if its version is the expected one.

        The count of its sync sessions stays. ``pool.version`` is the new version.
        """
        ...

    async def purge_guests(
        self, created_before: int, *, after: tuple[int, str], limit: int, date: int
    ) -> GuestsPurged:
        """Look at ``limit`` guests made before a time; delete those that have no dataset.

        They are the first behind a (creation date, id). A guest never had a login and is not
        disabled. The credentials of those deleted are revoked, as ``delete_identity`` does, so
        that none of them leaves data behind.
        """
        ...

    async def revoke(self, revocation: Revocation) -> None:
        """Keep a revocation.

        Of two for one subject the later time stays, and the graver reason: DELETED before
        MERGED before SIGNED_OUT.
        """
        ...

    async def purge_revocations(self, not_before: int, *, limit: int) -> int:
        """Forget at most ``limit`` revocations whose time is below another; give how many."""
        ...

    async def create_token_key(self, key: TokenKey) -> bool:
        """Keep a key that signs tokens; False, with nothing written, if its number is taken."""
        ...

    async def delete_token_key(self, number: int) -> bool:
        """Forget a key that signs tokens; False if there is none."""
        ...
