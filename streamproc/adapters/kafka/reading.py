"""Reading a topic outside a consumer group: all of it, a range, or only where it begins and ends."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition

from streamproc.adapters.kafka.client import consumer
from streamproc.settings import KafkaSettings


async def read_topic(
    kafka: KafkaSettings, topic: str, *, committed_only: bool = False
) -> AsyncIterator[tuple[str, bytes]]:
    """Keys and values of a topic from its beginning to its present end. Raises KafkaError."""
    reader = consumer(kafka, committed_only=committed_only)
    await reader.start()
    try:
        places = [TopicPartition(topic, partition) for partition in range(kafka.partitions)]
        reader.assign(places)
        await reader.seek_to_beginning()
        ends = await reader.end_offsets(places)
        for place in places:
            while await reader.position(place) < ends[place]:
                for records in (await reader.getmany(timeout_ms=1000)).values():
                    for record in records:
                        yield record.key.decode(), record.value
    finally:
        await reader.stop()


async def beginning_offsets(kafka: KafkaSettings, topic: str) -> dict[int, int]:
    """Partition → offset of its first record. Raises KafkaError."""
    async with _idle(kafka, topic) as (reader, places):
        return {place.partition: offset for place, offset in (await reader.beginning_offsets(places)).items()}


async def end_offsets(kafka: KafkaSettings, topic: str) -> dict[int, int]:
    """Partition → offset of its next record. Raises KafkaError."""
    async with _idle(kafka, topic) as (reader, places):
        return {place.partition: offset for place, offset in (await reader.end_offsets(places)).items()}


@asynccontextmanager
async def _idle(kafka: KafkaSettings, topic: str) -> AsyncIterator[tuple[AIOKafkaConsumer, list[TopicPartition]]]:
    reader = consumer(kafka)
    await reader.start()
    try:
        yield reader, [TopicPartition(topic, number) for number in range(kafka.partitions)]
    finally:
        await reader.stop()


async def read_range(
    kafka: KafkaSettings, topic: str, partition: int, first: int, end: int
) -> AsyncIterator[list[ConsumerRecord]]:
    """Records at offsets `first` to `end - 1`, as they come; none that are transactions' markers, or are gone.

    Not in a group: a member that is assigned anew by hand falls over its own coordinator. Raises KafkaError.
    """
    if first >= end:  # nor does a client of our age like to be stopped before it has done anything
        return
    place = TopicPartition(topic, partition)
    reader = consumer(kafka)
    await reader.start()
    try:
        reader.assign([place])
        reader.seek(place, first)
        while await reader.position(place) < end:
            found = (await reader.getmany(place, timeout_ms=1000)).get(place, [])
            if records := [record for record in found if record.offset < end]:
                yield records
                if records[-1].offset == end - 1:
                    break
    finally:
        await reader.stop()
