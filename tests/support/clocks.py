"""Clocks that a test holds."""

import asyncio
from collections.abc import Callable

from streamproc.adapters.clocks import Clocks


def held(now: Callable[[], float] = lambda: 0.0) -> Clocks:
    """Both clocks show `now`, in seconds; waits are real, and chance is 0."""
    return Clocks(now, now, asyncio.sleep, lambda: 0.0)
