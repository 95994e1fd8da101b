"""What a server delivers while it runs, and how that ends with it."""

import threading
import time
from pathlib import Path

import pytest

from keepstep.server.deliveries import STOP_SECONDS, delivering
from keepstep.server.opened import system_clock
from keepstep.server.settings import load_settings
from keepstep.storage.sqlite import SQLiteStore
from keepstep.testing import local_server
from keepstep.testing.storage_suite.running import POOL
from tests.api.steps import fill
from tests.conftest import STORE, Place, client_of
from tests.domain.keys import counting_entropy
from tests.server.processes import eventually

from .beside import ask, make_pool, outbox_of
from .conftest import run
from .endpoints import Endpoint, Planned
from .outboxes import Observer
from .test_outbox_commands import STREAM


def test_a_server_that_stops_does_not_wait_long_for_a_destination(
    tmp_path: Path, receiver: Endpoint, gate: threading.Event
) -> None:
    store = f"sqlite:{tmp_path / STORE}"
    receiver.usual = Planned(gate=gate)
    streams = [{**STREAM, "url": receiver.url, "seconds": 60}]
    with local_server(store=store, streams=streams) as server:
        make_pool({"store": store})
        place = Place(IdentityPoolId=POOL, IdentityId=server.new_id(), DatasetName="things")
        fill(client_of(server), place, key="1")
        eventually(lambda: receiver.received, "it is on its way")
        stopped = time.monotonic()
    assert time.monotonic() - stopped < STOP_SECONDS + 5
    assert len(outbox_of({"store": store})) == 1
    assert ask({"store": store}, lambda opened: opened.list_leases("", 0)) == []


def test_what_fails_beside_the_deliveries_is_raised_as_it_is() -> None:
    async def case() -> None:
        settings = load_settings(store="sqlite::memory:")
        store = SQLiteStore.in_memory()
        with pytest.raises(ValueError, match="as it is"):
            async with delivering(settings, store, Observer(), system_clock, counting_entropy()):
                raise ValueError("as it is")
        await store.close()

    run(case())
