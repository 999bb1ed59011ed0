"""Partitions of `scim.operations`: they come and go with the sink's consumer group.

One that comes is fenced first, then its deliveries are read, then its records. One that goes gets a moment for what is
in flight, and is forgotten: its new owner starts from the committed offset.
"""

import asyncio
from collections.abc import Callable, Coroutine, Iterable
from typing import Any

import structlog

from streamproc.adapters.kafka.log import Consumer, ConsumerRebalanceListener, Log, TopicPartition
from streamproc.core.records.topic_names import OPERATIONS
from streamproc.sink.decide.desired_state import Work
from streamproc.sink.decide.lanes import Lanes
from streamproc.sink.delivery_store import DeliveryStore, PartitionLostError

log = structlog.get_logger("streamproc.sink")


class RebalanceListener(ConsumerRebalanceListener):
    """Of one sink. `journals` and `tasks` (deliveries under way, and of which partition) are shared with the sink.

    `changed` is called when partitions came or went, `fail` with what makes going on unsafe.
    """

    def __init__(
        self,
        kafka: Log,
        group: str,
        session_timeout: float,
        revoke_wait: float,
        consumer: Consumer,
        lanes: Lanes[Work],
        journals: dict[int, DeliveryStore],
        tasks: dict[asyncio.Task[None], int],
        *,
        ticks: Callable[[], float],
        sleep: Callable[[float], Coroutine[Any, Any, None]],
        changed: Callable[[], None],
        fail: Callable[[BaseException], None],
    ) -> None:
        self._kafka = kafka
        self._revoke_wait = revoke_wait
        self._group = group
        self._session_timeout = session_timeout
        self._consumer = consumer
        self._lanes = lanes
        self._journals = journals
        self._tasks = tasks
        self._ticks = ticks
        self._sleep = sleep
        self._changed = changed
        self._fail = fail
        self._watchers: set[asyncio.Task[None]] = set()

    async def on_partitions_revoked(self, revoked: Iterable[TopicPartition]) -> None:
        await self.release([place.partition for place in revoked])

    async def on_partitions_assigned(self, assigned: Iterable[TopicPartition]) -> None:
        partitions = sorted(place.partition for place in assigned)
        if not partitions:
            return
        try:
            await self._acquire(partitions)
        except BaseException as error:  # the coordinator would only log it, and we would sit on dead partitions
            self._fail(error)
            raise

    async def release(self, partitions: list[int]) -> None:
        """Give what is in flight a moment, commit, and let go of them."""
        if not partitions:
            return
        for partition in partitions:
            self._lanes.drain(partition)
        deadline = self._ticks() + self._revoke_wait
        while self._ticks() < deadline and any(self._lanes.flying(partition) for partition in partitions):
            await self._sleep(0.02)
        # Before anything is awaited: a retry or an order must find nothing to start any more.
        journals = [journal for partition in partitions if (journal := self._journals.pop(partition, None))]
        for partition in partitions:
            await self._forget(partition)
        await asyncio.gather(*(journal.close() for journal in journals))
        self._changed()
        log.info("partitions released", partitions=sorted(partitions))

    def stop(self) -> None:
        """Nobody has to look after them any more."""
        for watcher in self._watchers:
            watcher.cancel()

    async def _acquire(self, partitions: list[int]) -> None:
        begun = self._ticks()
        journals = {partition: self._journal(partition) for partition in partitions}
        await asyncio.gather(*(journal.fence() for journal in journals.values()))
        # Clients of their own: asked within a rebalance, the subscribed one would wait for the rebalance to end. And
        # two: one that is in a group and is assigned anew again and again falls over its own coordinator.
        loader = self._kafka.consumer(committed_only=True)
        member = self._kafka.consumer(group=self._group)
        await asyncio.gather(loader.start(), member.start())
        try:
            for journal in journals.values():
                await journal.load(loader)
            places = [TopicPartition(OPERATIONS, partition) for partition in partitions]
            ends = await loader.end_offsets(places)
            for place in places:
                journals[place.partition].begin = await member.committed(place) or 0
        finally:
            await asyncio.gather(loader.stop(), member.stop())
        for place in places:
            journal = journals[place.partition]
            journal.until = ends[place]
            journal.start()
            self._journals[place.partition] = journal
            self._watch(journal)
            # aiokafka hands out records of a new partition while it is still being acquired: those were passed over.
            self._consumer.seek(place, journal.begin)
        self._changed()
        log.info("partitions acquired", partitions=partitions, seconds=round(self._ticks() - begun, 2))

    def _journal(self, partition: int) -> DeliveryStore:
        return DeliveryStore(
            partition,
            self._group,
            lambda: self._kafka.producer(f"{self._group}-{partition}"),
            lambda: self._lanes.committable(partition),
            self._ticks,
        )

    def _watch(self, journal: DeliveryStore) -> None:
        async def watch() -> None:
            try:
                await journal.failed()
            except Exception as error:
                log.exception("journal failed", partition=journal.partition)
                self._fail(error)
                return
            if self._journals.get(journal.partition) is not journal:
                return
            await self._forget(journal.partition)  # fenced: stop working on it, and wait for the group to say the same
            await self._sleep(self._session_timeout * 3)
            if self._journals.get(journal.partition) is journal:
                self._fail(PartitionLostError(f"partition {journal.partition} was lost, and nobody took it over"))

        task = asyncio.create_task(watch(), name=f"watch-{journal.partition}")
        self._watchers.add(task)
        task.add_done_callback(self._watchers.discard)

    async def _forget(self, partition: int) -> None:
        self._lanes.drain(partition)  # else somebody's end would start what is forgotten below
        tasks = [task for task, of in self._tasks.items() if of == partition]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._lanes.revoke(partition)
