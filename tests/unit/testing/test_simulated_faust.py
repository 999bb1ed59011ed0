"""Faust's place in a simulated world: what a worker meets there that no broker does on demand.

What it shares with Faust is in `tests/contract/log/test_stream_apps.py`.
"""

import asyncio
from collections.abc import Callable, Sequence

import orjson

from streamproc.adapters.clocks import Clocks
from streamproc.adapters.kafka.log import ConsumerRecord, TopicPartition
from streamproc.compose.worker import make_worker
from streamproc.settings import load_settings
from streamproc.testing.memory_log import MemoryBroker, MemoryLog
from streamproc.testing.memory_log.group import Member
from streamproc.testing.memory_log.link import Link, one_turn
from streamproc.testing.process import Process
from streamproc.testing.simulated_faust import Disk, SimulatedFaust
from streamproc.testing.simulated_faust.sharing import StickySharing
from streamproc.testing.world import World

INPUTS, CHANGELOG = "inputs", "changelog"


def state(key: bytes, seq: int) -> bytes:
    """A record of a table."""
    return b'{"user":"%b","seq":%d,"prev":-1}' % (key, seq)


class Reader:
    """A service with one agent and one table on this disk, if there is one. `read`: what recovery had to read."""

    def __init__(self, world: World, disk: Disk | None = None) -> None:
        self.world = world
        self.disk = disk
        self.read: list[int] = []
        self.taken: list[int] = []

    async def __call__(self, process: Process, log: MemoryLog) -> None:
        """Until it is killed."""
        app = SimulatedFaust(log, "group", self.disk, self.world.fault)
        table = app.table("state", CHANGELOG)
        apply = table.apply

        def applied(records: Sequence[ConsumerRecord]) -> None:
            self.read += [record.offset for record in records]
            apply(records)

        async def take(_: TopicPartition, records: Sequence[ConsumerRecord]) -> None:
            self.taken += [record.offset for record in records]

        table.apply = applied  # type: ignore[method-assign,assignment]
        app.agent("take", [INPUTS], take)
        await app.run(lambda _: None, lambda: None)


async def append(world: World, topic: str, *values: bytes) -> None:
    """To partition 0, by somebody else."""
    producer = MemoryLog(world.broker).producer()
    await producer.start()
    for value in values:
        await producer.send_and_wait(topic, value, b"E1", 0)


def read_again(disk: Disk | None, meanwhile: Callable[[], object] = lambda: None) -> list[int]:
    """What a worker's second process reads of a changelog of three records, one of which came in between."""
    world = World(1, {}, partitions=1)
    reader = Reader(world, disk)

    async def story() -> None:
        await append(world, CHANGELOG, state(b"E1", 1), state(b"E1", 2))
        world.start("worker", reader)
        await asyncio.sleep(10)
        assert reader.read == [0, 1]
        reader.read.clear()
        world.kill("worker", 1)
        meanwhile()
        await append(world, CHANGELOG, state(b"E1", 3))
        await asyncio.sleep(30)

    world.run(story())
    return reader.read


def test_tables_in_memory_are_read_from_the_beginning() -> None:
    """The process is gone, and all that it knew."""
    assert read_again(None) == [0, 1, 2]


def test_tables_on_a_disk_are_read_from_where_they_were() -> None:
    """A restart costs what has come since; on a machine that was replaced, it costs everything again."""
    disk: Disk = {}
    assert read_again(disk) == [2]
    assert disk[TopicPartition(CHANGELOG, 0)].records == {b"E1": state(b"E1", 3)}
    disk = {}
    assert read_again(disk, disk.clear) == [0, 1, 2]


def test_a_batch_that_is_dropped_is_given_to_nobody() -> None:
    """As Faust does it around a rebalance: what comes later is given, as if nothing had been there."""
    world = World(1, {"faust.dropped_batch": 1.0}, partitions=1)
    reader = Reader(world)

    async def story() -> None:
        world.start("worker", reader)
        await asyncio.sleep(10)
        await append(world, INPUTS, b"a")
        await asyncio.sleep(10)
        world.calm()
        await append(world, INPUTS, b"b")
        await asyncio.sleep(10)

    world.run(story())
    assert (reader.taken, world.counts["pair faust.dropped_batch @ "]) == ([1], 1)


def test_the_worker_reads_what_was_dropped() -> None:
    """The sequencer finds the gap, or the end: each event has led to its user's operation."""
    world = World(1, {"faust.dropped_batch": 0.5, "faust.busy": 0.5, "faust.stall": 0.2}, partitions=2)
    settings = load_settings(partitions=2)

    async def main(process: Process, log: MemoryLog) -> None:
        producer = log.producer()
        await producer.start()
        app = SimulatedFaust(log, fault=world.fault)
        clocks = Clocks(process.clock, process.ticks, asyncio.sleep, process.jitter)
        await make_worker(settings, log, app, producer, clocks).run()

    async def story() -> None:
        hr = MemoryLog(world.broker).producer()
        for number in range(2):
            world.start(f"worker{number}", main)
        for number in range(20):
            await asyncio.sleep(1)
            at = f"2026-03-04T00:00:{number:02}Z"
            said = {"subject": f"E{number % 5}", "type": "change", "time": at, "attributes": {"active": True}}
            value = orjson.dumps({"id": f"{number}", **said})
            await hr.send_and_wait("events.hris", value, b"E%d" % (number % 5))
        await asyncio.sleep(60)

    world.run(story())
    written = [orjson.loads(record.value or b"") for record in world.broker.records("scim.operations")]
    events = [record["cause"]["event"] for record in written]
    assert sorted(events, key=int) == [str(number) for number in range(20)]
    assert world.counts["pair faust.dropped_batch @ "] > 0


async def test_partitions_of_a_number_go_together_and_stay() -> None:
    """As Faust's assignor has it: with a second worker each has half, and who goes leaves the rest where it was."""
    share = StickySharing()
    topics = frozenset({INPUTS, CHANGELOG})
    broker = MemoryBroker(4, lambda: 0)
    first, second, third = (
        Member(Link(broker, one_turn, name, lambda: True), topics) for name in ("one", "two", "three")
    )
    assert {place.partition for place in share([first], 4)[first]} == {0, 1, 2, 3}
    both = share([second, first], 4)
    assert both[first] == [TopicPartition(topic, number) for topic in (CHANGELOG, INPUTS) for number in (0, 1)]
    assert both[second] == [TopicPartition(topic, number) for topic in (CHANGELOG, INPUTS) for number in (2, 3)]
    assert len(share([second], 4)[second]) == 8
    assert {each.partition for each in share([third, second], 4)[second]} == {2, 3}
