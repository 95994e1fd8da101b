"""Push notifications: which platform has which application, and what waits to be told to whom."""

import hashlib
from typing import Final, get_args

import msgspec

from keepstep.wire.members import Platform
from keepstep.wire.sync import PushSync

from .dataset_changes import DatasetChange
from .outbox import Channel, OutboxMessage

PLATFORMS: Final[tuple[Platform, ...]] = get_args(Platform)


class Notice(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The body of a push message: who is still to be told of a change.

    ``written_by`` is the device that made the change, if it said which it is; it is not told
    (service model, SubscribeToDataset). ``remaining`` of None are all other subscribers at the
    time of delivery, else the ids of those who are still to be told.
    """

    written_by: str | None = None
    remaining: tuple[str, ...] | None = None


_encoder: Final = msgspec.json.Encoder()
_decoder: Final = msgspec.json.Decoder(Notice)


def encode_notice(notice: Notice) -> bytes:
    """Give the body of a push message."""
    return _encoder.encode(notice)


def open_notice(body: bytes) -> Notice:
    """Read the body of a push message."""
    return _decoder.decode(body)


def push_message(change: DatasetChange, device_id: str | None) -> OutboxMessage:
    """Give the message that tells the subscribers of a change, made by a device if it is named."""
    return OutboxMessage(
        place=change.place,
        channel=Channel.PUSH,
        sync_count=change.dataset.sync_count,
        creation_date=change.dataset.last_modified_date,
        body=encode_notice(Notice(written_by=device_id)),
    )


def notification_id(message: OutboxMessage, device_id: str) -> str:
    """Give what a repeated notification of one device is known by: 32 hexadecimal digits."""
    return hashlib.sha256(f"{message.message_id}\n{device_id}".encode()).hexdigest()[:32]


def platform_of(application_arn: str) -> Platform | None:
    """Give the platform that the ARN of an SNS application names, or None for another."""
    name = application_arn.split("/")[1]
    return name if name in PLATFORMS else None


def application_of(push_sync: PushSync | None, platform: Platform) -> str | None:
    """Give the ARN of the application that a pool has for a platform, or None."""
    if push_sync is None:
        return None
    for arn in push_sync.application_arns or ():
        if platform_of(arn) == platform:
            return arn
    return None
