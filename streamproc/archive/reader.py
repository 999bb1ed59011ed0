"""Seam to Parquet: an archive's files, read as a History; `writer.py` writes them.

What a file is, and whether it is what its name says: `parquet_file.py`.
"""

from bisect import bisect_right
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import orjson
import pyarrow as pa
import pyarrow.compute as pc

from streamproc.archive import layout
from streamproc.archive.layout import ArchiveFile, Manifest
from streamproc.archive.parquet_file import FOOTER_KEY, batches, opened
from streamproc.core.errors import ArchiveError
from streamproc.core.records.mapping_in_force import MARK
from streamproc.core.records.stored_record import StoredRecord
from streamproc.core.records.topic_names import CHANGES, FINDINGS
from streamproc.topics import TOPICS

USERS: Final = frozenset(topic.name for topic in TOPICS if topic.key == "user ID") | {FINDINGS}
"""Topics keyed by user ID, or by account where it is nobody's."""


@dataclass(frozen=True, slots=True)
class _Only:
    """Which records are wanted. `key` None: those of all keys; `marks`: those that bring mappings too."""

    key: bytes | None = None
    marks: bool = False

    def nothing_in(self, file: Any, group: int) -> bool:
        """Whether a row group has no wanted record, by its keys alone."""
        if self.key is None or self.marks:
            return False
        columns = [name for name in ("key", "key_bytes") if name in file.schema_arrow.names]
        return not any(
            pc.any(pc.equal(column.cast(pa.binary()), self.key)).as_py()
            for batch in batches(file, group, columns)
            for column in batch.columns
        )

    def of(self, batch: Any, first: int, until: int | None) -> Any:
        """The wanted records of a batch."""
        if first > batch.column(0)[0].as_py():
            batch = batch.filter(pc.greater_equal(batch.column(0), first))
        if until is not None:
            batch = batch.filter(pc.less(batch.column(1).cast(pa.int64()), until))
        if self.key is not None:
            chosen = pc.equal(batch.column(2), self.key)
            if self.marks:
                chosen = pc.or_kleene(chosen, pc.match_substring(batch.column(3), MARK.decode()))
            batch = batch.filter(chosen)
        return batch


class ArchivedHistory:
    """A `History` over the files that an archive has now, and those of the folders `more` after them.

    `only`: of topics keyed by user ID it gives that user's records alone, and of `identity.changes` the mappings too.
    It can be pickled. Reading raises ArchiveError where a file isn't what its name says, or is missing (`hold`).
    """

    def __init__(self, path: Path, *more: Path, only: bytes | None = None) -> None:
        manifests = [_manifest(folder) for folder in (path, *more)]
        self.path, self.manifest = path, manifests[0]
        self._only = only
        self._written: dict[ArchiveFile, int] = {}
        self._pieces: dict[tuple[str, int], list[ArchiveFile]] = {}
        self._here = layout.pieces(path)
        self._held: set[str] = set()
        layout.within(self._here, self.manifest)
        for pieces in (self._here, *map(layout.pieces, more)):
            for topic_partition, files in pieces.items():
                self._pieces.setdefault(topic_partition, []).extend(files)
        gaps = [gap for manifest in manifests for gap in manifest.gaps]
        for files in self._pieces.values():
            layout.check(files, gaps)

    @property
    def partitions(self) -> int:
        """How many partitions each topic has."""
        return self.manifest.partitions

    def hold(self, topic: str, *, shorter: bool = False) -> None:
        """Raises ArchiveError where files of a topic are missing that the manifest says are there."""
        if topic not in self._held:
            layout.check_complete(topic, self._here, self.manifest, shorter=shorter)
        if not shorter:
            self._held.add(topic)

    def has(self, topic: str) -> bool:
        """Whether a topic is here, be it empty. An archive that doesn't say of what it has is believed for the rest."""
        named = topic in self.manifest.reach or (topic in self.manifest.topics and topic != CHANGES)
        return named or any(name == topic for name, _ in self._pieces)

    def span(self, topic: str, partition: int) -> tuple[int, int] | None:
        """The offset with which a partition begins, and the one from which on there is nothing more; None: no files."""
        return layout.span(self._pieces.get((topic, partition), ()))

    def next(self, topic: str, partition: int) -> int | None:
        """The offset from which on there is nothing more; None: there is nothing at all."""
        span = self.span(topic, partition)
        return span and span[1]

    def last(self, topic: str, partition: int) -> StoredRecord | None:
        """The last record of a partition."""
        files = self._pieces.get((topic, partition))
        if not files:
            return None
        with opened(files[-1]) as file:
            return deque(_records(file, files[-1], [file.num_row_groups - 1], _Only(), 0, None), maxlen=1)[0]

    def written(self, topic: str, partition: int, offset: int) -> int | None:
        """When a place had been read from Kafka (ms since 1970): what wasn't there then isn't here. None: it wasn't."""
        files = self._pieces.get((topic, partition), [])
        index = bisect_right(files, offset, key=lambda piece: piece.first) - 1
        if index < 0 or offset >= files[index].next:
            return None
        piece = files[index]
        if piece not in self._written:
            with opened(piece) as file:
                self._written[piece] = orjson.loads(file.metadata.metadata[FOOTER_KEY])["read"]
        return self._written[piece]

    def read(
        self, topic: str, partition: int, *, first: int = 0, until: int | None = None, key: bytes | None = None
    ) -> Iterator[StoredRecord]:
        """A partition's records; the parameters are those of `History.read`."""
        self.hold(topic)
        marks = key is None and self._only is not None and topic == CHANGES
        wanted = _Only(self._only if key is None and topic in USERS else key, marks)
        for piece in self._pieces.get((topic, partition), ()):
            if piece.next <= first or (until is not None and piece.begins >= until):
                continue
            with opened(piece) as file:
                yield from _records(file, piece, range(file.num_row_groups), wanted, first, until)


