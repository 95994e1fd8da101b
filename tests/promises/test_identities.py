"""Sign-ins, merges, unlinkings and deletions in any order, held against a model.

Every login is on exactly one living identity, no data is ever lost, and nobody without a proved
login gets into an identity that ever had one.
"""

import asyncio
from collections.abc import Callable, Coroutine, Iterator
from itertools import count, permutations
from typing import Any, TypeVar

import jwt
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,  # pyright: ignore[reportUnknownVariableType] -- its factory is untyped
)

from keepstep.domain.credentials import open_credentials
from keepstep.domain.identities import Login as StoredLogin
from keepstep.interfaces.service import Call
from keepstep.operations.identity.identities import delete_identities
from keepstep.operations.identity.links import (
    merge_developer_identities,
    unlink_developer_identity,
    unlink_identity,
)
from keepstep.operations.identity.sign_in import (
    get_credentials_for_identity,
    get_id,
    get_open_id_token,
    get_open_id_token_for_developer_identity,
)
from keepstep.operations.sync.datasets import delete_dataset, list_datasets
from keepstep.operations.sync.records import list_records, update_records
from keepstep.wire import identity as wire
from keepstep.wire import sync
from keepstep.wire.errors import ServiceError
from tests.conftest import store_settings

from .identity_model import CONFLICT, DEVELOPER, NOT_FOUND, REFUSED, Data, Login, Model
from .in_process import DATASETS_MAX, World

PROVIDERS, USERS, ROOTS, KEYS = ("one.test", "two.test"), tuple("abcd"), ("x", "y"), ("k", "l")

T = TypeVar("T")
users = st.sampled_from(USERS)
some_logins = st.dictionaries(st.sampled_from(PROVIDERS), users, min_size=1)
one_login = st.dictionaries(st.sampled_from(PROVIDERS), users, min_size=1, max_size=1)
public_logins = st.one_of(st.just(dict[str, str]()), one_login, one_login, some_logins)
providers = st.lists(st.sampled_from(PROVIDERS), min_size=1, unique=True)
indexes = st.integers(0, 50)


