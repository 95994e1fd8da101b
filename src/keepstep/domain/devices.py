"""Devices that are told of changes by push notifications."""

import uuid

import msgspec

from keepstep.wire.members import Platform

from .sealing import Entropy


class Device(msgspec.Struct, frozen=True, kw_only=True):
    """A device of one identity, registered with the token of its platform's push service.

    ``endpoint`` is what the sender made of the token once (for SNS, the ARN of an endpoint).
    """

    device_id: str
    identity_pool_id: str
    identity_id: str
    platform: Platform
    token: str
    creation_date: int
    endpoint: str | None = None


def new_device_id(entropy: Entropy) -> str:
    """Make a device id of the service's form: a random UUID."""
    return str(uuid.UUID(bytes=entropy(16), version=4))
