"""Seam to Kafka: connections from settings, and the topics created or checked."""

import asyncio
import random
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from struct import unpack_from
from typing import Any, TypeAlias

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, ConsumerRecord, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import KafkaConnectionError, KafkaError, TopicAlreadyExistsError, for_code

from streamproc.config import Settings
from streamproc.core.errors import KafkaUnavailableError, TopologyError
from streamproc.topics import TOPICS, Topic

Record: TypeAlias = tuple[bytes, bytes, list[tuple[str, bytes]]]
"""Key, value, headers."""


def connection(settings: Settings) -> dict[str, Any]:
    """Arguments that every aiokafka client takes."""
    found: dict[str, Any] = {
        "bootstrap_servers": settings.kafka,
        "security_protocol": settings.kafka_security,
        "ssl_context": settings.ssl_context(),
    }
    if settings.kafka_security.startswith("SASL"):
        secret = settings.kafka_password
        found |= {
            "sasl_mechanism": settings.kafka_sasl_mechanism,
            "sasl_plain_username": settings.kafka_username,
            "sasl_plain_password": secret.get_secret_value() if secret else None,
        }
    return found


def producer(settings: Settings, transactional_id: str | None = None) -> AIOKafkaProducer:
    """Idempotent, acks=all: what it acknowledged is kept, once and in order."""
    return AIOKafkaProducer(
        **connection(settings),
        enable_idempotence=True,
        acks="all",
        transactional_id=transactional_id,
        transaction_timeout_ms=30_000,
        max_batch_size=256 * 1024,
        max_request_size=4 * 1024 * 1024,
        # Kafka 4 tells a client of our age NOT_ENOUGH_REPLICAS while the transaction before is still being completed.
        retry_backoff_ms=10 if transactional_id else 100,
        partitioner=_partition,
    )


async def send(
    producer: AIOKafkaProducer, topic: str, partition: int, records: Iterable[Record]
) -> list[asyncio.Future[Any]]:
    """Records, in as few batches as they fit into: a call for each record costs more than all the rest.

    Returns futures of what the brokers say. `producer` has begun a transaction, if it is transactional.
    """
    sent: list[asyncio.Future[Any]] = []
    batch, some = producer.create_batch(), False
    for key, value, headers in records:
        if batch.append(key=key, value=value, timestamp=None, headers=headers) is None:  # full
            sent.append(await producer.send_batch(batch, topic, partition=partition))
            batch = producer.create_batch()
            batch.append(key=key, value=value, timestamp=None, headers=headers)
        some = True
    if some:
        sent.append(await producer.send_batch(batch, topic, partition=partition))
    return sent


def consumer(
    settings: Settings, *topics: str, group: str | None = None, committed_only: bool = False
) -> AIOKafkaConsumer:
    """A consumer that commits nothing by itself. `committed_only` leaves out aborted and open transactions."""
    return AIOKafkaConsumer(
        *topics,
        **connection(settings),
        group_id=group,
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        isolation_level="read_committed" if committed_only else "read_uncommitted",
        session_timeout_ms=int(settings.session_timeout * 1000),
        heartbeat_interval_ms=int(settings.session_timeout * 250),
        max_poll_interval_ms=300_000,
        fetch_max_wait_ms=100,
        max_partition_fetch_bytes=2 * 1024 * 1024,
    )


async def whole(settings: Settings, topic: str, *, committed_only: bool = False) -> AsyncIterator[tuple[str, bytes]]:
    """Keys and values of a topic from its beginning to its present end. Raises KafkaError."""
    reader = consumer(settings, committed_only=committed_only)
    await reader.start()
    try:
        places = [TopicPartition(topic, partition) for partition in range(settings.partitions)]
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


def partition_of(key: bytes, partitions: int) -> int:
    """Where a record of this key goes, as every Kafka client's default has it: its murmur2 without the sign."""
    length, factor, mask = len(key), 0x5BD1E995, 0xFFFFFFFF
    words, rest = divmod(length, 4)
    hashed = 0x9747B28C ^ length
    for word in unpack_from(f"<{words}I", key):
        mixed = word * factor & mask
        hashed = (hashed * factor ^ (mixed ^ mixed >> 24) * factor) & mask
    if rest:
        hashed = (hashed ^ int.from_bytes(key[-rest:], "little")) * factor & mask
    hashed = (hashed ^ hashed >> 13) * factor & mask
    return ((hashed ^ hashed >> 15) & 0x7FFFFFFF) % partitions


