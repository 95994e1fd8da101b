"""The senders that come with keepstep pass every case of the sender suite."""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from keepstep.delivery.json_lines import JsonLinesOptions, JsonLinesSender
from keepstep.delivery.webhook import WebhookOptions, WebhookSender
from keepstep.interfaces.delivery import StreamSender
from keepstep.testing import sender_suite
from keepstep.testing.sender_suite import *  # noqa: F403 -- every case is a test of this module

from .conftest import SECRET, aws_clients, context
from .endpoints import Endpoint, Planned
from .streams import kinesis_sender, new_bucket, new_stream, records_of, resolved


class WebhookRig:
    def __init__(self, receiver: Endpoint) -> None:
        options = WebhookOptions(url=receiver.url, secret=SECRET)
        self.sender: StreamSender = WebhookSender(options, context())
        self._receiver = receiver
        self._kept = receiver.received

    async def arrived(self) -> Sequence[bytes]:
        return [one.body for one in self._receiver.received]

    async def break_down(self) -> None:
        self._kept = list(self._receiver.received)
        self._receiver.always = Planned(503)

    async def repair(self) -> None:
        self._receiver.received[:] = self._kept
        self._receiver.always = None


class JsonLinesRig:
    def __init__(self, folder: Path) -> None:
        options = JsonLinesOptions(folder=str(folder))
        self.sender: StreamSender = JsonLinesSender(options, context())
        self._folder = folder
        self._moved = folder.with_name("moved")

    async def arrived(self) -> Sequence[bytes]:
        files = sorted(self._folder.iterdir()) if self._folder.exists() else []
        return b"".join(file.read_bytes() for file in files).splitlines()

    async def break_down(self) -> None:
        if self._folder.exists():
            self._folder.rename(self._moved)
        self._folder.write_text("in the way")

    async def repair(self) -> None:
        self._folder.unlink()
        if self._moved.exists():
            self._moved.rename(self._folder)


class KinesisRig:
    def __init__(self, sender: StreamSender, front: Endpoint, moto: str, stream_name: str) -> None:
        self.sender = sender
        self._front = front
        self._moto = moto
        self._stream_name = stream_name

    async def arrived(self) -> Sequence[bytes]:
        records = await asyncio.to_thread(records_of, self._moto, self._stream_name)
        return [await asyncio.to_thread(resolved, record["Data"]) for record in records]

    async def break_down(self) -> None:
        self._front.always = Planned(503)

    async def repair(self) -> None:
        self._front.always = None


@pytest.fixture(params=["webhook", "jsonl", "kinesis"])
def sender_rig(
    request: pytest.FixtureRequest, tmp_path: Path, receiver: Endpoint, front: Endpoint, moto: str
) -> sender_suite.RigFactory:
    @asynccontextmanager
    async def set_up() -> AsyncGenerator[sender_suite.Rig]:
        if request.param == "webhook":
            rig = WebhookRig(receiver)
            yield rig
            await rig.sender.close()
        elif request.param == "jsonl":
            yield JsonLinesRig(tmp_path / "folder")
        else:
            stream_name = new_stream(moto)
            async with aws_clients(front.url, stream_bucket=new_bucket(moto)) as aws:
                yield KinesisRig(kinesis_sender(aws, stream_name), front, moto, stream_name)

    return set_up


def test_no_case_is_replaced_or_left_out() -> None:
    assert sender_suite.case_names()
    for name in sender_suite.case_names():
        assert globals()[name] is getattr(sender_suite, name)
