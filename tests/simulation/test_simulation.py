"""Some seeds, each with what it draws of features, switches and faults; and each failure that was mended. More of them:
`python -m tests.simulation`.
"""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.paths import REPOSITORY

SEEDS = 60
REGRESSIONS = sorted((Path(__file__).parent / "regressions").glob("*.json"))


def simulated(*arguments: str) -> subprocess.CompletedProcess[str]:
    """The command, in a process of its own."""
    command = [sys.executable, "-m", "tests.simulation", "--jobs", "1", *arguments]
    environment = {**os.environ, "PYTHONHASHSEED": "0"}
    return subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=False, env=environment)


@pytest.mark.parametrize("first", range(0, 4 * SEEDS, SEEDS))
def test_no_seed_breaks_an_invariant(first: int, tmp_path: Path) -> None:
    """Whatever is lost, late, killed or asked twice: each leaver is out, and everybody holds what they should."""
    folder = ["--folder", str(tmp_path), "--shrink", "20", "--enough", "3"]
    done = simulated("--swarm", "--first", str(first), "--seeds", str(SEEDS), *folder)
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_seed_is_played_again_byte_for_byte(tmp_path: Path) -> None:
    """Whoever looks into a failure sees on their own machine what happened on another one."""
    first, again = (simulated("--swarm", "--seed", "7", "--trace").stdout for _ in range(2))
    assert first == again
    assert len(first.splitlines()) > 50


@pytest.mark.parametrize("plan", REGRESSIONS, ids=[path.stem for path in REGRESSIONS])
def test_what_was_mended_stays_mended(plan: Path) -> None:
    """A schedule that once broke an invariant doesn't any more."""
    done = simulated("--plan", str(plan), "--trace")
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr
