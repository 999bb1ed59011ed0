"""A transaction counts as a whole or not at all, and only its producer's newest life may end it."""

import pytest

from streamproc.adapters.kafka.log import IllegalOperation, KafkaError, Producer
from tests.contract.log.conftest import Cluster, read, read_to_end


async def send(producer: Producer, cluster: Cluster, value: bytes) -> None:
    """Append one record, and wait until the brokers have it."""
    await (await producer.send(cluster.topic, value, b"key", 0))


async def test_an_open_transaction_is_seen_by_who_reads_everything(cluster: Cluster) -> None:
    """Its records lie in the log at once; who reads what is committed sees them when it commits, and not before."""
    producer = await cluster.transactional()
    everything, committed = await cluster.reader(), await cluster.reader(committed_only=True)
    await producer.begin_transaction()
    await send(producer, cluster, b"a")
    await send(producer, cluster, b"b")
    assert [record.value for record in await read(everything, 2)] == [b"a", b"b"]
    place = cluster.place()
    assert (await everything.end_offsets([place]))[place] == 2
    assert (await committed.end_offsets([place]))[place] == 0
    assert not await committed.getmany(timeout_ms=300)
    await producer.commit_transaction()
    assert [record.value for record in await read(committed, 2)] == [b"a", b"b"]


async def test_the_end_of_a_transaction_takes_an_offset(cluster: Cluster) -> None:
    """Its marker is no record, and a reader's position comes past it."""
    producer = await cluster.transactional()
    await producer.begin_transaction()
    await send(producer, cluster, b"a")
    await producer.commit_transaction()
    await producer.begin_transaction()
    await send(producer, cluster, b"b")
    await producer.commit_transaction()
    await cluster.ended()
    for reader in (await cluster.reader(), await cluster.reader(committed_only=True)):
        place = cluster.place()
        assert await read_to_end(reader, place) == [b"a", b"b"]
        assert (await reader.end_offsets([place]))[place] == 4
        await reader.seek_to_beginning(place)
        assert [record.offset for record in await read(reader, 2)] == [0, 2]


async def test_an_aborted_transaction_never_counts(cluster: Cluster) -> None:
    """Who reads everything sees its records, who reads what is committed comes past them without."""
    producer = await cluster.transactional()
    await producer.begin_transaction()
    await send(producer, cluster, b"a")
    await producer.abort_transaction()
    await producer.begin_transaction()
    await send(producer, cluster, b"b")
    await producer.commit_transaction()
    await cluster.ended()
    place = cluster.place()
    assert await read_to_end(await cluster.reader(), place) == [b"a", b"b"]
    assert await read_to_end(await cluster.reader(committed_only=True), place) == [b"b"]


async def test_nobody_overtakes_an_open_transaction(cluster: Cluster) -> None:
    """What others append behind it waits for its end, in that partition alone; then all comes in the log's order."""
    producer, other = await cluster.transactional(), await cluster.producer()
    await producer.begin_transaction()
    await send(producer, cluster, b"open")
    await other.send_and_wait(cluster.topic, b"behind", b"key", 0)
    await other.send_and_wait(cluster.topic, b"beside", b"key", 1)
    committed = await cluster.reader(committed_only=True)
    assert [record.value for record in await read(committed, 1)] == [b"beside"]
    assert not await committed.getmany(timeout_ms=300)
    assert (committed.last_stable_offset(cluster.place()), committed.highwater(cluster.place())) == (0, 2)
    await producer.commit_transaction()
    assert [record.value for record in await read(committed, 2)] == [b"open", b"behind"]
    await cluster.ended()
    await committed.getmany(timeout_ms=300)
    assert committed.last_stable_offset(cluster.place()) == committed.highwater(cluster.place())


async def test_a_new_producer_aborts_what_the_old_one_left_open(cluster: Cluster) -> None:
    """When it has started, nothing of the other's open transaction counts any more, also if that one was stopped."""
    old = await cluster.transactional()
    await old.begin_transaction()
    await send(old, cluster, b"old")
    await old.stop()
    committed = await cluster.reader(committed_only=True)
    assert not await committed.getmany(timeout_ms=300)
    new = await cluster.transactional()
    await new.begin_transaction()
    await send(new, cluster, b"new")
    await new.commit_transaction()
    assert [record.value for record in await read(committed, 1)] == [b"new"]


async def test_an_old_producer_cant_commit(cluster: Cluster) -> None:
    """Once there is a new one with its id, its transaction fails, and so does all that it tries afterwards."""
    old = await cluster.transactional()
    await old.begin_transaction()
    await send(old, cluster, b"old")
    await cluster.transactional()
    with pytest.raises(KafkaError):
        await old.commit_transaction()
    with pytest.raises((KafkaError, AssertionError)):
        await old.begin_transaction()
    assert await read_to_end(await cluster.reader(committed_only=True), cluster.place()) == []


async def test_an_old_producer_cant_append(cluster: Cluster) -> None:
    """What it sends after it was fenced isn't in the log, and it hears of that when it commits at the latest."""
    old = await cluster.transactional()
    await old.begin_transaction()
    await send(old, cluster, b"before")
    await old.commit_transaction()
    await cluster.transactional()
    await old.begin_transaction()
    with pytest.raises(KafkaError):
        await (await old.send(cluster.topic, b"after", b"key", 0))
    with pytest.raises((KafkaError, AssertionError)):
        await old.commit_transaction()
    assert await read_to_end(await cluster.reader(), cluster.place()) == [b"before"]


async def test_an_old_producer_cant_move_offsets(cluster: Cluster) -> None:
    """Offsets that a fenced producer sends are refused, though it has no records to send."""
    old = await cluster.transactional()
    await cluster.transactional()
    await old.begin_transaction()
    with pytest.raises(KafkaError):
        await old.send_offsets_to_transaction({cluster.place(): 7}, cluster.name)
    assert await (await cluster.outsider()).committed(cluster.place()) is None


async def test_an_empty_transaction_proves_nothing(cluster: Cluster) -> None:
    """Without records and offsets the brokers aren't asked: also a fenced producer can commit it."""
    old = await cluster.transactional()
    await cluster.transactional()
    await old.begin_transaction()
    await old.commit_transaction()


async def test_offsets_commit_with_the_records(cluster: Cluster) -> None:
    """Not before; and who has fenced the producer sees all that it committed, records and offsets, at once."""
    old, group = await cluster.transactional(), await cluster.outsider()
    await old.begin_transaction()
    await send(old, cluster, b"a")
    await old.send_offsets_to_transaction({cluster.place(): 3, cluster.place(1): 4}, cluster.name)
    assert await group.committed(cluster.place()) is None
    await old.commit_transaction()
    await cluster.transactional()
    assert await group.committed(cluster.place()) == 3
    assert await group.committed(cluster.place(1)) == 4
    assert await read_to_end(await cluster.reader(committed_only=True), cluster.place()) == [b"a"]


async def test_offsets_of_an_aborted_transaction_dont_count(cluster: Cluster) -> None:
    """The group keeps what it had."""
    producer, group = await cluster.transactional(), await cluster.outsider()
    for offset, end in ((3, producer.commit_transaction), (9, producer.abort_transaction)):
        await producer.begin_transaction()
        await producer.send_offsets_to_transaction({cluster.place(): offset}, cluster.name)
        await end()
    await cluster.ended()
    assert await group.committed(cluster.place()) == 3


async def test_a_transactional_producer_sends_in_transactions_only(cluster: Cluster) -> None:
    """Outside one it refuses records, batches and offsets."""
    producer = await cluster.transactional()
    batch = producer.create_batch()
    batch.append(timestamp=None, key=b"key", value=b"value", headers=[])
    with pytest.raises(IllegalOperation):
        await producer.send(cluster.topic, b"value", b"key", 0)
    with pytest.raises(IllegalOperation):
        await producer.send_batch(batch, cluster.topic, partition=0)
    with pytest.raises(IllegalOperation):
        await producer.send_offsets_to_transaction({cluster.place(): 1}, cluster.name)
