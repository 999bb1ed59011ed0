"""A process's clocks."""

import asyncio

from streamproc.adapters.clocks import Clocks
from streamproc.testing.process import Process


def clocks_of(process: Process) -> Clocks:
    """As code that runs in it reads them."""
    return Clocks(process.clock, process.ticks, asyncio.sleep, process.jitter)
