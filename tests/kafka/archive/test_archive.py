"""The archive on a real broker: what was produced is in it, byte for byte, whatever happens to a run."""

import asyncio
import contextlib
import itertools
import random
import signal
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import orjson
import pyarrow.dataset
import pytest
from aiokafka import TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, RecordsToDelete
from click.testing import CliRunner

from streamproc.adapters.kafka.client import KafkaLog, connection
from streamproc.adapters.kafka.topics import ensure_topics
from streamproc.archive import layout
from streamproc.archive.history import opened
from streamproc.archive.reader import ArchivedHistory
from streamproc.cli.archive import archive
from streamproc.core.errors import ArchiveError
from streamproc.core.records.partitioner import partition_of
from streamproc.core.records.stored_record import History, StoredRecord
from streamproc.core.records.topic_names import CHANGES, CONTROLS, DELIVERIES, OPERATIONS, OUTCOMES
from streamproc.settings import Settings

PARTITION = 3
USER = next(name for name in map("E{}".format, range(99)) if partition_of(name.encode(), 8) == PARTITION)


def run(settings: Settings, folder: Path, *more: str) -> Any:
    """The command, in a thread of its own: it has its own event loop."""
    done = CliRunner().invoke(archive, [str(folder), "--kafka", settings.kafka.bootstrap_servers, "--json", *more])
    if done.exception is not None:
        raise done.exception
    return orjson.loads(done.stdout)


async def archived(settings: Settings, folder: Path, *more: str) -> Any:
    """What the command says, as JSON."""
    return await asyncio.to_thread(run, settings, folder, *more)


async def produced(
    settings: Settings, topic: str, records: Iterable[dict[str, Any]], partition: int = PARTITION
) -> None:
    """Append records, and wait until the broker has them."""
    producer = KafkaLog(settings.kafka).producer()
    await producer.start()
    sent = [await producer.send(topic, **record, partition=partition) for record in records]
    await asyncio.gather(*sent)
    await producer.stop()


def told(history: History, topic: str, partition: int = PARTITION, **options: Any) -> list[tuple[Any, ...]]:
    """Key, value, headers by offset."""
    return [(each.key, each.value, each.headers) for each in history.read(topic, partition, **options)]


def paths(folder: Path) -> list[Path]:
    """All that lies in it."""
    return list(folder.rglob("*"))


def modes(folder: Path) -> set[int]:
    """Who may read what lies in it."""
    return {path.stat().st_mode & 0o777 for path in paths(folder)}


async def removed(settings: Settings, topic: str, before: int) -> None:
    """The broker forgets what lies before an offset."""
    admin = AIOKafkaAdminClient(**connection(settings.kafka))
    await admin.start()
    await admin.delete_records({TopicPartition(topic, PARTITION): RecordsToDelete(before_offset=before)})
    await admin.close()


