"""Identities, the logins linked to them, and the one value that changes them.

Which change a call asks for is decided in ``linking``. Dates are integer milliseconds since the
epoch.
"""

import uuid
from collections.abc import Mapping

import msgspec

from .revocations import Revocation
from .sealing import Entropy


class Login(msgspec.Struct, frozen=True, order=True):
    """A user as one provider knows them; for a developer provider, the user identifier.

    Within a pool a login is linked to at most one identity.
    """

    provider_name: str
    subject: str


class Identity(msgspec.Struct, frozen=True, kw_only=True):
    """One identity of a pool, with every login linked to it, in order of their linking.

    ``was_authenticated`` stays true when the last login is unlinked: such an identity is out of
    reach, and never a guest's. A disabled identity has been merged into ``merged_into`` and has
    no logins. ``version`` grows with every change.
    """

    identity_id: str
    identity_pool_id: str
    creation_date: int
    last_modified_date: int
    logins: tuple[Login, ...] = ()
    was_authenticated: bool = False
    merged_into: str | None = None
    version: int = 1

    @property
    def disabled(self) -> bool:
        """Whether the identity has been merged into another one."""
        return self.merged_into is not None

    @property
    def is_guest(self) -> bool:
        """Whether whoever knows the id may use it: it never had a login."""
        return not self.was_authenticated and not self.disabled


class IdentityWrite(msgspec.Struct, frozen=True, kw_only=True):
    """An identity as it is to be, if its stored version is ``expected_version`` (None: is new)."""

    identity: Identity
    expected_version: int | None


class Merge(msgspec.Struct, frozen=True, kw_only=True):
    """The datasets of one identity go to another, each with its records, counts and dates.

    ``names`` has the new name of every dataset that exists: ``notes`` becomes
    ``notes.us-east-1:…`` and is from then on reported under ``notes`` (``merged_under``); one
    that was moved before goes on being reported under its first name. Counters of deleted
    datasets stay behind and are forgotten.
    """

    source: str
    destination: str
    names: Mapping[str, str]


class IdentityChange(msgspec.Struct, frozen=True, kw_only=True):
    """A compare-and-set on one or more identities of one pool: applied whole, or not at all.

    It applies only if the pool exists, every write's expected version is the stored one, each
    of their logins is afterwards linked to one identity only, every dataset that exists under a
    merge's source is in its ``names``, and none of the new names has a counter yet.
    Credentials of a merge's source made before ``date`` are revoked, and ``revokes`` is kept.
    """

    identity_pool_id: str
    date: int
    writes: tuple[IdentityWrite, ...]
    merges: tuple[Merge, ...] = ()
    revokes: tuple[Revocation, ...] = ()


def new_identity_id(region: str, entropy: Entropy) -> str:
    """Make an id of the service's form: the region, a colon and a random UUID.

    A guest's id is all it takes to be that guest, so it must not be guessable.
    """
    return f"{region}:{uuid.UUID(bytes=entropy(16), version=4)}"
