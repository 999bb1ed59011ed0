"""Follows what became of users, for those who ask: links, deliveries and outcomes, beside all else.

Nothing is read until somebody wants it. From then on links are read from their beginning, and then deliveries; of
outcomes only what comes from then on, since they are kept for ever. Whatever goes wrong, it begins anew, and who waits
hears that it isn't known yet: no write and no read depends on it.
"""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Final

import structlog
from msgspec import DecodeError

from streamproc.adapters.kafka.foreign import STRANGE, passed_over
from streamproc.adapters.kafka.log import Consumer, ConsumerRecord, Log, TopicPartition, started
from streamproc.adapters.kafka.reading import partitions_of
from streamproc.core.records.topic_names import DELIVERIES, LINKS, OUTCOMES
from streamproc.gateway.scim.delivery import HOLD, PENDING, Delivery
from streamproc.gateway.scim.delivery_ledger import DeliveryLedger

log = structlog.get_logger("streamproc.gateway")

READY: Final = 1.0
"""Seconds that a read waits at most for all of it to be known."""
AT_ONCE: Final = 200
"""Records that are taken in before others have their turn."""
POLL_MS: Final = 500
AGAIN: Final = (1.0, 30.0)
"""Seconds after which it begins anew: at first, and at most."""


class DeliveryFollower:
    """Of one process. See Deliveries."""

    def __init__(self, kafka: Log) -> None:
        self._kafka = kafka
        self._ledger = DeliveryLedger()
        self._wanted = asyncio.Event()
        self._read = asyncio.Event()
        """All is known that the log held when it was begun."""
        self._changed = asyncio.Condition()

    def want(self) -> None:
        """See Deliveries."""
        self._wanted.set()

    async def ready(self) -> None:
        """See Deliveries."""
        self.want()
        try:
            async with asyncio.timeout(READY):
                await self._read.wait()
        except TimeoutError:
            return

    def of(self, connection: str, id: str) -> Delivery | None:  # noqa: A002 - see the protocol
        """See Deliveries."""
        return self._ledger.of(f"{connection}/{id}") if self._read.is_set() else None

    async def came_of(self, connection: str, id: str, offset: int | None) -> Delivery:  # noqa: A002 - see the protocol
        """See Deliveries."""
        self.want()
        name = f"{connection}/{id}"
        try:
            async with asyncio.timeout(HOLD), self._changed:
                while (found := self._come(name, offset)) is None:
                    await self._changed.wait()
                return found
        except TimeoutError:
            log.info(
                "nothing is told yet of a deactivation: it is answered as accepted",
                connection=connection,
                offset=offset,
            )
            return PENDING

    async def run(self) -> None:
        """Follows, until it is cancelled."""
        least, most = AGAIN
        pause = least
        await self._wanted.wait()
        while True:
            try:
                await self._follow()
            except Exception as error:  # noqa: BLE001 - it is of use to those who ask, and to nothing else
                pause = least if self._read.is_set() else min(2 * pause, most)
                log.warning("what became of users can't be read: it is begun anew", error=type(error).__name__)
            self._read.clear()
            self._ledger = DeliveryLedger()
            await asyncio.sleep(pause)

    def _come(self, name: str, offset: int | None) -> Delivery | None:
        if offset is not None:
            return self._ledger.came_of(name, offset)
        return self._ledger.settled(name) if self._read.is_set() else None

    async def _follow(self) -> None:
        """Raises KafkaError, and what else may go wrong."""
        links, deliveries, outcomes = (partitions_of(self._kafka, each) for each in (LINKS, DELIVERIES, OUTCOMES))
        async with started(self._kafka.consumer()) as consumer:
            consumer.assign([*links, *deliveries, *outcomes])
            begins = await consumer.beginning_offsets([*links, *deliveries])
            ends = await consumer.end_offsets([*links, *deliveries, *outcomes])
            for place in consumer.assignment():
                consumer.seek(place, begins.get(place, ends[place]))
            consumer.pause(*deliveries)
            await self._to(consumer, {place: ends[place] for place in links})
            consumer.resume(*deliveries)
            await self._to(consumer, {place: ends[place] for place in deliveries})
            self._read.set()
            await self._tell()
            while True:
                await self._take(consumer)

    async def _to(self, consumer: Consumer, ends: Mapping[TopicPartition, int]) -> None:
        for place, end in ends.items():
            while await consumer.position(place) < end:
                await self._take(consumer)

    async def _take(self, consumer: Consumer) -> None:
        """The next records. Whoever waits looks once more; others have their turn."""
        found = await consumer.getmany(timeout_ms=POLL_MS, max_records=AT_ONCE)
        for place, records in found.items():
            self._records(place.topic, records)
        if found:
            await self._tell()
            await asyncio.sleep(0)

    def _records(self, topic: str, records: Sequence[ConsumerRecord]) -> None:
        for record in records:
            try:
                if topic == LINKS:
                    self._ledger.take_link(record.key or b"", record.value, live=self._read.is_set())
                elif topic == DELIVERIES:
                    self._ledger.take_delivery(record.key or b"", record.value)
                elif record.value is not None:
                    self._ledger.take_outcome(record.value)
            except (ValueError, DecodeError, RecursionError):
                passed_over(record, STRANGE, "what was known before counts")

    async def _tell(self) -> None:
        async with self._changed:
            self._changed.notify_all()