async def test_what_was_produced_is_in_the_archive(settings: Settings, tmp_path: Path) -> None:
    """Headers, tombstones, empty values, committed transactions alone; then what came later, and nothing twice."""
    odd: list[dict[str, Any]] = [
        {"key": b"E1", "value": b"{}", "headers": [("a", b"1"), ("a", b""), ("ü", b"\xff")]},
        {"key": b"E1", "value": None},
        {"key": b"", "value": b"", "headers": [("empty", b"")]},
        {"key": None, "value": b"\x00" * 700_000},
    ]
    plain = [(each.get("key"), each["value"], tuple(each.get("headers", ()))) for each in odd]
    await produced(settings, CHANGES, odd)
    await produced(settings, OPERATIONS, [{"key": b"E1", "value": b"1"}, {"key": b"E1", "value": None}])
    producer = KafkaLog(settings.kafka).producer("sink")
    await producer.start()
    for number in range(4):
        await producer.begin_transaction()
        for topic in (OUTCOMES, DELIVERIES):
            await producer.send_and_wait(topic, b"%d" % number, key=b"E1", partition=PARTITION)
        await (producer.abort_transaction() if number == 1 else producer.commit_transaction())

    folder = tmp_path / "deep" / "archive"
    first = await archived(settings, folder)
    assert (first["records"], first["absent"]) == (4 + 2 + 3 + 3, [])
    held = ArchivedHistory(folder)
    assert told(held, CHANGES) == plain
    assert told(held, OPERATIONS) == [(b"E1", b"1", ()), (b"E1", None, ())]
    assert told(held, OUTCOMES) == told(held, DELIVERIES) == [(b"E1", value, ()) for value in (b"0", b"2", b"3")]
    assert (held.next(OUTCOMES, PARTITION), held.partitions) == (8, settings.kafka.partitions)  # and a marker of each
    assert modes(tmp_path / "deep") == {0o700, 0o600}
    found = pyarrow.dataset.dataset(folder, partitioning="hive").to_table().to_pylist()  # as others read it
    assert len(found) == first["records"]
    assert {(row["partition"], row["day"] == row["timestamp"].date().isoformat()) for row in found} == {
        (PARTITION, True)
    }

    left = next(path for path in paths(folder) if path.suffix == ".parquet").with_name(f".{99:020}.partial")
    left.touch()  # as a killed run leaves it
    assert (await archived(settings, folder))["files"] == 0
    assert left not in paths(folder)
    await produced(settings, CHANGES, odd)
    await producer.begin_transaction()
    await producer.send_and_wait(OUTCOMES, b"open", key=b"E1", partition=PARTITION)
    slow = asyncio.create_task(archived(settings, folder, "--topic", CHANGES, "--topic", OUTCOMES))
    await asyncio.sleep(0.5)
    assert not slow.done()  # the transaction is on its way: what it says belongs to what is there
    await producer.commit_transaction()
    assert (await slow)["records"] == 4 + 1
    await producer.stop()
    held = ArchivedHistory(folder)
    assert told(held, CHANGES) == plain * 2
    assert [each.offset for each in held.read(OUTCOMES, PARTITION)] == [0, 4, 6, 8]


KILLED = """
import sys
from streamproc.archive import writer
writer.ROWS, writer.FILE = 50, 100_000
from streamproc.cli.archive import archive
archive()
"""
"""The command, with files that are small enough for a kill to come between any two."""


@pytest.mark.long
async def test_killed_runs(settings: Settings, tmp_path: Path) -> None:
    """Runs that are killed wherever they are leave nothing behind, and nothing out."""
    rng = random.Random(7)
    wanted = {
        partition: [(b"E%d" % rng.randrange(99), rng.randbytes(rng.randrange(600)) or None) for _ in range(4000)]
        for partition in range(settings.kafka.partitions)
    }
    for partition, pairs in wanted.items():
        await produced(settings, CHANGES, [{"key": key, "value": value} for key, value in pairs], partition)
    folder, killed = tmp_path / "archive", 0
    command = (sys.executable, "-c", KILLED, str(folder), "--kafka", settings.kafka.bootstrap_servers)
    before: set[Path] = set()
    while killed < 8:
        running = await asyncio.create_subprocess_exec(*command, stderr=asyncio.subprocess.DEVNULL)
        while running.returncode is None and not _busy(folder, before):  # noqa: ASYNC110 - it is another process
            await asyncio.sleep(0.002)
        await asyncio.sleep(rng.random() * 0.06)
        with contextlib.suppress(ProcessLookupError):
            running.send_signal(signal.SIGKILL)
        if await running.wait() == 0:
            break
        killed += 1
        before = set(folder.rglob("*.parquet"))
        ArchivedHistory(folder)  # it is whole at any moment
    assert killed >= 5
    await archived(settings, folder)
    held = ArchivedHistory(folder)
    for partition, pairs in wanted.items():
        found = list(held.read(CHANGES, partition))
        assert [(each.key, each.value) for each in found] == pairs
        assert [each.offset for each in found] == list(range(len(pairs)))
    assert [path for path in paths(folder) if path.name.endswith(".partial")] == []


