"""Replay of a real run with faults and kills: it is equal, and what is tampered with afterwards is found and named."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import orjson
import pytest
from click.testing import CliRunner, Result

from streamproc.archive import layout
from streamproc.archive.copy import AUDIT, archive
from streamproc.archive.history import opened
from streamproc.archive.per_partition import map_partitions
from streamproc.archive.reader import ArchivedHistory
from streamproc.archive.writer import ArchiveWriter
from streamproc.audit.replay.starting_point import PartitionRequest
from streamproc.audit.replay.verify import NEEDED, ReplayResult, verify
from streamproc.cli.replay import replay
from streamproc.core.records.stored_record import StoredRecord
from streamproc.core.records.topic_names import CHANGES, OPERATIONS, OUTCOMES
from streamproc.settings import Settings
from tests.chaos import run as chaos
from tests.chaos.plan import Findings, Plan
from tests.kafka.test_pipeline import _until, read
from tests.kafka.worker.test_mapping import apply

EVENTS = 400
NOTHING = '\n[[rule]]\nwhen = { department = "Nowhere" }\nskills = { Waiting = 1.0 }\n'
"""A rule that gives nobody anything; all users are planned anew all the same."""


async def lived(settings: Settings, folder: Path) -> Findings:
    """A run with faults, and kills of worker and sink, and a change of the mapping in the middle of it."""

    async def change() -> None:
        await _until(lambda: read(settings, OPERATIONS), lambda found: len(found[OPERATIONS]) > EVENTS / 3, 60)
        text, _ = settings.worker.mapping_text()
        done = await apply(settings, folder, text + NOTHING)
        assert done.exit_code == 0, done.output

    plan = Plan(seed=11, events=EVENTS, users=40, kills=2, seconds=10.0, kafka=settings.kafka.bootstrap_servers)
    found, _ = await asyncio.gather(chaos.run(plan), change())
    assert found.good, found.details
    return found


async def command(*arguments: str) -> Result:
    """`streamproc replay`, as an auditor runs it."""
    return await asyncio.to_thread(CliRunner().invoke, replay, ["--verify", *arguments])


class Copied:
    """A copy of an archive, to be tampered with."""

    def __init__(self, there: ArchivedHistory) -> None:
        self.there = there
        self.records = [
            one for topic in NEEDED for partition in range(there.partitions) for one in there.read(topic, partition)
        ]

    def of(self, topic: str, wanted: Callable[[dict[str, object]], bool] = lambda _: True) -> list[StoredRecord]:
        """Its records of a topic whose JSON is as wanted."""
        return [one for one in self.records if one.topic == topic and wanted(orjson.loads(one.value or b""))]

    def put(self, folder: Path, *changes: tuple[StoredRecord, StoredRecord | None]) -> Path:
        """An archive in which records are others, or missing."""
        changed = {(one.topic, one.partition, one.offset): other for one, other in changes}
        layout.make_folder(folder)
        layout.keep_manifest(folder, self.there.manifest)
        for topic in NEEDED:
            for partition in range(self.there.partitions):
                following = self.there.next(topic, partition)
                if following is None:
                    continue
                writing = ArchiveWriter(folder, topic, partition, 0)
                for one in self.there.read(topic, partition):
                    other = changed.get((topic, partition, one.offset), one)
                    if other is not None:
                        writing.add((other.offset, other.timestamp, other.key, other.value, other.headers))
                writing.close(following)
        return folder


def judged(folder: Path) -> ReplayResult:
    """The verdict on an archive."""
    return verify(ArchivedHistory(folder), PartitionRequest(), map_partitions)


@pytest.fixture
async def recorded(settings: Settings, tmp_path: Path) -> Path:
    """The archive of a run, which is as it was."""
    found = await lived(settings, tmp_path)
    assert found.kills == 4
    folder = tmp_path / "archive"
    await archive(settings.kafka, folder, AUDIT, lambda _: None)
    live = await command("--kafka", settings.kafka.bootstrap_servers, "--json")
    assert live.exit_code == 0, live.output
    said = orjson.loads(live.stdout)
    async with opened(settings.kafka, folder, topics=NEEDED) as history:
        verdict = verify(history, PartitionRequest(), map_partitions)
    assert verdict.equal, verdict.first
    assert said["counts"] == orjson.loads(orjson.dumps(verdict.counts))
    counts = verdict.counts
    assert (counts.unfolded, counts.open, counts.compacted) == (0, 0, 0)
    assert counts.mappings == 2 * settings.kafka.partitions
    assert counts.fates == counts.records > counts.events - counts.rejected - counts.mappings > 300
    return folder


@pytest.mark.long
async def test_a_run_is_equal_and_tampering_is_named(recorded: Path, tmp_path: Path) -> None:
    """A byte in a record, an outcome, two events, a mapping, a record, an event: each is named with its place."""
    copied = Copied(ArchivedHistory(recorded))
    offline = await command("--archive", str(recorded), "--offline")
    assert offline.exit_code == 0, offline.output
    assert "\nequal " in offline.stdout

    record = next(
        one for one in copied.of(OPERATIONS, lambda said: said["prev"] != -1) if b'"Agent"' in (one.value or b"")
    )
    altered = replace(record, value=(record.value or b"").replace(b'"Agent"', b'"Agenu"', 1))
    folder = copied.put(tmp_path / "byte", (record, altered))
    done = await command("--archive", str(folder), "--offline")
    assert done.exit_code == 1
    assert f"altered: {OPERATIONS} partition {record.partition} offset {record.offset}" in done.stdout
    assert "Agenu" in done.stdout

    outcome = copied.of(OUTCOMES, lambda said: said["final"] is True)[17]
    fate = orjson.loads(outcome.value or b"")
    first = judged(copied.put(tmp_path / "outcome", (outcome, None))).first
    assert first is not None
    assert (first.kind, first.topic, first.partition) == ("left out", OUTCOMES, outcome.partition)
    assert f"no fate of {fate['user']} seq {fate['seq']}" in first.what

    one, other = [each for each in copied.of(CHANGES, lambda said: said["kind"] != "mapping") if each.partition == 1][
        3:5
    ]
    swapped = replace(one, key=other.key, value=other.value), replace(other, key=one.key, value=one.value)
    first = judged(copied.put(tmp_path / "swapped", (one, swapped[0]), (other, swapped[1]))).first
    assert first is not None
    assert (first.kind, first.topic, first.partition, first.offset) == ("swapped", CHANGES, 1, one.offset)

    for number, mapping in enumerate(copied.of(CHANGES, lambda said: said["kind"] == "mapping")[:2]):
        other = replace(mapping, value=(mapping.value or b"").replace(b"Billing = 3.0", b"Billing = 4.0"))
        assert other != mapping
        first = judged(copied.put(tmp_path / f"mapping-{number}", (mapping, other))).first
        assert first is not None
        place = (mapping.partition, mapping.offset)
        assert (first.kind, first.topic, (first.partition, first.offset)) == ("altered", CHANGES, place)

    first = judged(copied.put(tmp_path / "record", (record, None))).first
    assert first is not None
    assert (first.kind, first.topic, first.partition) == ("left out", OPERATIONS, record.partition)
    assert (first.offset, first.seq) == (record.offset, orjson.loads(record.value or b"")["seq"])

    first = judged(copied.put(tmp_path / "event", (one, None))).first
    assert first is not None
    assert (first.kind, first.topic, first.partition, first.offset) == ("left out", CHANGES, 1, one.offset)

    moment = copied.of(CHANGES)[len(copied.of(CHANGES)) // 2].timestamp
    later = await command("--archive", str(recorded), "--offline", "--from", str(moment))
    assert later.exit_code == 0, later.output
    assert "trusted " in later.stdout
