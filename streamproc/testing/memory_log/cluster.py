"""What all parts of a cluster share: how large it is, its clock and timers, what goes wrong, and who watches."""

import asyncio
from collections.abc import Callable
from contextvars import copy_context

from streamproc.testing.memory_log.events import BrokerEvent
from streamproc.testing.memory_log.faults import Fault
from streamproc.testing.memory_log.limits import Limits


class Cluster:
    """`partitions`: of each topic. `clock`: ms since 1970. `fault` and `chance`: see `MemoryBroker`."""

    def __init__(
        self,
        partitions: int,
        clock: Callable[[], int],
        fault: Fault,
        chance: Callable[[], float],
        limits: Limits | None,
    ) -> None:
        self.partitions = partitions
        self.clock = clock
        self.fault = fault
        self.chance = chance
        self.limits = limits
        self.idle = 1.0
        """How many times longer a group's members wait for records than they asked to, where there are none."""
        self._watchers: list[Callable[[BrokerEvent], object]] = []
        self._context = copy_context()

    def watch(self, watcher: Callable[[BrokerEvent], object]) -> None:
        """Call it with whatever happens, when it happens. It mustn't wait."""
        self._watchers.append(watcher)

    def tell(self, event: BrokerEvent) -> None:
        """All who watch."""
        for watcher in self._watchers:
            watcher(event)

    def time(self) -> float:
        """Seconds of the loop."""
        return asyncio.get_running_loop().time()

    def later(self, seconds: float, call: Callable[[], object]) -> None:
        """In the broker's own process, whoever asks."""
        asyncio.get_running_loop().call_later(seconds, call, context=self._context)
