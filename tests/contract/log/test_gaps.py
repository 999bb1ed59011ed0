"""Offsets without a record: ends of transactions, aborted records, and what compaction has taken away."""

import pytest

from tests.contract.log.conftest import Cluster, read, read_to_end


async def test_the_end_of_a_transaction_has_a_time(cluster: Cluster) -> None:
    """Whoever looks for a moment may be told an offset that has no record; reading from there goes on behind it."""
    producer = await cluster.transactional()
    await producer.begin_transaction()
    sent = await (await producer.send(cluster.topic, b"a", b"key", 0))
    await producer.commit_transaction()
    await cluster.ended()
    outsider, place = await cluster.outsider(), cluster.place()
    at = (await outsider.offsets_for_times({place: sent.timestamp + 1}))[place]
    assert at is None or (at.offset == 1 and at.timestamp > sent.timestamp)
    reader = await cluster.reader(committed_only=True)
    reader.seek(place, 1)
    assert not await reader.getmany(place, timeout_ms=100)
    await cluster.fill(b"b")
    assert [record.offset for record in await read(reader, 1)] == [2]


async def test_an_aborted_record_is_found_by_its_time(cluster: Cluster) -> None:
    """Who reads what is committed is told of nothing behind an open transaction's begin; aborted ones are found."""
    producer = await cluster.transactional()
    place, everything, committed = cluster.place(), await cluster.reader(), await cluster.reader(committed_only=True)
    await producer.begin_transaction()
    sent = await (await producer.send(cluster.topic, b"a", b"key", 0))
    found = [(await each.offsets_for_times({place: sent.timestamp}))[place] for each in (everything, committed)]
    assert [at and at.offset for at in found] == [0, None]
    await producer.abort_transaction()
    await cluster.ended()
    found = [(await each.offsets_for_times({place: sent.timestamp}))[place] for each in (everything, committed)]
    assert [at and at.offset for at in found] == [0, 0]


async def test_a_reader_comes_past_what_was_aborted(cluster: Cluster) -> None:
    """A partition with nothing but aborted records has an end, and a position that reaches it."""
    producer = await cluster.transactional()
    await producer.begin_transaction()
    for number in range(3):
        await producer.send(cluster.topic, b"%d" % number, b"key", 0)
    await producer.abort_transaction()
    await cluster.ended()
    reader, place = await cluster.reader(committed_only=True), cluster.place()
    assert await read_to_end(reader, place) == []
    assert await reader.position(place) == (await reader.end_offsets([place]))[place] == 4
    assert (reader.highwater(place), reader.last_stable_offset(place)) == (4, 4)


@pytest.mark.long
async def test_compaction_leaves_gaps_that_nobody_is_told_of(cluster: Cluster) -> None:
    """Of each key the last record stays, at its offset, also a tombstone; aborted ones go; the beginning stays."""
    await cluster.fill_key(b"a", b"b", b"a")
    aborting = await cluster.transactional()
    await aborting.begin_transaction()
    await (await aborting.send(cluster.topic, b"aborted", b"a", 0))
    await aborting.abort_transaction()
    await cluster.ended()
    await (await cluster.producer()).send_and_wait(cluster.topic, None, b"c", 0)
    place = cluster.place()
    await cluster.compact(4)
    reader = await cluster.reader(committed_only=True)
    kept = [(record.offset, record.key) for record in await read(reader, 4)]
    assert kept == [(1, b"b"), (2, b"a"), (5, b"c"), (6, b"filler")]
    assert (await reader.beginning_offsets([place]))[place] == 0
    everything = await cluster.reader()
    assert len(await read_to_end(everything, place)) == 4
