"""Nothing grows without bound: when all is quiet, nobody waits, nothing is under way, and nothing is kept for it."""

from collections.abc import Callable
from functools import partial
from typing import Any

from tests.simulation.invariants.watching import Telling


class Bounds:
    """Looks into processes that are quiet."""

    def __init__(self, telling: Telling) -> None:
        self._tell = telling
        self._running: list[tuple[Any, Callable[[], dict[str, int]]]] = []
        self._sinks: list[tuple[Any, Any]] = []

    def watch(self, process: Any, left: Callable[[], dict[str, int]]) -> None:
        """A process, and what it has that is under way."""
        self._running.append((process, left))

    def watch_sink(self, process: Any, sink: Any) -> None:
        """A process with a sink."""
        self._sinks.append((process, sink))
        self.watch(process, partial(left_in_sink, sink))

    def turns(self) -> bool:
        """Whether any sink is at work for somebody, or tries something again."""
        return any(len(sink._lanes) for process, sink in self._sinks if process.state != "dead")

    def busy(self) -> dict[str, dict[str, int]]:
        """Process → what is under way in it."""
        running = {process.name: left() for process, left in self._running if process.state == "running"}
        return {name: left for name, left in running.items() if left}

    def end(self) -> None:
        """Everybody has had time enough."""
        self._tell.count("bounds")
        for name, left in self.busy().items():
            self._tell.fail("bounds", f"{name} is idle, and keeps {left}")


def left_in_sink(sink: Any) -> dict[str, int]:
    """A sink that is idle has no lane, place or lock any more, but for what it tries again by itself."""
    again = sum(1 for lane in sink._lanes._lanes.values() if lane.flying is not None and lane.flying.work.told)
    gate, executor = sink._gate, sink._reconciler._executor
    left = {
        "lanes": len(sink._lanes),
        "lanes' queues": sum(map(len, sink._lanes._queues.values())),
        "places at the gate": len(gate._waiting),
        "requests in flight": gate._in_flight,
        "turns": len(sink._tasks),
        "places among the connections": sink._busy,
        "waits in the middle": sink._waiting,
        "waits": len(executor._resting),
        "names waited for": len(sink._reconciler.names._now),
        "locks": sum(lock.locked() for lock in sink._reconciler._locks.values()),
        "orders to be obeyed": len(sink._parked_work._later),
        "deliveries to be written": sum(len(store._changed) for store in sink._stores.values()),
    }
    return {what: number - again for what, number in left.items() if number > again}


def left_in_worker(worker: Any) -> dict[str, int]:
    """A worker that is idle has no record that isn't acknowledged."""
    number = len(worker._processor._unacknowledged)
    return {"records on their way": number} if number else {}
