"""Writes one partition's records into an archive's Parquet files, each of which is complete or not there."""

import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final, TypeAlias

import orjson
import pyarrow as pa
import pyarrow.parquet as pq

from streamproc.archive import layout
from streamproc.archive.layout import ArchiveFile
from streamproc.archive.parquet_file import FOOTER_KEY, SCHEMA, footer

Row: TypeAlias = tuple[int, int, bytes | None, bytes | None, Sequence[tuple[str, bytes | None]]]
"""Offset, timestamp, key, value, headers."""

ROWS: Final = 20_000
SIZE: Final = 16 * 1024 * 1024
"""Largest row group, in rows and in bytes of keys, values and headers: so much is held in memory."""
HEADER: Final = 8
"""Bytes that a header counts as, besides its name and value."""
FILE: Final = 256 * 1024 * 1024
"""Largest file, in bytes of keys, values and headers: a killed run loses no more than that."""


def _now() -> int:
    return time.time_ns() // 1_000_000


class ArchiveWriter:
    """Writes one partition's records from offset `first` on into files by day. Without `close` the last file is lost.

    `files`, `records` and `size` (bytes on disk) count complete files; `next` is the offset after them. `now`: ms since
    1970; a file's footer says when it was closed: all records in it had been read by then.
    """

    def __init__(self, folder: Path, topic: str, partition: int, first: int, now: Callable[[], int] = _now) -> None:
        self.files = self.records = self.size = 0
        self._folder, self._clock = folder, now
        self._topic, self._partition, self.next = topic, partition, first
        self._file: _File | None = None

    def add(self, row: Row) -> None:
        """Add the next record, by offset."""
        offset, timestamp, *_ = row
        file, day = self._file, layout.day_of(timestamp)
        if file is None or file.day != day or file.size >= FILE:
            self.close(offset if file is not None else self.next)
            self._file = file = _File(self._folder, self._topic, self._partition, day, self.next)
        file.add(row)

    def close(self, following: int) -> None:
        """Close the current file: no more records lie below offset `following`."""
        file, self._file = self._file, None
        if file is not None:
            self.size += file.close(following, self._clock())
            self.files += 1
            self.records += file.records
            self.next = following

    def abandon(self) -> None:
        """Leave an incomplete file to the next run, which removes it."""
        if self._file is not None:
            self._file.abandon()


class _File:
    """A file that is being written, under a name that readers ignore."""

    def __init__(self, folder: Path, topic: str, partition: int, day: str, first: int) -> None:
        self.day, self.records, self.size = day, 0, 0
        self._named = (folder, topic, partition, day, first)
        self._held = 0
        self._rows: list[Row] = []
        day_folder = layout.make_folder(layout.day_folder(folder, topic, partition, day))
        self._partial = day_folder / f".{first:020}{layout.PARTIAL}"
        with layout.private(self._partial):  # only its owner can read it, from its first byte on
            pass
        self._sink = pa.OSFile(str(self._partial), "wb")
        self._writer = pq.ParquetWriter(
            self._sink,
            SCHEMA,
            compression="zstd",
            use_dictionary=["key", "headers.list.element.name"],
            write_statistics=["offset", "timestamp"],
        )

    def add(self, row: Row) -> None:
        self._rows.append(row)
        length = len(row[2] or b"") + len(row[3] or b"")
        length += sum(HEADER + len(name) + len(value or b"") for name, value in row[4])
        self.size += length
        self._held += length
        if len(self._rows) >= ROWS or self._held >= SIZE:
            self._flush()

    def _flush(self) -> None:
        offsets, timestamps, keys, values, headers = zip(*self._rows, strict=True)
        named = [[(name, *_split(value)) for name, value in each] for each in headers]
        key_texts, key_bytes = zip(*map(_split, keys), strict=True)
        texts, others = zip(*map(_split, values), strict=True)
        columns = [
            pa.array(column, field.type)
            for column, field in zip(
                (offsets, timestamps, key_texts, texts, named, key_bytes, others), SCHEMA, strict=True
            )
        ]
        self._writer.write_table(pa.Table.from_arrays(columns, schema=SCHEMA))
        self.records += len(self._rows)
        self._held = 0
        self._rows.clear()

    def close(self, following: int, now: int) -> int:
        """Complete the file; `following`: the offset after it. Returns its bytes."""
        if self._rows:
            self._flush()
        content = footer(ArchiveFile(*self._named, following, 0), self.records)
        self._writer.add_key_value_metadata({FOOTER_KEY: orjson.dumps(content | {"read": now})})
        self._writer.close()
        self._sink.close()
        size = self._partial.stat().st_size
        layout.sync(self._partial)
        layout.settle(self._partial, ArchiveFile(*self._named, following, layout.crc_of(self._partial)).path)
        return size

    def abandon(self) -> None:
        with suppress(OSError):  # a full disk was reported already
            self._writer.close()
            self._sink.close()


def _split(value: bytes | None) -> tuple[str | None, bytes | None]:
    """(text, None) of what is UTF-8, (None, bytes) of what isn't."""
    try:
        return (None if value is None else value.decode()), None
    except UnicodeDecodeError:
        return None, value