def _busy(folder: Path, before: set[Path]) -> bool:
    """A run has written something, named or not."""
    return bool(set(folder.rglob("*.parquet")) - before) or bool(layout.leftovers(folder))


async def test_archive_then_live(settings: Settings, tmp_path: Path) -> None:
    """While a producer goes on: every record once, in order, whatever lies in the archive; and for one user alone."""
    folder, counter, appended = tmp_path / "archive", itertools.count(), 0
    mark = b'{"kind":"mapping"}'

    async def appending() -> None:
        nonlocal appended
        producer = KafkaLog(settings.kafka).producer()
        await producer.start()
        try:
            for number in counter:
                value = mark if number % 50 == 0 else b"%d" % number
                key = b"digest" if value == mark else USER.encode() if number % 5 == 0 else b"E%d" % number
                await producer.send_and_wait(CHANGES, value, key=key, partition=PARTITION)
                await producer.send_and_wait(CONTROLS, value, key=key, partition=PARTITION)
                appended = number + 1
        finally:
            await producer.stop()

    def whole(found: list[StoredRecord]) -> int:
        assert [each.offset for each in found] == list(range(len(found)))
        assert [each.value for each in found] == [mark if n % 50 == 0 else b"%d" % n for n in range(len(found))]
        return len(found)

    topics = (CHANGES, CONTROLS)
    working = asyncio.create_task(appending())
    reached = 0
    for _ in range(4):
        async with asyncio.timeout(60):
            while appended < reached + 20:  # noqa: ASYNC110 - it is another task
                await asyncio.sleep(0.01)
        async with opened(settings.kafka, folder if reached else None, topics=topics) as history:
            seen = [whole(list(history.read(topic, PARTITION))) for topic in topics]
            assert reached < seen[0] <= seen[1] + 1  # an order is there, if what came of it is
        await archived(settings, folder, "--topic", CHANGES)
        async with opened(settings.kafka, folder, topics=[CHANGES], live=False) as history:
            reached = whole(list(history.read(CHANGES, PARTITION)))
            assert reached >= seen[0]
    working.cancel()
    await asyncio.gather(working, return_exceptions=True)

    later = (b"digest", mark), (b"E1", b"another"), (USER.encode(), b"last")
    await produced(settings, CHANGES, [{"key": key, "value": value} for key, value in later])
    async with opened(settings.kafka, folder, topics=topics, key=USER) as history:
        only = list(history.read(CHANGES, PARTITION))
        assert {each.key for each in only if each.value != mark} == {USER.encode()}
        assert [each.value for each in only[-2:]] == [mark, b"last"]
        assert [each.offset for each in only[:-2] if each.value == mark] == list(range(0, only[-2].offset, 50))
        assert len(list(history.read(CONTROLS, PARTITION))) > reached  # isn't keyed by user ID: all of it


