"""The producer, with or without transactions."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any, TypeAlias

from streamproc.adapters.kafka.log import Headers, IllegalOperation, KafkaError, RecordMetadata, TopicPartition
from streamproc.core.records.partitioner import partition_of
from streamproc.testing.memory_log.broker import MemoryBroker
from streamproc.testing.memory_log.link import Link
from streamproc.testing.memory_log.partition import Transaction

LARGEST_BATCH = 256 * 1024
"""Bytes."""

_Entry: TypeAlias = tuple[bytes | None, bytes | None, Headers]


class MemoryBatch:
    """`adapters/kafka/log.py: Batch`. It takes its first record, however large."""

    def __init__(self) -> None:
        self.entries: list[_Entry] = []
        self._size = 0

    def append(self, *, timestamp: int | None, key: bytes | None, value: bytes | None, headers: Headers) -> object:
        assert timestamp is None, "time stamps come from the broker's clock"
        size = len(key or b"") + len(value or b"") + sum(len(name) + len(content) for name, content in headers)
        if self.entries and self._size + size > LARGEST_BATCH:
            return None
        self._size += size
        self.entries.append((key, value, headers))
        return self.entries[-1]


class MemoryProducer:
    """`adapters/kafka/log.py: Producer`. What the broker refused once, it goes on refusing."""

    def __init__(self, broker: MemoryBroker, link: Link, transactional_id: str | None) -> None:
        self._broker = broker
        self._link = link
        self._id = transactional_id
        self._epoch = 0
        self._begun = False
        self._touched = False
        """Whether the broker knows of the transaction."""
        self._failure: KafkaError | None = None
        self._keyless = 0
        self._turn = asyncio.Lock()
        """Records go out in the order in which they were given."""

    async def start(self) -> None:
        async with self._request("init_producer_id"):
            if self._id is not None:
                self._epoch = self._broker.fence(self._id)

    async def stop(self) -> None:
        pass

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
        return await self._produce(TopicPartition(topic, partition), [(key, value, headers or ())])

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
        return await self._produce(TopicPartition(topic, partition), batch.entries)

    async def _produce(self, place: TopicPartition, entries: Sequence[_Entry]) -> asyncio.Future[RecordMetadata]:
        if self._id is not None and not self._begun:
            raise IllegalOperation("no transaction was begun")
        future: asyncio.Future[RecordMetadata] = asyncio.get_running_loop().create_future()
        try:
            async with self._turn, self._request("produce"):
                partition, transaction = self._broker.partition(place), self._transaction()
                at = self._broker.clock()
                appended = [partition.append(at, *entry, transaction) for entry in entries]
                self._broker.notify()
            future.set_result(appended[0])
        except KafkaError as error:
            future.set_exception(error)
            future.exception()  # who sends in a transaction hears of it when they commit
        return future

    # Transactions

    async def begin_transaction(self) -> None:
        assert not self._begun, "a transaction is open"
        self._check()
        self._begun, self._touched = True, False

    async def send_offsets_to_transaction(self, offsets: Mapping[TopicPartition, int], group_id: str) -> None:
        if not self._begun:
            raise IllegalOperation("no transaction was begun")
        async with self._request("add_offsets"):
            transaction = self._transaction()
            assert transaction is not None
            transaction.offsets.update({(group_id, place): offset for place, offset in offsets.items()})

    async def commit_transaction(self) -> None:
        await self._end(commit=True)

    async def abort_transaction(self) -> None:
        await self._end(commit=False)

    async def _end(self, *, commit: bool) -> None:
        assert self._id is not None
        assert self._begun, "no transaction was begun"
        self._check()
        if self._touched:  # else the broker isn't asked, and says nothing of fencing
            async with self._request("end_transaction"):
                self._broker.end(self._id, self._epoch, commit=commit)
        self._begun = False

    def _transaction(self) -> Transaction | None:
        if self._id is None:
            return None
        transaction = self._broker.transaction(self._id, self._epoch)
        self._touched = True
        return transaction

    def _check(self) -> None:
        if self._failure is not None:
            raise self._failure

    @asynccontextmanager
    async def _request(self, name: str) -> AsyncIterator[None]:
        """What the body does is done at the broker, between the two ways."""
        self._check()
        try:
            await self._link(name)
            yield
            await self._link(name)
        except KafkaError as error:
            self._failure = error
            raise
