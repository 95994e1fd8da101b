"""Which sender a pool's stream has: by pool, by name, else Kinesis; and kinds of other packages."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from keepstep.delivery.aws import AwsClients, AwsSettings
from keepstep.delivery.json_lines import JsonLinesSender
from keepstep.delivery.kinesis import KinesisSender
from keepstep.delivery.senders import ConfiguredStreams, StreamConfiguration, check
from keepstep.delivery.webhook import WebhookSender
from keepstep.domain.limits import STREAM_SENDERS_MAX
from keepstep.domain.pools import IdentityPool
from keepstep.interfaces.delivery import DestinationGone, StreamSender
from keepstep.testing.sender_suite.running import POOL

from .conftest import SECRET, clock, pool, run, streaming_pool

OTHER_POOL = "eu-west-1:00000000-0000-4000-8000-000000000002"

A_PACKAGE = """
import msgspec

class Options(msgspec.Struct, forbid_unknown_fields=True):
    size: int

class Sender:
    Options = Options
    batch_max = 1

    def __init__(self, options, context):
        self.options, self.context, self.closed = options, context, 0

    async def send(self, messages):
        return [None] * len(messages)

    async def close(self):
        self.closed += 1
"""


def webhook(name: str, *pools: str) -> StreamConfiguration:
    options = {"url": "https://example.com/stream", "secret": SECRET}
    return StreamConfiguration(name=name, kind="webhook", pools=pools, options=options)


def json_lines(name: str, *pools: str) -> StreamConfiguration:
    return StreamConfiguration(name=name, kind="jsonl", pools=pools, options={"folder": "/tmp/x"})


def senders_of(
    configurations: Sequence[StreamConfiguration], *pools: IdentityPool
) -> list[StreamSender]:
    async def ask() -> list[StreamSender]:
        streams = ConfiguredStreams(configurations, AwsClients(AwsSettings()), clock)
        found: list[StreamSender] = []
        try:
            for one in pools:
                async with streams.sender(one) as sender:
                    found.append(sender)
            return found
        finally:
            await streams.close()

    return run(ask())


def test_a_pool_that_is_listed_has_the_stream_that_lists_it() -> None:
    configurations = [json_lines("one", POOL), webhook("two")]
    (sender,) = senders_of(configurations, streaming_pool("two"))
    assert isinstance(sender, JsonLinesSender)


def test_a_pool_that_names_a_stream_of_the_settings_has_it() -> None:
    configurations = [json_lines("one", OTHER_POOL), webhook("two")]
    (sender,) = senders_of(configurations, streaming_pool("two"))
    assert isinstance(sender, WebhookSender)


def test_any_other_name_is_one_of_kinesis() -> None:
    (sender,) = senders_of([webhook("two")], streaming_pool("three"))
    assert isinstance(sender, KinesisSender)


def test_a_pool_that_names_no_stream_has_none() -> None:
    with pytest.raises(DestinationGone, match=POOL):
        senders_of([webhook("two")], pool())


def test_a_pool_has_the_same_sender_while_its_settings_are_the_same() -> None:
    first, second, other, elsewhere = senders_of(
        [],
        streaming_pool("one"),
        streaming_pool("one"),
        streaming_pool("two"),
        streaming_pool("one", identity_pool_id=OTHER_POOL),
    )
    assert first is second
    assert len({id(first), id(other), id(elsewhere)}) == 3


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An installed package that adds the kind ``mine``."""
    (tmp_path / "my_senders.py").write_text(A_PACKAGE, encoding="utf-8")
    metadata = tmp_path / "my_senders-1.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: my-senders\nVersion: 1\n")
    (metadata / "entry_points.txt").write_text(
        "[keepstep.stream_senders]\nmine = my_senders:Sender\nbroken = my_senders:Nothing\n"
        "lost = no_such_module:Sender\n"
    )
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    return metadata


def test_a_package_adds_a_kind_with_options_of_its_own(package: Path) -> None:
    mine = StreamConfiguration(name="one", kind="mine", options={"size": 3})
    (sender,) = senders_of([mine], streaming_pool("one"))
    made = sys.modules["my_senders"]
    assert isinstance(sender, made.Sender)
    assert getattr(sender, "options") == made.Options(size=3)  # noqa: B009 -- not typed
    assert getattr(sender, "context").stream_name == "one"  # noqa: B009
    assert getattr(sender, "closed") == 1  # noqa: B009


def test_senders_that_are_not_in_use_are_kept_open_up_to_a_number(package: Path) -> None:
    mine = StreamConfiguration(name="one", kind="mine", pools=[POOL], options={"size": 3})

    async def use_many() -> None:
        streams = ConfiguredStreams([mine], AwsClients(AwsSettings()), clock)
        used: list[Any] = []
        async with streams.sender(streaming_pool("in use")) as first:
            for number in range(STREAM_SENDERS_MAX):
                async with streams.sender(streaming_pool(f"{number}")) as sender:
                    used.append(sender)
            used.append(first)
            assert [each.closed for each in used] == [1, *[0] * STREAM_SENDERS_MAX]
        async with streams.sender(streaming_pool("in use")) as again:
            assert again is first
        await streams.close()
        assert {each.closed for each in used} == {1}

    run(use_many())


@pytest.mark.parametrize(
    ("kind", "options", "why"),
    [
        ("mine", {}, "size"),
        ("mine", {"size": "3"}, "Expected `int`"),
        ("mine", {"size": 3, "colour": "blue"}, "colour"),
        ("broken", {}, "the kind broken cannot be loaded"),
        ("lost", {}, "the kind lost cannot be loaded"),
        ("carrier pigeon", {}, "installed are broken, jsonl, kinesis, lost, mine, webhook"),
        ("webhook", {"url": "ftp://example.com", "secret": SECRET}, "url is not"),
        ("webhook", {"url": "https://example.com", "secret": "short"}, "16 characters"),
        ("webhook", {"url": "https://example.com", "secret": SECRET, "seconds": 0.0}, "seconds"),
        ("webhook", {"url": "https://a", "secret": SECRET, "connections": 0}, "connections"),
        ("jsonl", {"folder": "relative"}, "absolute"),
        ("jsonl", {"folder": "/x", "file_bytes": 0}, "file_bytes"),
        ("kinesis", {"stream": "x"}, "stream"),
    ],
)
def test_a_stream_that_cannot_be_used_is_refused_in_words(
    package: Path, kind: str, options: dict[str, object], why: str
) -> None:
    with pytest.raises(ValueError, match=why):
        check(StreamConfiguration(name="one", kind=kind, options=options))


def test_a_kind_that_two_packages_offer_is_refused(package: Path) -> None:
    other = package.parent / "their_senders-1.dist-info"
    other.mkdir()
    (other / "METADATA").write_text("Metadata-Version: 2.1\nName: their-senders\nVersion: 1\n")
    (other / "entry_points.txt").write_text("[keepstep.stream_senders]\nmine = theirs:Sender\n")
    with pytest.raises(ValueError, match="several packages"):
        check(StreamConfiguration(name="one", kind="mine", options={"size": 3}))


def test_a_stream_that_became_unusable_is_gone() -> None:
    lost = StreamConfiguration(name="one", kind="carrier pigeon")
    with pytest.raises(DestinationGone, match="carrier pigeon"):
        senders_of([lost], streaming_pool("one"))
