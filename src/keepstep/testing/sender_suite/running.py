"""Runs a case on a sender that was set up for it, and makes the messages that cases send."""

import asyncio
from collections.abc import Callable, Coroutine, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Any, Protocol

import msgspec

from keepstep.domain.datasets import Dataset, DatasetPlace, Record
from keepstep.domain.outbox import OutboxMessage
from keepstep.domain.streams import bulk_message
from keepstep.interfaces.delivery import DeliveryFailed, MessageUndeliverable, StreamSender

CASE_SECONDS = 60
"""How long a case may take, so that a sender that hangs is a failure."""

POOL = "us-east-1:00000000-0000-4000-8000-000000000001"
DATE = 1_700_000_000_123


class Rig(Protocol):
    """A sender, and its destination as the case sees it."""

    sender: StreamSender

    async def arrived(self) -> Sequence[bytes]:
        """Give the records that arrived, in that order.

        Of a large one that has its records elsewhere, ``kinesisSyncRecords`` is put back in.
        """
        ...

    async def break_down(self) -> None:
        """Make the destination unable to take anything for now."""
        ...

    async def repair(self) -> None:
        """Make it take everything again."""
        ...


RigFactory = Callable[[], AbstractAsyncContextManager[Rig]]
"""Sets up a sender with an empty destination for as long as the block lasts."""


def on_rig(case: Callable[[Rig], Coroutine[Any, Any, None]]) -> Callable[[RigFactory], None]:
    """Make a plain test of an async case: the fixture ``sender_rig`` sets it up."""

    def test(sender_rig: RigFactory) -> None:
        async def set_up_and_run() -> None:
            async with asyncio.timeout(CASE_SECONDS), sender_rig() as rig:
                await case(rig)

        asyncio.run(set_up_and_run())

    test.__name__, test.__qualname__ = case.__name__, case.__qualname__
    test.__module__, test.__doc__ = case.__module__, case.__doc__
    return test


def message(
    number: int = 1, *, sync_count: int = 1, values: Mapping[str, str] | None = None
) -> OutboxMessage:
    """Make a message; each number is another identity, and so another lane."""
    identity_id = f"us-east-1:00000000-0000-4000-9000-{number:012x}"
    records = [
        Record(
            key=key,
            value=value,
            sync_count=sync_count,
            last_modified_date=DATE,
            last_modified_by="device-1",
            device_last_modified_date=DATE - 1,
        )
        for key, value in (values or {"colour": "blue"}).items()
    ]
    dataset = Dataset(dataset_name="things", sync_count=sync_count, creation_date=DATE)
    return bulk_message(DatasetPlace(POOL, identity_id, "things"), dataset, records, DATE)


def read(record: bytes) -> dict[str, Any]:
    """Read a record."""
    return msgspec.json.decode(record, type=dict[str, Any])


async def deliver(rig: Rig, messages: Sequence[OutboxMessage]) -> None:
    """Send messages, all of which have to be taken."""
    assert list(await rig.sender.send(messages)) == [None] * len(messages)


async def is_refused(rig: Rig, messages: Sequence[OutboxMessage]) -> bool:
    """Whether a sender says of every message, or of all of them, that it was not taken for now."""
    try:
        outcomes = await rig.sender.send(messages)
    except DeliveryFailed:
        return True
    return len(outcomes) == len(messages) and all(
        isinstance(outcome, DeliveryFailed) for outcome in outcomes
    )


def is_undeliverable(outcome: object) -> bool:
    """Whether a sender says that a message will never be taken."""
    return isinstance(outcome, MessageUndeliverable) and str(outcome) != ""
