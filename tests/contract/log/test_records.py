"""What is appended to a partition is read from it: all of it, in order, from wherever one asks."""

import asyncio

import pytest

from streamproc.adapters.kafka.log import IllegalStateError
from streamproc.core.records.partitioner import partition_of
from tests.contract.log.conftest import Cluster, read, read_to_end


async def test_a_partition_keeps_the_order_in_which_a_producer_sent(cluster: Cluster) -> None:
    """Records that were sent without waiting are read in their order, at offsets without gaps."""
    producer = await cluster.producer()
    sent = [await producer.send(cluster.topic, b"%d" % number, b"key", 1) for number in range(50)]
    appended = [await future for future in sent]
    reader = await cluster.reader()
    records = await read(reader, 50)
    assert [record.value for record in records] == [b"%d" % number for number in range(50)]
    assert [record.offset for record in records] == list(range(50)) == [each.offset for each in appended]
    assert {(record.topic, record.partition) for record in records} == {cluster.place(1)}


async def test_a_record_comes_back_as_it_was_sent(cluster: Cluster) -> None:
    """Key, value and headers are the same bytes, and its time stamp is the one that the producer was told."""
    producer = await cluster.producer()
    appended = await producer.send_and_wait(cluster.topic, b"value", b"key", headers=[("name", b"content"), ("b", b"")])
    tombstone = await producer.send_and_wait(cluster.topic, None, b"key")
    first, second = await read(await cluster.reader(), 2)
    assert (first.key, first.value, list(first.headers)) == (b"key", b"value", [("name", b"content"), ("b", b"")])
    assert (second.key, second.value, list(second.headers)) == (b"key", None, [])
    assert (first.offset, first.timestamp) == (appended.offset, appended.timestamp)
    assert first.timestamp <= second.timestamp == tombstone.timestamp


async def test_a_record_is_found_by_its_time(cluster: Cluster) -> None:
    """At or after a moment, the first one; none where nothing has come since, or ever. Nothing has to be assigned."""
    producer = await cluster.producer()
    first = await producer.send_and_wait(cluster.topic, b"1", b"key", 1)
    await asyncio.sleep(0.01)
    second = await producer.send_and_wait(cluster.topic, b"2", b"key", 1)
    place, empty = cluster.place(1), cluster.place(0)
    found = await (await cluster.outsider()).offsets_for_times({place: second.timestamp, empty: 0})
    assert found[empty] is None
    at = found[place]
    assert at is not None
    assert (at.offset, at.timestamp) == (second.offset if second.timestamp > first.timestamp else 0, second.timestamp)
    found = await (await cluster.outsider()).offsets_for_times({place: second.timestamp + 1})
    assert found == {place: None}


@pytest.mark.parametrize("key", [b"a", b"kim", "Ünï".encode(), b"0" * 300])
async def test_a_key_has_one_partition(cluster: Cluster, key: bytes) -> None:
    """A record without a partition goes to the one that the partitioner gives its key."""
    producer = await cluster.producer()
    appended = await producer.send_and_wait(cluster.topic, b"value", key)
    assert appended.partition == partition_of(key, cluster.log.partitions)


async def test_a_batch_is_filled_until_it_is_full(cluster: Cluster) -> None:
    """A batch says when it can take no more, and what it took is read in order; its future names the first record."""
    producer = await cluster.producer()
    batch, count = producer.create_batch(), 0
    while batch.append(timestamp=None, key=b"%d" % count, value=b"x" * 1000, headers=[]) is not None:
        count += 1
    assert 200 < count < 300
    first = await (await producer.send_batch(batch, cluster.topic, partition=2))
    assert (first.partition, first.offset) == (2, 0)
    records = await read(await cluster.reader(), count)
    assert [record.key for record in records] == [b"%d" % number for number in range(count)]


async def test_a_large_record_is_a_batch_of_its_own(cluster: Cluster) -> None:
    """An empty batch takes a record that is larger than itself."""
    producer = await cluster.producer()
    batch = producer.create_batch()
    assert batch.append(timestamp=None, key=b"key", value=b"x" * 300_000, headers=[]) is not None
    assert batch.append(timestamp=None, key=b"key", value=b"x", headers=[]) is None


