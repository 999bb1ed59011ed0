"""Each mutant against the simulation: `python -m tests.simulation.mutants [--seconds N] [--jobs N] [NAME...]`

Each runs in a copy of the code, so that nothing here changes meanwhile; as many at once as there are copies. First the
code as it is has to get through: else nothing is said about mutants. Exits 1 where one lives.
"""

import argparse
import os
import queue
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tests.judges.mutants import copied
from tests.simulation.mutants.every import MUTANTS
from tests.simulation.mutants.mutant import Mutant

SECONDS: Final = 20.0
"""For one mutant, at most."""
LATE: Final = 30.0
"""Seconds after that, after which a run that doesn't come to its end counts as found: something in it never ends."""
BROKEN: Final = re.compile(r"^BROKEN: (?P<kind>.*)\n +seeds? (?P<seed>\d+)", re.MULTILINE)
"""How a simulation tells what it has found."""


@dataclass(frozen=True)
class Verdict:
    """What came of a run. `found`: the invariant that was broken; None: none was."""

    found: str | None
    seed: str
    seconds: float


def simulated(folder: Path, seconds: float, seeds: int | None) -> Verdict:
    """The code in this folder, for so long, and so many seeds, at most."""
    begun = time.monotonic()
    command = [sys.executable, "-m", "tests.simulation", "--swarm", "--jobs", "1", "--minutes", f"{seconds / 60:.4f}"]
    command += [] if seeds is None else ["--seeds", str(seeds)]
    command += ["--enough", "1", "--shrink", "0", "--folder", str(folder / "build")]
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
        except subprocess.TimeoutExpired:
            os.killpg(simulation.pid, signal.SIGKILL)
            return Verdict("it doesn't come to its end", "-", time.monotonic() - begun)
    spent = time.monotonic() - begun
    if simulation.returncode == 0:
        return Verdict(None, "-", spent)
    if (broken := BROKEN.search(text)) is None:
        raise RuntimeError(text[-4000:])
    return Verdict(broken["kind"], broken["seed"], spent)


@contextmanager
def made(mutant: Mutant, folder: Path) -> Iterator[None]:
    """The mistake, in a copy of the code."""
    file = folder / mutant.file
    text = file.read_text(encoding="utf-8")
    file.write_text(text.replace(mutant.right, mutant.wrong), encoding="utf-8")
    try:
        yield
    finally:
        file.write_text(text, encoding="utf-8")


def main(arguments: list[str]) -> int:
    """0: all were found."""
    parser = argparse.ArgumentParser(prog="python -m tests.simulation.mutants", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help="only these; a part of a name is enough")
    parser.add_argument("--seconds", type=float, default=SECONDS, help="for one mutant, at most")
    parser.add_argument("--seeds", type=int, help="for one mutant, at most")
    parser.add_argument("--jobs", type=int, default=2, help="at once")
    options = parser.parse_args(arguments)
    wanted = [each for each in MUTANTS if not options.names or any(name in each.name for name in options.names)]
    begun = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="streamproc-mutants-") as name:
        copies: queue.SimpleQueue[Path] = queue.SimpleQueue()
        for number in range(options.jobs):
            folder = Path(name) / str(number)
            copied(folder)
            copies.put(folder)
        if (as_it_is := simulated(folder, options.seconds, options.seeds)).found is not None:
            print(f"the code as it is: seed {as_it_is.seed}: {as_it_is.found}")
            return 2

        def tried(mutant: Mutant) -> Verdict:
            folder = copies.get()
            try:
                with made(mutant, folder):
                    verdict = simulated(folder, options.seconds, options.seeds)
            finally:
                copies.put(folder)
            print(told(mutant, verdict), flush=True)
            return verdict

        with ThreadPoolExecutor(options.jobs) as pool:
            verdicts = list(pool.map(tried, wanted))
    print(table(wanted, verdicts, time.monotonic() - begun))
    return 1 if any(verdict.found is None for verdict in verdicts) else 0


def told(mutant: Mutant, verdict: Verdict) -> str:
    """One line."""
    what = "LIVES" if verdict.found is None else f"seed {verdict.seed}: {verdict.found}"
    return f"{verdict.seconds:6.1f} s  {what:32}  {mutant.name}" + (f" ({mutant.mended})" if mutant.mended else "")


def table(mutants: list[Mutant], verdicts: list[Verdict], seconds: float) -> str:
    """What came of each."""
    every = sorted(zip(mutants, verdicts, strict=True), key=lambda each: (each[1].found is None, each[1].seconds))
    lines = ["", *(told(mutant, verdict) for mutant, verdict in every)]
    found = sum(verdict.found is not None for verdict in verdicts)
    history = sum(bool(mutant.mended) for mutant in mutants)
    unseen = sum(bool(mutant.unseen_by) for mutant in mutants)
    lines.append(
        f"{found} of {len(mutants)} found in {seconds:.0f} s; {history} of them were mended here before; "
        f"{unseen} are seen by no other test that was tried"
    )
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
