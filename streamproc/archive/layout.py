"""The layout of an archive: where its files lie, what their names mean, and its manifest.

DIR/_archive.json is the manifest. DIR/topic=T/partition=P/day=YYYY-MM-DD/FIRST-NEXT-CRC.parquet has the records from
offset FIRST on and below NEXT, of one UTC day by their timestamps. Offsets have gaps, names don't: each file of a
partition begins where the one before ends, so that a missing file shows, and the manifest has where the first begins
and the last ends. CRC is the file's CRC-32: Parquet readers may return nothing, or crash, where a byte was altered.
Spark, DuckDB and Arrow ignore names that begin with "." or "_".
"""

import os
import re
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path
from typing import Final

from pydantic import TypeAdapter, ValidationError

from streamproc.core.errors import ArchiveError

VERSION: Final = 2
"""Of what is written. In version 1 keys and values are bytes; it is read, and more is added to it in this version."""
READABLE: Final = (1, VERSION)
MANIFEST: Final = "_archive.json"
LONGEST: Final = 64 * 1024 * 1024
"""Largest manifest, in bytes."""
PARTITIONS: Final = 10_000
"""Most partitions of a topic."""
PARTIAL: Final = ".partial"
"""The end of a name of a file that isn't complete yet; the name begins with a dot."""

DAY: Final = 24 * 3600 * 1000
RESTORE: Final = (
    "Restore it from a copy; or, while Kafka still has what it had, take it and those of the same partition after it "
    "away, and archive again"
)
"""What to do about a damaged or missing file."""
_EPOCH: Final = date(1970, 1, 1)
_NAME: Final = re.compile(r"(\d{20})-(\d{20})-([0-9a-f]{8})\.parquet")


@dataclass(frozen=True, slots=True)
class Gap:
    """Offsets from `first` on and below `next` that Kafka no longer had, and that were accepted as missing."""

    topic: str
    partition: int
    first: int
    next: int


@dataclass(frozen=True, slots=True)
class Manifest:
    """What an archive says of itself. `cluster`: Kafka's id of it; `topics`: those that have been archived.

    `reach`: topic → of each partition the offset with which its files begin, and the one that follows on their last;
    both 0 where there was nothing. It is told when the files have their names: there may be more. Archives that were
    made before it was told say nothing.
    """

    version: int
    cluster: str | None
    partitions: int
    topics: tuple[str, ...] = ()
    gaps: tuple[Gap, ...] = ()
    reach: dict[str, tuple[tuple[int, int], ...]] = field(default_factory=dict)


_MANIFEST: Final[TypeAdapter[Manifest]] = TypeAdapter(Manifest)


@dataclass(frozen=True, slots=True)
class ArchiveFile:
    """One file of an archive."""

    folder: Path
    topic: str
    partition: int
    day: str
    first: int
    next: int
    crc: int

    @property
    def path(self) -> Path:
        """Its path."""
        name = f"{self.first:020}-{self.next:020}-{self.crc:08x}.parquet"
        return day_folder(self.folder, self.topic, self.partition, self.day) / name

    @property
    def begins(self) -> int:
        """The first moment of its day, in ms since 1970."""
        return (date.fromisoformat(self.day) - _EPOCH).days * DAY


def day_folder(folder: Path, topic: str, partition: int, day: str) -> Path:
    """The folder of a partition's day."""
    return folder / f"topic={topic}" / f"partition={partition}" / f"day={day}"


