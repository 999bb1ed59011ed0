"""Some seeds, each with what it draws of features, switches and faults; and each failure that was mended. More of them:
`python -m tests.simulation`.
"""

import asyncio
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.simulation.failed import told, whole_trace
from tests.simulation.plan import decode_plan
from tests.simulation.pool import Pool
from tests.simulation.session import Session
from tests.support.paths import REPOSITORY

SEEDS = 60
ENOUGH = 3
"""Seeds that failed, after which no more are played."""
SHRINK = 20.0
"""Seconds for each kind of failure."""
REGRESSIONS = sorted((Path(__file__).parent / "regressions").glob("*.json"))


@pytest.fixture(scope="module")
def runner() -> Iterator[asyncio.Runner]:
    """In whose loop the pool is."""
    with asyncio.Runner() as runner:
        yield runner


@pytest.fixture(scope="module")
def pool(runner: asyncio.Runner) -> Iterator[Pool]:
    """One process for all: importing what it plays with takes as long as a dozen seeds."""
    pool = Pool(1)
    yield pool
    runner.run(pool.stop())


@pytest.mark.parametrize("first", range(0, 4 * SEEDS, SEEDS))
def test_no_seed_breaks_an_invariant(first: int, runner: asyncio.Runner, pool: Pool, tmp_path: Path) -> None:
    """Whatever is lost, late, killed or asked twice: each leaver is out, and everybody holds what they should."""
    session = Session(ENOUGH)
    runner.run(session.play(pool, first, SEEDS, swarm=True))
    tellings = (told(each, pool, tmp_path, swarm=True, seconds=SHRINK) for each in session.failed.values())
    assert not session.failed, "\n".join(runner.run(telling) for telling in tellings)
    assert session.played >= SEEDS


def test_a_seed_is_played_again_byte_for_byte() -> None:
    """Whoever looks into a failure sees on their own machine what happened on another one."""
    command = [sys.executable, "-m", "tests.simulation", "--jobs", "1", "--swarm", "--seed", "7", "--trace"]
    first, again = (
        subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=True, env=environment).stdout
        for environment in ({**os.environ, "PYTHONHASHSEED": hashes} for hashes in ("0", "1"))
    )
    assert first == again
    assert len(first.splitlines()) > 50


@pytest.mark.parametrize("plan", REGRESSIONS, ids=[path.stem for path in REGRESSIONS])
def test_what_was_mended_stays_mended(plan: Path, runner: asyncio.Runner, pool: Pool) -> None:
    """A schedule that once broke an invariant doesn't any more."""
    result = runner.run(pool.play(decode_plan(plan.read_bytes()), tracing=True))
    assert result.kind is None, whole_trace(result)[-6000:]
