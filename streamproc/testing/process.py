"""A simulated process of the operating system: what runs in it, what its clocks say, and whether it still runs."""

from collections import deque
from collections.abc import Callable
from contextvars import Context, ContextVar
from dataclasses import dataclass, field
from random import Random
from typing import Any, Literal, TypeAlias

State: TypeAlias = Literal["running", "paused", "dead"]


@dataclass(eq=False, slots=True)
class Process:
    """`now`: the world's time in seconds; `epoch`: s since 1970 when that was 0.

    Callbacks of a process that is paused wait in `ready`; of one that is dead none ever runs again, as after SIGKILL.
    """

    name: str
    now: Callable[[], float]
    epoch: float
    chance: Random
    state: State = "running"
    skew: float = 0.0
    """Seconds that its wall clock is ahead."""
    drift: float = 0.0
    """Seconds that both its clocks gain in each second."""
    gained: float = 0.0
    """Seconds that its ticks are ahead since they went too fast."""
    ready: deque[Any] = field(default_factory=deque)
    """Callbacks that may run, in order."""
    waiting: bool = False
    """Whether the loop has it in its list of those with something to do."""

    def clock(self) -> float:
        """Seconds since 1970, as this machine has them."""
        return self.epoch + self.skew + self.now() * (1.0 + self.drift)

    def ticks(self) -> float:
        """Seconds that never go back."""
        return self.now() * (1.0 + self.drift) + self.gained

    def steady(self) -> None:
        """Its clocks are right from now on: the wall clock may jump for that, the ticks only stop gaining."""
        self.gained += self.now() * self.drift
        self.skew = self.drift = 0.0

    def jitter(self) -> float:
        """0 to 1."""
        return self.chance.random()


CURRENT: ContextVar[Process] = ContextVar("CURRENT")
"""The process in which something runs. Tasks and callbacks have it from whoever made them."""


def context_of(process: Process, context: Context | None = None) -> Context:
    """In which code runs as that process, with all else that `context` has."""
    context = Context() if context is None else context
    context.run(CURRENT.set, process)
    return context
