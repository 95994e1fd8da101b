"""What a sender tells of a batch, by the promise of ``interfaces.delivery.StreamSender``."""

from collections.abc import Sequence

from keepstep.interfaces.delivery import (
    DeliveryFailed,
    DestinationGone,
    MessageUndeliverable,
    Outcome,
)

Met = Outcome | DestinationGone
"""What became of one message, or of the destination when it was its turn."""


def outcomes_of(met: Sequence[Met]) -> list[Outcome]:
    """Give what became of each message, or raise what stopped all of them.

    Of a batch of which some were taken, nothing is raised: a destination that went away in
    between is met again with the rest.
    """
    gone = [outcome for outcome in met if isinstance(outcome, DestinationGone)]
    failed = [outcome for outcome in met if isinstance(outcome, DeliveryFailed)]
    undeliverable = any(isinstance(outcome, MessageUndeliverable) for outcome in met)
    if None not in met and not undeliverable:
        for stopped in (*gone, *failed):
            raise stopped
    return [
        DeliveryFailed(str(outcome)) if isinstance(outcome, DestinationGone) else outcome
        for outcome in met
    ]
