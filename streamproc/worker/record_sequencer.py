"""Record sequencer: each record of a partition is handled once and in order, whatever Faust gives or leaves out.

Around a rebalance Faust may give a batch that it fetched before, and drop what comes before that batch. Missing records
are read back: before the next record where a gap shows, otherwise by a periodic sweep of idle partitions.
The offset that is committed is the one that our own count allows: Faust's doesn't know what is still being worked on.
"""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Iterator, Mapping, Sequence
from typing import TypeAlias

import structlog

from streamproc import telemetry
from streamproc.adapters.clocks import Clocks
from streamproc.adapters.kafka import reading
from streamproc.adapters.kafka.log import Consumer, ConsumerRecord, Log, TopicPartition
from streamproc.adapters.kafka.open_transactions import OpenTransactions
from streamproc.core.flow.offset_tracker import OffsetTracker
from streamproc.worker.raw_record import RawRecord
from streamproc.worker.stream_app import StreamApp

log = structlog.get_logger("streamproc.worker")

SWEEP_EVERY = 3.0
"""Seconds; a partition that hasn't moved for one interval is compared with its end."""
TURN = 64
"""Records that an agent handles before others have their turn."""

Handler: TypeAlias = Callable[[RawRecord], Awaitable[None] | None]
"""Handles a record at once, or returns what is to be awaited before the partition's next one."""


