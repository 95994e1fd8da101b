"""Which sender a pool's stream has, and how the senders of each kind are made.

A kind is an entry point of the group ``keepstep.stream_senders`` that names a class::

    class MySender:                      # a StreamSender of ``keepstep.interfaces.delivery``
        Options = MyOptions              # a msgspec.Struct: what its table may hold
        def __init__(self, options: MyOptions, context: SenderContext) -> None: ...
"""

from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from importlib.metadata import entry_points
from typing import Any, Final, Protocol

import msgspec

from keepstep.domain.limits import STREAM_SENDERS_MAX
from keepstep.domain.pools import IdentityPool, region_of
from keepstep.interfaces.delivery import DestinationGone, StreamSender
from keepstep.interfaces.service import Clock

from .aws import AwsClients
from .kept import Kept

GROUP: Final = "keepstep.stream_senders"
KINESIS: Final = "kinesis"


@dataclass(frozen=True, slots=True)
class SenderContext:
    """What a sender is made for, as the pool's owner set it up, and what it may use."""

    stream_name: str
    region: str
    role_arn: str | None
    clock: Clock
    aws: AwsClients


class SenderKind(Protocol):
    """Makes the senders of one kind from their options."""

    Options: type[msgspec.Struct]

    def __call__(self, options: Any, context: SenderContext) -> StreamSender:
        """Make a sender; it connects when there is something to send."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamConfiguration:
    """One stream of the settings: for the pools listed, and for those that name it."""

    name: str
    kind: str
    pools: Sequence[str] = ()
    options: Mapping[str, Any] = field(default_factory=dict[str, Any], repr=False)


def find_kind(kind: str) -> SenderKind:
    """Give what makes the senders of a kind. Raises ValueError with what to do."""
    installed = entry_points(group=GROUP)
    named = [point for point in installed if point.name == kind]
    if not named:
        known = ", ".join(sorted(installed.names))
        raise ValueError(f"there is no kind {kind}; installed are {known}")
    if len(named) > 1:
        raise ValueError(f"several packages offer the kind {kind}; leave one installed")
    try:
        found = named[0].load()
    except (ImportError, AttributeError) as error:
        raise ValueError(f"the kind {kind} cannot be loaded: {error}") from None
    return found


def options_of(kind: SenderKind, options: Mapping[str, Any]) -> msgspec.Struct:
    """Give checked options. Raises ValueError; the text holds none of the values."""
    return msgspec.convert(dict(options), kind.Options)


def check(configuration: StreamConfiguration) -> None:
    """Refuse a stream that cannot be used. Raises ValueError."""
    options_of(find_kind(configuration.kind), configuration.options)


_SenderKey = tuple[str | None, str, str, str | None]
"""The stream of the settings, if there is one; the pool's stream, region and role."""


class ConfiguredStreams:
    """Gives the sender of each pool's stream; see ``interfaces.delivery.StreamSenders``.

    It is the stream of the settings that lists the pool, else the one of the name that the pool
    gives its stream, else Kinesis with that name.
    """

    def __init__(
        self, configurations: Sequence[StreamConfiguration], aws: AwsClients, clock: Clock
    ) -> None:
        """Senders are made when they are asked for, and some of them kept open."""
        self._by_pool = {pool: one for one in configurations for pool in one.pools}
        self._by_name = {one.name: one for one in configurations}
        self._aws = aws
        self._clock = clock
        self._senders = Kept[_SenderKey, StreamSender](STREAM_SENDERS_MAX)

    @asynccontextmanager
    async def sender(self, pool: IdentityPool) -> AsyncGenerator[StreamSender]:
        """Give the sender of a pool's stream; see ``interfaces.delivery.StreamSenders``."""
        streams = pool.settings.cognito_streams
        name = None if streams is None else streams.stream_name
        role_arn = None if streams is None else streams.role_arn
        chosen = self._by_pool.get(pool.identity_pool_id) or self._by_name.get(name or "")
        if name is None and chosen is None:
            raise DestinationGone(f"the pool {pool.identity_pool_id} names no stream")
        region = region_of(pool.identity_pool_id)
        context = SenderContext(name or "", region, role_arn, self._clock, self._aws)
        key = (None if chosen is None else chosen.name, context.stream_name, region, role_arn)
        async with self._senders.use(key, partial(_made, chosen, context)) as sender:
            yield sender

    async def close(self) -> None:
        """Close every sender that is open."""
        await self._senders.close()


@asynccontextmanager
async def _made(
    chosen: StreamConfiguration | None, context: SenderContext
) -> AsyncGenerator[StreamSender]:
    try:
        kind = find_kind(KINESIS if chosen is None else chosen.kind)
        options = options_of(kind, {} if chosen is None else chosen.options)
    except ValueError as error:
        raise DestinationGone(f"the stream {context.stream_name}: {error}") from None
    sender = kind(options, context)
    yield sender
    await sender.close()
