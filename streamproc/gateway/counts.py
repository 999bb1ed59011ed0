"""Counts of requests. A metric's `labels` checks and locks, so each set of values is looked up there once."""

from prometheus_client import Counter


class Counts:
    """Of one metric. `count` gets the values of its labels, in order."""

    def __init__(self, metric: Counter) -> None:
        self._metric = metric
        self._counters: dict[tuple[str | int, ...], Counter] = {}

    def count(self, *labels: str | int) -> None:
        """One more."""
        counter = self._counters.get(labels)
        if counter is None:
            counter = self._counters[labels] = self._metric.labels(*map(str, labels))
        counter.inc()
