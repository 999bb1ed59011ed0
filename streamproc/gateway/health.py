"""Whether the brokers answer: asked at most once a second whoever wants to know, and never twice at once."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final, NoReturn

OFTEN: Final = 1.0
"""Seconds between questions."""
STEADY: Final = 5.0
"""Seconds for which an answer counts. A question that fails under load doesn't mean yet that there is no broker."""


class Health:
    """`ask` asks the brokers, and ends within seconds. `ticks`: seconds of a clock that only goes forward."""

    def __init__(self, ask: Callable[[], Awaitable[bool]], ticks: Callable[[], float]) -> None:
        self._ask = ask
        self._ticks = ticks
        self._asked = self._answered = float("-inf")
        self._asking: asyncio.Task[None] | None = None

    async def well(self) -> bool:
        """Whether they have answered in the last seconds, or do now."""
        if self._asking is None and self._ticks() - self._asked >= OFTEN:
            self._asked = self._ticks()
            self._asking = asyncio.create_task(self._question())
        if not self.recent() and self._asking is not None:
            await asyncio.shield(self._asking)
        return self.recent()

    async def watch(self, sleep: Callable[[float], Awaitable[object]]) -> NoReturn:
        """Ask again and again, until cancelled."""
        while True:
            await self.well()
            await sleep(STEADY / 2)

    def recent(self) -> bool:
        """Whether they have answered in the last seconds, as far as somebody has asked."""
        return self._ticks() - self._answered < STEADY

    async def _question(self) -> None:
        try:
            if await self._ask():
                self._answered = self._ticks()
        finally:
            self._asking = None
