"""A service's health whose time and troubles a test sets, and waits that it ends."""

import asyncio
from dataclasses import dataclass, field

from streamproc.core.records.units import Millis
from streamproc.health.decide.conditions import Trouble
from streamproc.health.health import Health

DOWN = Trouble("gate_closed", "target", "degraded", "nothing goes out")
SILENT = Trouble("silent", "okta", "blind", "nothing has come")


@dataclass(slots=True)
class Patient:
    """`health`, and what it says."""

    now: int = 1_000_000
    """ms since 1970."""
    wrong: list[Trouble] = field(default_factory=list)
    failing: Exception | None = None
    health: Health = field(init=False)

    def __post_init__(self) -> None:
        self.health = Health("sink", "here-1", "1.0", self._look, lambda: Millis(self.now))

    def _look(self) -> list[Trouble]:
        if self.failing is not None:
            raise self.failing
        return self.wrong


async def no_problem() -> Exception | None:
    """Kafka can be reached."""
    return None


class Pauses:
    """Of a loop, which a test ends."""

    def __init__(self) -> None:
        self.asked: asyncio.Queue[float] = asyncio.Queue()
        self._over = asyncio.Semaphore(0)

    async def __call__(self, seconds: float) -> None:
        """Wait for `over`."""
        self.asked.put_nowait(seconds)
        await self._over.acquire()

    async def next(self) -> float:
        """The seconds of the next one."""
        async with asyncio.timeout(60):
            return await self.asked.get()

    def over(self) -> None:
        """End it."""
        self._over.release()
