"""The log as one process has it."""

from collections.abc import Callable

from streamproc.testing.memory_log.broker import MemoryBroker
from streamproc.testing.memory_log.consumer import MemoryConsumer
from streamproc.testing.memory_log.link import Hop, Link, one_turn
from streamproc.testing.memory_log.producer import MemoryProducer


class MemoryLog:
    """`adapters/kafka/log.py: Log`. One for each process, all with the same broker.

    `name`: the process's. `alive`: whether it runs, so that its heartbeats go out.
    """

    def __init__(
        self,
        broker: MemoryBroker,
        hop: Hop = one_turn,
        name: str = "client",
        alive: Callable[[], bool] = lambda: True,
    ) -> None:
        self._broker = broker
        self._link = Link(broker, hop, name, alive)
        self._consumers: list[MemoryConsumer] = []

    @property
    def broker(self) -> MemoryBroker:
        """Of all processes."""
        return self._broker

    @property
    def partitions(self) -> int:
        return self._broker.partitions

    def consumer(self, *, group: str | None = None, committed_only: bool = True) -> MemoryConsumer:
        consumer = MemoryConsumer(self._broker, self._link, group, committed_only=committed_only)
        if group is not None:
            self._consumers.append(consumer)
        return consumer

    def producer(self, transactional_id: str | None = None) -> MemoryProducer:
        return MemoryProducer(self._broker, self._link, transactional_id)

    def kill(self) -> None:
        """The process is gone: nothing of it reaches the broker any more, which doesn't know yet."""
        self._link.cut = True
        for consumer in self._consumers:
            consumer.kill()

    def expire_sessions(self) -> None:
        """The broker hasn't heard of the process for too long: groups go on without it."""
        for consumer in self._consumers:
            consumer.expire()
