"""Batch fetch: hands an agent whole batches, as the brokers sent them.

Faust's own way from its consumer to an agent takes several tasks and a queue entry for each record, which costs more
than all that the worker does with one. Here a partition's records take it together. The rest stays Faust's: members,
partitions, what is paused while tables recover, and that nothing is handed out while partitions move.
"""

import asyncio
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from aiokafka import ConsumerRecord

from streamproc.core.errors import StreamprocError
from streamproc.worker.faust_bridge.protocols import App, Queue, Stream, TopicPartition

POLL = 0.1
"""Seconds that a fetch waits while one of the agents is busy: it may be idle again before its topic is asked for."""


@dataclass(frozen=True, slots=True)
class Batch:
    """Records of one partition, in order."""

    topic: str
    partition: int
    generation: int
    """The consumer group's when they were fetched."""
    records: list[ConsumerRecord[bytes, bytes]]


class BatchFetch:
    """For all agents of one app. Each has its batches in its own stream's queue, which Faust clears on a rebalance."""

    def __init__(self, app: App) -> None:
        self._app = app
        self._queues: dict[str, Queue | None] = {}
        """By topic; None until its agent runs."""
        self._room = asyncio.Event()

    def expect(self, topics: Iterable[str]) -> None:
        """These topics are read in batches. Before `install`."""
        self._queues |= dict.fromkeys(topics)

    def install(self) -> None:
        """Stand between Faust's consumer and its fetcher. Before the app starts."""
        self._consumer = self._app.consumer
        self._fetch = self._consumer._getmany  # noqa: SLF001
        self._consumer._getmany = self._getmany  # noqa: SLF001

    def open(self, stream: Stream) -> None:
        """From now on this stream's values are batches; nothing of its topics was fetched before."""
        self._queues |= dict.fromkeys(stream.channel.topics, stream.channel.queue)
        self._room.set()

    def is_current(self, batch: Batch) -> bool:
        """An agent has taken the batch from its queue. False: partitions have moved since, and it will come again."""
        self._room.set()
        return bool(self._app.flow_control.is_active() and batch.generation == self._app.consumer_generation_id)

    async def _getmany(
        self,
        active_partitions: set[TopicPartition],
        timeout: float,  # noqa: ASYNC109 - Faust's signature
    ) -> Mapping[TopicPartition, Any]:
        consumer, active = self._consumer, active_partitions  # a set that changes while we wait
        while active and not (idle := {partition for partition in active if self._idle(partition.topic)}):
            self._room.clear()
            await consumer.wait_first(self._room.wait(), consumer.suspend_flow.wait())
            if not consumer.flow_active or consumer.should_stop:
                return {}
        if not active:
            return {}
        generation = self._app.consumer_generation_id
        try:
            fetched = dict(await self._fetch(idle, timeout if idle == active else min(timeout, POLL)))
        except StreamprocError as error:  # what is missing is named; Faust would only log it, and stop fetching
            await self._app.crash(error)
            return {}
        if consumer.flow_active:  # else Faust seeks back to what is committed
            for partition in [each for each in fetched if each in active]:
                if (queue := self._queues.get(partition.topic)) is None:
                    continue
                consumer._acked[partition]  # noqa: SLF001 - Faust commits the partitions that it finds here
                self._app.monitor.stream_inbound_time[partition] = time.monotonic()  # else it reports them as stuck
                queue.force_put_nowait(Batch(partition.topic, partition.partition, generation, fetched.pop(partition)))
        return fetched

    def _idle(self, topic: str) -> bool:
        """Whether another batch of the topic may be fetched: always for one that isn't ours."""
        if topic not in self._queues:
            return True
        queue = self._queues[topic]
        return queue is not None and queue.empty()
