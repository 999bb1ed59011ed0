"""A session: many seeds played, how far it has come, and what failed, by kind."""

import itertools
import sys
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final, TextIO

from tests.simulation.player import Result
from tests.simulation.pool import Pool

TELL: Final = 10.0
"""Seconds between lines of progress."""


@dataclass(slots=True)
class Failed:
    """A kind of failure: the lowest seed that shows it, and all that do."""

    first: Result
    seeds: list[int] = field(default_factory=list)


@dataclass(slots=True)
class Session:
    """`enough`: failures after which it ends. `until`: of `time.monotonic()`."""

    enough: int
    until: float = float("inf")
    progress: TextIO = sys.stderr
    begun: float = field(default_factory=time.monotonic)
    played: int = 0
    virtual: float = 0.0
    """Seconds."""
    counts: Counter[str] = field(default_factory=Counter)
    """What was exercised, by name."""
    failed: dict[str, Failed] = field(default_factory=dict)
    memory: list[int] = field(default_factory=lambda: [0, 0])
    """MB of a child: after its first hundred runs, and at most."""
    slowest: tuple[float, int] = (0.0, 0)
    """Seconds and seed."""
    _told: float = field(default_factory=time.monotonic)

    async def play(self, pool: Pool, first: int, count: int | None, *, swarm: bool) -> None:
        """So many seeds from `first` on; all that there is time for, where `count` is None."""
        await pool.seeds(self._seeds(first, count), swarm=swarm, took=self.took)
        self.tell()

    def end(self) -> None:
        """What was begun is played to its end, and nothing more."""
        self.until = 0.0
        self.say("ending: what was played is told; once more, and it isn't")

    def took(self, result: Result) -> bool:
        """Count a run. Whether there were failures enough."""
        self.played += 1
        self.virtual += result.virtual
        self.counts.update(result.counts)
        self.slowest = max(self.slowest, (result.seconds, result.seed))
        if result.number <= 100:
            self.memory[0] = max(self.memory[0], result.memory)
        self.memory[1] = max(self.memory[1], result.memory)
        if result.kind is not None:
            self.say(f"seed {result.seed}: {result.kind}: {result.failures[0].what[:300]}")
            failed = self.failed.setdefault(result.kind, Failed(result))
            failed.seeds.append(result.seed)
            failed.first = min(failed.first, result, key=lambda each: each.seed)
        if time.monotonic() - self._told > TELL:
            self.tell()
        return self.failures >= self.enough

    @property
    def failures(self) -> int:
        """Seeds that failed."""
        return sum(len(each.seeds) for each in self.failed.values())

    @property
    def seeds_a_minute(self) -> float:
        """Of real time."""
        return self.played * 60 / max(time.monotonic() - self.begun, 1e-9)

    def tell(self) -> None:
        """How far it has come."""
        self._told = time.monotonic()
        left = f", {self.until - self._told:,.0f} s left" if self._told < self.until < float("inf") else ""
        rate, most = self.seeds_a_minute, self.memory[1]
        self.say(f"{self.played:,} seeds, {rate:,.0f} a minute, {self.failures} failed, {most} MB{left}")

    def say(self, line: str) -> None:
        """One line of progress."""
        print(line, file=self.progress, flush=True)

    def _seeds(self, first: int, count: int | None) -> Iterator[int]:
        for number in itertools.count() if count is None else range(count):
            if time.monotonic() > self.until:
                return
            yield first + number
