"""The log in memory and a real broker: whatever is promised of one is tried with the other."""

import asyncio
import itertools
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import Any

import pytest
import pytest_asyncio
from aiokafka import AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic, RecordsToDelete
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.protocol.group import LeaveGroupRequest

from streamproc.adapters.kafka.client import KafkaLog, connection
from streamproc.adapters.kafka.log import (
    Consumer,
    ConsumerRebalanceListener,
    ConsumerRecord,
    KafkaError,
    Log,
    Producer,
    TopicPartition,
)
from streamproc.embedded import embedded_kafka
from streamproc.settings import load_settings
from streamproc.testing.memory_log import Limits, MemoryBroker, MemoryLog
from streamproc.testing.memory_log.consumer import MemoryConsumer

NUMBERS = itertools.count()
PATIENCE = 60.0
"""Seconds; far more than anything here takes."""
CLEANED_SOON = {
    "cleanup.policy": "compact",
    "segment.ms": "500",
    "min.cleanable.dirty.ratio": "0.01",
    "max.compaction.lag.ms": "1",
}


@dataclass
class Cluster:
    """A topic, a group and a transactional id of the test's own, and clients that are stopped after it."""

    log: Log
    name: str
    remove: Callable[[int, int], Awaitable[None]]
    """Partition and offset: what is before it is removed, as retention does."""
    expel: Callable[[Any], Awaitable[None]]
    """The broker gives a member up, as when its session has expired. It doesn't know yet."""
    compact: Callable[[int], Awaitable[None]]
    """Of each key, only the last record stays, until so many are left in partition 0; one with the key `filler` is
    appended to it before.
    """
    hasty: Callable[[], Any]
    """A producer with the test's transactional id, whose transactions the broker aborts after a second or some more."""
    _exit: AsyncExitStack = field(default_factory=AsyncExitStack)

    @property
    def topic(self) -> str:
        """Exists, and is empty."""
        return self.name

    def place(self, partition: int = 0) -> TopicPartition:
        """A partition of it."""
        return TopicPartition(self.topic, partition)

    @property
    def places(self) -> list[TopicPartition]:
        """All of them."""
        return [self.place(number) for number in range(self.log.partitions)]

    async def producer(self, transactional_id: str | None = None) -> Producer:
        """Started."""
        producer = self.log.producer(transactional_id)
        await producer.start()
        self._exit.push_async_callback(producer.stop)
        return producer

    async def transactional(self) -> Producer:
        """Started, with the test's own transactional id."""
        return await self.producer(self.name)

    async def ended(self) -> None:
        """All transactions of the test have ended everywhere: with a real broker that takes a moment after a commit."""
        await self.transactional()

    async def reader(self, *, committed_only: bool = False) -> Consumer:
        """Reads all partitions, without a group."""
        consumer = self.log.consumer(committed_only=committed_only)
        await consumer.start()
        self._exit.push_async_callback(consumer.stop)
        consumer.assign(self.places)
        return consumer

    async def member(self, listener: ConsumerRebalanceListener | None = None) -> Consumer:
        """Of the test's group; has joined soon afterwards."""
        consumer = await self.outsider()
        consumer.subscribe([self.topic], listener=listener)
        return consumer

    async def outsider(self) -> Consumer:
        """Has the group's name, and isn't a member."""
        consumer = self.log.consumer(group=self.name)
        await consumer.start()
        self._exit.push_async_callback(consumer.stop)
        return consumer

    async def fill(self, *values: bytes, partition: int = 0) -> None:
        """Append these, by a producer of their own."""
        producer = await self.producer()
        for value in values:
            await producer.send_and_wait(self.topic, value, b"key", partition)

    async def fill_key(self, *keys: bytes) -> None:
        """Append records with these keys to partition 0, each with its number as value, by a producer of their own."""
        producer = await self.producer()
        for number, key in enumerate(keys):
            await producer.send_and_wait(self.topic, b"%d" % number, key, 0)

    async def close(self) -> None:
        """Stop what was started."""
        async with asyncio.timeout(PATIENCE):
            await self._exit.aclose()


async def read(consumer: Consumer, count: int) -> list[ConsumerRecord]:
    """So many records, as they come. Raises TimeoutError where there are fewer."""
    records: list[ConsumerRecord] = []
    async with asyncio.timeout(PATIENCE):
        while len(records) < count:
            for batch in (await consumer.getmany(timeout_ms=200)).values():
                records += batch
    return records


