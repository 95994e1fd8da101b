"""Devices that have seen more than a restored store holds: who is stuck, and what frees them."""

from collections.abc import Generator, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from keepstep.storage.sqlite.files import backup
from keepstep.testing import local_server
from keepstep.wire.errors import InvalidParameterException, ServiceError
from keepstep.wire.sync import RecordPatch

from .devices import AndroidDevice, Call, Delete, Device, IosDevice, JavaScriptDevice, List
from .wire_client import Place, WireClient

NAME = "things"
AHEAD = 8
"""The count that devices have of a dataset that the restored store has at 1."""
REFUSAL = f"No such SyncCount: {AHEAD} exists for this Dataset"
PLACE = Place("us-east-1:00000000-0000-4000-8000-000000000001", "us-east-1:0")
STUCK: list[type[Device]] = [AndroidDevice, JavaScriptDevice]
EVERY: list[type[Device]] = [*STUCK, IosDevice]


def write(client: WireClient, **values: str) -> int:
    """Write over whatever is there, and give the new count of the dataset."""
    listing = client.list_records(NAME, 0)
    count = listing.dataset_sync_count
    patches = [
        RecordPatch(op="replace", key=key, sync_count=count, value=value)
        for key, value in values.items()
    ]
    client.update_records(NAME, listing.sync_session_token, patches)
    return count + 1


def synchronize(client: WireClient, device: Device) -> str:
    """Let a device synchronise, and give the text of the error that ends it."""

    def answer(call: Call) -> object:
        match call:
            case List():
                return client.list_records(
                    NAME,
                    call.last,
                    page_token=call.page_token,
                    max_results=call.limit,
                    session=call.token,
                )
            case Delete():
                return client.delete_dataset(NAME)
            case _:
                return client.update_records(NAME, call.token, call.patches)

    run = device.synchronize(100, keep=True)
    try:
        call = next(run)
        while True:
            try:
                answered = answer(call)
            except ServiceError as error:
                call = run.throw(error)
            else:
                call = run.send(answered)
    except StopIteration:
        return ""
    except InvalidParameterException as error:
        return error.message


def held(device: Device) -> dict[str, str | None]:
    """Give the values that a device has."""
    return {key: local.value for key, local in device.records.items()}


def stored(client: WireClient) -> dict[str | None, str | None]:
    """Give the values that the store has."""
    return {record.key: record.value for record in client.list_records(NAME, 0).records}


@contextmanager
def served(store: Path) -> Generator[WireClient]:
    """Give a client of a server of a store."""
    with (
        local_server(store=f"sqlite:{store}") as server,
        closing(WireClient(server, PLACE)) as made,
    ):
        yield made


@pytest.fixture(params=EVERY)
def device(request: pytest.FixtureRequest) -> Device:
    """A device of each kind that has seen nothing yet."""
    return request.param()


@pytest.fixture
def client(tmp_path: Path, device: Device) -> Iterator[WireClient]:
    """A client of a server of a store that was restored, and that the device is ahead of."""
    store, copy = tmp_path / "keepstep.db", tmp_path / "copy.db"
    with served(store) as before:
        write(before, early="1")
        backup(store, copy)
        while write(before, late="2") < AHEAD:
            pass
        assert synchronize(before, device) == ""
        assert device.last == AHEAD
    copy.replace(store)
    with served(store) as after:
        yield after


@pytest.mark.parametrize("device", STUCK, indirect=True)
def test_a_device_that_is_ahead_is_refused_every_time_and_keeps_what_it_has(
    client: WireClient, device: Device
) -> None:
    device.edit("mine", "3")
    for _ in range(3):
        assert synchronize(client, device) == REFUSAL
        assert (device.last, held(device)) == (AHEAD, {"early": "1", "late": "2", "mine": "3"})
    assert stored(client) == {"early": "1"}


@pytest.mark.parametrize("device", [IosDevice], indirect=True)
def test_the_ios_client_goes_five_counts_back_in_a_synchronisation(
    client: WireClient, device: Device
) -> None:
    device.edit("mine", "3")
    synchronize(client, device)
    assert (device.last, stored(client)) == (AHEAD - 5, {"early": "1"})
    synchronize(client, device)
    assert stored(client) == {"early": "1", "mine": "3"}
    assert held(device) == {"early": "1", "late": "2", "mine": "3"}


@pytest.mark.parametrize("device", STUCK, indirect=True)
def test_deleting_the_dataset_frees_no_device_that_is_further_ahead(
    client: WireClient, device: Device
) -> None:
    client.delete_dataset(NAME)
    assert synchronize(client, device) == REFUSAL
    write(client, early="4")
    assert synchronize(client, device) == REFUSAL


def test_a_device_that_is_wiped_gets_what_the_store_has(client: WireClient, device: Device) -> None:
    device.forget()
    assert synchronize(client, device) == ""
    assert held(device) == stored(client) == {"early": "1"}


def test_a_device_that_the_dataset_has_merely_passed_misses_what_was_written_before(
    client: WireClient, device: Device
) -> None:
    while write(client, early="4") < AHEAD:
        pass
    assert synchronize(client, device) == ""
    assert held(device) == {"early": "1", "late": "2"}


def test_a_device_gets_every_record_that_is_written_again_once_the_dataset_has_passed_it(
    client: WireClient, device: Device
) -> None:
    device.edit("mine", "3")
    while write(client, early="4") < AHEAD:
        pass
    write(client, early="5")
    assert synchronize(client, device) == ""
    assert held(device) == {"early": "5", "late": "2", "mine": "3"}
    assert stored(client) == {"early": "5", "mine": "3"}
