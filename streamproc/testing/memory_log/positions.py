"""Where a consumer is in each of its partitions, what it has been told of their ends, and what comes next."""

import asyncio
from collections.abc import Iterable, Sequence
from functools import partial
from itertools import islice

from streamproc.adapters.kafka.log import IllegalStateError, OffsetAndTimestamp, TopicPartition
from streamproc.adapters.kafka.unreadable import GONE, beyond, told
from streamproc.core.records.headers import UNREADABLE, Unread
from streamproc.core.records.units import Millis
from streamproc.testing.memory_log import faults
from streamproc.testing.memory_log.broker import MemoryBroker
from streamproc.testing.memory_log.group import Group
from streamproc.testing.memory_log.partition import MemoryRecord, Partition

LATE = 1.0
"""Seconds that records come late at most."""


class Positions:
    """Of one consumer. `group` None: it has none."""

    def __init__(self, broker: MemoryBroker, group: Group | None, *, committed_only: bool) -> None:
        self.paused: set[TopicPartition] = set()
        self.highwater: dict[TopicPartition, int] = {}
        self.stable: dict[TopicPartition, int] = {}
        self._broker = broker
        self._group = group
        self._committed_only = committed_only
        self._places: dict[TopicPartition, int | None] = {}
        """Those assigned, next the one whose turn it is. None: wherever reading begins."""
        self._late: dict[TopicPartition, int] = {}
        """Ends beyond which nothing is seen for a while."""
        self._partitions: dict[TopicPartition, Partition] = {}
        self._nothing: Sequence[TopicPartition] | None = None
        """What was asked for when there was nothing; None: something has happened since."""
        self._waiter: asyncio.Future[bool] | None = None

    def assigned(self) -> set[TopicPartition]:
        return set(self._places)

    def assign(self, partitions: Iterable[TopicPartition]) -> None:
        """In place of those before. What the group has committed until now is where reading begins."""
        self.leave()
        committed = {} if self._group is None else self._group.offsets
        self._partitions = {place: self._broker.partition(place) for place in partitions}
        for partition in self._partitions.values():
            partition.readers[self.wake] = None
        self._places = {place: committed.get(place) for place in partitions}
        self.paused.clear()
        self._late.clear()
        self.highwater.clear()
        self.stable.clear()
        self.wake()

    def own(self, place: TopicPartition) -> TopicPartition:
        """Raises IllegalStateError where it isn't assigned."""
        if place not in self._places:
            raise IllegalStateError(f"{place} isn't assigned")
        return place

    def known(self, place: TopicPartition) -> bool:
        """Whether the brokers needn't be asked where reading begins."""
        return self._places[place] is not None

    def position(self, place: TopicPartition) -> int:
        """The next record's offset at the earliest."""
        position = self._places[place]
        if position is None:
            position = self._places[place] = self._partitions[place].start
        return position

    def seek(self, place: TopicPartition, offset: int) -> None:
        self._places[self.own(place)] = offset
        self.wake()

    def end(self, place: TopicPartition) -> int:
        """What may be read ends there."""
        return self._broker.partition(place).readable_end(committed_only=self._committed_only)

    def first_at(self, place: TopicPartition, at: int) -> OffsetAndTimestamp | None:
        """The first record or marker of a time (ms since 1970) or later, as far as the partition may be read."""
        found = self._broker.partition(place).first_at(at)
        return (
            None
            if found is None or found.offset >= self.end(place)
            else OffsetAndTimestamp(found.offset, found.timestamp)
        )

    # What comes next

    def anything(self, asked: Sequence[TopicPartition]) -> bool:
        """Whether `take` would give something, raise something, or come past something."""
        if self._nothing == asked:
            return False
        late = self._late
        for place in self._wanted(asked):
            partition, position = self._partitions[place], self.position(place)
            end = partition.stable if self._committed_only else partition.end
            if (position < end and position < late.get(place, end)) or position > partition.end:
                return True
            if place not in late:
                self.highwater[place], self.stable[place] = partition.end, partition.stable
        self._nothing = asked
        return False

    def take(self, asked: Sequence[TopicPartition], most: int) -> dict[TopicPartition, Sequence[MemoryRecord]]:
        """Of each partition in its turn. Raises HistoryError where nobody may go on."""
        taken: dict[TopicPartition, Sequence[MemoryRecord]] = {}
        for place in self._wanted(asked):
            partition, first = self._partitions[place], self.position(place)
            gone = self._gone(partition, first)
            end = self._seen_end(place, partition, first)
            ahead = partition.read(first, committed_only=self._committed_only, end=end)
            records = [*gone, *islice(ahead, most - len(gone))]
            if len(records) > 1 and (chance := self._broker.fault(faults.HALF_BATCH)):
                del records[1 + int(chance.random() * (len(records) - 1)) :]
                most = len(records)
            self._see(place, partition, end)
            del self._places[place]  # its next turn is after the others
            self._places[place] = records[-1].offset + 1 if len(records) == most else max(first, end)
            if records:
                taken[place] = records
                most -= len(records)
            if most == 0:
                break
        return taken

    def _wanted(self, asked: Sequence[TopicPartition]) -> list[TopicPartition]:
        wanted = self._places.keys() if not asked else frozenset(asked)
        return [place for place in self._places if place in wanted and place not in self.paused]

    def _see(self, place: TopicPartition, partition: Partition, end: int) -> None:
        late = place in self._late
        self.highwater[place] = end if late else partition.end
        self.stable[place] = min(partition.stable, self.highwater[place])

    def _seen_end(self, place: TopicPartition, partition: Partition, first: int) -> int:
        end = partition.readable_end(committed_only=self._committed_only)
        if place in self._late:
            return min(end, self._late[place])
        known = max(first, self.highwater.get(place, 0))
        if known < end and (chance := self._broker.fault(faults.LATE_RECORDS)):
            end = self._late[place] = known + int(chance.random() * (end - known))
            self._broker.later(LATE * chance.random(), partial(self._arrive, place, end))
        return end

    def _arrive(self, place: TopicPartition, end: int) -> None:
        if self._late.get(place) == end:
            del self._late[place]
            self.wake()

    def _gone(self, partition: Partition, first: int) -> list[MemoryRecord]:
        """What stands in the place of records that were removed before they were read. Raises HistoryError."""
        topic, number, start = partition.topic, partition.number, partition.start
        if first > partition.end:
            raise beyond(topic, number, first)
        if first >= start:
            return []
        words = told(topic, number, first, start, GONE)
        headers = ((UNREADABLE, Unread(words.encode())),)
        return [MemoryRecord(topic, number, start - 1, Millis(self._broker.clock()), None, None, headers)]

    # Waiting

    async def more(self, seconds: float) -> bool:
        """Wait until there may be more. False: it took longer than so many seconds."""
        loop = asyncio.get_running_loop()
        self._waiter = waiter = loop.create_future()
        timer = loop.call_later(seconds, _end, waiter)
        try:
            return bool(await waiter)
        finally:
            timer.cancel()

    def leave(self) -> None:
        """Nothing of the partitions matters any more."""
        for partition in self._partitions.values():
            partition.readers.pop(self.wake, None)

    def wake(self) -> None:
        """There may be more."""
        self._nothing = None
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(True)


def _end(waiter: "asyncio.Future[bool]") -> None:
    if not waiter.done():
        waiter.set_result(False)
