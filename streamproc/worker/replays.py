"""Carries out orders to take rejected inputs up again (`decide/replay.py`), beside the agents: nobody waits for them.

An order counts as done when the brokers have what it appends. Where its partition moves meanwhile, it comes again.
"""

import asyncio
from collections.abc import Callable
from typing import NoReturn

import structlog

from streamproc.adapters.kafka import reading
from streamproc.adapters.kafka.log import Consumer, Log, TopicPartition, started
from streamproc.core.errors import RejectedInputError
from streamproc.core.records.control import Control
from streamproc.core.records.topic_names import REJECTIONS
from streamproc.worker.batching_producer import BatchingProducer
from streamproc.worker.decide.replay import replay
from streamproc.worker.raw_record import RawRecord
from streamproc.worker.rejections import Rejections

log = structlog.get_logger("streamproc.worker")


class Replays:
    """For one worker. `done` is called with an order's record."""

    def __init__(
        self, kafka: Log, producer: BatchingProducer, rejections: Rejections, done: Callable[[RawRecord], None]
    ) -> None:
        self._kafka = kafka
        self._producer = producer
        self._rejections = rejections
        self._done = done
        self._orders: asyncio.Queue[tuple[RawRecord, Control]] = asyncio.Queue()

    def take(self, raw: RawRecord, order: Control) -> None:
        """Carry the order in `raw` out, after those before it."""
        self._orders.put_nowait((raw, order))

    def forget(self) -> None:
        """Partitions have moved."""
        while not self._orders.empty():
            self._orders.get_nowait()

    async def run(self) -> NoReturn:
        """Until cancelled. Raises KafkaError."""
        while True:
            raw, order = await self._orders.get()
            async with started(self._kafka.consumer()) as consumer:
                await self.carry_out(consumer, raw, order)
                while not self._orders.empty():
                    await self._producer.room.wait()
                    await self.carry_out(consumer, *self._orders.get_nowait())

    async def carry_out(self, consumer: Consumer, raw: RawRecord, order: Control) -> None:
        """Append what one order names, or reject it. `consumer` has nothing else to do meanwhile. Raises KafkaError."""
        partition = self._producer.partition((order.input or "").encode())
        try:
            again = replay(raw, order, *await _rejection(consumer, partition, order.since))
        except RejectedInputError as error:
            self._rejections.reject(raw, error, lambda: self._done(raw))
            return
        log.warning("ordered", action=order.action, by=order.by, topic=again.topic)
        self._producer.put(again.topic, again.key, again.value, lambda: self._done(raw), headers=again.headers)


async def _rejection(consumer: Consumer, partition: int, offset: int | None) -> tuple[bytes | None, bytes | None]:
    """Key and value of a record of `events.rejected`; nothing where there is none."""
    place = TopicPartition(REJECTIONS, partition)
    begin, end = (await consumer.beginning_offsets([place]))[place], (await consumer.end_offsets([place]))[place]
    if offset is not None and begin <= offset < end:
        async for records in reading.range_of(consumer, place, offset, offset + 1):
            for record in records:
                if record.offset == offset:
                    return record.key, record.value
    return None, None
