"""The worker's app: a member of the group, whose partitions come and go, with agents and tables (`faust.app`)."""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Coroutine, Iterable, Sequence
from contextlib import suppress
from random import Random
from types import SimpleNamespace
from typing import Any, Final, NoReturn, cast

from streamproc.adapters.kafka.log import ConsumerRebalanceListener, KafkaError, TopicPartition
from streamproc.testing.memory_log import MemoryLog
from streamproc.testing.simulated_faust.flow import Fault, Flow
from streamproc.testing.simulated_faust.recovery import Recovery
from streamproc.testing.simulated_faust.sharing import StickySharing
from streamproc.testing.simulated_faust.table import Disk, SimulatedTable
from streamproc.worker.faust_bridge import protocols
from streamproc.worker.faust_bridge.batch_fetch import Batch, BatchFetch
from streamproc.worker.faust_bridge.kept_offsets import KeptOffsets
from streamproc.worker.faust_bridge.recovery_marks import pass_marks
from streamproc.worker.stream_app import Take

COMMIT_EVERY: Final = 1.0
"""Seconds (`broker_commit_interval`)."""


def never(_: str) -> Random | None:
    """No fault happens."""
    return None


class BatchQueue(asyncio.Queue[Batch]):
    """An agent's."""

    force_put_nowait = asyncio.Queue.put_nowait

    def clear(self) -> None:
        """Nothing waits in it any more."""
        while not self.empty():
            self.get_nowait()


