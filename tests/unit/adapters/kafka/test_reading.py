"""Reading outside a group, from a log in memory."""

from structlog.testing import capture_logs

from streamproc.adapters.kafka import reading
from streamproc.adapters.kafka.batching import send_in_batches
from streamproc.adapters.kafka.log import TopicPartition, started
from streamproc.testing.memory_log import MemoryBroker, MemoryLog


def memory() -> MemoryLog:
    """Of two partitions."""
    return MemoryLog(MemoryBroker(2, lambda: 0))


async def with_transactions(kafka: MemoryLog) -> None:
    """Offsets 0 and 1 committed, 2 their marker, 3 aborted, 4 its marker, 5 plain."""
    producer = kafka.producer("id")
    await producer.start()
    await producer.begin_transaction()
    await send_in_batches(producer, "topic", 0, [(b"a", b"1", []), (b"b", b"2", [])])
    await producer.commit_transaction()
    await producer.begin_transaction()
    await producer.send_and_wait("topic", b"3", b"a", 0)
    await producer.abort_transaction()
    await kafka.producer().send_and_wait("topic", b"4", b"b", 0)


async def test_a_topic_is_read_to_its_present_end() -> None:
    """All partitions, and nothing that was aborted."""
    kafka = memory()
    await with_transactions(kafka)
    await kafka.producer().send_and_wait("topic", b"5", b"c", 1)
    committed = [pair async for pair in reading.read_topic(kafka, "topic", bytes)]
    assert sorted(committed) == [("a", b"1"), ("b", b"2"), ("b", b"4"), ("c", b"5")]


async def test_a_topic_can_end_with_a_marker() -> None:
    """A transaction's end takes an offset that no record will ever have; nobody waits for one."""
    kafka = memory()
    producer = kafka.producer("id")
    await producer.start()
    await producer.begin_transaction()
    await producer.send_and_wait("topic", b"1", b"a", 0)
    await producer.commit_transaction()
    assert [value async for _, value in reading.read_topic(kafka, "topic", bytes)] == [b"1"]


async def test_what_isnt_ours_is_told_and_passed_over() -> None:
    """A value that can't be decoded, a key that is missing or isn't text; a tombstone is None."""
    kafka = memory()
    producer = kafka.producer()
    for key, value in ((b"a", b"1"), (b"a", b"x"), (None, b"x"), (b"\xff", b"2"), (b"b", b"3"), (b"a", None)):
        await producer.send_and_wait("topic", value, key, 0)
    with capture_logs() as logs:
        found = [pair async for pair in reading.read_topic(kafka, "topic", int)]
    assert found == [("a", 1), ("b", 3), ("a", None)]
    assert [(each["topic"], each["partition"], each["offset"]) for each in logs] == [
        ("topic", 0, 1),
        ("topic", 0, 2),
        ("topic", 0, 3),
    ]


async def test_a_range_has_its_records_and_no_others() -> None:
    """From its first offset to before its end, wherever markers and aborted records lie."""
    kafka = memory()
    await with_transactions(kafka)

    async def offsets(first: int, end: int) -> list[int]:
        ranges = reading.read_range(kafka, "topic", 0, first, end)
        return [record.offset async for records in ranges for record in records]

    assert await offsets(0, 6) == [0, 1, 5]
    assert await offsets(1, 5) == [1]
    assert await offsets(2, 3) == []
    assert await offsets(4, 4) == []


async def test_a_topic_says_where_it_begins_and_ends() -> None:
    """By partition; what retention has removed is before the beginning."""
    broker = MemoryBroker(2, lambda: 0)
    kafka = MemoryLog(broker)
    await with_transactions(kafka)
    broker.delete_before("topic", 0, 3)
    assert await reading.beginning_offsets(kafka, "topic") == {0: 3, 1: 0}
    assert await reading.end_offsets(kafka, "topic") == {0: 6, 1: 0}


async def test_more_than_a_batch_holds_goes_in_several() -> None:
    """In order, and nothing is left out where a batch is full."""
    kafka = memory()
    records = [(b"%d" % number, b"x" * 1000, [("name", b"content")]) for number in range(1000)]
    async with started(kafka.producer()) as producer:
        sent = await send_in_batches(producer, "topic", 1, records)
    assert len(sent) > 1
    async with reading.assigned(kafka, [TopicPartition("topic", 1)]) as consumer:
        ends = await consumer.end_offsets([TopicPartition("topic", 1)])
        keys = [record.key async for batch in reading.read_to(consumer, ends) for record in batch]
    assert keys == [key for key, _, _ in records]


async def test_nothing_to_send_sends_nothing() -> None:
    """No batch goes out empty."""
    kafka = memory()
    assert await send_in_batches(kafka.producer(), "topic", 0, []) == []


async def test_a_partition_that_goes_while_it_is_asked_about_has_no_position() -> None:
    """Partitions move at any moment: whoever asks then isn't told an error that ends the process."""
    kafka = memory()
    async with started(kafka.consumer()) as consumer:
        consumer.assign([TopicPartition("topic", 0)])
        assert await reading.position_of(consumer, TopicPartition("topic", 0)) == 0
        asking = reading.position_of(consumer, TopicPartition("topic", 0))
        consumer.assign([TopicPartition("topic", 1)])
        assert await asking is None
