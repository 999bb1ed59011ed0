"""Kafka's clients, made from the settings."""

import asyncio
import random
from typing import Any

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.errors import KafkaError

from streamproc.adapters.kafka import unreadable
from streamproc.core.records.partitioner import partition_of
from streamproc.settings import KafkaSettings

unreadable.install()


def connection(kafka: KafkaSettings) -> dict[str, Any]:
    """Arguments that every aiokafka client takes."""
    arguments: dict[str, Any] = {
        "bootstrap_servers": kafka.bootstrap_servers,
        "security_protocol": kafka.security,
        "ssl_context": kafka.ssl_context(),
    }
    if kafka.security.startswith("SASL"):
        secret = kafka.password
        arguments |= {
            "sasl_mechanism": kafka.sasl_mechanism,
            "sasl_plain_username": kafka.username,
            "sasl_plain_password": secret.get_secret_value() if secret else None,
        }
    return arguments


class KafkaLog:
    """The log of a cluster (`log.py`). Its clients are aiokafka's own; they need a running event loop."""

    def __init__(self, kafka: KafkaSettings) -> None:
        self._kafka = kafka

    @property
    def partitions(self) -> int:
        """Of each topic."""
        return self._kafka.partitions

    def consumer(self, *, group: str | None = None, committed_only: bool = True) -> AIOKafkaConsumer:
        """A consumer that commits nothing by itself. `committed_only`: aborted and open transactions are nothing."""
        return AIOKafkaConsumer(
            **connection(self._kafka),
            group_id=group,
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            isolation_level="read_committed" if committed_only else "read_uncommitted",
            session_timeout_ms=int(self._kafka.session_timeout * 1000),
            heartbeat_interval_ms=int(self._kafka.session_timeout * 250),
            max_poll_interval_ms=300_000,
            fetch_max_wait_ms=100,
            max_partition_fetch_bytes=2 * 1024 * 1024,
        )

    def producer(self, transactional_id: str | None = None) -> AIOKafkaProducer:
        """Idempotent, acks=all: what it acknowledged is kept, once and in order."""
        return AIOKafkaProducer(
            **connection(self._kafka),
            enable_idempotence=True,
            acks="all",
            transactional_id=transactional_id,
            transaction_timeout_ms=30_000,
            max_batch_size=256 * 1024,
            max_request_size=4 * 1024 * 1024,
            # Kafka 4 tells a client of our age NOT_ENOUGH_REPLICAS while the transaction before is being completed.
            retry_backoff_ms=10 if transactional_id else 100,
            partitioner=_partition,
        )


def exact_consumer(kafka: KafkaSettings, *, committed_only: bool) -> AIOKafkaConsumer:
    """A consumer without a group, that never goes on elsewhere than where it was told to."""
    return AIOKafkaConsumer(
        **connection(kafka),
        enable_auto_commit=False,
        auto_offset_reset="none",
        isolation_level="read_committed" if committed_only else "read_uncommitted",
        fetch_max_wait_ms=100,
        max_partition_fetch_bytes=4 * 1024 * 1024,
    )


async def brokers_answer(producer: AIOKafkaProducer) -> bool:
    """Whether any broker does, within a second."""
    try:
        async with asyncio.timeout(1):
            await producer.client.fetch_all_metadata()
    except (TimeoutError, KafkaError):
        return False
    return True


def _partition(key: bytes | None, partitions: list[int], available: list[int]) -> int:
    """What aiokafka asks for each record; its own way to hash takes twice as long."""
    if key is None:
        return random.choice(available or partitions)  # noqa: S311 - any will do
    return partitions[partition_of(key, len(partitions))]
