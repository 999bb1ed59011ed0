"""Archives' files that somebody has made who knows the format well, with names and checksums that fit."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Any

import orjson
import pyarrow as pa
import pyarrow.parquet as pq

from streamproc.archive import layout
from streamproc.archive.layout import ArchiveFile, Manifest
from streamproc.archive.parquet_file import FOOTER_KEY, SCHEMA, footer
from streamproc.archive.writer import ArchiveWriter
from streamproc.core.records.stored_record import StoredRecord
from streamproc.core.records.topic_names import CHANGES
from streamproc.core.records.units import Millis
from tests.support.hostile_values import VALUES

NOON = 1_772_452_800_000
DAY = "2026-03-02"
Columns = dict[str, Any]


def records(rng: Random, count: int) -> list[StoredRecord]:
    """Some of one day."""
    return [
        StoredRecord(CHANGES, 1, n, Millis(NOON + n), b"E%d" % rng.randint(1, 3), b'{"n":%d}' % n, (("h", b"v"),))
        for n in range(count)
    ]


def begun(folder: Path) -> Path:
    """An archive of nothing."""
    layout.keep_manifest(layout.make_folder(folder), Manifest(layout.VERSION, "cluster", 2))
    return folder


def named(folder: Path, first: int, following: int, content: Callable[[Path], object]) -> Path:
    """A file under the name that it should have, with the checksum that it has."""
    partial = layout.make_folder(layout.day_folder(folder, CHANGES, 1, DAY)) / ".x.partial"
    content(partial)
    path = ArchiveFile(folder, CHANGES, 1, DAY, first, following, layout.crc_of(partial)).path
    partial.rename(path)
    return path


def table(rows: list[StoredRecord], **other: Any) -> Any:
    """As the writer would have it, but for some columns."""
    columns: Columns = {
        "offset": [one.offset for one in rows],
        "timestamp": [one.timestamp for one in rows],
        "key": [(one.key or b"").decode() for one in rows],
        "value": [(one.value or b"").decode() for one in rows],
        "headers": [[("h", "v", None)] for _ in rows],
        "key_bytes": [None for _ in rows],
        "value_bytes": [None for _ in rows],
    } | other
    return pa.Table.from_arrays([pa.array(columns[each.name], each.type) for each in SCHEMA], schema=SCHEMA)


def put(path: Path, data: Any, said: Any, **options: Any) -> None:
    """Write a table, with a footer that says that."""
    content = said if isinstance(said, bytes) else orjson.dumps(said)
    schema = data.schema.with_metadata(None if said is None else {FOOTER_KEY: content})
    pq.write_table(data.cast(schema), path, **options)


def said(count: int) -> dict[str, Any]:
    """What the footer of such a file says."""
    return footer(ArchiveFile(Path(), CHANGES, 1, DAY, 0, count, 0), count) | {"read": NOON}


def without_statistics(rng: Random, folder: Path) -> bool:
    """Parquet needn't have any; whether all is read as it is."""
    rows = records(rng, 50)
    named(folder, 0, 50, lambda path: put(path, table(rows), said(50), write_statistics=False, row_group_size=20))
    return True


def written(rng: Random, folder: Path) -> bool:
    """As the writer makes it."""
    writing = ArchiveWriter(folder, CHANGES, 1, 0)
    for one in records(rng, rng.randint(1, 60)):
        writing.add((one.offset, one.timestamp, one.key, one.value, one.headers))
    writing.close(60)
    return True


