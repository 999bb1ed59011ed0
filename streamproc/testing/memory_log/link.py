"""What lies between a process and the broker."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeAlias

from streamproc.adapters.kafka.log import KafkaConnectionError

Hop: TypeAlias = Callable[[str], Awaitable[None]]
"""Awaited on each way of a request, with the request's name. It may take its time."""


async def one_turn(_: str) -> None:
    """The shortest hop: everybody else has a turn."""
    await asyncio.sleep(0)


class Link:
    """Of one process. Once `cut`, nothing gets through any more."""

    def __init__(self, hop: Hop) -> None:
        self.cut = False
        self._hop = hop

    async def __call__(self, request: str) -> None:
        """Raises KafkaConnectionError where the link is cut."""
        if not self.cut:
            await self._hop(request)
        if self.cut:
            raise KafkaConnectionError(request)
