"""One situation, and what has to come of it."""

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Case:
    """A situation after a public report; the input is constructed."""

    kind: str
    """Of fault: `K1` … `K11` for what sources send, `A` … `H` for targets, delivery, Kafka and the archive."""
    name: str
    """Unique within its kind: words with hyphens."""
    check: Callable[[], None]
    """Plays it; raises AssertionError, or anything else, where it goes wrong."""
