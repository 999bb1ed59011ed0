"""Delivered users: what the sink knows of other users than the one whose turn it is, from our own log.

Of its own partitions that is in their delivery stores. Of other sinks' it is read from `scim.deliveries` once a turn
needs somebody there, and followed from then on: a partition that nobody asked about is never read, and one that
comes to this sink is let go of.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from typing import Final

import structlog

from streamproc.adapters.kafka.log import Consumer, ConsumerRecord, Log, TopicPartition, started
from streamproc.core.records.delivery import DeliveredState, decode_delivery
from streamproc.core.records.partitioner import partition_of
from streamproc.core.records.topic_names import DELIVERIES
from streamproc.sink.delivery_store import DeliveryStore

log = structlog.get_logger("streamproc.sink")

PATIENCE: Final = 30.0
"""Seconds that a turn waits for a partition to be read to its end."""
POLL_MS: Final = 200
"""Milliseconds after which it is looked whether another partition is wanted."""


class DeliveredUsers:
    """Of one sink. `stores`: the partitions that are its own, as they come and go. `arrived`: somebody of another
    sink's partitions has an account by our doing, or another one than before.
    """

    def __init__(self, kafka: Log, stores: Mapping[int, DeliveryStore], arrived: Callable[[str], None]) -> None:
        self._kafka = kafka
        self._stores = stores
        self._arrived = arrived
        self._followed: dict[int, asyncio.Event] = {}
        """Partition to whether it was read to the end that it had when it was first wanted."""
        self._ids: dict[int, dict[str, str]] = {}
        """Partition that is followed → user → the target's id."""
        self._next: dict[TopicPartition, int] = {}
        self._ends: dict[TopicPartition, int] = {}
        self._wanted = asyncio.Event()

    def id_of(self, user: str) -> str | None:
        """The target's id of somebody whose account is known to be theirs. None: nobody has delivered them yet."""
        for store in self._stores.values():
            if store.seen(user) is not None and (delivery := store.delivery(user)) is not None:
                return account(delivery)
        return self._ids.get(self._partition(user), {}).get(user)

    async def look_for(self, user: str, seconds: float = PATIENCE) -> None:
        """Return when `id_of` says what the log says, or after so many seconds."""
        partition = self._partition(user)
        if partition in self._stores:
            return
        read = self._followed.setdefault(partition, asyncio.Event())
        self._wanted.set()
        try:
            async with asyncio.timeout(seconds):
                await read.wait()
        except TimeoutError:
            log.warning("another sink's deliveries couldn't be read yet", partition=partition)

    async def run(self) -> None:
        """Follow what is wanted, until cancelled. Raises KafkaError."""
        await self._wanted.wait()
        async with started(self._kafka.consumer()) as consumer:
            while True:
                await self._choose(consumer)
                if not self._followed:
                    self._wanted.clear()
                    await self._wanted.wait()
                    continue
                for place, records in (await consumer.getmany(timeout_ms=POLL_MS)).items():
                    self._take(place.partition, records)
                for place in consumer.assignment():
                    self._next[place] = await consumer.position(place)
                    if self._next[place] >= self._ends[place]:
                        self._followed[place.partition].set()

    async def _choose(self, consumer: Consumer) -> None:
        """What is followed from now on, and from where."""
        for partition in self._followed.keys() & self._stores.keys():
            self._followed.pop(partition).set()
        places = [TopicPartition(DELIVERIES, partition) for partition in sorted(self._followed)]
        if {*places} == consumer.assignment():
            return
        for place in self._next.keys() - {*places}:
            del self._next[place], self._ends[place], self._ids[place.partition]
        consumer.assign(places)
        new = [place for place in places if place not in self._next]
        begins = await consumer.beginning_offsets(new) if new else {}
        ends = await consumer.end_offsets(new) if new else {}
        for place in new:
            self._next[place], self._ends[place], self._ids[place.partition] = begins[place], ends[place], {}
        for place in places:
            consumer.seek(place, self._next[place])

    def _take(self, partition: int, records: Sequence[ConsumerRecord]) -> None:
        ids = self._ids[partition]
        for record in records:
            user = (record.key or b"").decode(errors="replace")
            try:
                there = account(decode_delivery(record.value or b""))
            except ValueError:  # told by the sink that has the partition
                there = None
            if there is None:
                ids.pop(user, None)
            elif ids.get(user) != there:
                ids[user] = there
                if self._followed[partition].is_set():
                    self._arrived(user)

    def _partition(self, user: str) -> int:
        return partition_of(user.encode(), self._kafka.partitions)


def account(delivery: DeliveredState) -> str | None:
    """The target's id of the user's account. None: there is none, or it hasn't been shown yet that it is theirs."""
    return delivery.id if delivery.held is not None else None
