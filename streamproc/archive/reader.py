"""Seam to Parquet: an archive's files, read as a History; `writer.py` writes them.

A file says in its own words what its name says (its footer's `streamproc`), so that one that was renamed, moved to
another partition or cut short is found out.
"""

from bisect import bisect_right
from collections import deque
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import orjson
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from streamproc.archive import layout
from streamproc.archive.layout import ArchiveFile, Manifest
from streamproc.core.errors import ArchiveError
from streamproc.core.records.mapping_in_force import MARK
from streamproc.core.records.stored_record import StoredRecord
from streamproc.core.records.topic_names import CHANGES
from streamproc.topics import TOPICS

_PLACE: Final = (
    pa.field("offset", pa.int64(), nullable=False),
    pa.field("timestamp", pa.timestamp("ms", "UTC"), nullable=False),
)
_NAME: Final = pa.field("name", pa.string(), nullable=False)
_HEADER: Final = pa.struct([_NAME, pa.field("value", pa.string()), pa.field("bytes", pa.binary())])
_HEADER_1: Final = pa.struct([_NAME, pa.field("value", pa.binary())])
SCHEMA: Final = pa.schema(
    [
        *_PLACE,
        pa.field("key", pa.string()),
        pa.field("value", pa.string()),
        pa.field("headers", pa.list_(_HEADER), nullable=False),
        pa.field("key_bytes", pa.binary()),
        pa.field("value_bytes", pa.binary()),
    ]
)
"""What is text in UTF-8 is text, so that others' tools read it as such; what isn't is in the column of bytes instead,
and the text is null. Both are null where there is nothing.
"""
SCHEMA_1: Final = pa.schema(
    [
        *_PLACE,
        pa.field("key", pa.binary()),
        pa.field("value", pa.binary()),
        pa.field("headers", pa.list_(_HEADER_1), nullable=False),
    ]
)
"""Of files of version 1."""
SCHEMAS: Final = {1: SCHEMA_1, layout.VERSION: SCHEMA}

BATCH: Final = 4096
"""Rows that become Python objects at a time."""
FOOTER_KEY: Final = b"streamproc"
MOST_ROWS: Final = 200_000
LARGEST: Final = 256 * 1024 * 1024
"""Rows, and bytes when unpacked, of a row group: more than ten times what the writer puts there, and what fits."""

USERS: Final = frozenset(topic.name for topic in TOPICS if topic.key == "user ID")
"""Topics keyed by user ID."""


def footer(piece: ArchiveFile, records: int, version: int = layout.VERSION) -> dict[str, Any]:
    """A file's footer, but for `read`: when its records had been read from Kafka."""
    return {
        "version": version,
        "topic": piece.topic,
        "partition": piece.partition,
        "day": piece.day,
        "first": piece.first,
        "next": piece.next,
        "records": records,
    }


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
        table = file.read_row_group(group, columns=columns, use_threads=False)
        return not any(pc.any(pc.equal(column.cast(pa.binary()), self.key)).as_py() for column in table.columns)

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
        with _opened(files[-1]) as file:
            return deque(_records(file, files[-1], [file.num_row_groups - 1], _Only(), 0, None), maxlen=1)[0]

    def written(self, topic: str, partition: int, offset: int) -> int | None:
        """When a place had been read from Kafka (ms since 1970): what wasn't there then isn't here. None: it wasn't."""
        files = self._pieces.get((topic, partition), [])
        index = bisect_right(files, offset, key=lambda piece: piece.first) - 1
        if index < 0 or offset >= files[index].next:
            return None
        piece = files[index]
        if piece not in self._written:
            with _opened(piece) as file:
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
            with _opened(piece) as file:
                yield from _records(file, piece, range(file.num_row_groups), wanted, first, until)


def _manifest(folder: Path) -> Manifest:
    manifest = layout.manifest(folder)
    if manifest is None:
        raise ArchiveError(
            f"{folder} isn't an archive ({layout.MANIFEST} isn't there). Give another folder, or make one: "
            "streamproc archive DIR"
        )
    return manifest


@contextmanager
def _opened(piece: ArchiveFile) -> Iterator[Any]:
    """The file, which says the same as its name. Raises ArchiveError."""
    with _read_errors(piece):
        if (crc := layout.crc_of(piece.path)) != piece.crc:
            raise ArchiveError(f"{piece.path} was altered, or cut short: its CRC-32 is {crc:08x}. {layout.RESTORE}")
        file = pq.ParquetFile(piece.path)
    with file, _read_errors(piece):
        content = orjson.loads((file.metadata.metadata or {}).get(FOOTER_KEY, b"null"))
        version, read = (content.get("version"), content.get("read")) if isinstance(content, dict) else (None, None)
        whole = isinstance(version, int) and isinstance(read, int)
        if not whole or content != footer(piece, file.metadata.num_rows, version or 0) | {"read": read}:
            said = repr(content)[:200]
            raise ArchiveError(f"{piece.path} isn't what its name says: its content says {said}. {layout.RESTORE}")
        if version not in SCHEMAS or not file.schema_arrow.equals(SCHEMAS[version]):
            raise ArchiveError(f"{piece.path} has other columns than an archive's file. {layout.RESTORE}")
        _check_groups(file.metadata, piece)
        yield file


def _check_groups(metadata: Any, piece: ArchiveFile) -> None:
    """Raises ArchiveError where the file has no records, or where it says itself that they take too much memory."""
    groups = [metadata.row_group(group) for group in range(metadata.num_row_groups)]
    if not groups:
        raise ArchiveError(f"{piece.path} has no records. {layout.RESTORE}")
    for group in groups:
        size = sum(group.column(column).total_uncompressed_size for column in range(group.num_columns))
        if not (0 < group.num_rows <= MOST_ROWS and max(size, group.total_byte_size) <= LARGEST):
            raise ArchiveError(
                f"{piece.path} has a row group of {group.num_rows} rows and {size} bytes; an archive's has at most "
                f"{MOST_ROWS} and {LARGEST}. {layout.RESTORE}"
            )


@contextmanager
def _read_errors(piece: ArchiveFile) -> Iterator[None]:
    try:
        yield
    except ArchiveError:
        raise
    except Exception as error:  # whatever is in a file, and whatever Arrow makes of it, the file is named
        why = str(error).partition("\n")[0][:200] or type(error).__name__
        raise ArchiveError(f"{piece.path} can't be read: {why}. {layout.RESTORE}") from error


def _records(
    file: Any, piece: ArchiveFile, groups: Iterable[int], wanted: _Only, first: int, until: int | None
) -> Iterator[StoredRecord]:
    """The wanted records of these row groups."""
    reached = piece.first
    for group in groups:
        if _outside(file, group, first if first > piece.first else None, until) or wanted.nothing_in(file, group):
            continue
        for batch in file.iter_batches(batch_size=BATCH, row_groups=[group], use_threads=False):
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
