"""Partitions of `scim.operations`: they come and go with the sink's consumer group.

One that comes is fenced first, then its deliveries are read, then its records. One that goes gets a moment for what is
in flight, and is forgotten: its new owner starts from the committed offset.
"""

import asyncio
from collections.abc import Callable, Coroutine, Iterable
from typing import Any

import structlog

from streamproc.adapters.kafka.log import (
    NOT_ALLOWED,
    Consumer,
    ConsumerRebalanceListener,
    ConsumerStoppedError,
    KafkaError,
    Log,
    TopicPartition,
)
from streamproc.core.errors import StreamprocError
from streamproc.core.records.topic_names import FINDINGS, OPERATIONS
from streamproc.sink.decide.desired_state import Work
from streamproc.sink.decide.lanes import Lanes
from streamproc.sink.delivery_store import DeliveryStore, PartitionLostError

log = structlog.get_logger("streamproc.sink")


class RebalanceListener(ConsumerRebalanceListener):
    """Of one sink. `stores` and `tasks` (deliveries under way, and of which partition) are shared with the sink.

    `changed` is called when partitions came or went, `fail` with what makes going on unsafe.
    `findings`: whether they are followed.
    """

    def __init__(
        self,
        kafka: Log,
        group: str,
        session_timeout: float,
        revoke_wait: float,
        consumer: Consumer,
        lanes: Lanes[Work],
        stores: dict[int, DeliveryStore],
        tasks: dict[asyncio.Task[None], int],
        *,
        ticks: Callable[[], float],
        sleep: Callable[[float], Coroutine[Any, Any, None]],
        changed: Callable[[], None],
        fail: Callable[[BaseException], None],
        findings: bool,
    ) -> None:
        self._kafka = kafka
        self._revoke_wait = revoke_wait
        self._group = group
        self._session_timeout = session_timeout
        self._consumer = consumer
        self._lanes = lanes
        self._stores = stores
        self._tasks = tasks
        self._ticks = ticks
        self._sleep = sleep
        self._changed = changed
        self._fail = fail
        self._findings = findings
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
        stores = [store for partition in partitions if (store := self._stores.pop(partition, None))]
        for partition in partitions:
            await self._forget(partition)
        await asyncio.gather(*(store.close() for store in stores))
        self._changed()
        log.info("partitions released", partitions=sorted(partitions))

    def stop(self) -> None:
        """Nobody has to look after them any more."""
        for watcher in self._watchers:
            watcher.cancel()

    async def _acquire(self, partitions: list[int]) -> None:
        begun = self._ticks()
        stores = {partition: self._store(partition) for partition in partitions}
        await asyncio.gather(*(store.fence() for store in stores.values()))
        # Clients of their own: asked within a rebalance, the subscribed one would wait for the rebalance to end. And
        # two: one that is in a group and is assigned anew again and again falls over its own coordinator.
        loader = self._kafka.consumer()
        member = self._kafka.consumer(group=self._group)
        await asyncio.gather(loader.start(), member.start())
        try:
            for store in stores.values():
                await store.load(loader)
            places = [TopicPartition(OPERATIONS, partition) for partition in partitions]
            starts, ends = await loader.beginning_offsets(places), await loader.end_offsets(places)
            found = [TopicPartition(FINDINGS, partition) for partition in partitions if self._findings]
            for place, end in (await loader.end_offsets(found) if found else {}).items():
                stores[place.partition].findings = end
            for place in places:
                committed = await member.committed(place)
                stores[place.partition].begin = starts[place] if committed is None else committed
                await stores[place.partition].find_again(loader, ends[place])
        finally:
            await asyncio.gather(loader.stop(), member.stop())
        for place in places:
            store = stores[place.partition]
            store.until = ends[place]
            store.start()
            self._stores[place.partition] = store
            self._watch(store)
            self._keep(self._end_sharing(store), f"sharing-{store.partition}")
            # aiokafka hands out records of a new partition while it is still being acquired: those were passed over.
            self._consumer.seek(place, store.begin)
        self._changed()
        log.info("partitions acquired", partitions=partitions, seconds=round(self._ticks() - begun, 2))

    def _store(self, partition: int) -> DeliveryStore:
        return DeliveryStore(
            partition,
            self._group,
            lambda: self._kafka.producer(f"{self._group}-{partition}"),
            lambda: self._lanes.committable(partition),
            self._ticks,
        )

    def _watch(self, store: DeliveryStore) -> None:
        async def watch() -> None:
            try:
                await store.failed()
            except (*NOT_ALLOWED, StreamprocError) as error:
                self._fail(error)
                return
            except Exception as error:
                log.exception("store failed", partition=store.partition)
                self._fail(error)
                return
            if self._stores.get(store.partition) is not store:
                return
            await self._forget(store.partition)  # fenced: stop working on it, and wait for the group to say the same
            await self._sleep(self._session_timeout * 3)
            if self._stores.get(store.partition) is store:
                self._fail(PartitionLostError(f"partition {store.partition} was lost, and nobody took it over"))

        self._keep(watch(), f"watch-{store.partition}")

    async def _end_sharing(self, store: DeliveryStore) -> None:
        """Find out which records the sink before us may have read while its last confirmation was good."""
        place = TopicPartition(OPERATIONS, store.partition)
        await self._sleep(self._session_timeout / 2)
        while store.alone_from is None and self._stores.get(store.partition) is store:
            try:
                store.alone_from = (await self._consumer.end_offsets([place]))[place]
            except (KafkaError, ConsumerStoppedError):
                await self._sleep(1.0)

    def _keep(self, work: Coroutine[Any, Any, None], name: str) -> None:
        task = asyncio.create_task(work, name=name)
        self._watchers.add(task)
        task.add_done_callback(self._watchers.discard)

    async def _forget(self, partition: int) -> None:
        self._lanes.drain(partition)  # else somebody's end would start what is forgotten below
        tasks = [task for task, of in self._tasks.items() if of == partition]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._lanes.revoke(partition)
