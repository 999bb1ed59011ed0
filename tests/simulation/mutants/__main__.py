"""Each mutant against the simulation: `python -m tests.simulation.mutants [--minutes N] [--jobs N] [NAME...]`

Each runs in a copy of the code, so that nothing here changes meanwhile; as many at once as there are copies. All are
tried for a few seconds, those that live for twice as long, by the seeds that follow, and so on: most are found by the
first seeds, and the time is for the others. First the code as it is has to get through: else nothing is said about
mutants. Exits 1 where one lives.
"""

import argparse
import os
import queue
import re
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from tests.judges.mutants import copied
from tests.simulation.mutants.every import EVERY, MUTANTS
from tests.simulation.mutants.mutant import Mutant

FIRST: Final = 6.0
"""Seconds for which one is tried at first."""
LATE: Final = 30.0
"""Seconds after which a run that should have ended counts as found: something in it never ends."""
BROKEN: Final = re.compile(r"^BROKEN: (?P<kind>.*)\n +seeds? (?P<seed>\d+)", re.MULTILINE)
"""How a simulation tells what it has found."""
PLAYED: Final = re.compile(r"^(?P<seeds>[\d,]+) seeds,", re.MULTILINE)
"""How it tells how far it has come."""


@dataclass(order=True)
class Trial:
    """Of a mutant; None: of the code as it is. In the order in which they are due."""

    times: int
    number: int
    mutant: Mutant | None = field(compare=False)
    seeds: int = field(default=0, compare=False)
    """That found nothing."""
    seconds: float = field(default=0.0, compare=False)
    found: str | None = field(default=None, compare=False)
    """Kind of the invariant that was broken."""

    def __str__(self) -> str:
        """One line."""
        what = "LIVES" if self.found is None else f"seed {self.seeds}: {self.found}"
        mutant = self.mutant
        said = "the code as it is" if mutant is None else mutant.name
        mended = f" (mended in {mutant.mended})" if mutant is not None and mutant.mended else ""
        return f"{self.seconds:6.1f} s  {what:34}  {said}{mended}"


def go_on(trial: Trial, folder: Path, seconds: float) -> None:
    """With the seeds that follow, in this folder, for so long at most."""
    begun = time.monotonic()
    command = [sys.executable, "-m", "tests.simulation", "--swarm", "--jobs", "1", "--minutes", f"{seconds / 60:.4f}"]
    command += ["--first", str(trial.seeds), "--enough", "1", "--shrink", "0", "--folder", str(folder / "build")]
    environment = os.environ | {"PYTHONPATH": str(folder), "PYTHONDONTWRITEBYTECODE": "1"}
    with subprocess.Popen(
        command,
        cwd=folder,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    ) as simulation:
        try:
            text, _ = simulation.communicate(timeout=seconds + LATE)
        except BaseException as error:
            os.killpg(simulation.pid, signal.SIGKILL)
            if not isinstance(error, subprocess.TimeoutExpired):
                raise
            text = f"BROKEN: it doesn't come to its end\n  seed {trial.seeds}"
    trial.times += 1
    trial.seconds += time.monotonic() - begun
    if (broken := BROKEN.search(text)) is not None:
        trial.found, trial.seeds = broken["kind"], int(broken["seed"])
    elif simulation.returncode == 0 and (played := PLAYED.findall(text)):
        trial.seeds += int(played[-1].replace(",", ""))
    else:
        raise RuntimeError(text[-4000:])


@contextmanager
def made(mutant: Mutant | None, folder: Path) -> Iterator[None]:
    """The mistake, in a copy of the code."""
    if mutant is None:
        yield
        return
    file = folder / mutant.file
    text = file.read_text(encoding="utf-8")
    file.write_text(text.replace(mutant.right, mutant.wrong), encoding="utf-8")
    try:
        yield
    finally:
        file.write_text(text, encoding="utf-8")


def worked_off(due: queue.PriorityQueue[Trial], folder: Path, until: float) -> None:
    """In one copy, until all were found or time is over."""
    copied(folder)
    while time.monotonic() < until:
        try:
            trial = due.get_nowait()
        except queue.Empty:
            return
        with made(trial.mutant, folder):
            go_on(trial, folder, min(FIRST * 2.0**trial.times, max(1.0, until - time.monotonic())))
        if trial.found is None:
            due.put(trial)
        else:
            print(trial, flush=True)


def main(arguments: list[str]) -> int:
    """0: all were found."""
    parser = argparse.ArgumentParser(prog="python -m tests.simulation.mutants", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help="only these; a part of a name is enough")
    parser.add_argument("--all", action="store_true", help="also those that no simulation has shown yet")
    parser.add_argument("--minutes", type=float, default=10.0, help="for all of them, at most")
    parser.add_argument("--jobs", type=int, default=2, help="at once")
    options = parser.parse_args(arguments)
    every = EVERY if options.names or options.all else MUTANTS
    wanted = [each for each in every if not options.names or any(name in each.name for name in options.names)]
    as_it_is = Trial(0, -1, None)
    trials = [Trial(0, number, mutant) for number, mutant in enumerate(wanted)]
    begun = time.monotonic()
    due: queue.PriorityQueue[Trial] = queue.PriorityQueue()
    for trial in (as_it_is, *trials):
        due.put(trial)
    with tempfile.TemporaryDirectory(prefix="streamproc-mutants-") as name:
        threads = [
            threading.Thread(target=worked_off, args=(due, Path(name) / str(number), begun + 60 * options.minutes))
            for number in range(options.jobs)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    print(table(trials, as_it_is, time.monotonic() - begun))
    return 0 if as_it_is.found is None and all(trial.found is not None for trial in trials) else 1


def table(trials: list[Trial], as_it_is: Trial, seconds: float) -> str:
    """What came of each, those first that were found soonest."""
    every = sorted(trials, key=lambda trial: (trial.found is None, trial.seconds))
    found = sum(trial.found is not None for trial in trials)
    mutants = [trial.mutant for trial in trials if trial.mutant is not None]
    history = sum(bool(mutant.mended) for mutant in mutants)
    unseen = sum(bool(mutant.unseen_by) for mutant in mutants)
    lines = ["", *map(str, every)]
    lines.append(
        f"{found} of {len(trials)} found in {seconds:.0f} s; {history} of them were mended here before; {unseen} pass "
        "all other tests that were tried"
    )
    if as_it_is.found is not None:
        lines.append(f"THE CODE AS IT IS: seed {as_it_is.seeds}: {as_it_is.found}, so that all of this says nothing")
    else:
        lines.append(f"the code as it is: {as_it_is.seeds} seeds")
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