def _partition(key: bytes | None, partitions: list[int], available: list[int]) -> int:
    """What aiokafka asks for each record; its own way to hash takes twice as long."""
    if key is None:
        return random.choice(available or partitions)  # noqa: S311 - any will do
    return partitions[partition_of(key, len(partitions))]


async def beginnings(settings: Settings, topic: str) -> dict[int, int]:
    """Partition → offset of its first record. Raises KafkaError."""
    async with _idle(settings, topic) as (reader, places):
        return {place.partition: offset for place, offset in (await reader.beginning_offsets(places)).items()}


async def ends(settings: Settings, topic: str) -> dict[int, int]:
    """Partition → offset of its next record. Raises KafkaError."""
    async with _idle(settings, topic) as (reader, places):
        return {place.partition: offset for place, offset in (await reader.end_offsets(places)).items()}


@asynccontextmanager
async def _idle(settings: Settings, topic: str) -> AsyncIterator[tuple[AIOKafkaConsumer, list[TopicPartition]]]:
    reader = consumer(settings)
    await reader.start()
    try:
        yield reader, [TopicPartition(topic, number) for number in range(settings.partitions)]
    finally:
        await reader.stop()


async def stretch(
    settings: Settings, topic: str, partition: int, first: int, end: int
) -> AsyncIterator[list[ConsumerRecord]]:
    """Records at offsets `first` to `end - 1`, as they come; none that are transactions' markers, or are gone.

    Not in a group: a member that is assigned anew by hand falls over its own coordinator. Raises KafkaError.
    """
    if first >= end:  # nor does a client of our age like to be stopped before it has done anything
        return
    place = TopicPartition(topic, partition)
    reader = consumer(settings)
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


async def ensure_topics(settings: Settings, *, create: bool = True) -> list[str]:
    """Create the topics that don't exist (unless told not to); returns the names of those that didn't.

    Raises TopologyError naming every difference of an existing topic, KafkaUnavailableError where nobody answers.
    """
    admin = AIOKafkaAdminClient(**connection(settings))
    try:
        await admin.start()
    except (KafkaConnectionError, KafkaError, OSError) as error:
        raise KafkaUnavailableError(
            f"no Kafka cluster answers at {settings.kafka} ({error}). Is it up, and is STREAMPROC_KAFKA right?"
        ) from error
    try:
        existing = set(await admin.list_topics())
        absent = [topic for topic in TOPICS if topic.name not in existing]
        if create and absent:
            await _create(admin, absent, settings)
        await _check(admin, [topic for topic in TOPICS if topic.name in existing], settings)
    finally:
        await admin.close()
    return [topic.name for topic in absent]


async def _create(admin: AIOKafkaAdminClient, topics: list[Topic], settings: Settings) -> None:
    wanted = [
        NewTopic(topic.name, settings.partitions, settings.replication, topic_configs=topic.config) for topic in topics
    ]
    answer = await admin.create_topics(wanted)
    for name, code, *rest in answer.topic_errors:
        if code and for_code(code) is not TopicAlreadyExistsError:  # another service was faster
            raise TopologyError(f"topic {name} can't be created: {for_code(code).__name__} {rest[0] if rest else ''}")
    for _ in range(100):  # the metadata of a new topic takes a moment to reach every broker
        described = await admin.describe_topics([topic.name for topic in topics])
        if all(not each["error_code"] and each["partitions"] for each in described):
            return
        await asyncio.sleep(0.05)
    raise TopologyError("the new topics don't show up in the cluster's metadata; see the broker's log")


async def _check(admin: AIOKafkaAdminClient, topics: list[Topic], settings: Settings) -> None:
    if not topics:
        return
    differences: list[str] = []
    for described in await admin.describe_topics([topic.name for topic in topics]):
        count = len(described["partitions"])
        if count != settings.partitions:
            differences.append(
                f"{described['topic']} has {count} partitions, not {settings.partitions} (STREAMPROC_PARTITIONS)"
            )
    resources = [ConfigResource(ConfigResourceType.TOPIC, topic.name) for topic in topics]
    for answer in await admin.describe_configs(resources):
        for _, _, _, name, entries in answer.resources:
            actual = {entry[0]: entry[1] for entry in entries}
            wanted = next(topic.config for topic in topics if topic.name == name)
            differences += [
                f"{name} has {key}={actual.get(key)}, not {value}"
                for key, value in wanted.items()
                if actual.get(key) != value
            ]
    if differences:
        raise TopologyError(
            "existing topics differ: "
            + "; ".join(differences)
            + ". Alter them with kafka-configs, or use other topics."
        )
