"""One partition: records at offsets, some of them in transactions, whose ends take an offset, too."""

from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass, field
from operator import attrgetter
from typing import Literal

from streamproc.adapters.kafka.log import Headers, TopicPartition
from streamproc.core.records.units import Millis


@dataclass(slots=True, eq=False)
class Transaction:
    """What a transactional producer has sent since it began. Its records count when it is committed."""

    state: Literal["open", "committed", "aborted"] = "open"
    firsts: dict["Partition", int] = field(default_factory=dict)
    """Each partition that it has written to, and where it began there."""
    offsets: dict[tuple[str, TopicPartition], int] = field(default_factory=dict)
    """Consumed offsets, by group and partition."""

    def end(self, state: Literal["committed", "aborted"]) -> None:
        """Put a marker into each partition."""
        self.state = state
        for partition in self.firsts:
            partition.mark(self)


@dataclass(frozen=True, slots=True)
class MemoryRecord:
    """A record as it lies there, and as it is read. `timestamp`: ms since 1970."""

    topic: str
    partition: int
    offset: int
    timestamp: Millis
    key: bytes | None
    value: bytes | None
    headers: Headers
    transaction: Transaction | None = field(default=None, repr=False, compare=False)


@dataclass(frozen=True, slots=True)
class Appended:
    """Where a record was appended."""

    topic: str
    partition: int
    offset: int
    timestamp: Millis


class Partition:
    """`topic` and `number` name it."""

    def __init__(self, topic: str, number: int) -> None:
        self.topic = topic
        self.number = number
        self.start = 0
        """Offset of the first record that is kept."""
        self.end = 0
        """Offset of the next record."""
        self._records: list[MemoryRecord] = []
        self._open: dict[Transaction, int] = {}

    def append(
        self, at: int, key: bytes | None, value: bytes | None, headers: Headers, transaction: Transaction | None
    ) -> Appended:
        """`at`: ms since 1970."""
        offset, appended = self.end, Millis(at)
        if transaction is not None and self not in transaction.firsts:
            transaction.firsts[self] = self._open[transaction] = offset
        self._records.append(
            MemoryRecord(self.topic, self.number, offset, appended, key, value, tuple(headers), transaction)
        )
        self.end += 1
        return Appended(self.topic, self.number, offset, appended)

    def mark(self, transaction: Transaction) -> None:
        """The end of a transaction."""
        del self._open[transaction]
        self.end += 1

    def readable_end(self, *, committed_only: bool) -> int:
        """Below it, all may be read."""
        return min(self._open.values(), default=self.end) if committed_only else self.end

    def read(self, first: int, *, committed_only: bool) -> Iterator[MemoryRecord]:
        """Records from an offset on."""
        end = self.readable_end(committed_only=committed_only)
        for position in range(bisect_left(self._records, first, key=attrgetter("offset")), len(self._records)):
            record = self._records[position]
            if record.offset >= end:
                return
            if not committed_only or record.transaction is None or record.transaction.state == "committed":
                yield record

    def first_at(self, at: int) -> MemoryRecord | None:
        """The first record of this time (ms since 1970) or later, whatever became of its transaction."""
        return next((record for record in self._records if record.timestamp >= at), None)

    def delete_before(self, offset: int) -> None:
        """What retention does."""
        self.start = max(self.start, min(offset, self.end))
        self._records = [record for record in self._records if record.offset >= self.start]

    def compact(self) -> None:
        """Leave each key's last record, as far as transactions have ended; offsets stay as they were."""
        stable = self.readable_end(committed_only=True)
        last = {record.key: record.offset for record in self.read(0, committed_only=True)}
        self._records = [
            record for record in self._records if record.offset >= stable or last.get(record.key) == record.offset
        ]