class RecordSequencer:
    """For one worker. `handlers`: by topic. Nothing is handled while there is no `room` for what it leads to."""

    def __init__(
        self, kafka: Log, app: StreamApp, handlers: Mapping[str, Handler], room: asyncio.Event, clocks: Clocks
    ) -> None:
        self._kafka = kafka
        self._app = app
        self._handlers = handlers
        self._room = room
        self._ticks = clocks.ticks
        self._offsets: dict[tuple[str, int], OffsetTracker] = {}
        """By partition, of which a tuple is as good as a TopicPartition, and made faster. Another dict after each move.
        """
        self._begins: dict[TopicPartition, int] = {}
        """Where each partition's work began as it came, before its tables were read."""
        self._turns: dict[TopicPartition, asyncio.Lock] = {}
        """A partition's records are handled one after the other, also where one takes long."""
        self._reader: Consumer | None = None
        """Knows what the group has committed; it joins no group itself."""
        self._asking = asyncio.Lock()
        self._again: Consumer | None = None
        """Reads what was left out. A producer with transactions leaves marks everywhere, which look like that."""
        self._reading = asyncio.Lock()

    async def start(self) -> None:
        """Before the app starts."""
        self._reader = self._kafka.consumer(group=self._app.group)
        await self._reader.start()
        self._again = self._kafka.consumer()
        await self._again.start()

    async def stop(self) -> None:
        """After the app has stopped."""
        for consumer in (self._reader, self._again):
            if consumer is not None:
                await consumer.stop()

    async def begin(self, partitions: Collection[TopicPartition]) -> None:
        """Partitions have come, and their tables aren't recovered yet: look up where reading begins.

        Not later: a worker that counts as dead and doesn't know it would go on where the next one has come to, with
        tables that know nothing of that.
        """
        taken = [each for each in partitions if each.topic in self._handlers]
        if not taken:
            self._begins = {}
            return
        async with self._asking:
            assert self._reader is not None
            begins = dict(await self._reader.beginning_offsets(taken))
            ends = await self._reader.end_offsets(taken)
            asked = [each for each in taken if begins[each] < ends[each]]
            committed = await asyncio.gather(*map(self._reader.committed, asked))
        begins |= {each: offset for each, offset in zip(asked, committed, strict=True) if offset is not None}
        self._begins = begins

    async def take(self, partition: TopicPartition, records: Sequence[ConsumerRecord]) -> None:
        """Handle records that Faust gives, each after any before it that Faust has left out."""
        here = self._offsets
        async with self._turns.setdefault(partition, asyncio.Lock()):
            if self._offsets is here:  # else partitions have moved, and the records come again
                await self._take_turn(partition, records, self._handlers[partition.topic])

    async def sweep(self) -> None:
        """Read what Faust has left out at the end of a partition, where no later record shows that it is missing."""
        before: dict[TopicPartition, int | None] = {}
        waiting = OpenTransactions(self._app, self._ticks)
        while True:
            await asyncio.sleep(SWEEP_EVERY)
            if not self._app.settled():
                before = {}
                continue
            waiting.look()
            now: dict[TopicPartition, int | None] = {}
            for partition in self._app.assignment():
                if partition.topic in self._handlers:
                    offsets = self._offsets.get(partition)
                    now[partition] = None if offsets is None else offsets.reached
            idle = [each for each in now if each in before and before[each] == now[each] and not self._busy(each)]
            await self._catch_up({partition: now[partition] for partition in idle})
            before = now

    def done(self, raw: RawRecord) -> None:
        """The record needs nothing more."""
        offsets = self._offsets.get(raw.topic_partition)
        if offsets is not None:
            offsets.finish(raw.offset)

    def assignment_epoch(self, partition: tuple[str, int]) -> object | None:
        """The same object while the partition stays here; None: it isn't here, or nothing of it was read yet."""
        return self._offsets.get(partition)

    def committable(self, partition: TopicPartition) -> int | None:
        """The offset to commit; None: nothing of the partition was read yet."""
        offsets = self._offsets.get((partition.topic, partition.partition))
        return offsets.committable() if offsets else None

    def behind(self) -> Iterator[tuple[str, int, int]]:
        """Topic, partition, and records that are there and not yet done."""
        return telemetry.behind(self._app, self.committable)

    def measure(self) -> None:
        """Set the gauge."""
        telemetry.lag(self._app, self.committable)

    def forget(self) -> None:
        """Partitions have moved."""
        self._offsets = {}

    async def _take_turn(self, partition: TopicPartition, records: Sequence[ConsumerRecord], handle: Handler) -> None:
        offsets = self._offsets.get(partition)
        if offsets is None:
            offsets = self._offsets[partition] = OffsetTracker(self._begins[partition])
        for number, record in enumerate(records, 1):
            left_out: list[ConsumerRecord] = []
            if offsets.reached is not None and offsets.reached < record.offset:
                left_out = await self._between(partition, offsets.reached, record.offset)
            for each in (*left_out, record):
                if not self._room.is_set():
                    await self._room.wait()
                if self._offsets.get(partition) is not offsets:
                    return
                if offsets.start(each.offset):  # else Faust gives it for the second time
                    waiting = handle(_raw_of(each))
                    if waiting is not None:
                        await waiting
            if left_out:
                topic, index = partition
                log.info("records that Faust left out were read", topic=topic, partition=index, n=len(left_out))
            if number % TURN == 0:
                await asyncio.sleep(0)

    async def _catch_up(self, reached: Mapping[TopicPartition, int | None]) -> None:
        """To these partitions' ends. `reached`: None: from where reading begins."""
        here = self._offsets
        ends = await self._ends(list(reached))
        for partition, known in reached.items():
            end = ends[partition]
            if (known or 0) >= end:
                continue
            begin = self._begins[partition] if known is None else known
            left_out = await self._between(partition, begin, end) if begin < end else []
            if self._offsets is not here or not self._app.settled():
                return  # partitions have moved meanwhile: what is known of their users may be of before
            await self._hand_over(partition, begin, left_out, end)

    async def _hand_over(
        self, partition: TopicPartition, begin: int, left_out: Sequence[ConsumerRecord], end: int
    ) -> None:
        """What Faust has left out, up to the partition's end."""
        offsets = self._offsets.setdefault(partition, OffsetTracker(begin))
        if begin < end:
            await self.take(partition, left_out)
            if self._offsets.get(partition) is offsets:  # the rest are transactions' marks: the group is past them, too
                offsets.skip_to(end)
                self._app.commits(partition)

    def _busy(self, partition: TopicPartition) -> bool:
        turn = self._turns.get(partition)
        return turn is not None and turn.locked()

    async def _ends(self, partitions: Sequence[TopicPartition]) -> Mapping[TopicPartition, int]:
        if not partitions:
            return {}
        async with self._asking:
            assert self._reader is not None
            return await self._reader.end_offsets(partitions)

    async def _between(self, partition: TopicPartition, first: int, end: int) -> list[ConsumerRecord]:
        """Records at offsets `first` to `end - 1`. None, where these are a transaction's markers or were compacted."""
        between: list[ConsumerRecord] = []
        async with self._reading:
            assert self._again is not None
            async for records in reading.range_of(self._again, partition, first, end):
                between += records
            self._again.pause(partition)  # else it would go on fetching
        return between


def _raw_of(record: ConsumerRecord) -> RawRecord:
    headers = dict(record.headers)
    return RawRecord(record.topic, record.partition, record.offset, record.timestamp, record.key, record.value, headers)