def day_of(timestamp: int) -> str:
    """The UTC day of a moment (ms since 1970). A moment beyond the calendar gets its last, or its first, day."""
    try:
        return (_EPOCH + timedelta(days=timestamp // DAY)).isoformat()
    except OverflowError:
        return (date.max if timestamp > 0 else date.min).isoformat()


def manifest(folder: Path) -> Manifest | None:
    """An archive's manifest; None: there is none. Raises ArchiveError where it can't be used."""
    path = folder / MANIFEST
    try:
        if path.stat().st_size > LONGEST:
            raise ArchiveError(f"{path} has more than {LONGEST} bytes. Restore it from a copy")
        parsed = _MANIFEST.validate_json(path.read_bytes())
    except FileNotFoundError:
        return None
    except (OSError, ValidationError) as error:
        raise ArchiveError(f"{path} can't be used: {str(error).splitlines()[0]}. Restore it from a copy") from error
    if parsed.version not in READABLE:
        raise ArchiveError(
            f"{path} is of version {parsed.version}, and {VERSION} is the newest that this release reads: read it with "
            "the release that made it"
        )
    lengths = {parsed.partitions, *map(len, parsed.reach.values())}
    if not 0 < parsed.partitions <= PARTITIONS or len(lengths) > 1:
        raise ArchiveError(f"{path} can't be right: it says {parsed.partitions} partitions. Restore it from a copy")
    return parsed


def keep_manifest(folder: Path, manifest: Manifest) -> None:
    """Write a manifest, all of it or nothing."""
    partial = folder / f".{MANIFEST}{PARTIAL}"
    with private(partial) as descriptor:
        os.write(descriptor, _MANIFEST.dump_json(manifest, indent=1))
    settle(partial, folder / MANIFEST)


@contextmanager
def private(path: Path) -> Iterator[int]:
    """The descriptor of a new or emptied file that only its owner reads, and that is on disk afterwards."""
    descriptor = os.open(path, os.O_CREAT | os.O_TRUNC | os.O_WRONLY, 0o600)
    try:
        yield descriptor
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def settle(partial: Path, path: Path) -> None:
    """Give a complete file its name, so that the name is on disk too."""
    partial.rename(path)
    sync(path.parent)


def sync(path: Path) -> None:
    """Wait until a file, or a folder's names, are on disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def make_folder(folder: Path) -> Path:
    """Make a folder and its parents, for their owner alone, where they don't exist. Returns the folder."""
    if not folder.is_dir():
        make_folder(folder.parent)
        folder.mkdir(mode=0o700, exist_ok=True)
        sync(folder.parent)
    return folder


def crc_of(path: Path) -> int:
    """The CRC-32 of a file."""
    crc = 0
    with path.open("rb") as file:
        while chunk := file.read(1 << 20):
            crc = zlib.crc32(chunk, crc)
    return crc


def leftovers(folder: Path) -> list[Path]:
    """Files that a killed run left."""
    return [*folder.glob(f".*{PARTIAL}"), *folder.glob(f"topic=*/partition=*/day=*/.*{PARTIAL}")]


def pieces(folder: Path) -> dict[tuple[str, int], list[ArchiveFile]]:
    """An archive's files, by topic and partition, in order. Raises ArchiveError where a name isn't one of ours."""
    by_partition: dict[tuple[str, int], list[ArchiveFile]] = {}
    for path in folder.glob("topic=*/partition=*/day=*/*"):
        if path.name.startswith((".", "_")):
            continue
        name = _NAME.fullmatch(path.name)
        topic, partition, day = (part.partition("=")[2] for part in path.parts[-4:-1])
        if name is None or not partition.isdecimal() or not _is_day(day) or not path.is_file():
            raise ArchiveError(f"{path} isn't a name of an archive's file: take it away")
        piece = ArchiveFile(folder, topic, int(partition), day, int(name[1]), int(name[2]), int(name[3], 16))
        by_partition.setdefault((topic, piece.partition), []).append(piece)
    for files in by_partition.values():
        files.sort(key=lambda piece: (piece.first, piece.next))
    return by_partition


def within(files: Mapping[tuple[str, int], Sequence[ArchiveFile]], manifest: Manifest) -> None:
    """Raises ArchiveError where files are of a partition that the manifest doesn't have."""
    for (_, partition), (piece, *_) in files.items():
        if partition >= manifest.partitions:
            raise ArchiveError(
                f"{piece.path} is of partition {partition}, and {MANIFEST} says that there are {manifest.partitions}, "
                "from 0 on: one of the two was altered, or moved. Restore it from a copy"
            )


def check_complete(
    topic: str, files: Mapping[tuple[str, int], Sequence[ArchiveFile]], manifest: Manifest, *, shorter: bool = False
) -> None:
    """Raises ArchiveError where files of a topic are missing that the manifest says are there.

    `shorter`: a partition's last files, or all of them, may be missing.
    """
    known = {(gap.topic, gap.partition, gap.first, gap.next) for gap in manifest.gaps}
    for partition, (first, following) in enumerate(manifest.reach.get(topic, ())):
        begins, ends = span(files.get((topic, partition), ())) or (following, first)
        if begins > first and ends > begins and (topic, partition, first, begins) not in known:
            raise ArchiveError(_lacking(topic, partition, first, begins))
        if ends < following and not shorter:
            raise ArchiveError(_lacking(topic, partition, ends, following))


def span(ordered: Sequence[ArchiveFile]) -> tuple[int, int] | None:
    """The first offset of a partition's files, and the one after their last; None: no files."""
    return (ordered[0].first, ordered[-1].next) if ordered else None


def _lacking(topic: str, partition: int, first: int, following: int) -> str:
    return (
        f"{topic} partition {partition}: the files of offsets {first} to {following - 1} are missing, which {MANIFEST} "
        f"says are there. {RESTORE}"
    )


def check(ordered: Iterable[ArchiveFile], gaps: Iterable[Gap]) -> None:
    """Raises ArchiveError where a partition's files overlap, or leave out offsets that no accepted gap names."""
    known = {(gap.topic, gap.partition, gap.first, gap.next) for gap in gaps}
    before: ArchiveFile | None = None
    for piece in ordered:
        if piece.next <= piece.first:
            raise ArchiveError(f"{piece.path}: its name says that it ends before it begins. Restore it from a copy")
        if before is not None and piece.first < before.next:
            raise ArchiveError(f"{before.path} and {piece.path} overlap: one of them isn't of this archive")
        if before is not None and piece.first > before.next:
            left_out = (piece.topic, piece.partition, before.next, piece.first)
            if left_out not in known:
                raise ArchiveError(
                    f"{piece.topic} partition {piece.partition}: the file of offsets {before.next} to "
                    f"{piece.first - 1} is missing between {before.path} and {piece.path}. {RESTORE}"
                )
        before = piece


def _is_day(text: str) -> bool:
    try:
        return date.fromisoformat(text).isoformat() == text
    except ValueError:
        return False
