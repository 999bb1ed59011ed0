"""One partition: records at offsets, some of them in transactions, whose ends take an offset, too."""

from bisect import bisect_left
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from operator import attrgetter
from typing import Literal, TypeAlias

from streamproc.adapters.kafka.log import Headers, TopicPartition
from streamproc.core.records.units import Millis

Entry: TypeAlias = tuple[bytes | None, bytes | None, Headers]
"""Key, value, headers."""

_OFFSET = attrgetter("offset")


@dataclass(slots=True, eq=False)
class Transaction:
    """What a transactional producer has sent since it began. Its records count when it is committed."""

    id: str
    by: str
    begun: float = 0.0
    """Seconds of the loop's time."""
    state: Literal["open", "committed", "aborted"] = "open"
    records: list["MemoryRecord"] = field(default_factory=list)
    partitions: dict["Partition", None] = field(default_factory=dict)
    """Those that have been told that it will write to them."""
    offsets: dict[tuple[str, TopicPartition], int] = field(default_factory=dict)
    """Consumed offsets, by group and partition."""


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

    @property
    def counts(self) -> bool:
        """Whether it is in no transaction, or in one that was committed."""
        return self.transaction is None or self.transaction.state == "committed"


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
        self.stable = 0
        """Below it, no transaction is open."""
        self.readers: dict[Callable[[], None], None] = {}
        """Called when there may be more to read."""
        self._records: list[MemoryRecord] = []
        self._markers: list[Appended] = []
        self._open: dict[Transaction, int] = {}

    def append(self, at: int, entry: Entry, transaction: Transaction | None) -> MemoryRecord:
        """`at`: ms since 1970."""
        key, value, headers = entry
        record = MemoryRecord(self.topic, self.number, self.end, Millis(at), key, value, tuple(headers), transaction)
        if transaction is not None:
            transaction.records.append(record)
            self._open.setdefault(transaction, self.end)
        self._records.append(record)
        self.end += 1
        if not self._open:
            self.stable = self.end
        return record

    def mark(self, transaction: Transaction, at: int) -> None:
        """The end of a transaction takes an offset, also where nothing was written. `at`: ms since 1970."""
        self._open.pop(transaction, None)
        self._markers.append(Appended(self.topic, self.number, self.end, Millis(at)))
        self.end += 1
        self.stable = min(self._open.values(), default=self.end)

    def wake(self) -> None:
        """There may be more to read."""
        for call in self.readers:
            call()

    def readable_end(self, *, committed_only: bool) -> int:
        """Below it, all may be read."""
        return self.stable if committed_only else self.end

    def read(self, first: int, *, committed_only: bool, end: int | None = None) -> Iterator[MemoryRecord]:
        """Records from an offset on. `end`: not those from there on."""
        stable = self.readable_end(committed_only=committed_only)
        end = stable if end is None else min(stable, end)
        records = self._records
        for position in range(bisect_left(records, first, key=_OFFSET), len(records)):
            record = records[position]
            if record.offset >= end:
                return
            if not committed_only or record.counts:
                yield record

    def first_at(self, at: int) -> MemoryRecord | Appended | None:
        """The first record or marker of this time (ms since 1970) or later, whatever became of its transaction."""
        found = (
            next((each for each in self._records if each.timestamp >= at), None),
            next((each for each in self._markers if each.timestamp >= at), None),
        )
        return min((each for each in found if each is not None), key=_OFFSET, default=None)

    def delete_before(self, offset: int) -> list[int]:
        """What retention does. Returns the offsets of records that are gone."""
        self.start = max(self.start, min(offset, self.end))
        gone = bisect_left(self._records, self.start, key=_OFFSET)
        removed = [record.offset for record in self._records[:gone]]
        del self._records[:gone]
        self._markers = [marker for marker in self._markers if marker.offset >= self.start]
        return removed

    def compact(self, newest: int) -> list[int]:
        """Leave each key's last record, as far as transactions have ended and records are old enough.

        `newest`: ms since 1970; from the first record on that is newer, all stay. Offsets stay as they were. Returns
        those of records that are gone.
        """
        limit = self.readable_end(committed_only=True)
        limit = next((each.offset for each in self._records if each.timestamp > newest), limit)
        limit = min(limit, self.readable_end(committed_only=True))
        last = {record.key: record.offset for record in self.read(0, committed_only=True, end=limit)}
        removed = [
            record.offset for record in self._records if record.offset < limit and last.get(record.key) != record.offset
        ]
        gone = set(removed)
        self._records = [record for record in self._records if record.offset not in gone]
        return removed
