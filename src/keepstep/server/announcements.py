"""News of stored changes, for those in this process who wait for them."""

from collections.abc import Callable, Sequence

from keepstep.domain.dataset_changes import DatasetChange

Listener = Callable[[DatasetChange], None]
"""Is told a change once it is stored. It may not wait or fail."""


class Announcements:
    """Tells every listener of every change."""

    def __init__(self, listeners: Sequence[Listener]) -> None:
        """Take who is told, in this order."""
        self._listeners = listeners

    def announce(self, change: DatasetChange) -> None:
        """Tell of a change."""
        for listener in self._listeners:
            listener(change)
