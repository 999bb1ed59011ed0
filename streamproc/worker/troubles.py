"""What is wrong with a worker now."""

from collections.abc import Iterator
from typing import Final

from streamproc.health.decide.conditions import Trouble

RECOVERY: Final = 30.0
"""Seconds that tables may take to be whole again after partitions have moved."""


def recovery_troubles(remaining: int, *, settled: bool) -> Iterator[Trouble]:
    """Nothing is folded before tables are whole. `remaining`: records still to be read for that."""
    if not settled:
        what = f"{remaining} records are still to be read" if remaining else "partitions move"
        yield Trouble("recovering", "tables", "blind", f"nothing is folded until tables are whole: {what}", RECOVERY)