async def test_nothing_is_an_answer(cluster: Cluster) -> None:
    """Where no record comes in time, `getmany` returns without any."""
    reader = await cluster.reader()
    assert not await reader.getmany(timeout_ms=50)


async def test_no_more_than_asked_for(cluster: Cluster) -> None:
    """`max_records` bounds what is given at once, and nothing is passed over by that."""
    await cluster.fill(*(b"%d" % number for number in range(7)))
    reader = await cluster.reader()
    values: list[bytes] = []
    while len(values) < 7:
        batches = await reader.getmany(timeout_ms=200, max_records=3)
        assert sum(map(len, batches.values())) <= 3
        values += [record.value for batch in batches.values() for record in batch]
    assert values == [b"%d" % number for number in range(7)]


async def test_partitions_can_be_asked_for_one_by_one(cluster: Cluster) -> None:
    """`getmany` of one partition gives nothing of another, which loses nothing by it."""
    await cluster.fill(b"zero", partition=0)
    await cluster.fill(b"one", partition=1)
    reader = await cluster.reader()
    assert await read_to_end(reader, cluster.place(1)) == [b"one"]
    assert await read_to_end(reader, cluster.place(0)) == [b"zero"]


async def test_a_paused_partition_gives_nothing(cluster: Cluster) -> None:
    """What is paused is left where it is, and goes on from there."""
    reader = await cluster.reader()
    reader.pause(cluster.place(0))
    await cluster.fill(b"zero", partition=0)
    await cluster.fill(b"one", partition=1)
    assert [record.value for record in await read(reader, 1)] == [b"one"]
    assert not await reader.getmany(timeout_ms=50)
    assert reader.paused() == {cluster.place(0)}
    reader.resume(cluster.place(0))
    assert reader.paused() == set()
    assert [record.value for record in await read(reader, 1)] == [b"zero"]


async def test_reading_goes_on_where_it_is_told_to(cluster: Cluster) -> None:
    """`seek`, `seek_to_beginning` and `seek_to_end` set the position, and what is read next is what lies there."""
    await cluster.fill(b"a", b"b", b"c")
    reader, place = await cluster.reader(), cluster.place()
    assert await read_to_end(reader, place) == [b"a", b"b", b"c"]
    reader.seek(place, 1)
    assert await reader.position(place) == 1
    assert await read_to_end(reader, place) == [b"b", b"c"]
    await reader.seek_to_beginning(place)
    assert await read_to_end(reader, place) == [b"a", b"b", b"c"]
    await reader.seek_to_beginning()
    assert await reader.position(place) == 0
    await reader.seek_to_end()
    assert await reader.position(place) == 3
    await cluster.fill(b"d")
    assert [record.value for record in await read(reader, 1)] == [b"d"]
    assert await reader.position(place) == 4


async def test_a_topic_has_a_beginning_and_an_end(cluster: Cluster) -> None:
    """Offsets of each partition's first and next record, also of partitions that the consumer doesn't read."""
    await cluster.fill(b"a", b"b", b"c", partition=3)
    reader = await cluster.reader()
    reader.assign([cluster.place(0)])
    assert reader.assignment() == {cluster.place(0)}
    assert dict(await reader.beginning_offsets(cluster.places)) == dict.fromkeys(cluster.places, 0)
    assert dict(await reader.end_offsets(cluster.places)) == dict.fromkeys(cluster.places, 0) | {cluster.place(3): 3}


async def test_a_reader_knows_the_end_that_it_saw(cluster: Cluster) -> None:
    """`highwater` is the end of the partition when it was last read; before that there is none."""
    await cluster.fill(b"a", b"b")
    reader = await cluster.reader()
    assert reader.highwater(cluster.place()) is None
    await read(reader, 2)
    assert reader.highwater(cluster.place()) == 2


async def test_what_isnt_assigned_has_no_position(cluster: Cluster) -> None:
    """Neither can it be sought, nor paused."""
    reader = await cluster.reader()
    reader.assign([cluster.place(0)])
    with pytest.raises(IllegalStateError):
        await reader.position(cluster.place(1))
    with pytest.raises(IllegalStateError):
        reader.seek(cluster.place(1), 0)
    with pytest.raises(IllegalStateError):
        reader.pause(cluster.place(1))
