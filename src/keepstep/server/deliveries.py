"""What leaves the server, put together from the settings: streams, push, triggers, bulk publish."""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Final

from keepstep.delivery.aws import AwsClients
from keepstep.delivery.bulk_publish import BulkPublisher
from keepstep.delivery.notices import PushChannel
from keepstep.delivery.push_webhook import PushWebhook
from keepstep.delivery.senders import ConfiguredStreams
from keepstep.delivery.sns import SnsPush
from keepstep.delivery.streams import StreamChannel
from keepstep.delivery.triggers import Triggers
from keepstep.delivery.worker import DeliveryObserver, OutboxWorker
from keepstep.domain.outbox import Channel
from keepstep.domain.sealing import Entropy
from keepstep.interfaces.delivery import PushSender
from keepstep.interfaces.service import Clock
from keepstep.interfaces.storage import Store

from .settings import Settings, SettingsError

STOP_SECONDS: Final = 3
"""How long a server that stops waits for answers of destinations; workers have five in all."""


@dataclass(frozen=True, slots=True)
class Deliveries:
    """What operations and changes need of it."""

    worker: OutboxWorker
    triggers: Triggers


@asynccontextmanager
async def delivering(
    settings: Settings, store: Store, observer: DeliveryObserver, clock: Clock, entropy: Entropy
) -> AsyncGenerator[Deliveries]:
    """Deliver for as long as the block lasts, then finish what is on its way, if it soon arrives.

    Raises SettingsError.
    """
    async with AsyncExitStack() as stack:
        aws = AwsClients(settings.aws)
        stack.push_async_callback(aws.close)
        triggers = _triggers(settings, aws, clock)
        stack.push_async_callback(triggers.close)
        streams = ConfiguredStreams(settings.stream_configurations, aws, clock)
        stack.push_async_callback(streams.close)
        push = _push_sender(settings, aws, clock)
        stack.push_async_callback(push.close)
        channels = {
            Channel.STREAM: StreamChannel(store, streams, clock),
            Channel.PUSH: PushChannel(store, push),
        }
        worker = OutboxWorker(store, channels, observer, clock, entropy)
        bulk_publisher = BulkPublisher(store, streams, clock, entropy)
        tasks = [asyncio.create_task(work.run()) for work in (worker, bulk_publisher)]
        try:
            yield Deliveries(worker, triggers)
        finally:
            for work in (worker, bulk_publisher):
                work.stop()
            await _ended(tasks)


async def _ended(tasks: Sequence[asyncio.Task[None]]) -> None:
    """Wait until tasks have ended, and end those that take too long: what they send goes again."""
    _, late = await asyncio.wait(tasks, timeout=STOP_SECONDS)
    for task in late:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


def _triggers(settings: Settings, aws: AwsClients, clock: Clock) -> Triggers:
    try:
        return Triggers(settings.trigger_configurations, aws, clock)
    except ValueError as error:
        raise SettingsError(f"triggers (KEEPSTEP_TRIGGERS): {error}") from None


def _push_sender(settings: Settings, aws: AwsClients, clock: Clock) -> PushSender:
    endpoint = settings.push_endpoint
    return SnsPush(aws) if endpoint is None else PushWebhook(*endpoint, clock)
