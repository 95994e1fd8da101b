"""The push channel: each message to the devices that subscribed to its dataset."""

import asyncio
from collections.abc import Sequence

import msgspec

from keepstep.domain.devices import Device
from keepstep.domain.limits import OUTBOX_MESSAGES_MAX, PUSHES_AT_ONCE_MAX
from keepstep.domain.outbox import OutboxMessage, QueuedMessage
from keepstep.domain.pools import IdentityPool
from keepstep.domain.push import Notice, encode_notice, notification_id, open_notice
from keepstep.interfaces.delivery import (
    DeliveryFailed,
    DestinationGone,
    DeviceGone,
    MessageUndeliverable,
    Notification,
    Outcome,
    PushSender,
)
from keepstep.interfaces.storage import Store

from .together import together


class PushChannel:
    """Tells devices of changes. See ``worker.ChannelSender``."""

    def __init__(self, store: Store, sender: PushSender) -> None:
        """``sender`` reaches the devices."""
        self._store = store
        self._sender = sender
        self._free = asyncio.Semaphore(PUSHES_AT_ONCE_MAX)

    async def batch_max(self, pool: IdentityPool) -> int:
        """Take any number: what is on its way at a time is limited by device."""
        del pool
        return OUTBOX_MESSAGES_MAX

    async def send(
        self, pool: IdentityPool, messages: Sequence[QueuedMessage]
    ) -> Sequence[tuple[QueuedMessage, Outcome]]:
        """Tell the devices of each message; those that were not reached stay in its body.

        A message is undeliverable when no other devices are left in it than those that cannot be
        told before the pool's owner has repaired something.
        """
        return await together(self._send_one(pool, queued) for queued in messages)

    async def give_up(self, pool: IdentityPool) -> bool:
        """Change nothing: a push that fails is the matter of one device or platform."""
        del pool
        return True

    async def _send_one(
        self, pool: IdentityPool, queued: QueuedMessage
    ) -> tuple[QueuedMessage, Outcome]:
        message = queued.message
        notice = open_notice(message.body)
        devices = [
            device
            for device in await self._store.list_subscribers(message.place)
            if _concerns(notice, device)
        ]
        outcomes = await together(self._tell(pool, device, message) for device in devices)
        missed = [
            (device, outcome)
            for device, outcome in zip(devices, outcomes, strict=True)
            if outcome is not None
        ]
        if not missed:
            return queued, None
        left = tuple(device.device_id for device, _ in missed)
        body = encode_notice(msgspec.structs.replace(notice, remaining=left))
        kept = msgspec.structs.replace(message, body=body)
        reasons = [reason for _, reason in missed]
        passing = (reason for reason in reasons if isinstance(reason, DeliveryFailed))
        return msgspec.structs.replace(queued, message=kept), next(passing, reasons[0])

    async def _tell(self, pool: IdentityPool, device: Device, message: OutboxMessage) -> Outcome:
        notification = Notification(
            notification_id(message, device.device_id),
            message.place.identity_pool_id,
            message.place.identity_id,
            message.place.dataset_name,
            message.sync_count,
        )
        async with self._free:
            try:
                told = await self._sender.send(pool, device, notification)
            except DeviceGone:
                await self._store.delete_device(device)
                return None
            except DestinationGone as error:
                return MessageUndeliverable(str(error))
            except DeliveryFailed as error:
                return error
        if told != device:
            await self._store.update_device(told)
        return None


def _concerns(notice: Notice, device: Device) -> bool:
    if notice.remaining is not None:
        return device.device_id in notice.remaining
    return device.device_id != notice.written_by
