"""What Prometheus reads at ``/metrics``."""

import os
from typing import Final

from prometheus_client import CollectorRegistry, Histogram, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector

MULTIPROCESS_DIRECTORY: Final = "PROMETHEUS_MULTIPROC_DIR"
"""Environment variable by which several workers add up; set before this module is imported."""

_REQUEST_SECONDS: Final = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 1, 5)
_STORE_SECONDS: Final = (0.00001, 0.00005, 0.0001, 0.0005, 0.001, 0.005, 0.01, 0.05, 0.5, 5)
_GROUP_SIZES: Final = (1, 2, 4, 8, 16, 32, 64)


class Metrics:
    """The counters of one server. Also observes the store."""

    def __init__(self) -> None:
        """Make a registry of its own, so that servers in one process do not mix."""
        self._registry = CollectorRegistry()
        self._request_seconds = Histogram(
            "keepstep_request_seconds",
            "Requests answered and the time each took, by operation and code (OK or an error's).",
            ("operation", "code"),
            buckets=_REQUEST_SECONDS,
            registry=self._registry,
        )
        store_seconds = Histogram(
            "keepstep_store_seconds",
            "Time of one read, and of one change until it is durable.",
            ("kind",),
            buckets=_STORE_SECONDS,
            registry=self._registry,
        )
        group_changes = Histogram(
            "keepstep_commit_group_changes",
            "Changes made durable by one commit.",
            buckets=_GROUP_SIZES,
            registry=self._registry,
        )
        self._read_seconds = store_seconds.labels("read")
        self._change_seconds = store_seconds.labels("change")
        self._group_changes = group_changes
        self._children: dict[tuple[str, str], Histogram] = {}

    def observe_read(self, seconds: float) -> None:
        """Take the time of one read of the store."""
        self._read_seconds.observe(seconds)

    def observe_change(self, seconds: float) -> None:
        """Take the time of one change of the store."""
        self._change_seconds.observe(seconds)

    def observe_group(self, size: int) -> None:
        """Take the number of changes in one commit."""
        self._group_changes.observe(size)

    def observe_request(self, operation: str, code: str, seconds: float) -> None:
        """Count one answered request; ``code`` is OK or the error's."""
        child = self._children.get((operation, code))
        if child is None:
            child = self._children[operation, code] = self._request_seconds.labels(operation, code)
        child.observe(seconds)

    def exposition(self) -> bytes:
        """Give the metrics as text; with several workers, those of all of them."""
        if os.environ.get(MULTIPROCESS_DIRECTORY):
            registry = CollectorRegistry()
            MultiProcessCollector(registry)
            return generate_latest(registry)
        return generate_latest(self._registry)
