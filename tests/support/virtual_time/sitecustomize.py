"""Virtual time for child processes: Python imports this module at start from the folder that PYTHONPATH names.

What a process says then depends on its input alone. The clock stands still until the parent moves it; identifiers are
counted; waits that would bring retries in by real seconds never end. Monotonic clocks, and so timeouts, stay real.
STREAMPROC_ variables are the product's own: this one has another prefix.
"""

import asyncio
import itertools
import mmap
import os
import struct
import time
import uuid
from pathlib import Path
from typing import Any

LONG = 10.0
"""Seconds. A longer wait is one for a periodic task."""
NEVER = 86_400.0

_file = Path(os.environ["VIRTUAL_TIME"]).open("rb")  # noqa: SIM115 - it stays open as long as the process
_shared = mmap.mmap(_file.fileno(), 8, access=mmap.ACCESS_READ)
_numbers = itertools.count(1)
_sleep = asyncio.sleep


def _now() -> int:
    """Nanoseconds since 1970."""
    (milliseconds,) = struct.unpack("<q", _shared[:8])
    return int(milliseconds) * 1_000_000


def _uuid4() -> uuid.UUID:
    return uuid.UUID(int=next(_numbers), version=4)


async def _sleep_or_never(delay: float, result: Any = None) -> Any:
    return await _sleep(delay if delay < LONG else NEVER, result)


def _install() -> None:
    time.time_ns = _now
    time.time = lambda: _now() / 1e9
    uuid.uuid4 = _uuid4
    asyncio.sleep = _sleep_or_never
    asyncio.tasks.sleep = _sleep_or_never
    os.cpu_count = lambda: 1  # work by partition is done in this process
    _accept_topics()


def _accept_topics() -> None:
    """Records have the time that the parent gives them, so topics differ from what the product would have created."""
    try:
        from aiokafka.admin import AIOKafkaAdminClient
    except ImportError:  # an interpreter that isn't a checkout's
        return

    async def nothing(self: Any, resources: Any, *, include_synonyms: bool = False) -> list[Any]:
        return []

    AIOKafkaAdminClient.describe_configs = nothing


_install()
