"""Waiting: for a time unless something else comes first, and for several tasks until one fails."""

import asyncio
import math
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any


async def wait_unless(
    sleep: Callable[[float], Coroutine[Any, Any, object]], seconds: float, woken: asyncio.Event
) -> bool:
    """Sleep, or until `woken`, whichever is first. True: it was woken. Infinite seconds: only then."""
    if math.isinf(seconds):
        await woken.wait()
        return True
    waits = [asyncio.ensure_future(sleep(seconds)), asyncio.ensure_future(woken.wait())]
    try:
        await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for wait in waits:
            wait.cancel()
        await asyncio.gather(*waits, return_exceptions=True)
    return woken.is_set()


@asynccontextmanager
async def task_group() -> AsyncIterator[asyncio.TaskGroup]:
    """A TaskGroup whose first failure is raised by itself, not within an ExceptionGroup."""
    try:
        async with asyncio.TaskGroup() as group:
            yield group
    except BaseExceptionGroup as failures:
        first = failures.exceptions[0]
        raise first from first.__cause__
