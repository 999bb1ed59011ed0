"""An event loop whose time jumps to the next moment that somebody waits for, as soon as nobody has anything to do.

Sockets are real: what is on its way between client and server of this process is given a moment to arrive.
"""

import asyncio
import random
import selectors
from typing import Any, Final

from streamproc.adapters.clocks import Clocks

SETTLE: Final = 0.002
"""Real seconds in which a packet of this process surely reaches this process."""
STUCK: Final = 5.0
"""Real seconds without anything to do, and nothing to wait for."""


class VirtualTime:
    """The loop's clock."""

    def __init__(self, begin: float) -> None:
        self.now = 1000.0
        self.begin = begin - self.now
        """s since 1970 when `now` was 0."""
        self.in_flight = 0
        """Requests that may be on their way."""

    def clocks(self) -> Clocks:
        """Of a process."""
        return Clocks(lambda: self.begin + self.now, lambda: self.now, asyncio.sleep, random.random)

    def millis(self) -> int:
        """Milliseconds since 1970."""
        return int((self.begin + self.now) * 1000)


class _Selector(selectors.DefaultSelector):
    def __init__(self, time: VirtualTime) -> None:
        super().__init__()
        self._time = time

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready = super().select(0)
        if ready or timeout == 0:
            return ready
        if timeout is None:
            ready = super().select(STUCK)
            assert ready, "nothing is left to do, and nobody is done"
            return ready
        ready = super().select(SETTLE if self._time.in_flight else 0)
        if not ready:
            self._time.now += max(timeout, 0.0)
        return ready


class VirtualLoop(asyncio.SelectorEventLoop):
    """See above."""

    def __init__(self, time: VirtualTime) -> None:
        super().__init__(_Selector(time))
        self._virtual = time

    def time(self) -> float:
        """Seconds."""
        return self._virtual.now

    async def shutdown_default_executor(self, *_: Any) -> None:
        """No threads are used."""
