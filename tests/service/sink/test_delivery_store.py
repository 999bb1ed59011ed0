"""A partition's producer: what one transaction holds; and refused ones are told by name, and nobody waits for ever."""

import asyncio
import itertools

import orjson
import pytest
from aiokafka.errors import InvalidProducerIdMapping, UnknownProducerId
from structlog.testing import capture_logs

from streamproc.adapters.kafka.log import Batch, IllegalOperation, KafkaError, Producer, ProducerFenced, RecordMetadata
from streamproc.adapters.kafka.reading import read_topic
from streamproc.core.errors import KafkaUnavailableError
from streamproc.core.records.change_event import Origin
from streamproc.core.records.delivery import DeliveredState, decode_delivery
from streamproc.core.records.outcome import Outcome
from streamproc.core.records.topic_names import DELIVERIES, OUTCOMES
from streamproc.core.records.units import Millis
from streamproc.core.records.user_record import Cause
from streamproc.sink.delivery_store import DeliveryStore, PartitionLostError
from streamproc.testing.memory_log import MemoryBroker, MemoryLog


async def store(refusal: BaseException) -> DeliveryStore:
    """Of partition 3, whose next transaction ends so."""
    ticks = itertools.count(1_700_000_000_000)
    log = MemoryLog(MemoryBroker(4, lambda: next(ticks)))

    def producer() -> Producer:
        made = log.producer("sinks-3")

        async def refuse() -> None:
            raise refusal

        made.commit_transaction = refuse  # type: ignore[method-assign]
        return made

    made = DeliveryStore(3, "sinks", producer, lambda: 7, lambda: 0.0)
    await made.fence()
    made.start()
    return made


def wrapped(cause: Exception) -> KafkaError:
    """As aiokafka's sender raises what it didn't expect."""
    error = KafkaError("Unexpected error during batch delivery")
    error.__cause__ = cause
    return error


@pytest.mark.parametrize(
    "cause", [InvalidProducerIdMapping(), UnknownProducerId()], ids=lambda each: type(each).__name__
)
@pytest.mark.parametrize("inside", [True, False])
async def test_an_id_that_the_brokers_have_forgotten_ends_the_sink(cause: Exception, inside: bool) -> None:
    """Nobody else has the partition, so there is nobody to wait for: a restart gets a new id."""
    made = await store(wrapped(cause) if inside else cause)
    async with asyncio.timeout(5):
        with pytest.raises(PartitionLostError):
            await made.confirm()
        with pytest.raises(KafkaUnavailableError, match=rf"transactional id sinks-3 \({type(cause).__name__}"):
            await made.failed()


async def test_a_fenced_producer_is_told_by_name() -> None:
    """Another sink has the partition: this one stops working on it, and goes on with its others."""
    with capture_logs() as logs:
        made = await store(wrapped(ProducerFenced()))
        async with asyncio.timeout(5):
            with pytest.raises(PartitionLostError):
                await made.confirm()
            await made.failed()
    assert [(each["event"], each["error"]) for each in logs] == [("partition lost", "ProducerFenced")]


async def test_a_producer_that_is_fenced_between_two_calls_ends_no_sink() -> None:
    """Its sender has met it before the next records are given to it, which it then doesn't take: the sink goes on with
    its other partitions, and isn't started anew.
    """
    ticks = itertools.count(1_700_000_000_000)
    broker = MemoryBroker(4, lambda: next(ticks))
    producer = MemoryLog(broker).producer("sinks-3")
    send, refused = producer.send_batch, list[str]()

    async def late(batch: Batch, topic: str, *, partition: int) -> asyncio.Future[RecordMetadata]:
        if topic == DELIVERIES:
            await MemoryLog(broker).producer("sinks-3").start()
            with pytest.raises(ProducerFenced):
                await (await send(batch, OUTCOMES, partition=2))
        try:
            return await send(batch, topic, partition=partition)
        except IllegalOperation:
            refused.append(topic)
            raise

    producer.send_batch = late  # type: ignore[method-assign]
    made = DeliveryStore(3, "sinks", lambda: producer, lambda: 7, lambda: 0.0)
    await made.fence()
    made.start()
    made.record([fate(1)], delivery(1))
    async with asyncio.timeout(5):
        await made.failed()
    assert (refused, made.lost) == ([DELIVERIES], True)


async def test_a_delivery_is_never_in_the_log_before_its_fate() -> None:
    """What is recorded while a transaction is on its way belongs to the next one, whole: a crash in between would leave
    a delivery that says of an event whose fate isn't there that it was told.
    """
    ticks = itertools.count(1_700_000_000_000)
    log = MemoryLog(MemoryBroker(4, lambda: next(ticks)))
    producer = log.producer("sinks-3")
    made = DeliveryStore(3, "sinks", lambda: producer, lambda: 7, lambda: 0.0)
    begin, ended = producer.begin_transaction, asyncio.Event()

    async def slow() -> None:
        await begin()
        if not ended.is_set():
            made.record([fate(2)], delivery(2))

    async def crash() -> None:
        await asyncio.Event().wait()

    commit = producer.commit_transaction

    async def once() -> None:
        await commit()
        ended.set()
        producer.commit_transaction = crash  # type: ignore[method-assign]

    producer.begin_transaction, producer.commit_transaction = slow, once  # type: ignore[method-assign]
    await made.fence()
    made.start()
    made.record([fate(1)], delivery(1))
    async with asyncio.timeout(5):
        await ended.wait()
    told = [orjson.loads(each)["seq"] async for _, each in read_topic(log, OUTCOMES, bytes) if each is not None]
    held = [each.seq async for _, each in read_topic(log, DELIVERIES, decode_delivery) if each is not None]
    assert (told, held) == ([1], [1])


def delivery(seq: int) -> DeliveredState:
    """Of E1, after the event of that seq."""
    return DeliveredState("E1", seq, None, None, None, None, Millis(0))


def fate(seq: int) -> Outcome:
    """Of E1's event of that seq."""
    cause = Cause("hris", f"e{seq}", Origin("events.hris", 0, seq, Millis(0)))
    return Outcome("E1", seq, "no-op", True, Millis(0), "changed", cause, [], [])
