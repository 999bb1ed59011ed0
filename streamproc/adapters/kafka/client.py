"""Seam to Kafka: connections from kafka, and the topics created or checked."""

import asyncio
import random
from collections.abc import Iterable
from typing import Any, TypeAlias

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer

from streamproc.core.records.partitioner import partition_of
from streamproc.settings import KafkaSettings

Record: TypeAlias = tuple[bytes, bytes, list[tuple[str, bytes]]]
"""Key, value, headers."""


def connection(kafka: KafkaSettings) -> dict[str, Any]:
    """Arguments that every aiokafka client takes."""
    found: dict[str, Any] = {
        "bootstrap_servers": kafka.bootstrap_servers,
        "security_protocol": kafka.security,
        "ssl_context": kafka.ssl_context(),
    }
    if kafka.security.startswith("SASL"):
        secret = kafka.password
        found |= {
            "sasl_mechanism": kafka.sasl_mechanism,
            "sasl_plain_username": kafka.username,
            "sasl_plain_password": secret.get_secret_value() if secret else None,
        }
    return found


def producer(kafka: KafkaSettings, transactional_id: str | None = None) -> AIOKafkaProducer:
    """Idempotent, acks=all: what it acknowledged is kept, once and in order."""
    return AIOKafkaProducer(
        **connection(kafka),
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
    kafka: KafkaSettings, *topics: str, group: str | None = None, committed_only: bool = False
) -> AIOKafkaConsumer:
    """A consumer that commits nothing by itself. `committed_only` leaves out aborted and open transactions."""
    return AIOKafkaConsumer(
        *topics,
        **connection(kafka),
        group_id=group,
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        isolation_level="read_committed" if committed_only else "read_uncommitted",
        session_timeout_ms=int(kafka.session_timeout * 1000),
        heartbeat_interval_ms=int(kafka.session_timeout * 250),
        max_poll_interval_ms=300_000,
        fetch_max_wait_ms=100,
        max_partition_fetch_bytes=2 * 1024 * 1024,
    )


class KafkaLog:
    """The log of a cluster (`log.py`): its clients are aiokafka's own."""

    def __init__(self, kafka: KafkaSettings) -> None:
        self._kafka = kafka

    @property
    def partitions(self) -> int:
        """Of each topic."""
        return self._kafka.partitions

    def consumer(self, *, group: str | None = None, committed_only: bool = False) -> AIOKafkaConsumer:
        """Not started yet."""
        return consumer(self._kafka, group=group, committed_only=committed_only)

    def producer(self, transactional_id: str | None = None) -> AIOKafkaProducer:
        """Not started yet."""
        return producer(self._kafka, transactional_id)


def _partition(key: bytes | None, partitions: list[int], available: list[int]) -> int:
    """What aiokafka asks for each record; its own way to hash takes twice as long."""
    if key is None:
        return random.choice(available or partitions)  # noqa: S311 - any will do
    return partitions[partition_of(key, len(partitions))]
