"""Each mutant against the simulation: `python -m tests.simulation.mutants [--minutes N] [--jobs N] [NAME...]`

All are tried for a few seconds, those that live for twice as long, by the seeds that follow, and so on: most are found
by the first seeds, and the time is for the others. It is the time of the CPU, so that what else a machine does changes
nothing: `--minutes` on each of `--jobs` cores. A seed that breaks something counts only where the code as it is gets
through the same one. Exits 1 where a mutant lives.
"""

import argparse
import gc
import heapq
import importlib
import os
import resource
import sys
import time
from collections.abc import Sequence
from multiprocessing.connection import wait
from typing import Final

from tests.simulation.mutants.every import EVERY, MUTANTS
from tests.simulation.mutants.trial import Playing, Trial
from tests.simulation.pool import PLAY

FIRST: Final = 3.0
"""Seconds for which one is tried at first."""


class Trials:
    """So many at once, for so many seconds of CPU altogether; none for longer than `longest`."""

    def __init__(self, trials: Sequence[Trial], jobs: int, seconds: float, longest: float) -> None:
        self._due = [(0.0, number, trial) for number, trial in enumerate(trials)]
        self._jobs = jobs
        self._seconds = seconds
        self._longest = longest
        self._playing: dict[Playing, tuple[int, Trial]] = {}
        self._checked: dict[Playing, tuple[int, Trial, str]] = {}
        """The code as it is, with a seed that has broken something in a mutant."""

    def run(self) -> None:
        """Until all are found, or time is over."""
        while self._begin():
            every = {id(playing.said): playing for playing in (*self._playing, *self._checked)}
            for said in wait([playing.said for playing in every.values()]):
                playing = every[id(said)]
                (self._heard if playing in self._playing else self._judged)(playing)

    def _begin(self) -> bool:
        while self._due and len(self._playing) + len(self._checked) < self._jobs and spent() < self._seconds:
            _, number, trial = heapq.heappop(self._due)
            seconds = min(FIRST * 2.0**trial.times, self._longest - trial.seconds, self._seconds - spent())
            trial.times += 1
            playing = Playing(trial.mutant, trial.mutant.draw, trial.seeds, seconds)
            self._playing[playing] = number, trial
        return bool(self._playing or self._checked)

    def _heard(self, playing: Playing) -> None:
        number, trial = self._playing[playing]
        said = playing.heard()
        if said is not None:
            seed, kind, seconds = said
            trial.seeds, playing.seconds = seed + 1, seconds
            if kind is None:
                return
            self._checked[Playing(None, trial.mutant.draw, seed, 0.001)] = number, trial, kind
        elif trial.seconds + playing.seconds < self._longest:
            heapq.heappush(self._due, (trial.seconds + playing.seconds, number, trial))
        trial.seconds += playing.seconds
        del self._playing[playing]

    def _judged(self, playing: Playing) -> None:
        number, trial, kind = self._checked[playing]
        said = playing.heard()
        if said is not None and said[1] is not None:
            trial.doubtful.append(said[0])
            heapq.heappush(self._due, (trial.seconds, number, trial))
        elif said is not None:
            return
        else:
            trial.found, trial.seeds = kind, trial.seeds - 1
            print(trial, flush=True)
        del self._checked[playing]


def spent() -> float:
    """Seconds of CPU, of all processes that have ended, and this one."""
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.process_time() + children.ru_utime + children.ru_stime


def main(arguments: list[str]) -> int:
    """0: all were found."""
    parser = argparse.ArgumentParser(prog="python -m tests.simulation.mutants", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help="only these; a part of a name is enough")
    parser.add_argument("--all", action="store_true", help="also those that no simulation has shown yet")
    parser.add_argument("--minutes", type=float, default=10.0, help="of each core, for all of them")
    parser.add_argument("--longest", type=float, default=float("inf"), help="seconds of CPU for one of them, at most")
    parser.add_argument("--jobs", type=int, default=2, help="at once")
    options = parser.parse_args(arguments)
    every = EVERY if options.names or options.all else MUTANTS
    wanted = [each for each in every if not options.names or any(name in each.name for name in options.names)]
    for place in {PLAY, *(mutant.draw for mutant in wanted)}:
        importlib.import_module(place.partition(":")[0])
    gc.freeze()
    trials = [Trial(mutant) for mutant in wanted]
    begun = time.monotonic()
    Trials(trials, options.jobs, 60 * options.minutes * options.jobs, options.longest).run()
    print(table(trials, time.monotonic() - begun))
    return int(any(trial.found is None for trial in trials))


def table(trials: list[Trial], seconds: float) -> str:
    """What came of each, those first that were found soonest."""
    every = sorted(trials, key=lambda trial: (trial.found is None, trial.seconds))
    found = [trial.mutant for trial in trials if trial.found is not None]
    history = sum(bool(mutant.mended) for mutant in found)
    unseen = sum(bool(mutant.unseen_by) for mutant in found)
    doubtful = sorted({(trial.mutant.draw, seed) for trial in trials for seed in trial.doubtful})
    lines = ["", *map(str, every)]
    lines += [f"THE CODE AS IT IS breaks something, too: seed {seed} of {draw}" for draw, seed in doubtful]
    lines.append(
        f"{len(found)} of {len(trials)} found in {seconds:.0f} s, {spent():.0f} s of CPU; {history} of those found "
        f"were mended here before; {unseen} pass all other tests that were tried"
    )
    return "\n".join(lines)


if __name__ == "__main__":
    if os.environ.get("PYTHONHASHSEED") != "0":
        os.execve(
            sys.executable,
            [sys.executable, "-m", "tests.simulation.mutants", *sys.argv[1:]],
            os.environ | {"PYTHONHASHSEED": "0"},
        )
    sys.exit(main(sys.argv[1:]))
