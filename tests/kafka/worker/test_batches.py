"""Batches as producers and brokers compress them, and one that has been damaged on the broker's disk."""

from pathlib import Path
from typing import Any

import orjson
import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType

from streamproc.adapters.kafka.client import connection
from streamproc.adapters.kafka.topics import ensure_topics
from streamproc.core.records.partitioner import partition_of
from streamproc.core.records.topic_names import CHANGES, DELIVERIES, LINKS, OPERATIONS, REJECTIONS
from streamproc.demo.processes import stack
from streamproc.embedded import embedded_kafka
from streamproc.settings import Settings, load_settings
from streamproc.topics import TOPICS
from tests.kafka.test_pipeline import _until, read
from tests.kafka.worker.test_worker import newest

CODECS = (None, "gzip", "snappy", "lz4", "zstd")
OURS = {"events.okta": "lz4", CHANGES: "zstd", LINKS: "snappy", OPERATIONS: "lz4", DELIVERIES: "zstd"}
"""Topics whose brokers compress anew, whatever a producer sends."""


def hired(user: str) -> dict[str, Any]:
    """An event of the contract."""
    said = {"userName": f"{user}@example.com", "displayName": user, "active": True}
    return {"subject": user, "id": user, "type": "snapshot", "time": "2026-05-01T12:00:00Z", "attributes": said}


async def produce(settings: Settings, codec: str | None, *users: str) -> None:
    """A batch of events, compressed by the producer."""
    producer = AIOKafkaProducer(bootstrap_servers=settings.kafka.bootstrap_servers, compression_type=codec, linger_ms=5)
    await producer.start()
    for user in users:
        await producer.send("events.hris", orjson.dumps(hired(user)), key=user.encode())
    await producer.stop()


async def recompress(settings: Settings) -> None:
    """Have the broker compress."""
    admin = AIOKafkaAdminClient(**connection(settings.kafka))
    await admin.start()
    for topic in TOPICS:
        if topic.name in OURS:
            config = topic.config | {"compression.type": OURS[topic.name]}
            await admin.alter_configs([ConfigResource(ConfigResourceType.TOPIC, topic.name, config)])
    await admin.close()


@pytest.mark.long
async def test_every_codec_and_a_damaged_batch(tmp_path: Path) -> None:
    """Producers' and brokers' codecs are read by worker and sink, after a restart too.

    A batch whose checksum is wrong is rejected by name, and who comes after it in its partition is hired.
    """
    async with embedded_kafka(progress=lambda _: None) as broker:
        settings = load_settings(kafka=broker.bootstrap)
        await ensure_topics(settings.kafka)
        await recompress(settings)
        await produce(settings, None, "damaged")
        home = partition_of(b"damaged", settings.kafka.partitions)
        (segment,) = (broker.data / "storage").glob(f"**/events.hris-{home}/*.log")
        data = segment.read_bytes()
        segment.write_bytes(data.replace(b"damaged@", b"Damaged@"))
        behind = next(f"U{n}" for n in range(100) if partition_of(f"U{n}".encode(), settings.kafka.partitions) == home)
        for codec in CODECS:
            await produce(settings, codec, f"{codec}-1", f"{codec}-2")
        await produce(settings, "zstd", behind)
        users = {behind, *(f"{codec}-{n}" for codec in CODECS for n in (1, 2))}
        async with stack(settings, tmp_path) as running:
            await running.start("worker", "sink")
            await _until(lambda: newest(settings), lambda found: found.keys() == users)
            await _until(lambda: read(settings, DELIVERIES), lambda found: len(found[DELIVERIES]) >= len(users))
            for name in ("worker", "sink"):
                await running.children[name].kill()
                await running.children[name].start()
            await produce(settings, "lz4", "later")
            await _until(lambda: newest(settings), lambda found: "later" in found)
            await _until(
                lambda: read(settings, DELIVERIES), lambda found: b"later" in {each.key for each in found[DELIVERIES]}
            )
        (rejected,) = {
            each.key: orjson.loads(each.value) for each in (await read(settings, REJECTIONS))[REJECTIONS]
        }.values()
        assert (rejected["topic"], rejected["partition"], rejected["offset"]) == ("events.hris", home, 0)
        assert rejected["code"] == "unreadable"
        assert rejected["reason"] == "offsets 0 to 0 can't be read: Invalid CRC"
