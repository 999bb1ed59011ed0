"""Reading a topic outside a consumer group: all of it, a range, or only where it begins and ends."""

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Protocol, TypeVar

from streamproc.adapters.kafka.foreign import STRANGE, passed_over
from streamproc.adapters.kafka.log import Consumer, ConsumerRecord, IllegalStateError, Log, TopicPartition, started

Decoded = TypeVar("Decoded")
Place = TypeVar("Place")
Place_contra = TypeVar("Place_contra", contravariant=True)

POLL_MS = 200
"""Behind the last record there may be markers, which end no wait for records: then it lasts so long."""


@asynccontextmanager
async def assigned(kafka: Log, partitions: Sequence[TopicPartition]) -> AsyncIterator[Consumer]:
    """A consumer that reads these, for the time of the block. Raises KafkaError.

    Not in a group: a member that is assigned anew by hand falls over its own coordinator.
    """
    async with started(kafka.consumer()) as consumer:
        consumer.assign(partitions)
        yield consumer


class Positioned(Protocol[Place_contra]):
    """A consumer, as far as it is asked for its position."""

    async def position(self, partition: Place_contra, /) -> int | None:
        """Raises IllegalStateError where the partition isn't its own."""


async def position_of(consumer: Positioned[Place], partition: Place) -> int | None:
    """The offset that a member of a group reads next; None: the partition isn't its own, or goes while it asks."""
    try:
        return await consumer.position(partition)
    except IllegalStateError:
        return None


async def read_to(consumer: Consumer, ends: Mapping[TopicPartition, int]) -> AsyncIterator[Sequence[ConsumerRecord]]:
    """Records as they come, some of one partition at a time, until the consumer has reached these offsets.

    It may give records behind them as well, and gives none at them where they belong to transactions' markers.
    """
    for partition, end in ends.items():
        while await consumer.position(partition) < end:
            for records in (await consumer.getmany(timeout_ms=POLL_MS)).values():
                yield records


async def read_topic(
    kafka: Log, topic: str, decode: Callable[[bytes], Decoded]
) -> AsyncIterator[tuple[str, Decoded | None]]:
    """Keys and values of a topic of ours from its beginning to its present end; None: the key was deleted.

    `decode` raises ValueError where a value isn't ours: that is told, and passed over. Raises KafkaError.
    """
    async for record in records_of(kafka, topic):
        try:
            value = None if record.value is None else decode(record.value)
            key = (record.key or b"").decode()
        except ValueError:
            passed_over(record, STRANGE, "what its key had before counts")
            continue
        yield key, value


async def records_of(kafka: Log, topic: str) -> AsyncIterator[ConsumerRecord]:
    """A topic's records up to its present end, those of one partition in order. Raises KafkaError."""
    partitions = partitions_of(kafka, topic)
    async with assigned(kafka, partitions) as consumer:
        await consumer.seek_to_beginning()
        async for records in read_to(consumer, await consumer.end_offsets(partitions)):
            for record in records:
                yield record


async def read_range(
    kafka: Log, topic: str, partition: int, first: int, end: int
) -> AsyncIterator[Sequence[ConsumerRecord]]:
    """Records at offsets `first` to `end - 1`, as they come; none that are transactions' markers, or are gone.

    Raises KafkaError.
    """
    if first >= end:  # nor does a client of our age like to be stopped before it has done anything
        return
    async with started(kafka.consumer()) as consumer:
        async for records in range_of(consumer, TopicPartition(topic, partition), first, end):
            yield records


async def range_of(
    consumer: Consumer, place: TopicPartition, first: int, end: int
) -> AsyncIterator[Sequence[ConsumerRecord]]:
    """The same by a consumer that is there already, in no group, and has nothing else to do meanwhile."""
    consumer.assign([place])
    consumer.seek(place, first)
    async for records in read_to(consumer, {place: end}):
        if wanted := [record for record in records if record.offset < end]:
            yield wanted
            if wanted[-1].offset == end - 1:
                break


async def newest(kafka: Log, counts: Mapping[str, int], of_each: int = 5) -> dict[str, list[ConsumerRecord]]:
    """Topic → records at the end of its partitions, `of_each` offsets back; some of them are transactions' markers.

    `counts`: partitions of each topic. Raises KafkaError.
    """
    found: dict[str, list[ConsumerRecord]] = {topic: [] for topic in counts}
    places = [TopicPartition(topic, number) for topic, count in counts.items() for number in range(count)]
    if not places:
        return found
    async with assigned(kafka, places) as consumer:
        begins, ends = await consumer.beginning_offsets(places), await consumer.end_offsets(places)
        for place in places:
            consumer.seek(place, max(begins[place], ends[place] - of_each))
        async for records in read_to(consumer, ends):
            for record in records:
                found[record.topic].append(record)
    return found


async def beginning_offsets(kafka: Log, topic: str) -> dict[int, int]:
    """Partition → offset of its first record. Raises KafkaError."""
    async with started(kafka.consumer()) as consumer:
        return _by_number(await consumer.beginning_offsets(partitions_of(kafka, topic)))


async def end_offsets(kafka: Log, topic: str) -> dict[int, int]:
    """Partition → offset of its next record. Raises KafkaError."""
    async with started(kafka.consumer()) as consumer:
        return _by_number(await consumer.end_offsets(partitions_of(kafka, topic)))


def partitions_of(kafka: Log, *topics: str) -> list[TopicPartition]:
    """All partitions of these topics."""
    return [TopicPartition(topic, number) for topic in topics for number in range(kafka.partitions)]


def _by_number(offsets: Mapping[TopicPartition, int]) -> dict[int, int]:
    return {partition.partition: offset for partition, offset in offsets.items()}
