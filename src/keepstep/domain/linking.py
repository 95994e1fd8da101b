"""What a call's logins do to identities: find, create, link, merge, unlink. Pure decisions.

A decision is a ``Linking``: the identity the caller ends up with, the identities that become
part of it, and the logins it then has. ``change`` turns it into the one value the store applies.
The rules and texts follow the developer guide's pages on the authentication flow and on
developer authenticated identities, and what was seen of the real service.
"""

from collections.abc import Container, Iterable, Mapping, Sequence

import msgspec

from keepstep.wire.errors import (
    DeveloperUserAlreadyRegisteredException,
    InvalidParameterException,
    NotAuthorizedException,
    ResourceConflictException,
    ResourceNotFoundException,
    ServiceError,
)

from .identities import Identity, IdentityChange, IdentityWrite, Login, Merge
from .limits import CREDENTIALS_MS_MAX, DATASET_NAME_LENGTH_MAX, LOGINS_PER_IDENTITY_MAX
from .revocations import Revocation, guest_subject


class Linking(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be: ``identity`` as stored (None: it is new), ``logins`` it gets, whom it absorbs.

    ``logins`` are the new ones only; those of absorbed identities come with them.
    """

    identity: Identity | None
    logins: tuple[Login, ...] = ()
    absorbs: tuple[Identity, ...] = ()

    @property
    def changes_nothing(self) -> bool:
        """Whether the identity is already as it should be."""
        return self.identity is not None and not self.logins and not self.absorbs


def sign_in(
    logins: Sequence[Login], owners: Sequence[Identity], developer_provider: str | None
) -> Linking:
    """Decide a sign-in without an identity: GetId, or a developer's call without IdentityId.

    ``owners`` are the identities the logins are linked to, oldest first; of several the oldest
    goes on, so that the id cached for longest stays good.

    Raises ResourceConflictException and InvalidParameterException, as ``_checked`` says.
    """
    first, absorbed = (owners[0], owners[1:]) if owners else (None, ())
    return _checked(first, logins, absorbed, developer_provider)


def sign_in_as(
    identity: Identity,
    logins: Sequence[Login],
    owners: Sequence[Identity],
    developer_provider: str | None,
) -> Linking:
    """Decide a sign-in with an identity, which is not disabled, and at least one login.

    A guest's data goes to the identity that its first login already has, which goes on; of two
    identities with logins, the one passed in goes on, so that its cached id stays good.

    Raises NotAuthorizedException if none of the logins is the identity's (texts as seen in
    amplify-js issues 2443 and 6616); ResourceConflictException and InvalidParameterException,
    as ``_checked`` says.
    """
    others = [owner for owner in owners if owner.identity_id != identity.identity_id]
    if identity.is_guest:
        if not others:
            return _checked(identity, logins, (), developer_provider)
        return _checked(others[0], logins, [*others[1:], identity], developer_provider)
    if not identity.logins:
        raise forbidden(identity.identity_id)
    if not set(logins) & set(identity.logins):
        raise logins_do_not_match()
    return _checked(identity, logins, others, developer_provider)


def check_developer_user(
    identity: Identity, user: Login, owners: Sequence[Identity], identity_id: str
) -> None:
    """Refuse to link a developer's user to an identity when it already has another one.

    ``identity_id`` is the one in the request, for the message.

    Raises DeveloperUserAlreadyRegisteredException.
    """
    for owner in owners:
        if user in owner.logins and owner.identity_id != identity.identity_id:
            raise DeveloperUserAlreadyRegisteredException(
                "The developer user identifier is already registered under a different identity. "
                f"Leave IdentityId {identity_id} out to get that one, or use "
                "MergeDeveloperIdentities."
            )


def merge_users(source: Identity, destination: Identity, developer_provider: str) -> Linking:
    """Decide MergeDeveloperIdentities: the source becomes part of the destination.

    Raises ResourceConflictException and InvalidParameterException, as ``_checked`` says.
    """
    if source.identity_id == destination.identity_id:
        return Linking(identity=destination)
    return _checked(destination, (), (source,), developer_provider)


def unlink(identity: Identity, removed: Iterable[Login], now: int) -> IdentityChange:
    """Decide an unlinking; without its last login the identity is out of everybody's reach."""
    gone = set(removed)
    left = tuple(login for login in identity.logins if login not in gone)
    return _one_write(_changed(identity, left, now), identity.version)


