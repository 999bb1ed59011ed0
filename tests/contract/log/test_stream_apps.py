"""Agents and tables, by Faust on a real broker and by what takes its place in memory: they keep the same promises."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Sequence
from contextlib import AsyncExitStack

import pytest
import pytest_asyncio
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from streamproc.adapters.kafka.log import ConsumerRecord, TopicPartition
from streamproc.settings import WorkerSettings, load_settings
from streamproc.testing.simulated_faust import SimulatedFaust
from streamproc.worker.stream_app import StreamApp
from tests.contract.log.conftest import PATIENCE, Cluster, until


class BrokenError(Exception):
    """What an agent meets."""


def state(key: str, seq: int) -> bytes:
    """A record of the table, as it is encoded."""
    return b'{"user":"%b","seq":%d,"prev":-1}' % (key.encode(), seq)


class Worker:
    """One app with an agent and a table. `broken`: what its agent raises."""

    def __init__(self, app: StreamApp, inputs: str, changelog: str, broken: Exception | None = None) -> None:
        self.app = app
        self.taken: list[tuple[int, int]] = []
        """Partition and offset of what its agent was given, in order."""
        self.heard: list[str] = []
        self.known: list[bytes | None] = []
        """What the table held of E1 each time that partitions had come, after a while."""
        self.done: dict[TopicPartition, int] = {}
        self.ready = asyncio.Event()
        self.table = app.table("state", changelog)
        self._broken = broken
        self._inputs = inputs
        app.agent("take", [inputs], self._take)
        app.before_recovery(self._begin)
        app.on_partitions_moved(self._moved)
        self.table.on_recover(self._recovered)

    async def run(self) -> None:
        """Until cancelled."""
        await self.app.run(self.committable, self.ready.set)

    def committable(self, place: TopicPartition) -> int | None:
        """After what its agent was given."""
        return self.done.get(TopicPartition(place.topic, place.partition))

    def numbers(self, topic: str) -> set[int]:
        """Partitions of a topic that are here."""
        return {place.partition for place in self.app.assignment() if place.topic == topic}

    async def _take(self, place: TopicPartition, records: Sequence[ConsumerRecord]) -> None:
        if self._broken is not None:
            raise self._broken
        self.heard.append("taken")
        self.taken += [(place.partition, record.offset) for record in records]
        self.done[place] = records[-1].offset + 1

    async def _begin(self, here: Collection[TopicPartition]) -> None:
        assert {place.partition for place in here if place.topic == self._inputs} == self.numbers(self._inputs)
        await asyncio.sleep(0.2)
        self.known.append(self.table.read(b"E1", 0))

    async def _moved(self, *_: object, **__: object) -> None:
        self.heard.append("moved")
        self.done.clear()

    async def _recovered(self) -> None:
        self.heard.append("whole")


Start = Callable[..., Awaitable[Worker]]


@pytest_asyncio.fixture
async def changelog(cluster: Cluster, servers: str | None) -> AsyncIterator[str]:
    """Another topic of the test's own."""
    name = f"{cluster.name}-state"
    if servers is None:
        yield name
        return
    admin = AIOKafkaAdminClient(bootstrap_servers=servers)
    await admin.start()
    try:
        await admin.create_topics([NewTopic(name, cluster.log.partitions, 1)])
        for _ in range(round(PATIENCE / 0.05)):
            if not (await admin.describe_topics([name]))[0]["error_code"]:
                break
            await asyncio.sleep(0.05)
        yield name
        await admin.delete_topics([name])
    finally:
        await admin.close()


@pytest_asyncio.fixture
async def start(cluster: Cluster, servers: str | None, changelog: str) -> AsyncIterator[Start]:
    """Start a worker of the test's group, and wait until its tables are whole."""
    stack = AsyncExitStack()

    async def started(broken: Exception | None = None) -> Worker:
        app: StreamApp
        if servers is None:
            app = SimulatedFaust(cluster.log, f"{cluster.name}-worker")  # type: ignore[arg-type]
        else:
            from streamproc.worker.faust_bridge.app import FaustApp

            app = FaustApp(load_settings(kafka=servers, group=cluster.name).kafka, WorkerSettings())
        worker = Worker(app, cluster.topic, changelog, broken)
        running = asyncio.create_task(worker.run())
        stack.push_async_callback(asyncio.wait, [running])
        stack.callback(running.cancel)
        if broken is not None:
            await running
        async with asyncio.timeout(PATIENCE):
            await worker.ready.wait()
        return worker

    yield started
    async with asyncio.timeout(PATIENCE):
        await stack.aclose()


async def test_tables_wait_for_what_is_looked_up_before(cluster: Cluster, changelog: str, start: Start) -> None:
    """Where a partition's work begins is known before its table is read, so the table isn't older than that."""
    producer = await cluster.producer()
    await producer.send_and_wait(changelog, state("E1", 5), b"E1", 0)
    worker = await start()
    assert (worker.known, worker.table.read(b"E1", 0)) == ([None], state("E1", 5))


async def test_tables_are_whole_before_anything_is_taken(cluster: Cluster, changelog: str, start: Start) -> None:
    """The newest of each key counts, wherever it stands; then an agent takes each record in order, and all is kept."""
    producer = await cluster.producer()
    for key, seq in (("E1", 5), ("E1", 7), ("E1", 6), ("E2", 1)):
        await producer.send_and_wait(changelog, state(key, seq), key.encode(), 0)
    await cluster.fill(b"a", b"b", b"c")
    worker = await start()
    await until(lambda: len(worker.taken) == 3)
    assert worker.taken == [(0, 0), (0, 1), (0, 2)]
    assert [word for word in worker.heard if word != "taken"] == ["moved", "moved", "whole"]
    assert worker.heard.index("taken") > worker.heard.index("whole")
    assert sorted(worker.table.records()) == [(b"E1", state("E1", 7), 0), (b"E2", state("E2", 1), 0)]
    assert (worker.table.regressed, worker.app.settled()) == ({b"E1": 0}, True)
    asked = cluster.log.consumer(group=worker.app.group)
    await asked.start()
    for _ in range(round(PATIENCE / 0.1)):
        if await asked.committed(cluster.place()) == 3:
            break
        await asyncio.sleep(0.1)
    assert await asked.committed(cluster.place()) == 3
    await asked.stop()


async def test_what_an_agent_raises_ends_the_app(cluster: Cluster, start: Start) -> None:
    """The process ends with the error, and what it was given isn't committed."""
    await cluster.fill(b"a")
    with pytest.raises(BrokenError):
        await start(BrokenError())


@pytest.mark.long
async def test_partitions_of_a_number_move_together(cluster: Cluster, changelog: str, start: Start) -> None:
    """A table's keys are where its inputs are taken, and nowhere else."""
    producer = await cluster.producer()
    for number in range(cluster.log.partitions):
        await producer.send_and_wait(changelog, state(f"E{number}", number), b"E%d" % number, number)
    first = await start()
    assert len(list(first.table.records())) == cluster.log.partitions
    second = await start()
    half = cluster.log.partitions // 2
    await until(lambda: first.app.settled() and len(first.numbers(cluster.topic)) == half)
    numbers = first.numbers(cluster.topic), second.numbers(cluster.topic)
    assert (len(numbers[0]), len(numbers[1]), numbers[0] & numbers[1]) == (half, half, set())
    for worker, own in zip((first, second), numbers, strict=True):
        assert worker.numbers(changelog) == own
        assert {partition for _, _, partition in worker.table.records()} == own
    await cluster.fill(b"a", partition=min(numbers[1]))
    await until(lambda: bool(second.taken))
    assert first.taken == []
