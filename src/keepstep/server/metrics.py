"""What Prometheus reads at ``/metrics``.

Counting is done here, since a request has little time for it; the text is the library's. With
several workers each publishes its counts to a shared directory every second, and any of them
answers for all.
"""

import os
from bisect import bisect_left
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final

import msgspec
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from keepstep.domain.limits import SECOND_MS
from keepstep.domain.outbox import OutboxUsage

DELIVERIES: Final = "keepstep_outbox_deliveries"
OUTBOX_MESSAGES: Final = "keepstep_outbox_messages"
OUTBOX_AGE: Final = "keepstep_outbox_oldest_seconds"
REQUEST_SECONDS: Final = "keepstep_request_seconds"
STORE_SECONDS: Final = "keepstep_store_seconds"
GROUP_CHANGES: Final = "keepstep_commit_group_changes"


class Family(msgspec.Struct, frozen=True):
    """A metric: what it is, its labels, and the upper bounds of a histogram's buckets."""

    text: str
    labels: tuple[str, ...]
    bounds: tuple[float, ...] = ()


FAMILIES: Final = {
    REQUEST_SECONDS: Family(
        "Requests answered and the time each took, by operation and code (OK or an error's).",
        ("operation", "code"),
        (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 1, 5),
    ),
    STORE_SECONDS: Family(
        "Time of one read, and of one change until it is durable.",
        ("kind",),
        (0.00001, 0.00005, 0.0001, 0.0005, 0.001, 0.005, 0.01, 0.05, 0.5, 5),
    ),
    GROUP_CHANGES: Family("Changes made durable by one commit.", (), (1, 2, 4, 8, 16, 32, 64)),
}
COUNTERS: Final = {
    DELIVERIES: Family(
        "Messages that left the server, failed for now, or were set aside.", ("channel", "outcome")
    ),
}
GAUGES: Final = {
    OUTBOX_MESSAGES: Family("Messages in the outbox, waiting or set aside.", ("state",)),
    OUTBOX_AGE: Family("Age of the oldest message that waits to leave.", ()),
}


class Histogram:
    """Counts of values in buckets; the last bucket has no upper bound."""

    __slots__ = ("bounds", "counts", "total")

    def __init__(self, bounds: Sequence[float]) -> None:
        """Start at zero."""
        self.bounds = bounds
        self.counts = [0] * (len(bounds) + 1)
        self.total = 0.0

    def observe(self, value: float) -> None:
        """Count a value."""
        self.counts[bisect_left(self.bounds, value)] += 1
        self.total += value


class Counts(msgspec.Struct, frozen=True):
    """A metric as it is published: its name, the values of its labels, and its numbers.

    Only a histogram has ``counts``; ``measured_at``, in milliseconds, is a gauge's.
    """

    name: str
    labels: tuple[str, ...]
    counts: list[int]
    total: float
    measured_at: int = 0


