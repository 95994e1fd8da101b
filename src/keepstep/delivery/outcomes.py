"""What a sender tells of a batch, by the promise of ``interfaces.delivery.StreamSender``."""

from collections.abc import Sequence
from dataclasses import dataclass

from keepstep.interfaces.delivery import (
    DeliveryFailed,
    DestinationGone,
    MessageUndeliverable,
    Outcome,
)


@dataclass(frozen=True, slots=True)
class Stopped:
    """The destination itself failed, or is gone, when it was a message's turn."""

    reason: DeliveryFailed | DestinationGone


Met = Outcome | Stopped
"""What became of one message, or of the destination when it was its turn."""


def outcomes_of(met: Sequence[Met]) -> list[Outcome]:
    """Give what became of each message, or raise what stopped all of them.

    A destination that answered to one message has not failed, and one that took a message is not
    gone: what else it met is met again with the rest.
    """
    stopped = [each.reason for each in met if isinstance(each, Stopped)]
    if not any(each is None or isinstance(each, MessageUndeliverable) for each in met):
        for reason in stopped:
            if isinstance(reason, DestinationGone):
                raise reason
    if len(stopped) == len(met):
        for reason in stopped:
            raise reason
    return [DeliveryFailed(str(each.reason)) if isinstance(each, Stopped) else each for each in met]