def _manifest(folder: Path) -> Manifest:
    manifest = layout.manifest(folder)
    if manifest is None:
        raise ArchiveError(
            f"{folder} isn't an archive ({layout.MANIFEST} isn't there). Give another folder, or make one: "
            "streamproc archive DIR"
        )
    return manifest


def _records(
    file: Any, piece: ArchiveFile, groups: Iterable[int], wanted: _Only, first: int, until: int | None
) -> Iterator[StoredRecord]:
    """The wanted records of these row groups."""
    reached = piece.first
    for group in groups:
        if _outside(file, group, first if first > piece.first else None, until) or wanted.nothing_in(file, group):
            continue
        for batch in batches(file, group):
            reached = _checked(batch, piece, reached)
            yield from _logged(wanted.of(_as_bytes(batch), first, until), piece.topic, piece.partition)


def _outside(file: Any, group: int, first: int | None, until: int | None) -> bool:
    """Whether a row group has nothing within the bounds. Its statistics could say so too, but needn't be there."""
    if first is None and until is None:
        return False
    table = file.read_row_group(group, columns=["offset", "timestamp"], use_threads=False)
    if first is not None and pc.max(table.column("offset")).as_py() < first:
        return True
    return until is not None and pc.min(table.column("timestamp").cast(pa.int64())).as_py() >= until


def _as_bytes(batch: Any) -> Any:
    """A batch with keys and values as bytes, as Kafka has them; columns as in SCHEMA_1, but for headers."""
    columns = list(batch.columns)
    for index, raw in ((2, 5), (3, 6)) if len(columns) > 5 else ():
        text = columns[index].cast(pa.binary())
        columns[index] = text if columns[raw].null_count == len(batch) else pc.coalesce(text, columns[raw])
    return pa.RecordBatch.from_arrays(columns[:5], names=["offset", "timestamp", "key", "value", "headers"])


def _header(header: dict[str, Any]) -> tuple[str, bytes | None]:
    value = header["value"]
    return header["name"], value.encode() if isinstance(value, str) else header.get("bytes", value)


def _checked(batch: Any, piece: ArchiveFile, reached: int) -> int:
    """The offset after a batch's. Raises ArchiveError where they don't ascend, or aren't the file's."""
    offsets, timestamps = batch.column(0), batch.column(1).cast(pa.int64())
    low, high = offsets[0].as_py(), offsets[-1].as_py()
    ascend = pc.all(pc.less(offsets[:-1], offsets[1:])).as_py() is not False  # None: of one there is none before
    days = {layout.day_of(timestamp.as_py()) for timestamp in pc.min_max(timestamps).values()}
    if low < reached or high >= piece.next or not ascend or days != {piece.day}:
        raise ArchiveError(
            f"{piece.path} isn't what its name says: it has offsets {low} to {high} of {', '.join(sorted(days))}"
            f"{'' if ascend else ', out of order'}. {layout.RESTORE}"
        )
    return int(high) + 1


def _logged(batch: Any, topic: str, partition: int) -> Iterator[StoredRecord]:
    offsets, keys, values = (batch.column(column).to_pylist() for column in (0, 2, 3))
    timestamps = batch.column(1).cast(pa.int64()).to_pylist()
    if len(batch.column(4).flatten()) == 0:
        for offset, timestamp, key, value in zip(offsets, timestamps, keys, values, strict=True):
            yield StoredRecord(topic, partition, offset, timestamp, key, value)
        return
    for offset, timestamp, key, value, headers in zip(
        offsets, timestamps, keys, values, batch.column(4).to_pylist(), strict=True
    ):
        yield StoredRecord(topic, partition, offset, timestamp, key, value, tuple(map(_header, headers)))
