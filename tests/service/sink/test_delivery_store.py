"""A partition's producer whose transactions the brokers refuse: told by name, and nobody waits for ever."""

import asyncio
import itertools

import pytest
from aiokafka.errors import InvalidProducerIdMapping, UnknownProducerId
from structlog.testing import capture_logs

from streamproc.adapters.kafka.log import KafkaError, Producer, ProducerFenced
from streamproc.core.errors import KafkaUnavailableError
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
