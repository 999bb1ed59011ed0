"""What a producer does by itself, and how it says that it can't any more."""

import asyncio

import pytest

from streamproc.adapters.kafka.log import IllegalOperation, Producer, ProducerClosed, ProducerFenced
from tests.contract.log.conftest import Cluster, read, read_to_end


async def fenced(cluster: Cluster) -> Producer:
    """A producer in the midst of a transaction with one record, when another has taken its place."""
    old = await cluster.transactional()
    await old.begin_transaction()
    await (await old.send(cluster.topic, b"old", b"key", 0))
    await cluster.transactional()
    return old


async def test_sending_isnt_waiting(cluster: Cluster) -> None:
    """`send` returns before the brokers have the record: only its future tells of that."""
    producer = await cluster.producer()
    await producer.send_and_wait(cluster.topic, b"first", b"key", 0)
    future = await producer.send(cluster.topic, b"second", b"key", 0)
    assert not future.done()
    assert (await future).offset == 1


async def test_who_stops_waiting_has_sent_nevertheless(cluster: Cluster) -> None:
    """What was given to the producer is on its way, whether or not somebody still waits for it."""
    producer = await cluster.producer()
    await producer.send_and_wait(cluster.topic, b"first", b"key", 0)
    waiting = asyncio.ensure_future(producer.send_and_wait(cluster.topic, b"second", b"key", 0))
    await asyncio.sleep(0)
    waiting.cancel()
    await producer.send_and_wait(cluster.topic, b"third", b"key", 0)
    values = [record.value for record in await read(await cluster.reader(), 3)]
    assert values == [b"first", b"second", b"third"]


async def test_a_commit_cant_be_taken_back(cluster: Cluster) -> None:
    """Who stops waiting for `commit_transaction` has committed nevertheless."""
    producer = await cluster.transactional()
    await producer.begin_transaction()
    await (await producer.send(cluster.topic, b"value", b"key", 0))
    committing = asyncio.ensure_future(producer.commit_transaction())
    await asyncio.sleep(0)
    committing.cancel()
    assert [record.value for record in await read(await cluster.reader(committed_only=True), 1)] == [b"value"]


async def test_stopping_sends_what_waits(cluster: Cluster) -> None:
    """`stop` returns when the brokers have it all; afterwards nothing is taken any more."""
    producer = await cluster.producer()
    for number in range(20):
        await producer.send(cluster.topic, b"%d" % number, b"key", number % 2)
    await producer.stop()
    assert len(await read(await cluster.reader(), 20)) == 20
    with pytest.raises(ProducerClosed):
        await producer.send(cluster.topic, b"late", b"key", 0)


async def test_a_commit_waits_for_its_records(cluster: Cluster) -> None:
    """Records whose futures nobody has awaited are part of the transaction."""
    producer = await cluster.transactional()
    await producer.begin_transaction()
    for number in range(20):
        await producer.send(cluster.topic, b"%d" % number, b"key", number % 2)
    await producer.commit_transaction()
    assert len(await read(await cluster.reader(committed_only=True), 20)) == 20


async def test_a_batch_waits_for_those_before_it(cluster: Cluster) -> None:
    """Records and batches of one partition keep their order."""
    producer = await cluster.producer()
    first = await producer.send(cluster.topic, b"first", b"key", 0)
    batch = producer.create_batch()
    batch.append(timestamp=None, key=b"key", value=b"second", headers=[])
    second = await producer.send_batch(batch, cluster.topic, partition=0)
    third = await producer.send(cluster.topic, b"third", b"key", 0)
    assert [(await future).offset for future in (first, second, third)] == [0, 1, 2]


async def test_a_fenced_producer_hears_of_it_at_its_commit(cluster: Cluster) -> None:
    """Of a transaction that the brokers knew: ProducerFenced, and nothing but assertions afterwards."""
    old = await fenced(cluster)
    with pytest.raises(ProducerFenced):
        await old.commit_transaction()
    await only_asserts(old, cluster)


async def test_a_fenced_producer_hears_of_it_at_its_next_record(cluster: Cluster) -> None:
    """In a partition that the transaction already has, the record fails; the commit still says so, too."""
    old = await fenced(cluster)
    with pytest.raises(ProducerFenced):
        await (await old.send(cluster.topic, b"more", b"key", 0))
    with pytest.raises(ProducerFenced):
        await old.commit_transaction()
    await only_asserts(old, cluster)


async def test_a_fenced_producer_hears_of_it_in_a_new_partition(cluster: Cluster) -> None:
    """The coordinator refuses the partition: that ends the producer, also before it commits."""
    old = await fenced(cluster)
    with pytest.raises(ProducerFenced):
        await (await old.send(cluster.topic, b"more", b"key", 1))
    with pytest.raises(AssertionError):
        await old.commit_transaction()
    await only_asserts(old, cluster)


async def test_a_fenced_producer_refuses_what_comes_next_in_its_transaction(cluster: Cluster) -> None:
    """A batch that waits for one which is refused hears of the fencing; any later one, that there is no transaction."""
    old = await fenced(cluster)
    first, second, third = (old.create_batch() for _ in range(3))
    for batch in (first, second, third):
        batch.append(timestamp=None, key=b"key", value=b"more", headers=[])
    refused = await old.send_batch(first, cluster.topic, partition=1)
    with pytest.raises(ProducerFenced):
        await old.send_batch(second, cluster.topic, partition=1)
    with pytest.raises(ProducerFenced):
        await refused
    with pytest.raises(IllegalOperation):
        await old.send_batch(third, cluster.topic, partition=0)
    await only_asserts(old, cluster)


async def test_a_fenced_producer_hears_of_it_by_its_offsets(cluster: Cluster) -> None:
    """Offsets are refused, and that ends the producer."""
    old = await fenced(cluster)
    with pytest.raises(ProducerFenced):
        await old.send_offsets_to_transaction({cluster.place(): 1}, cluster.name)
    with pytest.raises(AssertionError):
        await old.abort_transaction()
    await only_asserts(old, cluster)


async def only_asserts(old: Producer, cluster: Cluster) -> None:
    """It begins and ends nothing any more, and takes no records."""
    for call in (old.begin_transaction, old.commit_transaction, old.abort_transaction):
        with pytest.raises(AssertionError):
            await call()
    with pytest.raises(IllegalOperation):
        await old.send(cluster.topic, b"late", b"key", 0)
    with pytest.raises(IllegalOperation):
        await old.send_offsets_to_transaction({cluster.place(): 1}, cluster.name)
    assert await read_to_end(await cluster.reader(committed_only=True), cluster.place()) == []


async def test_transactions_follow_each_other(cluster: Cluster) -> None:
    """One is begun when the one before has ended, and not ended before it was begun."""
    producer = await cluster.transactional()
    with pytest.raises(AssertionError):
        await producer.commit_transaction()
    await producer.begin_transaction()
    with pytest.raises(AssertionError):
        await producer.begin_transaction()
    await producer.abort_transaction()
    with pytest.raises(AssertionError):
        await producer.abort_transaction()
    await producer.begin_transaction()
    await producer.commit_transaction()


async def test_offsets_alone_make_a_transaction(cluster: Cluster) -> None:
    """Whoever is a member of the group: the brokers ask the producer's epoch, not the group."""
    member = await cluster.member()
    await member.getmany(timeout_ms=200)
    producer = await cluster.transactional()
    await producer.begin_transaction()
    await producer.send_offsets_to_transaction({cluster.place(): 5}, cluster.name)
    await producer.send_offsets_to_transaction({cluster.place(): 7, cluster.place(1): 1}, cluster.name)
    await producer.commit_transaction()
    await cluster.ended()
    assert [await member.committed(cluster.place(number)) for number in range(2)] == [7, 1]


@pytest.mark.long
async def test_a_transaction_that_takes_too_long_is_aborted(cluster: Cluster) -> None:
    """Readers come past it, and its producer is fenced though nobody has taken its place."""
    producer = cluster.hasty()
    await producer.start()
    try:
        await producer.begin_transaction()
        await (await producer.send(cluster.topic, b"slow", b"key", 0))
        await cluster.fill(b"behind")
        committed = await cluster.reader(committed_only=True)
        assert [record.value for record in await read(committed, 1)] == [b"behind"]
        with pytest.raises(ProducerFenced):
            await producer.commit_transaction()
    finally:
        await producer.stop()