class SimulatedFaust(ConsumerRebalanceListener):
    """`worker/stream_app.py: StreamApp`. `disk` None: tables are in memory, and gone with the process."""

    def __init__(
        self, kafka: MemoryLog, group: str = "streamproc-worker", disk: Disk | None = None, fault: Fault = never
    ) -> None:
        self._kafka = kafka
        self._group = group
        self._disk = disk
        self._fault = fault
        self._tables: dict[str, SimulatedTable] = {}
        self._agents: list[tuple[Sequence[str], BatchQueue, Take]] = []
        self._moved: list[Callable[..., Awaitable[None]]] = []
        self._coming: list[Callable[[Collection[TopicPartition]], Awaitable[None]]] = []
        self._generation = 0
        self._rebalancing = False
        self._flowing = False
        """Whether agents may go on (Faust's flow control)."""
        self._recovering: asyncio.Task[None] | None = None
        self._tasks: list[asyncio.Task[None]] = []
        self._ready: Callable[[], None] | None = None
        kafka.broker.group(group).assignor = sharing_of(kafka.broker.group(group).assignor)
        self._flow = Flow(kafka.consumer(group=group), self._tables.keys(), fault)
        self._recovery = Recovery(self._flow, self._tables, lambda: self._generation, fault)
        self._shape = _Shape(self)
        self._batches = BatchFetch(cast("protocols.App", self._shape))
        self._ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    @property
    def group(self) -> str:
        return self._group

    def table(self, name: str, changelog: str) -> SimulatedTable:  # noqa: ARG002 - Faust's own name for it
        table = self._tables[changelog] = SimulatedTable(changelog, self._disk)
        return table

    def agent(self, name: str, topics: Sequence[str], take: Take) -> None:  # noqa: ARG002
        self._batches.expect(topics)
        self._agents.append((topics, BatchQueue(), take))

    def on_partitions_moved(self, call: Callable[..., Awaitable[None]]) -> None:
        self._moved.append(call)

    def before_recovery(self, call: Callable[[Collection[TopicPartition]], Awaitable[None]]) -> None:
        self._coming.append(call)

    def settled(self) -> bool:
        return not self._rebalancing and not self._recovery.in_recovery and self._flowing

    def recovery_remaining(self) -> int:
        return self._recovery.active_remaining_total() if self._recovery.in_recovery else 0

    def assignment(self) -> set[TopicPartition]:
        return self._flow.assignment()

    def highwater(self, partition: TopicPartition, /) -> int | None:
        return self._flow.highwater(partition)

    def last_stable_offset(self, partition: TopicPartition, /) -> int | None:
        return self._flow.kafka.last_stable_offset(partition)

    def commits(self, partition: TopicPartition) -> None:
        self._flow._acked[partition]  # noqa: SLF001 - as the bridge does

    async def run(self, committable: Callable[[TopicPartition], int | None], ready: Callable[[], None]) -> NoReturn:
        self._ready = ready
        self._batches.install()
        self.on_partitions_moved(KeptOffsets(cast("protocols.Consumer", self._flow)).forget)
        for topics, queue, take in self._agents:
            self._start(self._consume(topics, queue, take), "agent")
        getmany, shape = self._flow._getmany, cast("protocols.App", self._shape)  # noqa: SLF001 - the bridge's by now
        try:
            await self._flow.kafka.start()
            self._flow.kafka.subscribe(self._topics(), listener=self)
            rest = self._recovery.changelog_queue.put_nowait
            self._start(self._flow.drain(getmany, rest, lambda: self._generation), "fetcher")
            self._start(self._commit(committable), "commit")
            self._start(pass_marks(shape, self._kafka), "recovery marks")
            await self._ended
            raise AssertionError("it ends by what is raised")
        finally:
            await self._stop(committable)

    # The group: Faust's listener

    async def on_partitions_revoked(self, revoked: set[TopicPartition]) -> None:
        self._rebalancing = True
        self._flow.leave(revoked)
        if self.assignment():
            self._flow.stop_flow()
            self._flowing = False
            self._flow.pause(self.assignment())
            self._clear()
        await self._tell(self._moved, revoked)

    async def on_partitions_assigned(self, assigned: set[TopicPartition]) -> None:
        self._generation += 1
        self._flow.come(assigned)
        await asyncio.sleep(0)
        self._flow.pause(assigned)
        await self._tell(self._coming, assigned)
        for changelog, table in self._tables.items():
            table.move(sorted(place.partition for place in assigned if place.topic == changelog))
        if self._recovering is not None:
            self._recovering.cancel()
        self._recovering = self._start(self._recovery.run(self._generation, self._begin), "recovery")
        await self._tell(self._moved, assigned)

    async def _tell(self, calls: Iterable[Callable[..., Awaitable[None]]], places: Collection[TopicPartition]) -> None:
        try:
            for call in calls:
                await call(places)
        except Exception as error:  # noqa: BLE001 - whatever it is
            await self.crash(error)

    def _begin(self) -> None:
        """Tables are whole."""
        self._flowing = True
        self._rebalancing = False
        if (ready := self._ready) is not None:
            self._ready = None
            ready()

    def _clear(self) -> None:
        for _, queue, _ in self._agents:
            queue.clear()
        while not self._recovery.changelog_queue.empty():
            self._recovery.changelog_queue.get_nowait()

    def _topics(self) -> list[str]:
        return sorted({topic for topics, _, _ in self._agents for topic in topics} | self._tables.keys())

    # What runs

    async def _consume(self, topics: Sequence[str], queue: BatchQueue, take: Take) -> None:
        self._batches.open(
            cast("protocols.Stream", SimpleNamespace(channel=SimpleNamespace(topics=topics, queue=queue)))
        )
        while True:
            batch = await queue.get()
            if chance := self._fault("faust.busy"):
                await asyncio.sleep(chance.expovariate(0.5))
            if self._batches.is_current(batch):
                await take(TopicPartition(batch.topic, batch.partition), batch.records)

    async def _commit(self, committable: Callable[[TopicPartition], int | None]) -> None:
        while True:
            await asyncio.sleep(COMMIT_EVERY)
            await self._flow.commit(committable)

    async def crash(self, reason: BaseException) -> None:
        """Everything ends of this."""
        if not self._ended.done():
            self._ended.set_exception(reason)

    def _start(self, running: Coroutine[Any, Any, None], name: str) -> asyncio.Task[None]:
        async def run() -> None:
            try:
                await running
            except Exception as error:  # noqa: BLE001 - whatever it is
                await self.crash(error)

        task = asyncio.create_task(run(), name=name)
        self._tasks.append(task)
        return task

    async def _stop(self, committable: Callable[[TopicPartition], int | None]) -> None:
        self._flow.should_stop = True
        with suppress(KafkaError):
            await self._flow.commit(committable)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._flow.kafka.stop()


class _Shape:
    """The app as our bridge sees Faust's (`worker/faust_bridge/protocols.py: App`)."""

    def __init__(self, app: SimulatedFaust) -> None:
        self._app = app
        self.consumer = app._flow  # noqa: SLF001
        self.crash = app.crash
        self.flow_control = SimpleNamespace(is_active=lambda: app._flowing)  # noqa: SLF001
        self.monitor = SimpleNamespace(stream_inbound_time={})
        recovery = app._recovery  # noqa: SLF001
        self.tables = SimpleNamespace(changelog_queue=recovery.changelog_queue, recovery=recovery)

    @property
    def consumer_generation_id(self) -> int:
        return self._app._generation  # noqa: SLF001

    @property
    def in_recovery(self) -> bool:
        return self._app._recovery.in_recovery  # noqa: SLF001


def sharing_of(assignor: object) -> StickySharing:
    """The group's, which all members have in common."""
    return assignor if isinstance(assignor, StickySharing) else StickySharing()
