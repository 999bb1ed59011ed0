"""What was removed before the worker read it, and what of its own topics can't be read."""

import re
from pathlib import Path

import orjson
import pytest
from aiokafka.admin import AIOKafkaAdminClient, RecordsToDelete

from streamproc.adapters.kafka.log import TopicPartition
from streamproc.adapters.kafka.topics import ensure_topics
from streamproc.core.records.partitioner import partition_of
from streamproc.core.records.topic_names import CHANGES, OPERATIONS, REJECTIONS
from streamproc.demo.processes import ProcessFailedError, stack
from streamproc.embedded import embedded_kafka
from streamproc.settings import load_settings
from tests.kafka.test_pipeline import _until, read, unread
from tests.kafka.worker.test_batches import hired
from tests.kafka.worker.test_worker import newest, send


@pytest.mark.long
async def test_removed_and_damaged_records(tmp_path: Path) -> None:
    """Removed raw events are rejected by name, and the next ones taken; a damaged topic of ours ends the worker so."""
    async with embedded_kafka(progress=lambda _: None) as broker:
        settings = load_settings(kafka=broker.bootstrap)
        await ensure_topics(settings.kafka)
        home = partition_of(b"E1", settings.kafka.partitions)
        async with stack(settings, tmp_path) as running:
            await running.start("worker")
            worker = running.children["worker"]
            await send(settings, "events.hris", ("E1", hired("E1")))
            await _until(lambda: newest(settings), lambda found: found.keys() == {"E1"})
            await _until(lambda: unread(settings), lambda count: count == 0)
            await worker.kill()
            for number in range(2):
                await send(settings, "events.hris", ("E1", hired("E1") | {"id": f"lost-{number}"}))
            admin = AIOKafkaAdminClient(bootstrap_servers=broker.bootstrap)
            await admin.start()
            await admin.delete_records({TopicPartition("events.hris", home): RecordsToDelete(3)})
            await admin.close()
            await worker.start()
            await send(settings, "events.hris", ("E1", hired("E1") | {"id": "later", "time": "2026-05-03T12:00:00Z"}))
            await _until(lambda: read(settings, CHANGES), lambda found: b"later" in found[CHANGES][-1].value)
            await _until(lambda: unread(settings), lambda count: count == 0)
            await worker.kill()
            (rejected,) = {each.value for each in (await read(settings, REJECTIONS))[REJECTIONS]}
            told = orjson.loads(rejected)
            assert (told["topic"], told["partition"], told["offset"], told["code"]) == (
                "events.hris",
                home,
                2,
                "unreadable",
            )
            assert told["reason"] == "offsets 1 to 2 were removed before they were read"
            (segment,) = (broker.data / "storage").glob(f"**/{OPERATIONS}-{home}/*.log")
            segment.write_bytes(segment.read_bytes().replace(b'"E1"', b'"X1"'))
            with pytest.raises(
                ProcessFailedError, match=re.escape(f"streamproc: {OPERATIONS}, partition {home}: offsets 0")
            ):
                await worker.start()