def flipped(rng: Random, folder: Path) -> bool:
    """Some bytes are others."""
    written(rng, folder)
    (path,) = folder.rglob("*.parquet")
    content = bytearray(path.read_bytes())
    for _ in range(rng.choice([1, 1, 2, 5])):
        at = rng.randrange(rng.choice([0, len(content) // 2, len(content) - 300]), len(content))
        content[at] ^= rng.randint(1, 255)
    path.unlink()
    named(folder, 0, 60, lambda new: new.write_bytes(content))
    return False


def cut(rng: Random, folder: Path) -> bool:
    """Some bytes are gone, or there is something else."""
    written(rng, folder)
    (path,) = folder.rglob("*.parquet")
    content = path.read_bytes()
    at = rng.randrange(len(content))
    others = [content[:at], content[at:], b"PAR1", b"PAR1" * 2, rng.randbytes(400), content[:at] + content[at + 9 :]]
    other = rng.choice(others)
    path.unlink()
    named(folder, 0, 60, lambda new: new.write_bytes(other))
    return False


def footers(rng: Random, folder: Path) -> bool:
    """It says something else of itself, or nothing."""
    rows, content = records(rng, 20), said(20)
    name = rng.choice(sorted(content))
    was = content[name]
    content[name] = rng.choice([value for value in VALUES if value != was or type(value) is not type(was)])
    other = rng.choice([content, None, b"", b"[]", b"7", b"{}", b"[" * 5000, orjson.dumps(said(20))[:-1]])
    named(folder, 0, 20, lambda path: put(path, table(rows), other))
    return False


def columns(rng: Random, folder: Path) -> bool:
    """Other columns, in another order, or of other types."""
    data = table(records(rng, 20))
    name = rng.choice(data.schema.names)
    at = data.schema.get_field_index(name)
    others: list[Callable[[], Any]] = [
        lambda: data.drop_columns([name]),
        lambda: data.set_column(at, name, pa.nulls(20)),
        lambda: data.set_column(at, name, pa.array(["x"] * 20)),
        lambda: data.select([name]),
        lambda: data.select(data.schema.names[::-1]),
        lambda: data.append_column("more", data[name]),
    ]
    other = rng.choice(others)()
    named(folder, 0, 20, lambda path: put(path, other, said(20)))
    return False


def values(rng: Random, folder: Path) -> bool:
    """Offsets and timestamps that can't be; nothing where something has to be."""
    rows = records(rng, 20)
    offsets = [one.offset for one in rows]
    stamps: list[Any] = [one.timestamp for one in rows]
    kinds = ["twice", "back", "below", "beyond", "another day", "beyond days", "none at all"]
    kind, at = rng.choice(kinds), rng.randrange(1, 20)
    if kind in {"twice", "back", "below", "beyond"}:
        offsets[at] = {"twice": offsets[at - 1], "back": -1, "below": -(2**62), "beyond": 2**62}[kind]
    elif kind == "none at all":
        rows, offsets, stamps = [], [], []
    else:
        stamps[at] = {"another day": 0, "beyond days": 2**60}[kind]
    named(folder, 0, 20, lambda path: put(path, table(rows, offset=offsets, timestamp=stamps), said(len(rows))))
    return False


def bombs(rng: Random, folder: Path) -> bool:
    """Few bytes that unpack to many: one long value, or one that is meant in every row."""
    kind = rng.choice(["long", "shared", "key", "headers", "prefix"])
    count = {"long": 1, "shared": 15_000, "key": 15_000, "headers": 40, "prefix": 5000}[kind]
    rows, long = records(rng, count), "x" * 1_500_000
    other: Columns = {}
    options: Columns = {"compression": "zstd"}
    if kind == "long":
        other["value"] = ["y" * 400_000_000]
    elif kind == "headers":
        other["headers"] = [[("", None, None)] * 200_000 for _ in rows]
    else:
        values = pa.DictionaryArray.from_arrays(pa.array([0] * count, pa.int32()), pa.array([long]))
        column = "key" if kind == "key" else "value"
        named(folder, 0, count, lambda path: _shared(path, rows, column, values, prefix=kind == "prefix"))
        return False
    named(folder, 0, count, lambda path: put(path, table(rows, **other), said(count), **options))
    return False


def _shared(path: Path, rows: list[StoredRecord], name: str, values: Any, *, prefix: bool) -> None:
    """One value in every row, that is there once."""
    if prefix:
        held = values.dictionary[0].as_py()[:20_000]
        data = table(rows, **{name: [held] * len(rows)})
        put(
            path,
            data,
            said(len(rows)),
            use_dictionary=False,
            column_encoding={name: "DELTA_BYTE_ARRAY"},
            compression="zstd",
        )
        return
    data = table(rows)
    at = data.schema.get_field_index(name)
    data = data.set_column(at, pa.field(name, values.type), values)
    with pq.ParquetWriter(path, data.schema, compression="zstd", store_schema=False, use_dictionary=[name]) as writer:
        writer.write_table(data)
        writer.add_key_value_metadata({FOOTER_KEY: orjson.dumps(said(len(rows)))})


def lies(rng: Random, folder: Path) -> bool:
    """A page that unpacks to more than the footer says: the number there is another of the same length."""
    rows = [replace(one, value=b"z" * 30_000_000) for one in records(rng, 1)]
    named(folder, 0, 1, lambda path: put(path, table(rows), said(1), compression="zstd", use_dictionary=False))
    (path,) = folder.rglob("*.parquet")
    content = path.read_bytes()
    path.unlink()
    size = pq.read_metadata(pa.BufferReader(content)).row_group(0).column(3).total_uncompressed_size
    at = content.rindex(_zigzag(size))
    content = content[:at] + _zigzag(rng.randint(0, 1000), len(_zigzag(size))) + content[at + len(_zigzag(size)) :]
    named(folder, 0, 1, lambda new: new.write_bytes(content))
    return False


def _zigzag(number: int, length: int = 1) -> bytes:
    """A number as Thrift has it; filled up to a length."""
    found, rest = bytearray(), number << 1
    while rest > 127 or len(found) < length - 1:
        found.append(rest & 127 | 128)
        rest >>= 7
    return bytes([*found, rest])


def places(rng: Random, folder: Path) -> bool:
    """Folders and names that aren't an archive's, and a manifest that can't be."""
    written(rng, folder)
    (path,) = folder.rglob("*.parquet")
    manifest = folder / layout.MANIFEST
    raw = orjson.loads(manifest.read_bytes())
    others: list[Callable[[], object]] = [
        lambda: path.rename(path.with_name("x.parquet")),
        lambda: path.with_name(f"{0:020}-{10**19:020}-00000000.parquet").mkdir(),
        lambda: path.with_name(f"{60:020}-{70:020}-00000000.parquet").symlink_to("/dev/zero"),
        lambda: path.parent.rename(path.parent.with_name("day=2026-02-30")),
        lambda: path.parent.parent.rename(path.parent.parent.with_name("partition=\u0661")),
        lambda: path.parent.parent.rename(path.parent.parent.with_name("partition=99999999999999999999")),
        lambda: manifest.write_bytes(orjson.dumps(raw | {"partitions": 2**40})),
        lambda: manifest.write_bytes(orjson.dumps(raw | {"reach": {CHANGES: [[0, 0], [0, 2**62]]}})),
        lambda: manifest.write_bytes(b"[" * 100_000),
        lambda: manifest.write_bytes(orjson.dumps(raw | {rng.choice(sorted(raw)): [[[]]]})),
    ]
    rng.choice(others)()
    return False


KINDS: tuple[Callable[[Random, Path], bool], ...] = (
    without_statistics, written, flipped, cut, footers, columns, values, places, flipped, footers, lies, bombs,
)  # fmt: skip
"""Each makes an archive's files; whether they are as they may be. The one that takes long comes last."""
