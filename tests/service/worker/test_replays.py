"""Orders to replay, carried out beside everything else."""

import asyncio
from contextlib import suppress

import orjson

from streamproc.adapters.kafka import reading
from streamproc.core.records.control import Control
from streamproc.core.records.rejected import Problem, encode_rejected
from streamproc.core.records.topic_names import CONTROLS, FORWARDS, REJECTIONS
from streamproc.core.records.units import Millis
from streamproc.testing.memory_log import MemoryBroker, MemoryLog
from streamproc.worker.batching_producer import BatchingProducer
from streamproc.worker.raw_record import RawRecord
from streamproc.worker.rejections import Rejections
from streamproc.worker.replays import Replays
from tests.service.worker.test_resolve import OPTIONS


class Bench:
    """What was rejected, and a worker's part that replays it."""

    def __init__(self) -> None:
        self.log = MemoryLog(MemoryBroker(2, lambda: 5))
        self.producer = BatchingProducer(self.log.producer(), 2, 100)
        self.done: list[int] = []
        rejections = Rejections(self.producer, OPTIONS)
        self.replays = Replays(self.log, self.producer, rejections, lambda raw: self.done.append(raw.offset))

    async def rejected(self, name: str) -> int:
        """Set an input aside. Returns where."""
        topic, partition, offset = name.split("/")
        place = (topic, int(partition), int(offset), Millis(7))
        value = encode_rejected(*place, [Problem("invalid", "why")], key=b"k", value=name.encode())
        return (await self.log.producer().send_and_wait(REJECTIONS, value, name.encode())).offset

    def order(self, offset: int, name: str, since: int) -> None:
        """An operator's order, as the worker reads it."""
        control = Control("c", "replay", None, since, "Kim", "why", Millis(0), input=name)
        self.replays.take(RawRecord(CONTROLS, 0, offset, Millis(0), None, orjson.dumps(control), {}), control)

    async def run(self, until: int) -> None:
        """Work until so many orders are done."""
        working = [asyncio.create_task(each) for each in (self.producer.run(), self.replays.run())]
        async with asyncio.timeout(5):
            while len(self.done) < until:  # noqa: ASYNC110 - it is other tasks
                await asyncio.sleep(0)
        for each in working:
            each.cancel()
            with suppress(asyncio.CancelledError):
                await each


async def test_many_orders_are_carried_out_one_after_the_other() -> None:
    """Each is done when its record, or the rejection of the order, is with the brokers."""
    bench = Bench()
    places = {name: await bench.rejected(name) for name in (f"events.okta/1/{n}" for n in range(5))}
    for number, (name, since) in enumerate(places.items()):
        bench.order(number, name, since)
    bench.order(9, "events.okta/1/7", 0)
    await bench.run(until=6)
    assert bench.done == [0, 1, 2, 3, 4, 9]
    assert sum((await reading.end_offsets(bench.log, FORWARDS)).values()) == 5
    assert sum((await reading.end_offsets(bench.log, REJECTIONS)).values()) == 6


async def test_what_has_moved_is_left_to_others() -> None:
    """Orders that weren't begun are forgotten; the partition's new owner reads them again."""
    bench = Bench()
    since = await bench.rejected("events.okta/0/1")
    bench.order(0, "events.okta/0/1", since)
    bench.replays.forget()
    bench.order(1, "events.okta/0/1", since)
    await bench.run(until=1)
    assert bench.done == [1]
