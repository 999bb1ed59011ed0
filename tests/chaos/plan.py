"""What a crash run does, and what it finds."""

import sys
import tempfile
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from streamproc.embedded import embedded_kafka

FAULTS: list[dict[str, Any]] = [
    {"kind": "429", "probability": 0.02, "retry_after": 1},
    {"kind": "429_no_retry_after", "probability": 0.02},
    {"kind": "500_before", "probability": 0.01},
    {"kind": "500_after", "probability": 0.02},
    {"kind": "503_before", "probability": 0.01},
    {"kind": "504_after", "probability": 0.01},
    {"kind": "reset", "probability": 0.02},
    {"kind": "lost_answer", "probability": 0.02},
    {"kind": "401", "probability": 0.01},
    {"kind": "version_conflict", "probability": 0.01},
    {"kind": "slow", "probability": 0.05, "delay_ms": 150},
]
GROUPS = ["Sales Queue"]
UNGUARDED = {"guard_count": 10**6, "guard_day_count": 10**6, "loop_rounds": 0}
"""The history has far more leavers than any mass guard lets through, and more to and fro than a fight has."""


@dataclass(slots=True)
class Plan:
    """What a run does."""

    seed: int = 1
    events: int = 5000
    users: int = 200
    kills: int = 4
    workers: int = 1
    sinks: int = 1
    pause: bool = False
    rate_limit: int = 0
    """Requests a window of 3 s that the target takes from each token; 0: no limit."""
    seconds: float = 40.0
    mappings: int = 0
    """Changes of the mapping on the way: there and back again, so an even number."""
    scope: bool = False
    """Whether one department is out of scope."""
    reconcile: bool = False
    """Whether people change users by hand meanwhile, and somebody looks for that."""
    kafka: str | None = None
    store: str = "memory"
    logs: str | None = None


@dataclass(slots=True)
class Findings:
    """What a run found. The first five counts, the divergences, the violations and those who
    disagree must be 0.
    """

    events: int = 0
    kills: int = 0
    pauses: int = 0
    lost: int = 0
    out_of_order: int = 0
    duplicate_writes: int = 0
    unaccounted: int = 0
    mismatched_users: int = 0
    divergences: int = 0
    """Of what was recorded from what folding the log anew gives (`streamproc replay --verify`)."""
    violations: int = 0
    """Answers to SCIM clients that can't be true of any one order of their requests, and states that differ."""
    answers: dict[str, int] = field(default_factory=dict)
    """Requests of SCIM clients by what they were answered; `lost`: no answer came."""
    replanned: int = 0
    """Fates of records to which a change of the mapping led."""
    fates: dict[str, int] = field(default_factory=dict)
    repeats: int = 0
    """Raw records that were resolved more than once."""
    retried: int = 0
    """Users of whom something was set aside, and tried again by an operator's order."""
    by_hand: int = 0
    """Changes that people made in the target."""
    disagreeing: int = 0
    """Users of whom reconcile still finds a difference at the end."""
    gaps: int = 0
    """Outcomes that stand for records which the sink never saw."""
    writes: int = 0
    seconds: float = 0.0
    details: list[str] = field(default_factory=list)

    @property
    def good(self) -> bool:
        """Whether nothing is off."""
        return not (
            self.lost
            or self.out_of_order
            or self.duplicate_writes
            or self.unaccounted
            or self.mismatched_users
            or self.divergences
            or self.violations
            or self.disagreeing
        )


@dataclass(slots=True)
class Records:
    """The topics, read to their end."""

    changes: dict[tuple[int, int], dict[str, Any]]
    mappings: set[tuple[int, int]]
    """Places of changes of the mapping: what they lead to is judged by replay."""
    outcomes: list[dict[str, Any]]
    rejected: list[dict[str, Any]]


def origin(record: dict[str, Any]) -> tuple[int, int]:
    """Partition and offset of a raw record."""
    return record["partition"], record["offset"]


def say(line: str) -> None:
    """Of progress, on standard error."""
    print(line, file=sys.stderr, flush=True)


async def surroundings(plan: Plan, exit_stack: AsyncExitStack) -> tuple[str, Path]:
    """Bootstrap servers of the run's own Kafka, or of the empty one that it was given, and a folder of its own."""
    bootstrap = plan.kafka
    if bootstrap is None:
        bootstrap = (await exit_stack.enter_async_context(embedded_kafka(progress=say))).bootstrap
    return bootstrap, Path(exit_stack.enter_context(tempfile.TemporaryDirectory(prefix="streamproc-chaos-")))