def change(
    linking: Linking, new_id: str, identity_pool_id: str, names: Sequence[Merge], now: int
) -> IdentityChange:
    """Give the one value that makes a linking so.

    ``new_id`` is used if the identity is new; ``names`` are the absorbed identities' datasets.
    When a guest gets its first login, the guest's credentials end.
    """
    before = linking.identity
    if before is None:
        identity = Identity(
            identity_id=new_id,
            identity_pool_id=identity_pool_id,
            creation_date=now,
            last_modified_date=now,
            logins=linking.logins,
            was_authenticated=bool(linking.logins),
        )
        return _one_write(identity, None)
    absorbed = [login for other in linking.absorbs for login in other.logins]
    logins = (*before.logins, *absorbed, *linking.logins)
    writes = [
        IdentityWrite(identity=_changed(before, logins, now), expected_version=before.version)
    ]
    for other in linking.absorbs:
        disabled = msgspec.structs.replace(_changed(other, (), now), merged_into=before.identity_id)
        writes.append(IdentityWrite(identity=disabled, expected_version=other.version))
    return IdentityChange(
        identity_pool_id=identity_pool_id,
        date=now,
        writes=tuple(writes),
        merges=tuple(names),
        revokes=(_guest_gone(before, now),) if before.is_guest and logins else (),
    )


def merges(linking: Linking, datasets: Mapping[str, Mapping[str, bool]]) -> list[Merge]:
    """Name the absorbed identities' datasets under the identity that goes on.

    ``datasets`` has, by identity id, every dataset name used and whether the dataset exists.
    """
    survivor = linking.identity
    if survivor is None or not linking.absorbs:
        return []
    taken = set(datasets[survivor.identity_id])
    found: list[Merge] = []
    for other in linking.absorbs:
        names: dict[str, str] = {}
        for name, exists in sorted(datasets[other.identity_id].items()):
            if exists:
                names[name] = merged_name(name, other.identity_id, taken)
                taken.add(names[name])
        found.append(Merge(source=other.identity_id, destination=survivor.identity_id, names=names))
    return found


def merged_name(dataset_name: str, identity_id: str, taken: Container[str]) -> str:
    """Give the name that a merged identity's dataset gets: its own, a point, the identity's id.

    Clients look for names that begin with ``<name>.``. One that would be too long loses the end
    of its own part; one that is taken gets a number there.
    """
    number = 1
    while True:
        tail = f"{'' if number == 1 else f'-{number}'}.{identity_id}"
        name = dataset_name[: DATASET_NAME_LENGTH_MAX - len(tail)] + tail
        if name not in taken:
            return name
        number += 1


def identity_not_found(identity_id: str) -> ServiceError:
    """Give the error whose text Amplify compares in full before it forgets a cached id."""
    return ResourceNotFoundException(f"Identity '{identity_id}' not found.")


def forbidden(identity_id: str) -> ServiceError:
    """Give the error for an identity that the caller has no proof for."""
    return NotAuthorizedException(f"Access to Identity '{identity_id}' is forbidden.")


def logins_do_not_match() -> ServiceError:
    """Give the error for valid logins that are not the identity's."""
    return NotAuthorizedException(
        "Logins don't match. Please include at least one valid login for this identity or "
        "identity pool."
    )


def _checked(
    identity: Identity | None,
    logins: Sequence[Login],
    absorbs: Sequence[Identity],
    developer_provider: str | None,
) -> Linking:
    """Make a linking of logins that fit together.

    Raises ResourceConflictException if the identity would have two logins of one provider other
    than the developer's, InvalidParameterException if it would have too many.
    """
    known = [login for one in (identity, *absorbs) if one is not None for login in one.logins]
    new = tuple(login for login in logins if login not in known)
    providers = [
        login.provider_name for login in (*known, *new) if login.provider_name != developer_provider
    ]
    for provider in providers:
        if providers.count(provider) > 1:
            raise ResourceConflictException(
                f"Logins are already linked to another account: the identity would have two "
                f"logins of {provider}. Unlink one of them first."
            )
    if len(known) + len(new) > LOGINS_PER_IDENTITY_MAX:
        raise InvalidParameterException(
            f"An identity may have {LOGINS_PER_IDENTITY_MAX} logins; unlink some first."
        )
    return Linking(identity=identity, logins=new, absorbs=tuple(absorbs))


def _guest_gone(identity: Identity, now: int) -> Revocation:
    """End what was granted to whoever knew the id, now that the identity has an owner.

    An identity never becomes a guest's again: whatever is still granted meanwhile ends too.
    """
    return Revocation(
        subject=guest_subject(identity.identity_id), not_before=now + CREDENTIALS_MS_MAX
    )


def _changed(identity: Identity, logins: tuple[Login, ...], now: int) -> Identity:
    return msgspec.structs.replace(
        identity,
        logins=logins,
        was_authenticated=identity.was_authenticated or bool(logins),
        last_modified_date=now,
        version=identity.version + 1,
    )


def _one_write(identity: Identity, expected_version: int | None) -> IdentityChange:
    write = IdentityWrite(identity=identity, expected_version=expected_version)
    return IdentityChange(
        identity_pool_id=identity.identity_pool_id,
        date=identity.last_modified_date,
        writes=(write,),
    )
