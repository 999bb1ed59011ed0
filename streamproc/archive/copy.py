"""Copies what topics have beyond an archive into the archive. It can be stopped at any moment, and goes on from there.

Rule 1: there is one writer at a time. A lock that ends with its process refuses a second one.
Rule 2: the manifest's topics and gaps are on disk before the files that need them get their names. How far files reach
is written after them: more files than that are fine, and fewer are an error.
Rule 3: offsets follow each other without a hole. Records that Kafka removed before they were archived are accepted only
by order, and the manifest names them for ever.
"""

import asyncio
import fcntl
import os
from collections import Counter
from collections.abc import AsyncGenerator, Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import aclosing, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final, TypeAlias

from streamproc.archive import layout
from streamproc.archive.kafka_ranges import Cluster, Reach, cluster
from streamproc.archive.layout import Gap, Manifest
from streamproc.archive.reader import ArchivedHistory
from streamproc.archive.writer import ArchiveWriter
from streamproc.core.errors import ArchiveError
from streamproc.core.records.stored_record import StoredRecord
from streamproc.core.records.topic_names import CURSORS, FORWARDS, IDENTITIES, RESOURCES, STATUS, is_input
from streamproc.settings import KafkaSettings
from streamproc.topics import TOPICS

RAW: Final = tuple(topic.name for topic in TOPICS if is_input(topic.name) or topic.name == FORWARDS)
"""Topics with what the sources sent, as it came or was understood: mostly personal data that no mapping asks for."""
AUDIT: Final = tuple(topic.name for topic in TOPICS if topic.name not in {*RAW, CURSORS, IDENTITIES, STATUS, RESOURCES})
"""Topics that an audit needs."""

EVERY: Final = 2.0
"""Seconds between two lines of progress."""
_LOCK: Final = ".lock"

Say: TypeAlias = Callable[[str], None]


@dataclass(slots=True)
class Copied:
    """What was copied of one topic."""

    topic: str
    records: int = 0
    bytes: int = 0
    files: int = 0
    begins: dict[int, int] = field(default_factory=dict)
    """Partition → its first offset, of partitions whose earlier records exist nowhere any more."""


@dataclass(frozen=True, slots=True)
class Summary:
    """What a run has done."""

    topics: list[Copied]
    absent: list[str]
    """Topics that don't exist."""


async def archive(
    kafka: KafkaSettings, folder: Path, topics: Sequence[str], say: Say, *, allow_gaps: bool = False
) -> Summary:
    """Copy what these topics got since the last time.

    Raises ArchiveError where the folder and what Kafka has don't fit together; TopologyError, KafkaUnavailableError.
    """
    async with cluster(kafka) as running:
        with locked(folder):
            known = _begun(folder, Manifest(layout.VERSION, running.identity, kafka.partitions))
            reaches = await reach(running, topics, kafka.partitions)
            topics_now = tuple(sorted({*known.manifest.topics, *reaches}))
            manifest = replace(known.manifest, version=layout.VERSION, topics=topics_now)
            copying = ArchiveCopy(running, known, folder, say)
            for topic in topics:
                known.hold(topic, shorter=True)
            if gaps := [gap for topic, by_partition in reaches.items() for gap in copying.gaps(topic, by_partition)]:
                if not allow_gaps:
                    raise ArchiveError(removed(gaps) + ". To go on without: --allow-gaps")
                manifest = replace(manifest, gaps=(*manifest.gaps, *gaps))
            if manifest != known.manifest:
                layout.keep_manifest(folder, manifest)
            copied: list[Copied] = []
            for topic in topics:
                if topic in reaches:
                    copied.append(await copying.copy(topic, reaches[topic]))
                manifest = _write_reach(folder, manifest, topic, copying.spans(topic, range(kafka.partitions)))
    return Summary(copied, [topic for topic in topics if topic not in reaches])


