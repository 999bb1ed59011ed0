"""Whose turn it is to write a resource: within one process one request at a time, in the order in which they came.

Together they would all be decided on the same version, and all but one be void. Other gateways are met in the log.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from streamproc.gateway.scim.shared_log import UnavailableError

PATIENCE: Final = 10.0
"""Seconds that a request waits at most for those before it."""


class Turns:
    """Of one connection."""

    def __init__(self) -> None:
        self._locks: dict[str, asyncio.Lock] = {}
        self._here: dict[str, int] = {}

    @asynccontextmanager
    async def turn(self, resource: str | None) -> AsyncIterator[None]:
        """For the time of the block. None: the resource isn't there yet. Raises UnavailableError."""
        if resource is None:
            yield
            return
        lock = self._locks.setdefault(resource, asyncio.Lock())
        self._here[resource] = self._here.get(resource, 0) + 1
        try:
            try:
                async with asyncio.timeout(PATIENCE):
                    await lock.acquire()
            except TimeoutError:
                raise UnavailableError("Too many write this resource at the same time.") from None
            try:
                yield
            finally:
                lock.release()
        finally:
            self._here[resource] -= 1
            if not self._here[resource]:
                del self._here[resource], self._locks[resource]
