"""The producer, with or without transactions."""

import asyncio
from collections import deque
from collections.abc import Callable, Coroutine, Mapping
from functools import partial
from typing import Any, Literal, TypeAlias

from streamproc.adapters.kafka.log import (
    Headers,
    IllegalOperation,
    KafkaError,
    ProducerClosed,
    ProducerFenced,
    RecordMetadata,
    TopicPartition,
)
from streamproc.core.records.partitioner import partition_of
from streamproc.testing.memory_log.batches import MemoryBatch, Sending
from streamproc.testing.memory_log.broker import MemoryBroker
from streamproc.testing.memory_log.link import Answer, Link
from streamproc.testing.memory_log.partition import MemoryRecord

State: TypeAlias = Literal["ready", "begun", "ending", "failed"]


class MemoryProducer:
    """`adapters/kafka/log.py: Producer`. Each partition has one batch on its way at a time; the next one fills.

    What the coordinator of transactions refused once ends a transactional producer, as aiokafka's: it only asserts from
    then on.
    """

    def __init__(self, broker: MemoryBroker, link: Link, transactional_id: str | None) -> None:
        self._broker = broker
        self._link = link
        self._id = transactional_id
        self._epoch = 0
        self._state: State = "ready"
        self._failure: KafkaError | None = None
        self._closed = False
        self._keyless = 0
        self._queues: dict[TopicPartition, deque[Sending]] = {}
        """Of each partition for which something is on its way: what comes after that."""
        self._sending: dict[TopicPartition, asyncio.Task[None]] = {}
        self._known: set[str] = set()
        """Topics that it has asked about."""
        self._asking = asyncio.Lock()
        self._added: set[TopicPartition] = set()
        """Partitions that the open transaction has been told to the broker for."""
        self._has_offsets = False
        self._turn = asyncio.Lock()
        """The coordinator is asked one thing after the other."""
        self._kept: set[asyncio.Task[Any]] = set()

    async def start(self) -> None:
        self._epoch = await self._link.request("init_producer_id", self._begin_life)

    def _begin_life(self) -> int:
        return 0 if self._id is None else self._broker.coordinator.start(self._id, self._link.name)

    async def stop(self) -> None:
        if not self._closed:
            self._closed = True
            await self._flushed()

    async def send(
        self,
        topic: str,
        value: bytes | None = None,
        key: bytes | None = None,
        partition: int | None = None,
        *,
        headers: Headers | None = None,
    ) -> asyncio.Future[RecordMetadata]:
        if partition is None and key is None:
            partition = self._keyless = (self._keyless + 1) % self._broker.partitions
        elif partition is None:
            partition = partition_of(key or b"", self._broker.partitions)
        place = TopicPartition(topic, partition)
        while True:
            await self._before(place)
            queue = self._queue(place)
            if not queue:
                queue.append(Sending(MemoryBatch()))
            future = queue[-1].add(key, value, headers or ())
            if future is not None:
                return future
            await queue[-1].left()

    async def send_and_wait(
        self,
        topic: str,
        value: bytes | None = None,
        key: bytes | None = None,
        partition: int | None = None,
        *,
        headers: Headers | None = None,
    ) -> RecordMetadata:
        return await (await self.send(topic, value, key, partition, headers=headers))

    def create_batch(self) -> MemoryBatch:
        return MemoryBatch()

    async def send_batch(self, batch: Any, topic: str, *, partition: int) -> asyncio.Future[RecordMetadata]:
        place = TopicPartition(topic, partition)
        await self._before(place)
        while queue := self._queue(place):
            await queue[-1].left()
            await self._before(place)
        queue.append(sending := Sending(batch, whole=True))
        return sending.promise()

    async def _before(self, place: TopicPartition) -> None:
        """Raises IllegalOperation outside of a transaction, and what ended the producer."""
        if place.topic not in self._known:
            async with self._asking:  # whoever asks first goes on first
                if place.topic not in self._known:
                    await self._link.pass_by("metadata")
                    self._known.add(place.topic)
        self._broker.partition(place)
        if self._id is not None and self._state != "begun":
            raise IllegalOperation("no transaction was begun")
        if self._closed:
            raise ProducerClosed
        if self._failure is not None:
            raise self._failure

    def _queue(self, place: TopicPartition) -> deque[Sending]:
        queue = self._queues.get(place)
        if queue is None:
            queue = self._queues[place] = deque()
            self._sending[place] = asyncio.create_task(self._send(place, queue), name="sender")
        return queue

    async def _send(self, place: TopicPartition, queue: deque[Sending]) -> None:
        """One batch after the other, until there are none."""
        partition = self._broker.partition(place)
        while queue:
            if self._id is not None and place not in self._added:
                add = partial(self._broker.coordinator.add_partition, self._id, self._epoch, self._link.name, partition)
                if not await self._coordinate("add_partitions", add):
                    break
                self._added.add(place)
            sending = queue.popleft()
            sending.leave()
            try:
                sending.done(await self._link.request("produce", partial(self._append, place, sending)))
            except KafkaError as error:
                sending.fail(error)
        del self._queues[place], self._sending[place]

    def _append(self, place: TopicPartition, sending: Sending) -> list[MemoryRecord]:
        if sending.appended is None:
            partition, transaction = self._broker.partition(place), None
            if self._id is not None:
                transaction = self._broker.coordinator.written(self._id, self._epoch, partition)
            sending.appended = self._broker.append(self._link.name, partition, sending.batch.entries, transaction)
        return sending.appended

    async def _flushed(self) -> None:
        """All that was given until now has been sent, or has failed."""
        if tasks := [*self._sending.values()]:
            await asyncio.wait(tasks)

    # Transactions

    async def begin_transaction(self) -> None:
        assert self._id is not None
        assert self._state == "ready", f"it is {self._state}"
        self._state = "begun"
        self._added.clear()
        self._has_offsets = False

    async def send_offsets_to_transaction(self, offsets: Mapping[TopicPartition, int], group_id: str) -> None:
        if self._state != "begun":
            raise IllegalOperation("no transaction was begun")
        assert self._id is not None
        self._has_offsets = True
        add = partial(
            self._broker.coordinator.add_offsets, self._id, self._epoch, self._link.name, group_id, dict(offsets)
        )
        await self._alone(self._finished("add_offsets", add))

    async def commit_transaction(self) -> None:
        await self._end(commit=True)

    async def abort_transaction(self) -> None:
        await self._end(commit=False)

    async def _end(self, *, commit: bool) -> None:
        assert self._state == "begun", f"it is {self._state}"
        self._state = "ending"
        await self._alone(self._ended(commit=commit))

    async def _ended(self, *, commit: bool) -> None:
        await self._flushed()
        assert self._id is not None
        if self._added or self._has_offsets:  # else the broker isn't asked, and says nothing of fencing
            end = partial(self._broker.coordinator.end, self._id, self._epoch, self._link.name, commit=commit)
            await self._finished("end_transaction", end)
        elif self._failure is not None:
            raise self._failure
        self._state = "ready"

    async def _alone(self, work: Coroutine[Any, Any, None]) -> None:
        """It goes on, whether or not somebody waits for it."""
        task = asyncio.create_task(work, name="transaction")
        self._kept.add(task)
        task.add_done_callback(self._forget)
        await asyncio.shield(task)

    def _forget(self, task: asyncio.Task[Any]) -> None:
        self._kept.discard(task)
        if not task.cancelled():
            task.exception()

    async def _finished(self, name: str, carry_out: Callable[[], Answer]) -> None:
        """Raises what it was refused with."""
        if not await self._coordinate(name, carry_out):
            assert self._failure is not None
            raise self._failure

    async def _coordinate(self, name: str, carry_out: Callable[[], Answer]) -> bool:
        """Whether the coordinator has done it. Else nothing will be done any more."""
        async with self._turn:
            if self._failure is None:
                try:
                    await self._link.request(name, carry_out)
                except KafkaError as error:
                    self._fail(error if isinstance(error, ProducerFenced) else _unexpected(error))
            return self._failure is None

    def _fail(self, error: KafkaError) -> None:
        self._failure, self._state = error, "failed"
        for queue in self._queues.values():
            for sending in queue:
                sending.fail(error)
            queue.clear()


def _unexpected(error: KafkaError) -> KafkaError:
    """As aiokafka wraps what it didn't expect."""
    wrapped = KafkaError("Unexpected error during batch delivery")
    wrapped.__cause__ = error
    return wrapped
