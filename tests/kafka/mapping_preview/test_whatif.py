"""`mapping check` and `mapping whatif` on a real Kafka: the archive and what the live topic has beyond it."""

import asyncio
from pathlib import Path
from typing import Any

import click
import orjson
from click.testing import CliRunner

from streamproc.adapters.kafka.client import KafkaLog
from streamproc.cli.archive import archive
from streamproc.cli.mapping_check import check
from streamproc.cli.mapping_whatif import whatif
from streamproc.core.records.partitioner import partition_of
from streamproc.core.records.stored_record import StoredRecord
from streamproc.core.records.topic_names import CHANGES
from streamproc.settings import Settings
from tests.support.pasts import Past
from tests.unit.mapping_preview.test_whatif import NEW, OLD, hired


async def appended(settings: Settings, past: Past, records: list[StoredRecord]) -> None:
    """The records, in their users' partition: all of them are in one."""
    producer = KafkaLog(settings.kafka).producer()
    await producer.start()
    try:
        for one in records:
            await producer.send_and_wait(CHANGES, one.value, key=one.key, partition=past.partition)
    finally:
        await producer.stop()


async def test_the_archive_and_the_live_topic_are_asked_together(settings: Settings, tmp_path: Path) -> None:
    """Somebody was hired before the archive was made, somebody after it; both are counted, and once."""
    group = click.Group("mapping", commands=[archive, check, whatif])
    new = tmp_path / "new.toml"
    new.write_text(NEW)

    async def told(*arguments: str) -> Any:
        result = await asyncio.to_thread(
            CliRunner().invoke, group, [*arguments, "--kafka", settings.kafka.bootstrap_servers, "--json"]
        )
        assert result.exit_code == 0, (result.output, result.exception)
        return orjson.loads(result.stdout)

    past = Past(OLD, partition_of(b"E1", settings.kafka.partitions))
    hired(past, "E1", department="Spanish Support")
    await appended(settings, past, past.log)
    await told("archive", str(tmp_path / "archive"))
    hired(past, "E2")
    await appended(settings, past, past.log[-1:])
    ways: list[list[str]] = [[], ["--archive", str(tmp_path / "archive")]]
    for way in ways:
        found = await told("whatif", str(new), *way)
        assert (found["events"], found["users"], found["now"]["touched"]) == (2, 2, 2)
        assert found["now"]["operations"]["join"] == 1
        seen = await told("check", str(new), *way, "--no-target")
        assert seen["history"] == {"events": 2, "people": 2}
    archived = await told("whatif", str(new), "--archive", str(tmp_path / "archive"), "--offline")
    assert archived["users"] == 1