async def read_to_end(consumer: Consumer, place: TopicPartition) -> list[bytes]:
    """Values of a partition, up to what is its end for this consumer now."""
    values: list[bytes] = []
    end = (await consumer.end_offsets([place]))[place]
    async with asyncio.timeout(PATIENCE):
        while await consumer.position(place) < end:
            values += [record.value for record in (await consumer.getmany(place, timeout_ms=200)).get(place, ())]
    return values


async def until(condition: Callable[[], bool], *polled: Consumer) -> None:
    """Wait for something to become true, while these consumers read. Raises TimeoutError."""
    async with asyncio.timeout(PATIENCE):
        while not condition():
            for consumer in polled:
                await consumer.getmany(timeout_ms=0)
            await asyncio.sleep(0.01)


@pytest.fixture(scope="session")
def bootstrap(pytestconfig: pytest.Config) -> Iterator[str]:
    """Bootstrap servers of a cluster for all tests here: each has a topic of its own."""
    given = pytestconfig.getoption("--kafka")
    if given and given != "testcontainers":
        yield given
        return
    with asyncio.Runner(loop_factory=asyncio.new_event_loop) as runner:  # the tests' loops are left alone
        stack = AsyncExitStack()
        broker = runner.run(stack.enter_async_context(embedded_kafka(progress=lambda _: None)))
        try:
            yield broker.bootstrap
        finally:
            runner.run(stack.aclose())


@pytest.fixture(params=["memory", "kafka"])
def servers(request: pytest.FixtureRequest) -> str | None:
    """Bootstrap servers of the real broker; None: in memory."""
    return None if request.param == "memory" else str(request.getfixturevalue("bootstrap"))


def _but_fenced(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """What a fenced producer of aiokafka leaves unasked isn't told: it would be in the middle of a later test."""
    if not isinstance(context.get("exception"), KafkaError):
        loop.default_exception_handler(context)


@pytest_asyncio.fixture
async def cluster(servers: str | None) -> AsyncIterator[Cluster]:
    """One of the two."""
    asyncio.get_running_loop().set_exception_handler(_but_fenced)
    name = f"contract-{os.getpid()}-{next(NUMBERS)}"
    if servers is None:
        ticks = itertools.count(1_700_000_000_000)
        limits = Limits(heartbeat=0.3, rebalance=6.0, transaction=1.0, sweep=1.0)
        broker = MemoryBroker(8, lambda: next(ticks), limits=limits)

        async def forget(partition: int, offset: int) -> None:
            broker.delete_before(name, partition, offset)

        async def give_up(member: MemoryConsumer) -> None:
            member.expire()

        async def clean(_: int) -> None:
            await made.fill_key(b"filler")
            broker.compact(name)

        made = Cluster(MemoryLog(broker), name, forget, give_up, clean, lambda: made.log.producer(name))
        yield made
        await made.close()
        return
    kafka = load_settings(kafka=servers).kafka
    admin = AIOKafkaAdminClient(bootstrap_servers=servers)
    await admin.start()
    try:
        await admin.create_topics([NewTopic(name, kafka.partitions, 1)])
        for _ in range(round(PATIENCE / 0.05)):  # who subscribes before it is described waits for minutes
            if not (await admin.describe_topics([name]))[0]["error_code"]:
                break
            await asyncio.sleep(0.05)

        async def remove(partition: int, offset: int) -> None:
            await admin.delete_records({TopicPartition(name, partition): RecordsToDelete(offset)})

        async def send_away(member: Any) -> None:
            coordinator = member._coordinator
            await coordinator._send_req(LeaveGroupRequest(name, coordinator.member_id))

        async def compact(left: int) -> None:
            await admin.alter_configs([ConfigResource(ConfigResourceType.TOPIC, name, configs=CLEANED_SOON)])
            reader = await made.reader()
            await asyncio.sleep(1.0)  # the active segment is rolled by what comes after its time
            await made.fill_key(b"filler")
            async with asyncio.timeout(PATIENCE):
                while len(await read_to_end(reader, made.place())) > left:
                    await asyncio.sleep(0.5)
                    await reader.seek_to_beginning(made.place())

        def hasty() -> AIOKafkaProducer:
            return AIOKafkaProducer(**connection(kafka), transactional_id=name, transaction_timeout_ms=1000)

        made = Cluster(KafkaLog(kafka), name, remove, send_away, compact, hasty)
        yield made
        await made.close()
        await admin.delete_topics([name])
    finally:
        await admin.close()
