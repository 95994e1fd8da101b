"""Who is who, and who owns which data, after sign-ins, merges and deletions; in memory.

Written from the published rules alone, as plainly as they can be said; it shares no code with
the server.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

DEVELOPER = "login.app"
REFUSED, CONFLICT = "NotAuthorizedException", "ResourceConflictException"
NOT_FOUND = "ResourceNotFoundException"
REGISTERED = "DeveloperUserAlreadyRegisteredException"

Login = tuple[str, str]
"""A provider and a user of it."""
Records = dict[str, str | None]


@dataclass
class Data:
    """One dataset; ``root`` is the name under which its user made it."""

    root: str
    records: Records


@dataclass
class Person:
    """One identity. ``known`` says that it had a login once, and so is nobody's guest."""

    logins: set[Login] = field(default_factory=set[Login])
    known: bool = False
    merged_into: str | None = None
    deleted: bool = False
    data: list[Data] = field(default_factory=list[Data])

    @property
    def living(self) -> bool:
        return self.merged_into is None and not self.deleted

    def link(self, logins: Iterable[Login]) -> None:
        self.logins.update(logins)
        self.known = self.known or bool(self.logins)


class Model:
    """All identities of a pool by id, oldest first."""

    def __init__(self) -> None:
        self.people: dict[str, Person] = {}

    @property
    def living(self) -> Iterator[tuple[str, Person]]:
        return ((name, person) for name, person in self.people.items() if person.living)

    def home(self, name: str) -> str | None:
        """Follow merges to the identity that goes on; None if one on the way was deleted."""
        while not (person := self.people[name]).deleted:
            if person.merged_into is None:
                return name
            name = person.merged_into
        return None

    def owners(self, logins: Iterable[Login]) -> list[str]:
        """Give the identities of logins, oldest first."""
        wanted = set(logins)
        return [name for name, person in self.living if person.logins & wanted]

    def refusals(self, asked: str | None, logins: list[Login]) -> set[str]:
        """Give the codes with which a sign-in may be refused; if there are any, it must be."""
        home = self.home(asked) if asked is not None else None
        if asked is not None and home is None:
            return {NOT_FOUND, REFUSED} if not logins else {NOT_FOUND}
        codes: set[str] = set()
        if asked is not None and home is not None:
            person = self.people[home]
            proved = bool(person.logins & set(logins))
            if (asked != home or person.known) and not proved:
                codes.add(REFUSED)
            users = [login for login in logins if login[0] == DEVELOPER]
            if any(owner != home for owner in self.owners(users)):
                codes.add(REGISTERED)
        return codes | self.clash(home, logins)

    def clash(self, home: str | None, logins: list[Login]) -> set[str]:
        """Give the code for two logins of one public provider on what would be one identity."""
        parts = {home, *self.owners(logins)} - {None}
        together = {login for name in parts for login in self.people[name or ""].logins}
        public = [login[0] for login in together | set(logins) if login[0] != DEVELOPER]
        return {CONFLICT} if len(public) != len(set(public)) else set()

    def survivor(self, asked: str | None, logins: list[Login]) -> str | None:
        """Give the identity that an accepted sign-in comes to; None for a new one."""
        owners = self.owners(logins)
        home = self.home(asked) if asked is not None else None
        if home is not None and (self.people[home].known or not owners):
            return home
        return owners[0] if owners else None

    def sign_in(self, asked: str | None, logins: list[Login], answered: str) -> None:
        """Make an accepted sign-in so."""
        parts = self.owners(logins)
        if asked is not None:
            parts.append(self.home(asked) or "")
        survivor = self.people.setdefault(answered, Person())
        for name in parts:
            self.absorb(answered, name)
        survivor.link(logins)

    def absorb(self, survivor: str, name: str) -> None:
        """Make one identity part of another."""
        if name == survivor or not self.people[name].living:
            return
        gone, kept = self.people[name], self.people[survivor]
        kept.link(gone.logins)
        kept.data += gone.data
        gone.logins, gone.data, gone.merged_into = set(), [], survivor

    def delete(self, name: str) -> None:
        """Delete an identity with its data."""
        person = self.people[name]
        person.logins, person.data, person.deleted = set(), [], True
