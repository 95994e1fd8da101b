"""Devices of every kind sync against a live server, which must answer as the model does."""

from collections.abc import Callable
from typing import Any

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

from keepstep.testing import LocalServer
from keepstep.wire.errors import LimitExceededException, ServiceError
from keepstep.wire.sync import ListRecordsResponse, Record, RecordPatch

from .devices import (
    AndroidDevice,
    Call,
    Delete,
    Device,
    IosDevice,
    JavaScriptDevice,
    List,
    Run,
    Update,
)
from .model import HOUR_MS, Listing, Model, ModelDataset, Patch, Position, Refused
from .stores import stored_server
from .wire_client import Place, WireClient

NAMES = ("alpha", "beta", "gamma")
KEYS = ("a", "b", "c", "d", "é")
DATASETS_MAX, RECORDS_MAX = 2, 4
KINDS: tuple[type[Device], ...] = (AndroidDevice, IosDevice, JavaScriptDevice, AndroidDevice)
ROUNDS_MAX = 8

names = st.sampled_from((NAMES[0], *NAMES))
keys = st.sampled_from(KEYS)
values = st.sampled_from(("x", "y", "ü", None))
limits = st.integers(1, 3)
replicas = st.tuples(st.integers(0, len(KINDS) - 1), names)


class Clock:
    """The server's time and its clients', in milliseconds."""

    now = 1_800_000_000_000

    def __call__(self) -> int:
        return self.now


class Exchange:
    """Sends each call to the server and to the model, and holds the answers against each other."""

    def __init__(self, server: LocalServer, place: Place, clock: Clock) -> None:
        self.client = WireClient(server, place, clock)
        self.model = Model(DATASETS_MAX, RECORDS_MAX)
        self._positions: dict[str, Position] = {}

    def call(self, name: str, call: Call) -> Any:
        """Answer as the server does. Raises the ServiceError it answers."""
        try:
            expected = self._expected(name, call)
        except Refused as refused:
            expected = refused
        try:
            answer = self._answer(name, call)
        except ServiceError as error:
            _compare_errors(call, error, expected)
            raise
        self._compare(name, call, answer, expected)
        return answer

    def _answer(self, name: str, call: Call) -> Any:
        match call:
            case List():
                return self.client.list_records(
                    name,
                    call.last,
                    page_token=call.page_token,
                    max_results=call.limit,
                    session=call.token,
                )
            case Update():
                return self.client.update_records(name, call.token, call.patches)
            case Delete():
                return self.client.delete_dataset(name)

    def _expected(self, name: str, call: Call) -> Any:
        match call:
            case List():
                position = self._positions[call.page_token] if call.page_token else None
                return self.model.list_records(name, call.last, call.limit, call.token, position)
            case Update():
                patches = [
                    Patch(patch.key, patch.value, patch.sync_count) for patch in call.patches
                ]
                changed = self.model.update_records(name, call.token, patches)
                return [(patch.key, *changed[patch.key]) for patch in patches]
            case Delete():
                return self.model.delete_dataset(name)

    def _compare(self, name: str, call: Call, answer: Any, expected: Any) -> None:
        match answer:
            case ListRecordsResponse():
                assert isinstance(call, List)
                page_token = answer.next_token
                position = expected.position if isinstance(expected, Listing) else None
                if page_token is not None and position is not None:
                    self._positions[page_token] = position
                seen = Listing(
                    _triples(answer.records),
                    answer.dataset_sync_count,
                    answer.dataset_exists,
                    answer.dataset_deleted_after_requested_sync_count,
                    None if page_token is None else self._positions.get(page_token),
                )
                assert seen == expected, call
                assert (page_token is None) == (position is None), call
                assert answer.count == len(answer.records)
                token = answer.sync_session_token
                assert token == call.token or token not in self.model.tokens, call
                self.model.token_given(name, token)
            case None:
                assert expected is None, call
            case _:
                assert _triples(answer) == expected, call


def _compare_errors(call: Call, error: ServiceError, expected: Any) -> None:
    assert isinstance(expected, Refused), (call, error)
    assert error.code == expected.code, (call, error)
    assert expected.text in (None, error.message), (call, error)


def _triples(records: list[Record]) -> list[tuple[str, int, str | None]]:
    return [(record.key or "", record.sync_count or 0, record.value) for record in records]


class Replica:
    """A device's dataset, and its synchronisation while one runs."""

    def __init__(self, device: Device) -> None:
        self.device = device
        self.run: Run | None = None
        self.next: Call | None = None
        self.ended_by: ServiceError | None = None

    def begin(self, limit: int, *, keep: bool) -> None:
        """Begin a synchronisation, up to its first call."""
        self.run, self.ended_by = self.device.synchronize(limit, keep=keep), None
        self.next = next(self.run)

    def step(self, call: Callable[[Call], Any]) -> None:
        """Make the next call of the synchronisation."""
        assert self.run is not None
        assert self.next is not None
        try:
            try:
                answer = call(self.next)
            except ServiceError as error:
                self.ended_by = error
                self.next = self.run.throw(error)
            else:
                self.ended_by = None
                self.next = self.run.send(answer)
        except (StopIteration, ServiceError):
            self.run = self.next = None