class Metrics:
    """The metrics of one server. Also observes the store and the outbox worker."""

    def __init__(self, directory: Path | None = None) -> None:
        """``directory`` is where the workers of one server publish their counts."""
        self._directory = directory
        self._histograms: dict[tuple[str, ...], Histogram] = {}
        self._counters: dict[tuple[str, ...], int] = {}
        self._gauges: dict[tuple[str, ...], tuple[float, int]] = {}
        self._read_seconds = self._histogram(STORE_SECONDS, "read")
        self._change_seconds = self._histogram(STORE_SECONDS, "change")
        self._group_changes = self._histogram(GROUP_CHANGES)

    def observe_request(self, operation: str, code: str, seconds: float) -> None:
        """Count one answered request; ``code`` is OK or the error's."""
        self._histogram(REQUEST_SECONDS, operation, code).observe(seconds)

    def observe_read(self, seconds: float) -> None:
        """Take the time of one read of the store."""
        self._read_seconds.observe(seconds)

    def observe_change(self, seconds: float) -> None:
        """Take the time of one change of the store."""
        self._change_seconds.observe(seconds)

    def observe_group(self, size: int) -> None:
        """Take the number of changes in one commit."""
        self._group_changes.observe(size)

    def observe_delivery(self, channel: str, outcome: str, messages: int) -> None:
        """Take how many messages of the outbox were ``delivered``, ``failed`` or ``set_aside``."""
        name = (DELIVERIES, channel, outcome)
        self._counters[name] = self._counters.get(name, 0) + messages

    def observe_outbox(self, usage: OutboxUsage, now: int) -> None:
        """Take what waits in the outbox; ``now`` in milliseconds."""
        oldest = usage.oldest_creation_date
        age = 0 if oldest is None else max(now - oldest, 0) / SECOND_MS
        self._gauges[OUTBOX_MESSAGES, "waiting"] = (usage.waiting, now)
        self._gauges[OUTBOX_MESSAGES, "set_aside"] = (usage.set_aside, now)
        self._gauges[OUTBOX_AGE,] = (age, now)

    def publish(self) -> None:
        """Let the other workers know this one's counts."""
        if self._directory is not None:
            file = self._directory / f"{os.getpid()}.json"
            partial = file.with_suffix(".partial")
            partial.write_bytes(msgspec.json.encode(self._own()))
            partial.rename(file)

    def exposition(self) -> bytes:
        """Give the metrics as text; with several workers, those of all of them."""
        registry = CollectorRegistry()
        registry.register(_Sum([*self._own(), *self._others()]))
        return generate_latest(registry)

    def _histogram(self, *name_and_labels: str) -> Histogram:
        found = self._histograms.get(name_and_labels)
        if found is None:
            found = Histogram(FAMILIES[name_and_labels[0]].bounds)
            self._histograms[name_and_labels] = found
        return found

    def _own(self) -> list[Counts]:
        histograms = [
            Counts(name[0], name[1:], histogram.counts, histogram.total)
            for name, histogram in self._histograms.items()
        ]
        counters = [Counts(name[0], name[1:], [], count) for name, count in self._counters.items()]
        gauges = [
            Counts(name[0], name[1:], [], value, measured_at)
            for name, (value, measured_at) in self._gauges.items()
        ]
        return histograms + counters + gauges

    def _others(self) -> Iterable[Counts]:
        if self._directory is None:
            return
        for file in sorted(self._directory.glob("*.json")):
            if file.stem != str(os.getpid()):
                yield from msgspec.json.decode(file.read_bytes(), type=list[Counts])


class _Sum(Collector):
    """Adds up counts of the same metric and labels, and gives them to the library.

    Gauges are of the store, which the workers share, so of these the newest counts.
    """

    def __init__(self, counted: Iterable[Counts]) -> None:
        self._sums: dict[tuple[str, tuple[str, ...]], tuple[list[int], float]] = {}
        for one in sorted(counted, key=lambda one: one.measured_at):
            name = (one.name, one.labels)
            counts, total = self._sums.get(name, ([0] * len(one.counts), 0.0))
            added = [a + b for a, b in zip(counts, one.counts, strict=True)]
            both = one.total if one.name in GAUGES else total + one.total
            self._sums[name] = (added, both)

    def collect(self) -> Iterable[Metric]:
        """Give every metric, the buckets of histograms cumulated, as the format wants them."""
        for name, family in FAMILIES.items():
            histogram = HistogramMetricFamily(name, family.text, labels=family.labels)
            for labels, counts, total in self._of(name):
                histogram.add_metric(labels, _cumulated(family.bounds, counts), total)
            yield histogram
        for kind, families in ((CounterMetricFamily, COUNTERS), (GaugeMetricFamily, GAUGES)):
            for name, family in families.items():
                metric = kind(name, family.text, labels=family.labels)
                for labels, _, total in self._of(name):
                    metric.add_metric(labels, total)
                yield metric

    def _of(self, name: str) -> Iterable[tuple[tuple[str, ...], list[int], float]]:
        for (of, labels), (counts, total) in self._sums.items():
            if of == name:
                yield labels, counts, total


def _cumulated(bounds: Sequence[float], counts: Sequence[int]) -> list[tuple[str, float]]:
    buckets: list[tuple[str, float]] = []
    below = 0
    for bound, count in zip((*bounds, float("inf")), counts, strict=True):
        below += count
        buckets.append(("+Inf" if bound == float("inf") else str(float(bound)), below))
    return buckets
