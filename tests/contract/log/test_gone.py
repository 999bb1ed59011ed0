"""Records that aren't there any more, or not yet: nobody goes on elsewhere without a word."""

import pytest

from streamproc.adapters.kafka import unreadable
from streamproc.core.errors import HistoryError
from streamproc.core.records.headers import UNREADABLE
from tests.contract.log.conftest import Cluster, read, until


async def test_what_others_wrote_and_nobody_read_is_named(cluster: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    """One record without a value stands in its place, at its last offset; then what is still there comes."""
    monkeypatch.setattr(unreadable, "is_raw", lambda topic: topic.startswith("contract-"))
    await cluster.fill(b"0", b"1", b"2", b"3")
    await cluster.remove(0, 3)  # before anybody may have fetched them
    reader = await cluster.reader()
    reader.seek(cluster.place(), 1)
    gone, there = await read(reader, 2)
    assert (gone.offset, gone.value, there.offset, there.value) == (2, None, 3, b"3")
    assert dict(gone.headers)[UNREADABLE] == b"offsets 1 to 2 were removed before they were read"
    await cluster.fill(b"4")
    assert [record.value for record in await read(reader, 1)] == [b"4"]


async def test_a_group_that_comes_late_hears_of_it(cluster: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    """From where it has committed; a group that has committed nothing begins with what there is, and misses nothing."""
    monkeypatch.setattr(unreadable, "is_raw", lambda topic: topic.startswith("contract-"))
    await cluster.fill(b"0", b"1", b"2", b"3")
    first = await cluster.member()
    await until(lambda: bool(first.assignment()), first)
    await first.commit({cluster.place(): 1})
    await first.stop()
    await cluster.remove(0, 4)
    late = await cluster.member()
    (gone,) = await read(late, 1)
    assert dict(gone.headers)[UNREADABLE] == b"offsets 1 to 3 were removed before they were read"
    fresh = await cluster.reader()
    await cluster.fill(b"4")
    assert [record.value for record in await read(fresh, 1)] == [b"4"]


async def test_what_we_wrote_and_nobody_read_stops_the_reader(cluster: Cluster) -> None:
    """With topic, partition and offsets, as often as it reads, until it is told to go on elsewhere."""
    await cluster.fill(b"0", b"1", b"2", b"3")
    await cluster.remove(0, 3)  # before anybody may have fetched them
    reader = await cluster.reader()
    reader.seek(cluster.place(), 1)
    for _ in range(2):
        with pytest.raises(HistoryError, match=r"partition 0: offsets 1 to 2 were removed before they were read"):
            await read(reader, 1)
    reader.seek(cluster.place(), 3)
    assert [record.value for record in await read(reader, 1)] == [b"3"]


async def test_nobody_reads_beyond_the_end(cluster: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    """A topic that was made anew, or has lost records, isn't read from its beginning again as if it were the same."""
    monkeypatch.setattr(unreadable, "is_raw", lambda topic: topic.startswith("contract-"))
    await cluster.fill(b"0", b"1")
    reader = await cluster.reader()
    reader.seek(cluster.place(), 7)
    for _ in range(2):
        with pytest.raises(HistoryError, match=r"partition 0: offset 7 is beyond its end"):
            await read(reader, 1)
