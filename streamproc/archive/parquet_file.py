"""One of an archive's Parquet files: its columns, what it says of itself, and opening it.

A file says in its own words what its name says (its footer's `streamproc`), so that one that was renamed, moved to
another partition or cut short is found out. It may come from somebody who can compute a CRC-32: nothing that it says is
believed without a bound, and whatever is wrong with it, it is named.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final

import orjson
import pyarrow as pa
import pyarrow.parquet as pq

from streamproc.archive import layout
from streamproc.archive.layout import ArchiveFile
from streamproc.archive.page_headers import pages
from streamproc.core.errors import ArchiveError

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

FOOTER_KEY: Final = b"streamproc"
MOST_ROWS: Final = 200_000
MOST_VALUES: Final = 4_000_000
LARGEST: Final = 256 * 1024 * 1024
"""Rows, values of a column, and bytes when unpacked, of a row group: a few times what the writer puts there."""
BATCH: Final = 4096
AT_ONCE: Final = 64 * 1024 * 1024
"""Rows, and bytes, that become Python objects at a time."""
DICTIONARIES: Final = frozenset({"PLAIN_DICTIONARY", "RLE_DICTIONARY"})
ENCODINGS: Final = DICTIONARIES | {"PLAIN", "RLE", "BIT_PACKED"}
"""In all others few bytes may stand for many, without end."""


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


@contextmanager
def opened(piece: ArchiveFile) -> Iterator[Any]:
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
        _check_pages(file.metadata, piece)
        yield file


def _check_groups(metadata: Any, piece: ArchiveFile) -> None:
    """Raises ArchiveError where the file has no records, or where it says itself that they take too much memory."""
    groups = [metadata.row_group(group) for group in range(metadata.num_row_groups)]
    if not groups:
        raise ArchiveError(f"{piece.path} has no records. {layout.RESTORE}")
    for group in groups:
        columns = [group.column(number) for number in range(group.num_columns)]
        sizes = [column.total_uncompressed_size for column in columns]
        values = max(column.num_values for column in columns)
        if not 0 < group.num_rows <= MOST_ROWS or min(sizes) < 0 or sum(sizes) > LARGEST or values > MOST_VALUES:
            raise ArchiveError(
                f"{piece.path} has a row group of {group.num_rows} rows, {values} values and {sum(sizes)} bytes, more "
                f"than an archive's. {layout.RESTORE}"
            )
        if strange := set().union(*(column.encodings for column in columns)) - ENCODINGS:
            raise ArchiveError(f"{piece.path} is encoded as an archive's isn't: {min(strange)}. {layout.RESTORE}")


def _check_pages(metadata: Any, piece: ArchiveFile) -> None:
    """Raises ValueError where pages unpack to more than the footer says, which is bounded."""
    with piece.path.open("rb") as source:
        for group in range(metadata.num_row_groups):
            for number in range(metadata.row_group(group).num_columns):
                column = metadata.row_group(group).column(number)
                begins = [column.data_page_offset]
                begins += [column.dictionary_page_offset] if column.has_dictionary_page else []
                left = column.total_uncompressed_size
                for page in pages(source, min(begins), column.total_compressed_size):
                    left -= page.size
                    if left < 0 or page.values > MOST_VALUES:
                        raise ValueError("a page that is larger than its column")


def batches(file: Any, group: int, names: Sequence[str] | None = None) -> Iterator[Any]:
    """The rows of a row group, some at a time: what is there once, in a dictionary, may be meant in each of them."""
    metadata = file.metadata.row_group(group)
    columns = [metadata.column(number) for number in range(metadata.num_columns)]
    shared = [column.total_uncompressed_size for column in columns if DICTIONARIES.intersection(column.encodings)]
    rows = max(1, min(BATCH, AT_ONCE // max([1, *shared])))
    size = 0
    for batch in file.iter_batches(batch_size=rows, row_groups=[group], columns=names, use_threads=False):
        size += batch.nbytes
        if size > LARGEST:
            raise ValueError(f"a row group of more than {LARGEST} bytes")
        yield batch


@contextmanager
def _read_errors(piece: ArchiveFile) -> Iterator[None]:
    try:
        yield
    except ArchiveError:
        raise
    except Exception as error:  # whatever is in a file, and whatever Arrow makes of it, the file is named
        why = str(error).partition("\n")[0][:200] or type(error).__name__
        raise ArchiveError(f"{piece.path} can't be read: {why}. {layout.RESTORE}") from error
