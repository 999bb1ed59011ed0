"""Topics of an embedded broker as lists of records: created anew, filled, awaited and read, with no product code."""

import asyncio
from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any

import orjson
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

LARGEST_BATCH = 2 * 1024 * 1024
CONFIG = {"retention.ms": "-1", "max.message.bytes": str(LARGEST_BATCH)}
"""Of every topic: records are kept however old their time is, which is the one that the producer gave."""
SECONDS = 60.0
"""How long anything is waited for."""


@dataclass(frozen=True, slots=True)
class Record:
    """One record. `timestamp`: ms since 1970; `offset` is its place when it was read, and not used for writing."""

    topic: str
    partition: int
    timestamp: int
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes], ...] = ()
    offset: int = 0

    def line(self) -> bytes:
        """All of it but the offset, which transactions' markers move: JSON, then the value as it is."""
        shown = {
            "timestamp": self.timestamp,
            "key": _text(self.key),
            "headers": [[name, _text(content)] for name, content in self.headers],
        }
        return orjson.dumps(shown) + b" " + (self.value or b"") + b"\n"


def parse_log(path: Path) -> list[Record]:
    """A recorded log: JSON Lines, the first of which says what it is."""
    return [
        Record(
            entry["topic"],
            entry["partition"],
            entry["timestamp"],
            entry["key"].encode(),
            entry["value"].encode(),
            tuple((name, content.encode()) for name, content in entry["headers"]),
        )
        for entry in map(orjson.loads, path.read_bytes().splitlines()[1:])
    ]


def write_log(path: Path, log: Iterable[Record]) -> None:
    """What `parse_log` reads."""
    lines: list[dict[str, Any]] = [{"log": path.stem}]
    lines += [
        {
            "topic": record.topic,
            "partition": record.partition,
            "timestamp": record.timestamp,
            "key": (record.key or b"").decode(),
            "value": (record.value or b"").decode(),
            "headers": [[name, content.decode()] for name, content in record.headers],
        }
        for record in log
    ]
    path.write_bytes(b"".join(orjson.dumps(line) + b"\n" for line in lines))


class Cluster:
    """A running broker. `topics`: the names of all that are created."""

    def __init__(self, bootstrap: str, topics: Sequence[str], producer: AIOKafkaProducer) -> None:
        self.bootstrap = bootstrap
        self._topics = topics
        self._producer = producer
        self._partitions = 0

    async def create_topics(self, partitions: int) -> None:
        """All of them, empty, in place of those that are there; what groups committed of these goes with them."""
        async with self._admin() as admin:
            if self._partitions:
                await self._delete_all(admin)
            self._partitions = partitions
            await admin.create_topics([NewTopic(name, partitions, 1, topic_configs=CONFIG) for name in self._topics])
            async with asyncio.timeout(SECONDS):
                while any(  # noqa: ASYNC110 - it is another process
                    topic["error_code"] or len(topic["partitions"]) != partitions
                    for topic in await admin.describe_topics(list(self._topics))
                ):
                    await asyncio.sleep(0.05)
        await self._producer.client.force_metadata_update()

    async def _delete_all(self, admin: AIOKafkaAdminClient) -> None:
        await admin.delete_topics(list(self._topics))
        async with asyncio.timeout(SECONDS):
            while set(self._topics) & set(await admin.list_topics()):  # noqa: ASYNC110
                await asyncio.sleep(0.05)

    async def append(self, records: Iterable[Record]) -> None:
        """In their order. Neighbours of one partition are one batch, which readers get at once."""
        for (topic, partition), neighbours in groupby(records, lambda record: (record.topic, record.partition)):
            batch = self._producer.create_batch()
            for record in neighbours:
                headers = list(record.headers)
                taken = batch.append(key=record.key, value=record.value, timestamp=record.timestamp, headers=headers)
                assert taken is not None, "more than a batch holds"
            await (await self._producer.send_batch(batch, topic, partition=partition))

    async def read_all(self, *topics: str) -> list[Record]:
        """What the topics hold, by topic and partition."""
        async with self.reader(*(topics or self._topics)) as reader:
            ends = await reader.end_offsets(list(reader.assignment()))
            records: list[Record] = []
            for partition in sorted(ends):
                while await reader.position(partition) < ends[partition]:
                    records += received(await reader.getmany(timeout_ms=100))
            return sorted(records, key=lambda record: (record.topic, record.partition, record.offset))

    @asynccontextmanager
    async def reader(self, *topics: str) -> AsyncIterator[AIOKafkaConsumer]:
        """From the beginning of the topics on, without what wasn't committed."""
        reader = AIOKafkaConsumer(
            bootstrap_servers=self.bootstrap,
            enable_auto_commit=False,
            isolation_level="read_committed",
            fetch_max_wait_ms=20,
            max_partition_fetch_bytes=2 * LARGEST_BATCH,
        )
        await reader.start()
        try:
            reader.assign([TopicPartition(name, number) for name in topics for number in range(self._partitions)])
            await reader.seek_to_beginning()
            yield reader
        finally:
            await reader.stop()

    async def until_consumed(self, group: str, *topics: str) -> None:
        """Wait until a consumer group has committed all that the topics hold."""
        async with self._admin() as admin, self.reader(*topics) as reader, asyncio.timeout(SECONDS):
            while True:
                ends = {
                    partition: end for partition, end in (await reader.end_offsets(reader.assignment())).items() if end
                }
                committed = await admin.list_consumer_group_offsets(group, partitions=list(ends))
                if all(committed[partition].offset == end for partition, end in ends.items()):
                    return
                await asyncio.sleep(0.05)

    @asynccontextmanager
    async def _admin(self) -> AsyncIterator[AIOKafkaAdminClient]:
        admin = AIOKafkaAdminClient(bootstrap_servers=self.bootstrap)
        await admin.start()
        try:
            yield admin
        finally:
            await admin.close()


@asynccontextmanager
async def cluster(bootstrap: str, topics: Sequence[str]) -> AsyncIterator[Cluster]:
    """Of a broker on which no topic was created yet."""
    producer = AIOKafkaProducer(
        bootstrap_servers=bootstrap,
        acks="all",
        enable_idempotence=True,
        max_batch_size=LARGEST_BATCH,
        max_request_size=2 * LARGEST_BATCH,
    )
    await producer.start()
    try:
        yield Cluster(bootstrap, topics, producer)
    finally:
        with suppress(TimeoutError):
            async with asyncio.timeout(5):
                await producer.stop()


def received(batches: dict[TopicPartition, list[Any]]) -> Iterator[Record]:
    """What a reader's `getmany` gave."""
    for records in batches.values():
        yield from map(_record, records)


def _record(given: Any) -> Record:
    names = ("topic", "partition", "timestamp", "key", "value", "offset")
    return Record(**{name: getattr(given, name) for name in names}, headers=tuple(given.headers))


def _text(content: bytes | None) -> str | None:
    return None if content is None else content.decode("utf-8", "backslashreplace")