class DevicesMachine(RuleBasedStateMachine):
    """Devices and other writers of one identity, one call at a time, in any order."""

    def __init__(self, server: LocalServer, clock: Clock, number: int) -> None:
        super().__init__()
        self.clock = clock
        identity = f"us-east-1:00000000-0000-4000-8000-{number:012x}"
        self.exchange = Exchange(server, Place(identity, identity), clock)
        self.model = self.exchange.model
        self.model.now = clock.now
        self.replicas = {
            (number, name): Replica(kind()) for number, kind in enumerate(KINDS) for name in NAMES
        }
        self.touched: set[str] = set(NAMES)

    def call(self, name: str, call: Call) -> Any:
        self.touched.add(name)
        return self.exchange.call(name, call)

    def attempt(self, name: str, call: Call) -> Any:
        """Call; an error that the model expects is an answer too."""
        try:
            return self.call(name, call)
        except ServiceError:
            return None

    @initialize(name=names)
    def has_data(self, name: str) -> None:
        listing = self.call(name, List(0))
        patches = [RecordPatch(op="replace", key=key, sync_count=0, value=key) for key in "abc"]
        self.call(name, Update(listing.sync_session_token, patches))

    @rule(which=replicas, key=keys, value=values)
    def edit(self, which: tuple[int, str], key: str, value: str | None) -> None:
        self.replicas[which].device.edit(key, value)

    @rule(which=replicas)
    def delete_locally(self, which: tuple[int, str]) -> None:
        replica = self.replicas[which]
        if replica.run is None:
            replica.device.delete()

    @rule(which=replicas, limit=limits, keep=st.booleans())
    def begin_or_step(self, which: tuple[int, str], limit: int, keep: bool) -> None:
        replica = self.replicas[which]
        if replica.run is None:
            replica.begin(limit, keep=keep)
        replica.step(lambda call: self.call(which[1], call))

    @rule(which=replicas, limit=limits, keep=st.booleans())
    def synchronize(self, which: tuple[int, str], limit: int, keep: bool) -> None:
        replica = self.replicas[which]
        if replica.run is None:
            replica.begin(limit, keep=keep)
        while replica.run is not None:
            replica.step(lambda call: self.call(which[1], call))

    @rule(name=names, last=st.integers(0, 12), limit=st.none() | limits, data=st.data())
    def list_from_anywhere(
        self, name: str, last: int, limit: int | None, data: st.DataObject
    ) -> None:
        self.attempt(name, List(last, limit, self.some_token(data)))

    @precondition(lambda self: self.model.tokens)
    @rule(
        name=names,
        counts=st.dictionaries(keys, st.integers(0, 15), max_size=3),
        value=values,
        data=st.data(),
    )
    def update_from_anywhere(
        self, name: str, counts: dict[str, int], value: str | None, data: st.DataObject
    ) -> None:
        token = self.some_token(data)
        if token is None:
            token = self.call(name, List(0)).sync_session_token
        op = "remove" if value is None else "replace"
        patches = [
            RecordPatch(op=op, key=key, sync_count=count, value=value)
            for key, count in counts.items()
        ]
        self.attempt(name, Update(token, patches))

    @rule(name=names)
    def delete_from_elsewhere(self, name: str) -> None:
        self.attempt(name, Delete())

    @rule()
    def an_hour_passes(self) -> None:
        self.clock.now += HOUR_MS
        self.model.now = self.clock.now

    def some_token(self, data: st.DataObject) -> str | None:
        """Give none, or a token of any dataset and age, used or not; the newest most simply."""
        if not self.model.tokens or data.draw(st.booleans(), "no token"):
            return None
        age = data.draw(st.integers(0, len(self.model.tokens) - 1), "age of the token")
        return list(self.model.tokens)[-1 - age]

    @invariant()
    def server_holds_what_the_model_holds(self) -> None:
        for name in sorted(self.touched):
            self.exchange.call(name, List(0))
        self.touched.clear()
        found = [(d.dataset_name, d.num_records) for d in self.exchange.client.list_datasets()]
        existing = self.model.existing.items()
        assert found == [(name, len(dataset.live)) for name, dataset in existing]

    def teardown(self) -> None:
        """Let every device synchronise, undisturbed by others; then it has what the server has."""
        try:
            for which, replica in self.replicas.items():
                while replica.run is not None:
                    replica.step(lambda call, name=which[1]: self.call(name, call))
            self.come_to_rest()
            for (number, name), replica in self.replicas.items():
                live = self.model.datasets.get(name, ModelDataset()).live
                device = replica.device
                dirty = device.dirty
                clean = {
                    key: local.value
                    for key, local in device.clean.items()
                    if local.value is not None
                }
                assert clean == {k: v for k, v in live.items() if k not in dirty}, (number, name)
                refused = isinstance(replica.ended_by, LimitExceededException)
                assert not dirty or refused, (number, name)
        finally:
            self.exchange.client.close()

    def come_to_rest(self) -> None:
        """Synchronise every device in turn until nothing changes any more."""
        for _ in range(ROUNDS_MAX):
            before = self.counts()
            for which, replica in self.replicas.items():
                if replica.device.missed:
                    replica.device.forget()
                self.synchronize(which, 3, keep=False)
            if self.counts() == before and not any(r.device.missed for r in self.replicas.values()):
                return
        raise AssertionError(f"the devices did not come to rest in {ROUNDS_MAX} rounds")

    def counts(self) -> list[int]:
        """Give the counts of the server's datasets and of the devices' copies."""
        counters = [self.model.datasets.get(name, ModelDataset()).counter for name in NAMES]
        return counters + [replica.device.last for replica in self.replicas.values()]


def test_every_answer_is_the_models_and_every_device_converges(search: settings) -> None:
    clock = Clock()
    machines = iter(range(10**9))
    with stored_server(
        clock=clock, datasets_per_identity=DATASETS_MAX, records_per_dataset=RECORDS_MAX
    ) as server:
        run_state_machine_as_test(
            lambda: DevicesMachine(server, clock, next(machines)),  # pyright: ignore[reportArgumentType] -- any factory does
            settings=search,
        )
