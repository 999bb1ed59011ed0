"""A broker on virtual time, whose faults happen when a test says so."""

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from random import Random
from typing import Any

from streamproc.adapters.kafka.log import TopicPartition
from streamproc.testing.event_loop import SeededLoop
from streamproc.testing.memory_log import Limits, MemoryBroker, MemoryLog
from streamproc.testing.memory_log.consumer import MemoryConsumer
from streamproc.testing.memory_log.events import BrokerEvent
from streamproc.testing.process import Process

PLACE = TopicPartition("topic", 0)


class Little:
    """One broker, and processes. `occasions`: of each kind of fault, the occasions (0, 1, ...) on which it happens."""

    def __init__(self, loop: SeededLoop, limits: Limits | None, occasions: dict[str, Sequence[int]]) -> None:
        self.loop = loop
        self.drawn: dict[str, int] = {}
        self.events: list[BrokerEvent] = []
        self.broker = MemoryBroker(2, lambda: int(loop.time() * 1000), fault=self._fault, limits=limits)
        self.broker.watch(self.events.append)
        self._occasions = occasions

    def process(self, name: str) -> tuple[Process, MemoryLog]:
        """With the log as it has it: each way takes a millisecond."""
        process = Process(name, self.loop.time, 0.0, Random(name))
        return process, MemoryLog(self.broker, _hop, name, lambda: process.state == "running")

    def log(self, name: str = "client") -> MemoryLog:
        """The log of a process that lives for ever."""
        return self.process(name)[1]

    def reader(self, *, committed_only: bool = True) -> MemoryConsumer:
        """Reads both partitions."""
        consumer = self.log("reader").consumer(committed_only=committed_only)
        consumer.assign([PLACE, TopicPartition("topic", 1)])
        return consumer

    def next_time(self, kind: str) -> None:
        """The fault happens on its next occasion."""
        name = f"kafka.{kind}"
        self._occasions[name] = [self.drawn.get(name, 0)]

    def _fault(self, kind: str) -> Random | None:
        number = self.drawn.get(kind, 0)
        self.drawn[kind] = number + 1
        return Random(7) if number in self._occasions.get(kind, ()) else None


def played(
    main: Callable[[Little], Coroutine[Any, Any, Any]], limits: Limits | None = None, /, **occasions: Sequence[int]
) -> Any:
    """What a coroutine returns. `occasions`: names of faults without `kafka.`."""
    loop = SeededLoop(Random(1))
    world = Little(loop, limits, {f"kafka.{name}": numbers for name, numbers in occasions.items()})
    try:
        return loop.run_until_complete(main(world))
    finally:
        for task in loop.kept:
            task._log_destroy_pending = False  # type: ignore[attr-defined]
        loop.close()


async def values(consumer: MemoryConsumer, seconds: float = 1.0) -> list[bytes | None]:
    """What is given next, within so many seconds."""
    batches = await consumer.getmany(timeout_ms=int(seconds * 1000))
    return [record.value for batch in batches.values() for record in batch]


async def _hop(_: str) -> None:
    await asyncio.sleep(0.001)


async def until(condition: Callable[[], bool]) -> None:
    """Virtual time passes until something is true."""
    while not condition():  # noqa: ASYNC110 - of anything
        await asyncio.sleep(0.001)
