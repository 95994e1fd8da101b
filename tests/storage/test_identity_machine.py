"""Any sequence of changes of identities: every login stays on exactly one living identity."""

import hypothesis.strategies as st
import msgspec
from hypothesis import settings
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from keepstep.domain.identities import Identity, IdentityChange, Login
from keepstep.storage.sqlite import SQLiteStore
from keepstep.testing.storage_suite.running import (
    DATE,
    POOL,
    changed,
    changing,
    identity,
    merging,
    place,
    pool,
    run,
    writing,
)

IDS = [f"identity-{number}" for number in range(4)]
LOGINS = [Login("provider", str(number)) for number in range(4)]
some_id = st.sampled_from(IDS)
some_logins = st.lists(st.sampled_from(LOGINS), max_size=3, unique=True).map(tuple)
seldom = st.integers(0, 9).map(lambda number: number // 9)


class Identities(RuleBasedStateMachine):
    """Holds a store against a model: the identities, and the names of their datasets."""

    def __init__(self) -> None:
        super().__init__()
        self.store = SQLiteStore.in_memory()
        self.identities: dict[str, Identity] = {}
        self.datasets: dict[str, set[str]] = {}
        self.deleted: set[str] = set()
        assert run(self.store.create_pool(pool()))
        for identity_id, login in zip(IDS, LOGINS, strict=True):
            self.create(identity_id, (login,))

    def _apply(self, change: IdentityChange) -> None:
        """Apply a change to store and model; both must take it, or neither."""
        after = self.identities | {
            each.identity.identity_id: each.identity for each in change.writes
        }
        linked = [login for each in after.values() for login in each.logins]
        fits = len(linked) == len(set(linked)) and all(
            self._version(each.identity.identity_id) == each.expected_version
            for each in change.writes
        )
        moved = {
            merge.destination: set(merge.names.values()) | self._names(merge.destination)
            for merge in change.merges
        }
        for merge in change.merges:
            fits = fits and self._names(merge.source) <= set(merge.names)
            fits = fits and not set(merge.names.values()) & self._names(merge.destination)
        assert run(self.store.change_identities(change)) == fits
        if fits:
            self.identities = after
            self.datasets |= moved | {merge.source: set() for merge in change.merges}

    def _version(self, identity_id: str) -> int | None:
        return self.identities[identity_id].version if identity_id in self.identities else None

    def _names(self, identity_id: str) -> set[str]:
        return self.datasets.get(identity_id, set())

    def _read(self, identity_id: str, lag: int) -> Identity:
        """Give an identity as a caller read it, perhaps some versions ago."""
        stored = self.identities.get(identity_id, identity(identity_id))
        return msgspec.structs.replace(stored, version=max(1, stored.version - lag))

    @rule(identity_id=some_id, logins=some_logins)
    def create(self, identity_id: str, logins: tuple[Login, ...]) -> None:
        self._apply(changing(identity(identity_id, *logins)))

    @rule(identity_id=some_id, logins=some_logins, lag=seldom)
    def link(self, identity_id: str, logins: tuple[Login, ...], lag: int) -> None:
        before = self._read(identity_id, lag)
        self._apply(changing(changed(before, logins=() if before.disabled else logins)))

    @rule(ids=st.permutations(IDS), lag=seldom, forgets_one=seldom)
    def merge(self, ids: list[str], lag: int, forgets_one: int) -> None:
        living = [each for each in ids if not self._read(each, 0).disabled]
        if len(living) < 2:
            return
        source, destination = (self._read(each, lag) for each in living[:2])
        names = sorted(self._names(source.identity_id))[forgets_one:]
        self._apply(merging(source, destination, *names))

    @rule(identity_id=some_id, name=st.sampled_from(["a", "b"]))
    def write(self, identity_id: str, name: str) -> None:
        change = writing(place(name, identity_id), {"k": name}, below=20)
        stored = self.identities.get(identity_id)
        disabled = stored is not None and stored.disabled
        free = name not in self._names(identity_id)
        fits = free and not disabled and identity_id not in self.deleted
        assert run(self.store.change_dataset(change)) == fits
        if fits:
            self.datasets[identity_id] = self._names(identity_id) | {name}

    @rule(identity_id=some_id)
    def delete(self, identity_id: str) -> None:
        there = identity_id in self.identities
        assert run(self.store.delete_identity(identity_id, date=DATE)) == there
        if there:
            del self.identities[identity_id]
            self.datasets.pop(identity_id, None)
            self.deleted.add(identity_id)

    @rule(identity_id=some_id)
    def delete_and_restore(self, identity_id: str) -> None:
        before = self.identities.get(identity_id)
        if before is not None:
            dump = run(self.store.dump_datasets(POOL, identity_id))
            assert run(self.store.delete_identity(identity_id, date=DATE))
            assert run(self.store.restore_identity(before, dump))
            self.deleted.discard(identity_id)

    @invariant()
    def every_login_is_on_exactly_one_living_identity(self) -> None:
        for login in LOGINS:
            owners = [each for each in self.identities.values() if login in each.logins]
            assert run(self.store.find_identities(POOL, [login])) == owners
            assert all(not owner.disabled for owner in owners)

    @invariant()
    def the_store_has_what_the_model_has(self) -> None:
        for each in IDS:
            assert run(self.store.find_identity(each)) == self.identities.get(each)
            names = run(self.store.list_dataset_names(POOL, each))
            assert names == dict.fromkeys(self._names(each), True)

    def teardown(self) -> None:
        run(self.store.close())


TestIdentities = Identities.TestCase
TestIdentities.settings = settings(
    max_examples=40, stateful_step_count=25, deadline=None, derandomize=True
)
