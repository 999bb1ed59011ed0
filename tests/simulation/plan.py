"""The plan of one run, as JSON: all that decides what happens. The same plan gives the same run, byte for byte."""

from dataclasses import asdict, dataclass, field
from typing import Any, TypeAlias

import orjson

Step: TypeAlias = dict[str, Any]
"""`at`: virtual seconds since the world began; `kind`; and whatever that kind needs (see history.py and faults.py)."""


@dataclass(frozen=True, slots=True)
class Plan:
    """`options`: how the world is made. `rates`: kind of fault → probability on each occasion."""

    seed: int
    options: dict[str, Any] = field(default_factory=dict)
    rates: dict[str, float] = field(default_factory=dict)
    steps: list[Step] = field(default_factory=list)
    only: dict[str, list[int]] | None = None
    """Kind of fault → the occasions on which it happens; None: by chance."""

    def encode(self) -> bytes:
        """As a file."""
        return orjson.dumps(asdict(self), option=orjson.OPT_INDENT_2 | orjson.OPT_SORT_KEYS)


def decode_plan(content: bytes) -> Plan:
    """From a file. Raises ValueError."""
    return Plan(**orjson.loads(content))


@dataclass(slots=True)
class Failure:
    """An invariant that was broken: when (virtual seconds), which, and how."""

    at: float
    kind: str
    what: str


@dataclass(slots=True)
class Played:
    """What came of a plan. `lines`: the trace, where it was asked for. `counts`: what was exercised, by name."""

    failures: list[Failure]
    digest: int
    """Of all that happened."""
    counts: dict[str, int]
    fired: dict[str, list[int]]
    """Kind of fault → the occasions on which it happened."""
    lines: list[str]
    seconds: float
    """Virtual."""
    callbacks: int