def _write_reach(folder: Path, before: Manifest, topic: str, spans: tuple[tuple[int, int], ...]) -> Manifest:
    """Write how far a topic's files reach now (rule 2). Where they begin stays: lost first files are a gap."""
    begun = before.reach.get(topic, ((0, 0),) * len(spans))
    reach = tuple((was[0] if was[1] else here[0], here[1]) for was, here in zip(begun, spans, strict=True))
    if reach == before.reach.get(topic):
        return before
    manifest = replace(before, reach={**before.reach, topic: reach})
    layout.keep_manifest(folder, manifest)
    return manifest


async def reach(
    running: Cluster, topics: Sequence[str], partitions: int, only: Mapping[str, int] | None = None
) -> dict[str, dict[int, Reach]]:
    """Topic → partition → its offsets, of topics that exist. `only`: topic → its one partition that is wanted."""
    wanted = {topic: [(only or {})[topic]] if topic in (only or {}) else range(partitions) for topic in topics}
    existing = await running.existing(topics, partitions)
    return {topic: await running.reach(topic, wanted[topic]) for topic in existing}


class ArchiveCopy:
    """Copies records beyond the `known` archive into files in `folder`. `wanted`: which records; None: all."""

    def __init__(
        self,
        running: Cluster,
        known: ArchivedHistory | None,
        folder: Path,
        say: Say,
        wanted: Callable[[Any], bool] | None = None,
    ) -> None:
        self._running, self._known, self._folder, self._wanted = running, known, folder, wanted
        self._say = say
        self._written: dict[tuple[str, int], tuple[int, int]] = {}

    def gaps(self, topic: str, reaches: Mapping[int, Reach]) -> list[Gap]:
        """Offsets that Kafka removed beyond the archive. Raises ArchiveError where the topic was made anew."""
        gaps = []
        for partition, offsets in reaches.items():
            archived_first, archived_end = self._archived_span(topic, partition)
            known = self._next(topic, partition)
            if offsets.end < (reached := max(archived_end, known or 0)):
                raise ArchiveError(
                    f"{topic} partition {partition} ends at offset {offsets.end}, and was archived up to {reached}: "
                    f"{_ANEW}"
                )
            if known is None and archived_end:
                known = archived_first
            if known is not None and known < archived_end:
                self._say(
                    f"{topic} partition {partition}: offsets {known} to {archived_end - 1} are missing, "
                    "and copied again"
                )
            if known is not None and offsets.start > known:
                gaps.append(Gap(topic, partition, known, offsets.start))
        return gaps

    def spans(self, topic: str, partitions: Iterable[int]) -> tuple[tuple[int, int], ...]:
        """How far each partition's files reach now, as `Manifest.reach` has it."""
        return tuple(self._span(topic, partition) for partition in partitions)

    def _span(self, topic: str, partition: int) -> tuple[int, int]:
        known = None if self._known is None else self._known.span(topic, partition)
        written = self._written.get((topic, partition), known)
        if written is None:
            return 0, 0
        return written if known is None else (known[0], written[1])

    def _archived_span(self, topic: str, partition: int) -> tuple[int, int]:
        """How far a partition reached, by the manifest."""
        spans = () if self._known is None else self._known.manifest.reach.get(topic, ())
        return spans[partition] if spans else (0, 0)

    async def copy(self, topic: str, reaches: Mapping[int, Reach]) -> Copied:
        """Copy a topic's records between these offsets."""
        copied = Copied(topic)
        firsts = {partition: self._first(topic, partition, offsets) for partition, offsets in reaches.items()}
        todo = {partition: first for partition, first in firsts.items() if first < reaches[partition].end}
        for partition, first in todo.items():
            if first and self._next(topic, partition) is None:
                copied.begins[partition] = first
            writing = ArchiveWriter(self._folder, topic, partition, first)
            try:
                await self._fill(writing, topic, partition, first, reaches[partition])
                writing.close(reaches[partition].end)
            except OSError as error:
                raise ArchiveError(f"{self._folder} can't be written to: {error.strerror or error}") from error
            finally:
                writing.abandon()
            if writing.files:
                self._written[topic, partition] = first, writing.next
            copied.records += writing.records
            copied.bytes += writing.size
            copied.files += writing.files
        self._say(f"{topic}: {copied.records} records")
        return copied

    async def _fill(self, writing: ArchiveWriter, topic: str, partition: int, first: int, offsets: Reach) -> None:
        clock = asyncio.get_running_loop().time
        last_said = clock()
        async with aclosing(self._records(topic, partition, first, offsets)) as records:
            async for batch in records:
                for record in batch:
                    writing.add((record.offset, record.timestamp, record.key, record.value, record.headers))
                if batch and clock() - last_said > EVERY:
                    last_said = clock()
                    self._say(f"{topic}: partition {partition}, offset {batch[-1].offset} of {offsets.end}")

    async def _records(self, topic: str, partition: int, first: int, offsets: Reach) -> AsyncGenerator[list[Any], None]:
        """Records from `first` on, in batches. Also compares the last known record with Kafka's, while Kafka has it."""
        last = None if self._known is None else self._known.last(topic, partition)
        begin = first if last is None or last.offset < offsets.start else last.offset
        async with aclosing(self._running.stretch(topic, partition, begin, offsets.end)) as stretch:
            async for records in stretch:
                if last is not None and records[0].offset == last.offset and not _same(last, records[0]):
                    raise ArchiveError(
                        f"{topic} partition {partition} has something else at offset {last.offset}: {_ANEW}"
                    )
                batch = [record for record in records if record.offset >= first]
                yield batch if self._wanted is None else list(filter(self._wanted, batch))

    def _next(self, topic: str, partition: int) -> int | None:
        return None if self._known is None else self._known.next(topic, partition)

    def _first(self, topic: str, partition: int, offsets: Reach) -> int:
        return max(offsets.start, self._next(topic, partition) or 0)


