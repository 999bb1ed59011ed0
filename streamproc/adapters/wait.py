"""Wait, unless something else comes first."""

import asyncio
import math
from collections.abc import Callable, Coroutine
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
