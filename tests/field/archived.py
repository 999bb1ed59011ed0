"""The archive, as others' tools read it."""

import tempfile
from pathlib import Path
from typing import Any, Final

import duckdb

from streamproc.archive import layout
from streamproc.archive.layout import Manifest
from streamproc.archive.reader import ArchivedHistory
from streamproc.archive.writer import ArchiveWriter
from tests.field.case import Case

NOON: Final = 1_796_040_000_000
"""2026-11-30, in ms since 1970."""
VALUES: Final = ('{"user":"E1","reason":"Zoë, \\"quoted\\""}'.encode(), None, b"\xff no text", b"no JSON")


def _asked(column: str) -> tuple[list[Any], list[bytes | None]]:
    """What SQL makes of a column, and what our own reader reads."""
    with tempfile.TemporaryDirectory() as name, duckdb.connect() as connection:
        folder = layout.make_folder(Path(name, "archive"))
        layout.keep_manifest(folder, Manifest(layout.VERSION, None, 1))
        writing = ArchiveWriter(folder, "scim.outcomes", 0, 0)
        for offset, value in enumerate(VALUES):
            writing.add((offset, NOON, b"E1", value, []))
        writing.close(len(VALUES))
        table = f"read_parquet('{folder}/**/*.parquet', hive_partitioning = true)"
        rows = connection.sql(f'SELECT {column} FROM {table} ORDER BY "offset"').fetchall()
        return [row[0] for row in rows], [each.value for each in ArchivedHistory(folder).read("scim.outcomes", 0)]


def _json() -> None:
    reasons, read = _asked("try_cast(value AS JSON)->>'reason'")
    assert reasons == ['Zoë, "quoted"', None, None, None]
    assert read == [*VALUES]


def _cast_that_fails_says_so() -> None:
    try:
        _asked("value::JSON")
    except duckdb.ConversionException:
        return
    raise AssertionError("what isn't JSON became one, or null without an error")


def _bytes() -> None:
    found, _ = _asked("value_bytes")
    assert found == [None, None, b"\xff no text", None]


CASES: Final = (
    Case("H", "json-of-a-value", _json),
    Case("H", "no-silent-null", _cast_that_fails_says_so),
    Case("H", "bytes-that-are-no-text", _bytes),
)
