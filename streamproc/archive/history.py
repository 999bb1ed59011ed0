"""Opens a history of topics: an archive, the live topics, or an archive and what the live topics have beyond it."""

import tempfile
from collections.abc import AsyncIterator, Callable, Collection, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

from streamproc.archive import layout
from streamproc.archive.copy import ArchiveCopy, fits, reach, removed
from streamproc.archive.kafka_ranges import LATER, Reach, cluster
from streamproc.archive.layout import Manifest
from streamproc.archive.reader import USERS, ArchivedHistory
from streamproc.core.errors import (
    ArchiveError,
    KafkaIdentityError,
    KafkaRightsError,
    KafkaUnavailableError,
    SettingsError,
)
from streamproc.core.records.mapping_in_force import MARK
from streamproc.core.records.partitioner import partition_of
from streamproc.core.records.topic_names import CHANGES, OUTCOMES
from streamproc.settings import KafkaSettings

KEPT: Final = frozenset({CHANGES, OUTCOMES})
"""Topics that are kept for ever."""


@asynccontextmanager
async def opened(
    kafka: KafkaSettings,
    archive: Path | None,
    *,
    topics: Sequence[str],
    key: str | None = None,
    live: bool = True,
    optional: Collection[str] = (),
    say: Callable[[str], None] = lambda _: None,
) -> AsyncIterator[ArchivedHistory]:
    """These topics, without gap or overlap: the archive, and what the live topics had beyond it a moment ago.

    What a record was made from is there as well. `key`: of topics keyed by user ID only that user's partition and
    records, and of `identity.changes` also that partition's mappings. `live` False: the archive alone, which must have
    all topics but the `optional` ones. `say` also gets lines about what is missing for ever.
    Raises ArchiveError, KafkaUnavailableError, TopologyError; SettingsError where there is nothing to read.
    """
    only = None if key is None else key.encode()
    known = None if archive is None else ArchivedHistory(archive, only=only)
    if known is not None:
        _check_archive(known, topics, say)
    if not live:
        if known is None:
            raise SettingsError("without the live topics (--offline) an archive is needed: --archive DIR")
        if lacking := [topic for topic in topics if topic not in optional and not known.has(topic)]:
            raise ArchiveError(
                f"{archive} doesn't have {', '.join(lacking)}. Archive that too, or restore it from a copy"
            )
        yield known
        return
    with tempfile.TemporaryDirectory(prefix="streamproc-") as name:
        folder = Path(name)
        await _fetch(kafka, known, folder, topics, only, say)
        yield ArchivedHistory(folder, only=only) if archive is None else ArchivedHistory(archive, folder, only=only)


def _check_archive(known: ArchivedHistory, topics: Sequence[str], say: Callable[[str], None]) -> None:
    """Check that an archive has these topics' files, and report the gaps that its manifest names."""
    for topic in topics:
        known.hold(topic)
    for gap in known.manifest.gaps:
        if gap.topic in topics:
            say(
                f"{gap.topic} partition {gap.partition}: offsets {gap.first} to {gap.next - 1} aren't in {known.path}: "
                "Kafka had removed them before they were archived"
            )


async def _fetch(
    kafka: KafkaSettings,
    known: ArchivedHistory | None,
    folder: Path,
    topics: Sequence[str],
    only: bytes | None,
    say: Callable[[str], None],
) -> None:
    """Copy what the topics have beyond the archive into a folder."""
    try:
        async with cluster(kafka) as running:
            here = Manifest(layout.VERSION, running.identity, kafka.partitions)
            if known is not None:
                fits(known.path, known.manifest, here)
            layout.keep_manifest(folder, here)
            partition_by_topic = {} if only is None else dict.fromkeys(USERS, partition_of(only, kafka.partitions))
            reaches = await reach(running, topics, kafka.partitions, partition_by_topic)
            for topic in topics:
                if topic not in reaches:
                    say(f"{topic}: doesn't exist{', or we may not read it' if topic in LATER else ''}")
            for topic, by_partition in reaches.items():
                copying = ArchiveCopy(running, known, folder, say, _chosen(topic, only))
                if gaps := copying.gaps(topic, by_partition):
                    raise ArchiveError(
                        f"{removed(gaps)}. {known and known.path} would have had to be brought up to date before"
                    )
                _check_from_beginning(topic, by_partition, known, say)
                await copying.copy(topic, by_partition)
    except (KafkaUnavailableError, KafkaIdentityError, KafkaRightsError) as error:
        if known is None:
            raise
        raise type(error)(f"{error} (--offline reads the archive alone)") from error


def _chosen(topic: str, only: bytes | None) -> Callable[[Any], bool] | None:
    """Which of a topic's records are wanted; None: all."""
    if only is None or topic not in USERS:
        return None
    return lambda record: record.key == only or (topic == CHANGES and MARK in (record.value or b""))


def _check_from_beginning(
    topic: str, reaches: Mapping[int, Reach], known: ArchivedHistory | None, say: Callable[[str], None]
) -> None:
    """Topics kept for ever have their first records. Without the first changes nothing can be folded anew."""
    for partition, offsets in reaches.items():
        if topic not in KEPT or offsets.start == 0 or (known is not None and known.next(topic, partition) is not None):
            continue
        lost = f"{topic} partition {partition} begins at offset {offsets.start}: Kafka has removed what lay before"
        if topic == CHANGES:
            raise ArchiveError(f"{lost}. Give the archive that has it: --archive DIR")
        say(lost)
