"""The clocks of one process, its waits and its chance. `compose` chooses them; nobody else reads the machine's."""

from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any

from streamproc.core.records.units import Micros, Millis


@dataclass(frozen=True, slots=True)
class Clocks:
    """What a process knows of time, so that a simulation or a test can hold it."""

    clock: Callable[[], float]
    """Seconds since 1970. It may jump, and go back."""
    ticks: Callable[[], float]
    """Seconds since any moment. They never go back."""
    pause: Callable[[float], Coroutine[Any, Any, None]]
    """Waits for so many seconds."""
    jitter: Callable[[], float]
    """By chance, at least 0 and less than 1."""

    def millis(self) -> Millis:
        """Milliseconds since 1970."""
        return Millis(round(self.clock() * 1000))

    def micros(self) -> Micros:
        """Microseconds since 1970."""
        return Micros(int(self.clock() * 1_000_000))
