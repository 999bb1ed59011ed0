"""Partitions that nobody can read on, because somebody's transaction is open there."""

from collections.abc import Callable, Iterable
from typing import Final, Protocol

import structlog

from streamproc import telemetry
from streamproc.adapters.kafka.log import TopicPartition

log = structlog.get_logger("streamproc.kafka")

PATIENCE: Final = 10.0
"""Seconds that a transaction may be open before that is told. A producer's own limit is 60 s by default."""


class Reader(Protocol):
    """What is needed of a consumer."""

    def assignment(self) -> Iterable[TopicPartition]:
        """Its partitions."""

    def highwater(self, partition: TopicPartition, /) -> int | None:
        """Where the partition ends. None: nothing was fetched yet."""

    def last_stable_offset(self, partition: TopicPartition, /) -> int | None:
        """Where the first open transaction begins, else the end."""


class OpenTransactions:
    """What one consumer waits for. `ticks`: seconds of any clock that only goes forward."""

    def __init__(self, consumer: Reader, ticks: Callable[[], float]) -> None:
        self._consumer = consumer
        self._ticks = ticks
        self._since: dict[TopicPartition, tuple[int, float]] = {}
        """Where a transaction is open, at which offset and since when."""
        self._told: set[TopicPartition] = set()

    def look(self) -> None:
        """Tell, and set the gauge. Call it every few seconds."""
        now, since, self._since = self._ticks(), self._since, {}
        telemetry.OPEN_TRANSACTION.clear()
        for place in self._consumer.assignment():
            stable, end = self._consumer.last_stable_offset(place), self._consumer.highwater(place)
            if stable is None or end is None or not 0 <= stable < end:
                continue
            known = since.get(place)
            self._since[place] = at, begun = known if known is not None and known[0] == stable else (stable, now)
            telemetry.OPEN_TRANSACTION.labels(place.topic, str(place.partition)).set(now - begun)
            if now - begun >= PATIENCE and place not in self._told:
                self._told.add(place)
                log.warning(
                    "waiting for an open transaction, behind which nothing is read; kafka-transactions.sh says whose",
                    topic=place.topic,
                    partition=place.partition,
                    offset=at,
                    seconds=round(now - begun),
                )
        for place in self._told - self._since.keys():
            log.info("the transaction has ended", topic=place.topic, partition=place.partition)
        self._told &= self._since.keys()