_ANEW: Final = "the topic was made anew. Archive it into another folder"


def _same(known: StoredRecord, record: Any) -> bool:
    read = (record.timestamp, record.key, record.value, tuple(record.headers))
    return read == (known.timestamp, known.key, known.value, known.headers)


def removed(gaps: Sequence[Gap]) -> str:
    """What is lost, in one line."""
    first = gaps[0]
    more = Counter(gap.topic for gap in gaps[1:])
    others = "".join(f"; {count} more of {topic}" for topic, count in more.items())
    return (
        f"Kafka has removed what wasn't archived yet: {first.topic} partition {first.partition}, "
        f"offsets {first.first} to {first.next - 1}{others}"
    )


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Hold the folder's lock (rule 1). Raises ArchiveError."""
    try:
        layout.make_folder(folder)
        descriptor = os.open(folder / _LOCK, os.O_CREAT | os.O_RDWR, 0o600)
    except OSError as error:
        raise ArchiveError(f"{folder} can't be used: {error.strerror}. Give another folder") from error
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise ArchiveError(f"another run is archiving into {folder}: wait until it is done") from error
        yield
    finally:
        os.close(descriptor)


def _begun(folder: Path, wanted: Manifest) -> ArchivedHistory:
    """The archive, new or without what a killed run left. Raises ArchiveError where it is another cluster's."""
    for left in layout.leftovers(folder):
        left.unlink()
    manifest = layout.manifest(folder)
    if manifest is None:
        if any(not path.name.startswith(".") for path in folder.iterdir()):
            raise ArchiveError(f"{folder} isn't an archive, and isn't empty either. Give another folder")
        layout.keep_manifest(folder, wanted)
        return ArchivedHistory(folder)
    fits(folder, manifest, wanted)
    return ArchivedHistory(folder)


def fits(folder: Path, archived: Manifest, wanted: Manifest) -> None:
    """Raises ArchiveError where an archive isn't that of this cluster."""
    if None not in {archived.cluster, wanted.cluster} and archived.cluster != wanted.cluster:
        raise ArchiveError(
            f"{folder} holds the archive of Kafka cluster {archived.cluster}, and this is {wanted.cluster}. Give "
            "another folder, or the right STREAMPROC_KAFKA"
        )
    if archived.partitions != wanted.partitions:
        raise ArchiveError(
            f"{folder} holds an archive of {archived.partitions} partitions, and there are {wanted.partitions} "
            "(STREAMPROC_PARTITIONS). Give another folder"
        )
