"""History: the topics, read from an archive, from Kafka, or from the one and what the other has beyond it."""

import tempfile
from collections.abc import AsyncIterator, Callable, Collection, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

from streamproc.archive import layout
from streamproc.archive.copy import ArchiveCopy, fits, reach, removed
from streamproc.archive.kafka_ranges import Reach, cluster
from streamproc.archive.layout import Manifest
from streamproc.archive.reader import USERS, ArchivedHistory
from streamproc.core.errors import ArchiveError, KafkaUnavailableError, SettingsError
from streamproc.core.records.mapping_in_force import MARK
from streamproc.core.records.partitioner import partition_of
from streamproc.core.records.topic_names import CHANGES, OUTCOMES
from streamproc.settings import KafkaSettings

KEPT: Final = frozenset({CHANGES, OUTCOMES})
"""Kept for ever."""


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

    Whatever a record was made from is there as well. `key`: of topics keyed by user ID only that user's partition and
    records, and of `identity.changes` the mappings of that partition. `live` False: the archive alone, which has them
    all, but for `optional` ones. `say` is told what is missing for ever, too.
    Raises ArchiveError, KafkaUnavailableError, TopologyError; SettingsError where there is nothing to read.
    """
    only = None if key is None else key.encode()
    known = None if archive is None else ArchivedHistory(archive, only=only)
    if known is not None:
        _looked_over(known, topics, say)
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
        await _fetched(kafka, known, folder, topics, only, say)
        yield ArchivedHistory(folder, only=only) if archive is None else ArchivedHistory(archive, folder, only=only)


def _looked_over(known: ArchivedHistory, topics: Sequence[str], say: Callable[[str], None]) -> None:
    """What an archive says of these topics: it has to be there; and what it never had is told."""
    for topic in topics:
        known.hold(topic)
    for gap in known.manifest.gaps:
        if gap.topic in topics:
            say(
                f"{gap.topic} partition {gap.partition}: offsets {gap.first} to {gap.next - 1} aren't in {known.path}: "
                "Kafka had removed them before they were archived"
            )


async def _fetched(
    kafka: KafkaSettings,
    known: ArchivedHistory | None,
    folder: Path,
    topics: Sequence[str],
    only: bytes | None,
    say: Callable[[str], None],
) -> None:
    """What the topics have beyond the archive, into a folder."""
    try:
        async with cluster(kafka) as running:
            here = Manifest(layout.VERSION, running.identity, kafka.partitions)
            if known is not None:
                fits(known.path, known.manifest, here)
            layout.keep_manifest(folder, here)
            place = {} if only is None else dict.fromkeys(USERS, partition_of(only, kafka.partitions))
            reaches = await reach(running, topics, kafka.partitions, place)
            for topic in topics:
                if topic not in reaches:
                    say(f"{topic}: doesn't exist")
            for topic, found in reaches.items():
                copying = ArchiveCopy(running, known, folder, say, _chosen(topic, only))
                if gaps := copying.gaps(topic, found):
                    raise ArchiveError(
                        f"{removed(gaps)}. {known and known.path} would have had to be brought up to date before"
                    )
                _whole(topic, found, known, say)
                await copying.copy(topic, found)
    except KafkaUnavailableError as error:
        raise (
            error if known is None else KafkaUnavailableError(f"{error} --offline reads the archive alone.")
        ) from error


def _chosen(topic: str, only: bytes | None) -> Callable[[Any], bool] | None:
    """Which of a topic's records are wanted; None: all."""
    if only is None or topic not in USERS:
        return None
    return lambda record: record.key == only or (topic == CHANGES and MARK in (record.value or b""))


def _whole(topic: str, reaches: Mapping[int, Reach], known: ArchivedHistory | None, say: Callable[[str], None]) -> None:
    """Kept for ever means from the beginning on. Without the first changes nothing can be folded anew."""
    for partition, there in reaches.items():
        if topic not in KEPT or there.start == 0 or (known is not None and known.next(topic, partition) is not None):
            continue
        lost = f"{topic} partition {partition} begins at offset {there.start}: Kafka has removed what lay before"
        if topic == CHANGES:
            raise ArchiveError(f"{lost}. Give the archive that has it: --archive DIR")
        say(lost)
