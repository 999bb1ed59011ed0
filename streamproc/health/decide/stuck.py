"""A loop that has stopped turning: nothing fails, and nothing is done any more."""

from collections.abc import Iterator
from typing import Final

from streamproc.health.decide.conditions import STUCK, Trouble

AFTER: Final = 600.0
"""Seconds without a turn. Kafka itself puts a silent member out of its group after 300, and moving partitions with a
million users takes minutes."""


def stuck_troubles(loop: str, idle: float) -> Iterator[Trouble]:
    """`loop`: which one; `idle`: seconds since its last turn."""
    if idle > AFTER:
        yield Trouble(STUCK, loop, "degraded", f"it has done nothing for {idle:.0f} s: restart it")
