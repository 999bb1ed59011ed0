"""A mutant's trial: a process that has the mistake plays one seed after the other, until one is broken.

A seed counts only if the code as it is gets through it.
"""

import gc
import logging
import multiprocessing
import os
import time
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from multiprocessing.context import ForkProcess
from typing import Final, TypeAlias

import structlog

from tests.simulation.mutants.made import make
from tests.simulation.mutants.mutant import Mutant
from tests.simulation.player import Order, Player, watched
from tests.simulation.pool import PLAY

FORK: Final = multiprocessing.get_context("fork")
"""A process begins with all that is loaded here, and has nothing to load."""
Said: TypeAlias = tuple[int, str | None, float]
"""Seed, what it broke, and the seconds of CPU since its process began."""


@dataclass(eq=False, slots=True)
class Trial:
    """Of a mutant."""

    mutant: Mutant
    times: int = 0
    seeds: int = 0
    """That found nothing: the next is the one after them."""
    seconds: float = 0.0
    """Of CPU."""
    found: str | None = None
    """Kind of the invariant that was broken."""
    doubtful: list[int] = field(default_factory=list)
    """Seeds that break something in the code as it is, too."""

    def __str__(self) -> str:
        """One line."""
        what = f"LIVES {self.seeds} seeds" if self.found is None else f"seed {self.seeds}: {self.found}"
        mended = f" (mended in {self.mutant.mended})" if self.mutant.mended else ""
        return f"{self.seconds:6.1f} s  {what:34}  {self.mutant.name}{mended}"


class Playing:
    """A process that plays seeds from `first` on, for so many seconds of CPU. `mutant`: None for the code as it is."""

    def __init__(self, mutant: Mutant | None, draw: str, first: int, seconds: float) -> None:
        self.said, mine = FORK.Pipe(duplex=False)
        self.seconds = 0.0
        """Of CPU, as far as it has said."""
        self._next = first
        self._process: ForkProcess = FORK.Process(target=_play, args=(mine, mutant, draw, first, seconds), daemon=True)
        self._process.start()
        mine.close()

    def heard(self) -> Said | None:
        """The next thing that it says; None: it has ended. What it ended of counts as what the seed has broken."""
        try:
            said: Said = self.said.recv()
        except EOFError:
            self.said.close()
            self._process.join()
            if self._process.exitcode == 0:
                return None
            return self._next, "hangs, or ends the process", 0.0
        self._next = said[0] + 1
        return said


def _play(told: Connection, mutant: Mutant | None, draw: str, first: int, seconds: float) -> None:
    gc.disable()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
    if mutant is not None:
        make(mutant)
    player, begun, seed = Player(PLAY, draw), time.process_time(), first
    while time.process_time() - begun < seconds:
        for result in watched(player.carry_out(Order(seeds=[seed]))):
            told.send((seed, result.kind, time.process_time() - begun))
            if result.kind is not None:
                return
        seed += 1
