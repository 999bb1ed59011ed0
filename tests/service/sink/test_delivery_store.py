"""A partition's producer: what one transaction holds; and refused ones are told by name, and nobody waits for ever."""

import asyncio
import itertools
from typing import cast

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
from streamproc.sink.transaction import commit
from streamproc.testing.memory_log import MemoryBroker, MemoryLog
from streamproc.testing.memory_log.batches import MemoryBatch


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


async def test_a_sink_that_is_fenced_while_it_asks_where_a_topic_lies_goes_on() -> None:
    """The first user that it has delivered in a partition that has gone to another sink doesn't end all its others."""
    ticks = itertools.count(1_700_000_000_000)
    broker, asked = MemoryBroker(4, lambda: next(ticks)), 0

    async def hop(request: str) -> None:
        nonlocal asked
        asked += request == "metadata"
        if request == "metadata" and asked == 2:  # about scim.deliveries; of scim.outcomes there is a record already
            await MemoryLog(broker).producer("sinks-3").start()
            for _ in range(50):
                await asyncio.sleep(0)
        await asyncio.sleep(0)

    log = MemoryLog(broker, hop)
    made = DeliveryStore(3, "sinks", lambda: log.producer("sinks-3"), lambda: 7, lambda: 0.0)
    await made.fence()
    with capture_logs() as logs:
        made.start()
        made.record([fate(1)], delivery(1))
        async with asyncio.timeout(5):
            await made.failed()
    assert asked == 2
    assert [(each["event"], each["error"]) for each in logs] == [("partition lost", "ProducerFenced")]


@pytest.mark.parametrize(("begun", "words"), [(True, "refused at the end"), (False, "Unexpected error")])
async def test_what_a_transaction_failed_of_is_found_out(begun: bool, words: str) -> None:
    """While a topic is asked about, aiokafka says only that there is no transaction: a missing right is told as one."""
    producer = Refusing(begun)
    with pytest.raises(KafkaError, match=words):
        await commit(cast("Producer", producer), "sinks", 3, [(b"E1", b"{}")], [(b"E1", b"{}")], 7)


async def test_nothing_is_committed_without_a_batch_that_was_refused() -> None:
    """Fates that the brokers didn't take aren't passed over: aiokafka would commit the offset without them."""
    producer = Refusing(begun=True, offsets=True)
    with pytest.raises(KafkaError, match="Unexpected error"):
        await commit(cast("Producer", producer), "sinks", 3, [(b"E1", b"{}")], [], 7)
    assert not producer.ended


class Refusing:
    """A producer whose batches are refused. `begun`: its end says why; `offsets`: it takes them."""

    def __init__(self, begun: bool, offsets: bool = False) -> None:
        self.begun = begun
        self.offsets = offsets
        self.ended = False

    async def begin_transaction(self) -> None:
        pass

    def create_batch(self) -> MemoryBatch:
        return MemoryBatch()

    async def send_batch(self, _batch: MemoryBatch, topic: str, *, partition: int) -> asyncio.Future[None]:
        if topic == DELIVERIES:
            raise IllegalOperation("Can't send messages while not in transaction")
        refused: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        refused.set_exception(wrapped(InvalidProducerIdMapping()))
        return refused

    async def send_offsets_to_transaction(self, *_: object) -> None:
        assert self.offsets

    async def commit_transaction(self) -> None:
        self.ended = True
        assert self.begun
        raise KafkaError("refused at the end")


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