class IdentitiesMachine(RuleBasedStateMachine):
    """The identities of one pool."""

    def __init__(self, world: World) -> None:
        super().__init__()
        self.world = world
        self.model = Model()
        self.pool_id = world.new_pool(DEVELOPER)
        self.values = count(1)

    def somebody(self, index: int) -> str:
        """Choose an identity: living, merged away or deleted."""
        return list(self.model.people)[index % len(self.model.people)]

    def proved(self, name: str, logins: dict[str, str], honest: bool) -> dict[str, str]:
        """Give logins of a call, with a public one that an identity has if the caller is honest."""
        home = self.model.home(name)
        own = self.public(home) if honest and home is not None else []
        return {**logins, **dict(own[:1])}

    def public(self, name: str) -> list[Login]:
        """Give the public logins of an identity, in a fixed order."""
        return sorted(one for one in self.model.people[name].logins if one[0] != DEVELOPER)

    def couples(self) -> list[tuple[str, str]]:
        """Give the pairs of identities that logins of both make one."""
        signed_up = [name for name, _ in self.model.living if self.public(name)]
        return [
            (one, other)
            for one, other in permutations(signed_up, 2)
            if not self.model.clash(one, self.public(other))
        ]

    def attempt(
        self,
        function: Callable[[Call, Any], Coroutine[Any, Any, T]],
        request: object,
        refusals: set[str],
    ) -> T | None:
        """Carry out an operation that is refused exactly if there is a reason to."""
        try:
            answer = self.world.call(function, request)
        except ServiceError as error:
            code = error.code
        else:
            assert not refusals
            return answer
        assert code in refusals
        return None

    @initialize()
    def begin(self) -> None:
        self.get_id({})

    @rule(logins=public_logins)
    def get_id(self, logins: dict[str, str]) -> None:
        request = wire.GetIdRequest(identity_pool_id=self.pool_id, logins=tokens(logins))
        found = list(logins.items())
        answer = self.attempt(get_id, request, self.model.refusals(None, found))
        if answer is not None:
            self.signed_in(None, found, answer.identity_id)

    @rule(index=indexes, logins=public_logins, honest=st.booleans(), classic=st.booleans())
    def sign_in(self, index: int, logins: dict[str, str], honest: bool, classic: bool) -> None:
        asked = self.somebody(index)
        self.sign_in_as(asked, self.proved(asked, logins, honest), classic)

    @precondition(lambda self: self.couples())
    @rule(index=indexes, asks=st.booleans(), classic=st.booleans())
    def two_meet(self, index: int, asks: bool, classic: bool) -> None:
        couples = self.couples()
        one, other = couples[index % len(couples)]
        logins = dict([*self.public(one), *self.public(other)])
        if asks:
            self.sign_in_as(one, logins, classic)
        else:
            self.get_id(logins)

    def sign_in_as(self, asked: str, logins: dict[str, str], classic: bool) -> None:
        found = list(logins.items())
        refusals = self.model.refusals(asked, found)
        if classic:
            request = wire.GetOpenIdTokenRequest(identity_id=asked, logins=tokens(logins))
            token = self.attempt(get_open_id_token, request, refusals)
            if token is None:
                return
            answered, entered = token.identity_id, subject_of(token.token)
        else:
            request = wire.GetCredentialsForIdentityRequest(
                identity_id=asked, logins=tokens(logins)
            )
            granted = self.attempt(get_credentials_for_identity, request, refusals)
            if granted is None:
                return
            answered, entered = granted.identity_id, self.holder_of(granted.credentials)
        assert answered == entered
        self.signed_in(asked, found, answered)

    @rule(index=st.none() | indexes, user=users, logins=public_logins, honest=st.booleans())
    def sign_in_by_developer(
        self, index: int | None, user: str, logins: dict[str, str], honest: bool
    ) -> None:
        asked = None if index is None else self.somebody(index)
        logins = logins if asked is None else self.proved(asked, logins, honest)
        found = [(DEVELOPER, user), *logins.items()]
        request = wire.GetOpenIdTokenForDeveloperIdentityRequest(
            identity_pool_id=self.pool_id,
            logins={DEVELOPER: user, **tokens(logins)},
            identity_id=asked,
        )
        refusals = self.model.refusals(asked, found)
        answer = self.attempt(get_open_id_token_for_developer_identity, request, refusals)
        if answer is not None:
            assert subject_of(answer.token) == answer.identity_id
            self.signed_in(asked, found, answer.identity_id)

    def signed_in(self, asked: str | None, logins: list[Login], answered: str) -> None:
        expected = self.model.survivor(asked, logins)
        assert answered == expected or (expected is None and answered not in self.model.people)
        self.model.sign_in(asked, logins, answered)

    def holder_of(self, credentials: wire.Credentials) -> str:
        """Give the identity that temporary credentials are of."""
        opened = open_credentials(
            credentials.access_key_id, credentials.session_token, self.world.service.sealer
        )
        assert opened is not None
        return opened.caller.identity_id

    @precondition(lambda self: self.model.owners((DEVELOPER, user) for user in USERS))
    @rule(source=users, destination=users)
    def merge_users(self, source: str, destination: str) -> None:
        gone, kept = (self.model.owners([(DEVELOPER, user)]) for user in (source, destination))
        refusals = {NOT_FOUND}
        if gone and kept:
            refusals = self.model.clash(None, [(DEVELOPER, source), (DEVELOPER, destination)])
        request = wire.MergeDeveloperIdentitiesRequest(
            source_user_identifier=source,
            destination_user_identifier=destination,
            developer_provider_name=DEVELOPER,
            identity_pool_id=self.pool_id,
        )
        answer = self.attempt(merge_developer_identities, request, refusals)
        if answer is not None:
            assert answer.identity_id == kept[0]
            self.model.absorb(kept[0], gone[0])

    @rule(index=indexes, proofs=some_logins, removed=providers, honest=st.booleans())
    def unlink(self, index: int, proofs: dict[str, str], removed: list[str], honest: bool) -> None:
        name = self.somebody(index)
        proofs = self.proved(name, proofs, honest)
        person = self.model.people[name]
        linked = {provider for provider, _ in person.logins}
        refusals: set[str] = set()
        if person.deleted:
            refusals = {NOT_FOUND}
        elif person.logins.isdisjoint(proofs.items()) or not linked.issuperset(removed):
            refusals = {REFUSED}
        request = wire.UnlinkIdentityRequest(
            identity_id=name, logins=tokens(proofs), logins_to_remove=removed
        )
        self.attempt(unlink_identity, request, refusals)
        if not refusals:
            person.logins -= {login for login in person.logins if login[0] in removed}

    @precondition(lambda self: self.model.owners((DEVELOPER, user) for user in USERS))
    @rule(index=indexes, user=users)
    def unlink_by_developer(self, index: int, user: str) -> None:
        name = self.somebody(index)
        person, login = self.model.people[name], (DEVELOPER, user)
        refusals: set[str] = set()
        if person.deleted or login not in person.logins:
            refusals = {NOT_FOUND if person.deleted else CONFLICT}
        request = wire.UnlinkDeveloperIdentityRequest(
            identity_id=name,
            identity_pool_id=self.pool_id,
            developer_provider_name=DEVELOPER,
            developer_user_identifier=user,
        )
        self.attempt(unlink_developer_identity, request, refusals)
        person.logins.discard(login)

    @precondition(lambda self: len(self.model.people) > 5)
    @rule(index=indexes)
    def delete_identity(self, index: int) -> None:
        name = self.somebody(index)
        request = wire.DeleteIdentitiesRequest(identity_ids_to_delete=[name])
        answer = self.world.call(delete_identities, request)
        assert not answer.unprocessed_identity_ids
        self.model.delete(name)

    @rule(index=indexes, root=st.sampled_from(ROOTS))
    def write_to_a_root(self, index: int, root: str) -> None:
        """Give a dataset a value that no other has."""
        name = self.somebody(index)
        person = self.model.people[name]
        own = [data for data in person.data if self.name_of(name, data) == root]
        refusals: set[str] = set()
        if not person.living:
            refusals = {REFUSED}
        elif not own and len(person.data) >= DATASETS_MAX:
            refusals = {"LimitExceededException"}
        data = own[0] if own else Data(root, {})
        self.write(name, root, data, refusals)
        if not refusals and not own:
            person.data.append(data)

    @precondition(lambda self: any(person.data for _, person in self.model.living))
    @rule(index=indexes, deletes=st.booleans())
    def write_to_a_dataset_or_delete_it(self, index: int, deletes: bool) -> None:
        owned = [(name, data) for name, person in self.model.living for data in person.data]
        name, data = owned[index % len(owned)]
        dataset_name = self.name_of(name, data)
        if deletes:
            request = sync.DeleteDatasetRequest(self.pool_id, name, dataset_name)
            self.world.call(delete_dataset, request)
            self.model.people[name].data.remove(data)
        else:
            self.write(name, dataset_name, data, set())

    def write(self, name: str, dataset_name: str, data: Data, refusals: set[str]) -> None:
        """Replace one record, and remove another one."""
        listing = self.listing(name, dataset_name)
        value = f"value {next(self.values)}"
        record = sync.RecordPatch(
            op="replace", key=KEYS[0], sync_count=listing.dataset_sync_count, value=value
        )
        tombstone = sync.RecordPatch(
            op="remove", key=KEYS[1], sync_count=listing.dataset_sync_count
        )
        request = sync.UpdateRecordsRequest(
            self.pool_id,
            name,
            dataset_name,
            sync_session_token=listing.sync_session_token,
            record_patches=[record, tombstone],
        )
        self.attempt(update_records, request, refusals)
        if not refusals:
            data.records = {KEYS[0]: value, KEYS[1]: None}

    def name_of(self, name: str, data: Data) -> str:
        """Give the name under which an identity has a dataset now; its value tells it apart."""
        names = self.names(name)
        return next(one for one in names if self.contents(name, one) == data.records)

    def names(self, name: str) -> list[str]:
        answer = self.world.call(list_datasets, sync.ListDatasetsRequest(self.pool_id, name))
        return [dataset.dataset_name or "" for dataset in answer.datasets]

    def listing(self, name: str, dataset_name: str) -> sync.ListRecordsResponse:
        request = sync.ListRecordsRequest(self.pool_id, name, dataset_name)
        return self.world.call(list_records, request)

    def contents(self, name: str, dataset_name: str) -> dict[str, str | None]:
        records = self.listing(name, dataset_name).records
        return {record.key or "": record.value for record in records}

    @invariant()
    def every_login_is_on_exactly_one_living_identity(self) -> None:
        store = self.world.store
        listed = self.world.run(
            store.list_identities(self.pool_id, after=(0, ""), limit=1000, hide_disabled=True)
        )
        found = {
            one.identity_id: (
                {(login.provider_name, login.subject) for login in one.logins},
                one.was_authenticated,
            )
            for one in listed
        }
        assert found == {name: (one.logins, one.known) for name, one in self.model.living}
        for provider in (*PROVIDERS, DEVELOPER):
            for user in USERS:
                owners = self.world.run(
                    store.find_identities(self.pool_id, [StoredLogin(provider, user)])
                )
                expected = self.model.owners([(provider, user)])
                assert [owner.identity_id for owner in owners] == expected
                assert len(expected) <= 1

    @invariant()
    def all_data_is_there_and_reported_under_its_root(self) -> None:
        for name, person in self.model.people.items():
            merged = {
                merged_name: root
                for root in ROOTS
                for merged_name in self.listing(name, root).merged_dataset_names or ()
            }
            found = [
                (merged.get(dataset_name, dataset_name), self.contents(name, dataset_name))
                for dataset_name in self.names(name)
            ]
            expected = [(data.root, data.records) for data in person.data]
            assert sorted(found, key=str) == sorted(expected, key=str)


def tokens(logins: dict[str, str]) -> dict[str, str]:
    """Give Logins with test tokens."""
    return {provider: f"test:{user}" for provider, user in logins.items()}


def subject_of(token: str) -> str:
    """Give the identity that an OpenID token is about."""
    return jwt.decode(token, options={"verify_signature": False})["sub"]


@pytest.fixture
def world() -> Iterator[World]:
    with store_settings() as store, asyncio.Runner() as runner:
        made = World(runner, store)
        try:
            yield made
        finally:
            runner.run(made.store.close())


def test_logins_data_and_doors_are_the_models(search: settings, world: World) -> None:
    run_state_machine_as_test(
        lambda: IdentitiesMachine(world),  # pyright: ignore[reportArgumentType] -- any factory does
        settings=search,
    )
