"""The machine's own clocks and chance, for processes that really run."""

import asyncio
import random
import time
from typing import Final

from streamproc.adapters.clocks import Clocks

SYSTEM: Final = Clocks(time.time, time.monotonic, asyncio.sleep, random.random)
"""Spreading waits needs no secret chance."""
