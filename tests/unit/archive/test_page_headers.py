"""Pages of a Parquet file: what they say is read as it is written, and what isn't one is refused."""

import io
from contextlib import suppress
from pathlib import Path
from random import Random

import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streamproc.archive.page_headers import pages
from streamproc.archive.reader import ArchivedHistory
from streamproc.core.errors import ArchiveError
from streamproc.core.records.topic_names import CHANGES
from tests.support.hostile_archives import begun, lies, written


def test_pages_are_as_large_as_their_column(tmp_path: Path) -> None:
    """By what the footer says of each: that has the headers' own bytes besides."""
    written(Random(1), begun(tmp_path / "a"))
    (path,) = tmp_path.rglob("*.parquet")
    group = pq.read_metadata(path).row_group(0)
    with path.open("rb") as source:
        for number in range(group.num_columns):
            column = group.column(number)
            begins = column.dictionary_page_offset if column.has_dictionary_page else column.data_page_offset
            found = list(pages(source, begins, column.total_compressed_size))
            assert 0 < sum(page.size for page in found) < column.total_uncompressed_size
            assert max(page.values for page in found) == column.num_values


@settings(max_examples=100, deadline=None)
@given(content=st.binary(max_size=60))
def test_what_isnt_a_page_is_refused(content: bytes) -> None:
    """Or is one; nothing else comes of it."""
    with suppress(ValueError):
        assert all(page.size >= 0 for page in pages(io.BytesIO(content), 0, len(content)))


def test_a_page_that_is_larger_than_the_footer_says(tmp_path: Path) -> None:
    """It isn't unpacked; without that lie the file could be read."""
    lies(Random(1), begun(tmp_path / "a"))
    with pytest.raises(ArchiveError, match="a page that is larger than its column"):
        list(ArchivedHistory(tmp_path / "a").read(CHANGES, 1))