async def test_what_kafka_no_longer_has(settings: Settings, tmp_path: Path) -> None:
    """Removed after it was archived is fine; removed before is told, and so is a topic made anew."""
    folder, again = tmp_path / "archive", tmp_path / "again"
    numbers = [{"key": b"E1", "value": b"%d" % number} for number in range(30)]
    await produced(settings, CHANGES, numbers[:10])
    await archived(settings, folder)
    await produced(settings, CHANGES, numbers[10:20])
    await removed(settings, CHANGES, 10)
    async with opened(settings.kafka, folder, topics=[CHANGES]) as history:
        assert [each.offset for each in history.read(CHANGES, PARTITION)] == list(range(20))
    with pytest.raises(ArchiveError, match=r"identity\.changes partition 3 begins at offset 10: .* --archive"):
        async with opened(settings.kafka, None, topics=[CHANGES]):
            pass
    await removed(settings, CHANGES, 15)
    lost = r"identity\.changes partition 3, offsets 10 to 14"
    with pytest.raises(ArchiveError, match=lost):
        async with opened(settings.kafka, folder, topics=[CHANGES]):
            pass
    with pytest.raises(ArchiveError, match=lost + ".*--allow-gaps"):
        await archived(settings, folder)
    assert (await archived(settings, folder, "--allow-gaps"))["records"] == 5
    await produced(settings, CHANGES, numbers[20:25])
    assert (await archived(settings, folder))["records"] == 5
    offsets = [each.offset for each in ArchivedHistory(folder).read(CHANGES, PARTITION)]
    assert offsets == [*range(10), *range(15, 25)]
    first = next(each for each in (await archived(settings, again))["topics"] if each["topic"] == CHANGES)
    assert first["begins"] == {str(PARTITION): 15}

    await _made_anew(settings, [CHANGES])
    with pytest.raises(
        ArchiveError, match=r"identity\.changes partition 3 ends at offset 0, and was archived up to 25"
    ):
        await archived(settings, folder)
    await produced(settings, CHANGES, numbers)
    with pytest.raises(ArchiveError, match="something else at offset 24: the topic was made anew"):
        await archived(settings, folder)

    said = layout.manifest(again)
    assert said is not None
    (again / layout.MANIFEST).write_text((again / layout.MANIFEST).read_text().replace(str(said.cluster), "other"))
    with pytest.raises(ArchiveError, match="cluster other"):
        await archived(settings, again)


@pytest.mark.long
async def test_files_that_went_missing(settings: Settings, tmp_path: Path) -> None:
    """At the beginning and at the end they are missed; what Kafka still has is copied again, the rest is a gap."""
    folder = tmp_path / "archive"
    numbers = [{"key": b"E1", "value": b"%d" % number} for number in range(30)]
    for first in (0, 10, 20):
        await produced(settings, CHANGES, numbers[first : first + 10])
        await archived(settings, folder)
    said = layout.manifest(folder)
    assert said is not None
    assert said.reach[CHANGES][PARTITION] == (0, 30)
    assert said.reach[OUTCOMES] == ((0, 0),) * settings.kafka.partitions
    files = sorted(folder.glob(f"topic={CHANGES}/*/*/*.parquet"), key=lambda path: path.name)
    assert len(files) == 3

    files[-1].unlink()
    with pytest.raises(ArchiveError, match=r"identity\.changes partition 3: the files of offsets 20 to 29 are missing"):
        async with opened(settings.kafka, folder, topics=[CHANGES]):
            pass
    assert (await archived(settings, folder))["records"] == 10
    assert [each.offset for each in ArchivedHistory(folder).read(CHANGES, PARTITION)] == list(range(30))

    files[0].unlink()
    with pytest.raises(ArchiveError, match=r"offsets 0 to 9 are missing.* those of the same partition after it away"):
        await archived(settings, folder)
    for path in folder.glob(f"topic={CHANGES}/*/*/*.parquet"):
        path.unlink()
    await removed(settings, CHANGES, 5)
    with pytest.raises(ArchiveError, match=r"identity\.changes partition 3, offsets 0 to 4\..*--allow-gaps"):
        await archived(settings, folder)
    assert (await archived(settings, folder, "--allow-gaps"))["records"] == 25
    assert [each.offset for each in ArchivedHistory(folder).read(CHANGES, PARTITION)] == list(range(5, 30))
    for path in folder.glob(f"topic={CHANGES}/*/*/*.parquet"):
        path.unlink()
    await _made_anew(settings, [CHANGES])
    with pytest.raises(ArchiveError, match=r"ends at offset 0, and was archived up to 30: the topic was made anew"):
        await archived(settings, folder)


async def _made_anew(settings: Settings, topics: list[str]) -> None:
    admin = AIOKafkaAdminClient(**connection(settings.kafka))
    await admin.start()
    await admin.delete_topics(topics)
    while set(topics) & set(await admin.list_topics()):  # noqa: ASYNC110 - it is another process
        await asyncio.sleep(0.1)
    await admin.close()
    await asyncio.sleep(1)
    await ensure_topics(settings.kafka)
