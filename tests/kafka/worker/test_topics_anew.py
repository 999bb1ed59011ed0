"""Topics that are deleted and made anew, between two runs and under a running worker: no leaver looks old there."""

import asyncio
import re
from pathlib import Path

import pytest
from aiokafka.admin import AIOKafkaAdminClient
from click.testing import CliRunner

from streamproc.adapters.kafka.client import KafkaLog
from streamproc.adapters.kafka.log import TopicPartition, started
from streamproc.adapters.kafka.topics import ensure_topics
from streamproc.cli.main import cli
from streamproc.core.records.partitioner import partition_of
from streamproc.core.records.topic_names import CHANGES
from streamproc.demo.processes import ProcessFailedError, stack
from streamproc.settings import Settings
from tests.kafka.test_pipeline import _until
from tests.kafka.worker.test_batches import hired
from tests.kafka.worker.test_worker import newest, send


async def made_anew(settings: Settings, topic: str) -> None:
    """Delete it, and create it as it was."""
    admin = AIOKafkaAdminClient(bootstrap_servers=settings.kafka.bootstrap_servers)
    await admin.start()
    await admin.delete_topics([topic])
    while topic in await admin.list_topics():  # noqa: ASYNC110 - it is another process
        await asyncio.sleep(0.05)
    await admin.close()
    await ensure_topics(settings.kafka)


@pytest.mark.long
async def test_topics_that_are_made_anew(settings: Settings, tmp_path: Path) -> None:
    """Ours: nobody starts on another one unless told to. A source's: the worker ends, and goes on after a restart."""
    async with stack(settings, tmp_path) as running:
        await running.start("worker")
        worker = running.children["worker"]
        await send(settings, "events.hris", *(("E1", hired("E1") | {"id": f"e{n}"}) for n in range(5)))
        await _until(lambda: newest(settings), lambda found: found.keys() == {"E1"})

        await made_anew(settings, "events.hris")
        async with asyncio.timeout(30):
            while worker.running:  # noqa: ASYNC110 - it is another process
                await asyncio.sleep(0.1)
        last = worker.log.read_text().splitlines()[-1]
        assert re.search("streamproc: events.hris.*(was made anew, or has lost records|was made anew .its id is)", last)
        late = KafkaLog(settings.kafka).consumer(group=f"{settings.kafka.group}-worker")
        async with started(late):  # what a worker that is about to end may still do
            place = TopicPartition("events.hris", partition_of(b"E1", settings.kafka.partitions))
            late.assign([place])
            await late.commit({place: 5})
        await worker.start()
        left = hired("E1") | {"id": "leaves", "time": "2026-05-03T12:00:00Z"}
        left["attributes"] |= {"active": False}
        await send(settings, "events.hris", ("E1", left))
        await _until(lambda: newest(settings), lambda found: found["E1"]["active"] is False)
        await worker.kill()

        await made_anew(settings, CHANGES)
        with pytest.raises(ProcessFailedError, match=re.escape(f"streamproc: {CHANGES} was made anew (its id is")):
            await worker.start()
        command = ("topics", "--accept", CHANGES, "--kafka", settings.kafka.bootstrap_servers)
        accepted = await asyncio.to_thread(CliRunner().invoke, cli, command)
        assert accepted.exit_code == 0, accepted.output
        await worker.start()
