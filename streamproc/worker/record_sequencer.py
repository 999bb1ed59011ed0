"""Reading: each record of a partition is handled once and in order, whatever Faust gives or leaves out.

Around a rebalance Faust may give a batch that it fetched before, and drop what comes before that batch. What is missing
is read here: where a later record shows it, before that one, and else by a sweep of partitions that have come to rest.
The offset that is committed is the one that our own count allows: Faust's doesn't know what is still being worked on.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, TypeAlias

import structlog
from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition

from streamproc import telemetry
from streamproc.adapters.kafka import client, reading
from streamproc.core.flow.offset_tracker import OffsetTracker
from streamproc.settings import KafkaSettings
from streamproc.worker.faust_bridge.app import settled
from streamproc.worker.raw_record import RawRecord

log = structlog.get_logger("streamproc.worker")

SWEEP_EVERY = 3.0
"""Seconds; a partition that hasn't moved for one interval is compared with its end."""
TURN = 64
"""Records that an agent handles before others have their turn."""

Place: TypeAlias = tuple[str, int]
"""Topic and partition."""
Handler: TypeAlias = Callable[[RawRecord], Awaitable[None] | None]
"""Handles a record at once, or returns what is to be awaited before the partition's next one."""


class RecordSequencer:
    """For one worker. `handlers`: by topic."""

    def __init__(self, kafka: KafkaSettings, app: Any, handlers: Mapping[str, Handler]) -> None:
        self._kafka = kafka
        self._app = app
        self._handlers = handlers
        self._offsets: dict[Place, OffsetTracker] = {}
        self._turns: dict[Place, asyncio.Lock] = {}
        """A partition's records are handled one after the other, also where one takes long."""
        self._reader: AIOKafkaConsumer | None = None
        self._asking = asyncio.Lock()

    async def start(self, room: asyncio.Event) -> None:
        """Before the app starts. Nothing is handled while there is no `room` for what it leads to."""
        self._room = room
        self._reader = client.consumer(self._kafka, group=self._app.conf.id)
        await self._reader.start()
        self._app.consumer._new_offset = self._committable  # noqa: SLF001 - see above; faust-streaming is pinned

    async def stop(self) -> None:
        """After the app has stopped."""
        assert self._reader is not None
        await self._reader.stop()

    async def take(self, place: Place, records: Sequence[ConsumerRecord]) -> None:
        """Handle records that Faust gives, each after any before it that Faust has left out."""
        async with self._turns.setdefault(place, asyncio.Lock()):
            await self._take_turn(place, records, self._handlers[place[0]])

    async def sweep(self) -> None:
        """Read what Faust has left out at the end of a partition, where no later record shows that it is missing."""
        before: dict[Place, int | None] = {}
        while True:
            await asyncio.sleep(SWEEP_EVERY)
            if not settled(self._app):
                before = {}
                continue
            now: dict[Place, int | None] = {}
            for place in [(each.topic, each.partition) for each in self._app.consumer.assignment()]:
                if place[0] not in self._handlers:
                    continue
                offsets = self._offsets.get(place)
                now[place] = None if offsets is None else offsets.reached
                if place in before and before[place] == now[place] and not self._busy(place):
                    await self._catch_up(place, now[place])
            before = now

    def done(self, raw: RawRecord) -> None:
        """The record needs nothing more."""
        offsets = self._offsets.get((raw.topic, raw.partition))
        if offsets is not None:
            offsets.finish(raw.offset)

    def term(self, place: Place) -> object | None:
        """What stays the same while the partition stays here; None: it isn't here, or nothing of it was read yet."""
        return self._offsets.get(place)

    def measure(self) -> None:
        """Set the gauge."""
        telemetry.lag(self._app.consumer, self._committable)

    def forget(self) -> None:
        """Partitions have moved."""
        self._offsets.clear()

    async def _take_turn(self, place: Place, records: Sequence[ConsumerRecord], handle: Handler) -> None:
        offsets = self._offsets.get(place)
        if offsets is None:
            offsets = OffsetTracker(await self._committed(*place))
            if self._offsets.setdefault(place, offsets) is not offsets:
                return  # partitions moved meanwhile, and the records will come again
        for number, record in enumerate(records, 1):
            left_out: list[ConsumerRecord] = []
            if offsets.reached is not None and offsets.reached < record.offset:
                left_out = await self._between(*place, offsets.reached, record.offset)
            for each in (*left_out, record):
                if not self._room.is_set():
                    await self._room.wait()
                if self._offsets.get(place) is not offsets:
                    return
                if offsets.start(each.offset):  # else Faust gives it for the second time
                    waiting = handle(_raw_of(each))
                    if waiting is not None:
                        await waiting
            if left_out:
                log.info("records that Faust left out were read", topic=place[0], partition=place[1], n=len(left_out))
            if number % TURN == 0:
                await asyncio.sleep(0)

    async def _catch_up(self, place: Place, begin: int | None) -> None:
        """To the partition's end. `begin` None: from where reading begins."""
        end = await self._end(*place)
        if begin is None:
            begin = await self._committed(*place)
        if begin < end and (left_out := await self._between(*place, begin, end)):
            await self.take(place, left_out)

    def _busy(self, place: Place) -> bool:
        turn = self._turns.get(place)
        return turn is not None and turn.locked()

    async def _end(self, topic: str, partition: int) -> int:
        place = TopicPartition(topic, partition)
        async with self._asking:
            assert self._reader is not None
            return int((await self._reader.end_offsets([place]))[place])

    async def _committed(self, topic: str, partition: int) -> int:
        """Where reading begins: the committed offset, else the partition's first."""
        place = TopicPartition(topic, partition)
        async with self._asking:
            assert self._reader is not None
            committed = await self._reader.committed(place)
            if committed is not None:
                return int(committed)
            return int((await self._reader.beginning_offsets([place]))[place])

    async def _between(self, topic: str, partition: int, first: int, end: int) -> list[ConsumerRecord]:
        """Records at offsets `first` to `end - 1`. None, where these are a transaction's markers or were compacted."""
        found: list[ConsumerRecord] = []
        async for records in reading.read_range(self._kafka, topic, partition, first, end):
            found += records
        return found

    def _committable(self, place: Any) -> int | None:
        """Stands in for Faust's own count (see above)."""
        offsets = self._offsets.get((place.topic, place.partition))
        return offsets.committable() if offsets else None


def _raw_of(record: ConsumerRecord) -> RawRecord:
    headers = dict(record.headers)
    return RawRecord(record.topic, record.partition, record.offset, record.timestamp, record.key, record.value, headers)
