"""Operators' orders, and what is read back of them, by a log in memory."""

import orjson

from streamproc.core.records.control import MAPPING, Control
from streamproc.core.records.delivery import DeliveredState, Parked
from streamproc.core.records.partitioner import partition_of
from streamproc.core.records.topic_names import CONTROLS, DELIVERIES
from streamproc.core.records.units import Millis
from streamproc.operators.controls import control, order, set_aside
from streamproc.operators.mapping_rollout import ordered
from streamproc.testing.memory_log import MemoryBroker, MemoryLog

PARTITIONS = 4
NOW = Millis(9)
BARE = '[attributes]\ntitle = "job"\n'


def memory() -> MemoryLog:
    return MemoryLog(MemoryBroker(PARTITIONS, lambda: 5))


def state(user: str, parked: Parked | None) -> DeliveredState:
    return DeliveredState(user, 1, None, None, None, parked, NOW)


REFUSED = Parked("refused", "too long", 400, None, {}, {}, NOW, 3)


async def test_an_order_lies_where_its_origin_says() -> None:
    """Each order goes to its user's partition, or to the sinks', and the answer names offset and time of each."""
    kafka = memory()
    orders = [control("retry", state("E1", REFUSED), "Kim", "why", NOW), control("pause", None, "Kim", "why", NOW)]
    first, second = await order(kafka, orders)
    assert (first.topic, first.offset, first.appended) == (CONTROLS, 0, 5)
    assert first.partition == partition_of(b"E1", PARTITIONS)
    assert second.partition == partition_of(b"sink", PARTITIONS)
    assert orders[0].since == REFUSED.since


async def test_what_is_set_aside_now() -> None:
    """The newest delivery of each user counts, and only once its transaction has committed."""
    kafka = memory()
    producer = kafka.producer("sink-0")
    await producer.start()
    await producer.begin_transaction()
    for user, parked in (("E2", REFUSED), ("E1", REFUSED), ("E1", None), ("E3", REFUSED)):
        await producer.send_and_wait(DELIVERIES, orjson.dumps(state(user, parked)), user.encode(), 0)
    assert await set_aside(kafka) == []
    await producer.commit_transaction()
    assert [each.user for each in await set_aside(kafka)] == ["E2", "E3"]


async def test_only_mappings_that_can_be_obeyed_are_ordered() -> None:
    """Orders of other things, and files that are wrong, aren't in the list; the others are, with their offsets."""
    kafka = memory()
    orders = [
        Control(str(n), "mapping", None, None, "Kim", "why", NOW, mapping=text) for n, text in enumerate(["[", BARE])
    ]
    await order(kafka, orders)
    await kafka.producer().send_and_wait(CONTROLS, b"{", MAPPING.encode())
    ((offset, digest),) = await ordered(kafka)
    assert offset == 1
    assert len(digest) == 16
