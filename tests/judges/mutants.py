"""Mutants: the code with one mistake in it, each of which a test has to notice. `python -m tests.judges.mutants`

Each mistake is made in a copy of the code, so that nothing here changes meanwhile.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Final

from tests.judges import (
    mutants_of_elements,
    mutants_of_health,
    mutants_of_reconcile,
    mutants_of_the_doctor,
    mutants_of_the_edges,
    mutants_of_the_expressions,
    mutants_of_the_findings,
    mutants_of_the_fold,
    mutants_of_the_looks,
    mutants_of_the_loops,
    mutants_of_the_mapping,
    mutants_of_the_policies,
    mutants_of_the_sink,
)
from tests.judges.mutant import Mutant
from tests.support.paths import REPOSITORY

MUTANTS: Final = (
    *mutants_of_the_fold.MUTANTS,
    *mutants_of_the_looks.MUTANTS,
    *mutants_of_the_mapping.MUTANTS,
    *mutants_of_the_policies.MUTANTS,
    *mutants_of_the_edges.MUTANTS,
    *mutants_of_the_expressions.MUTANTS,
    *mutants_of_elements.MUTANTS,
    *mutants_of_the_sink.MUTANTS,
    *mutants_of_the_loops.MUTANTS,
    *mutants_of_health.MUTANTS,
    *mutants_of_the_doctor.MUTANTS,
    *mutants_of_the_findings.MUTANTS,
    *mutants_of_reconcile.MUTANTS,
)


def copied(folder: Path) -> None:
    """The code and its tests, and what they read."""
    for name in ("streamproc", "tests", "schemas", "docker"):
        shutil.copytree(REPOSITORY / name, folder / name, ignore=shutil.ignore_patterns("__pycache__", ".hypothesis"))
    for name in ("pyproject.toml", "README.md"):
        shutil.copy(REPOSITORY / name, folder / name)


def dies(mutant: Mutant, folder: Path) -> bool:
    """Whether a test notices the mistake, in a copy of the code."""
    file = folder / mutant.file
    text = file.read_text(encoding="utf-8")
    file.write_text(text.replace(mutant.right, mutant.wrong), encoding="utf-8")
    command = [sys.executable, "-m", "pytest", "-n0", "-q", "-x", "-p", "no:cacheprovider", *mutant.tests]
    environment = os.environ | {
        "PYTHONPATH": str(folder),
        "PYTHONDONTWRITEBYTECODE": "1",
        "HYPOTHESIS_PROFILE": "brief",
    }
    try:
        ended = subprocess.run(command, cwd=folder, env=environment, capture_output=True, check=False)
    finally:
        file.write_text(text, encoding="utf-8")
    if ended.returncode not in {0, 1}:
        raise RuntimeError(ended.stdout.decode() + ended.stderr.decode())
    return ended.returncode == 1


def main(wanted: list[str]) -> int:
    """How many are alive."""
    alive = 0
    with tempfile.TemporaryDirectory(prefix="streamproc-mutants-") as name:
        folder = Path(name)
        copied(folder)
        for mutant in MUTANTS:
            if wanted and mutant.name not in wanted:
                continue
            dead = dies(mutant, folder)
            alive += not dead
            print("dies " if dead else "LIVES", mutant.name, flush=True)
    print(f"{alive} alive")
    return alive


if __name__ == "__main__":
    sys.exit(1 if main(sys.argv[1:]) else 0)
