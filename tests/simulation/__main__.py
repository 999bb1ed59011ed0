"""The whole pipeline under a seeded scheduler and virtual time: `python -m tests.simulation --seeds 2000 --swarm`.

Exit code 1 if an invariant was broken. What failed is shrunk, and written to `build/simulation/`, as a plan to play
again and as a trace. A plan whose fault is mended belongs into `tests/simulation/regressions/`.
"""

import argparse
import asyncio
import os
import signal
import sys
import time
from pathlib import Path

import orjson

from tests.simulation.failed import told, whole_trace
from tests.simulation.plan import Plan, decode_plan
from tests.simulation.player import Result
from tests.simulation.pool import DRAW, PLAY, Pool
from tests.simulation.report import as_json, as_text
from tests.simulation.session import Session
from tests.support.paths import REPOSITORY

STOPS = (signal.SIGINT, signal.SIGTERM)


def _options(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.simulation", description=__doc__)
    parser.add_argument("--seeds", type=int, help="how many; 2,000 where neither this nor --minutes is given")
    parser.add_argument("--minutes", type=float, help="stop after so long, whatever --seeds says")
    parser.add_argument("--first", type=int, default=0, help="the first seed")
    parser.add_argument("--swarm", action="store_true", help="each seed draws which faults and features are on")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="processes that play side by side")
    parser.add_argument("--seed", type=int, help="play only this one")
    parser.add_argument("--plan", type=Path, help="play the plan in a file")
    parser.add_argument("--trace", action="store_true", help="of --seed or --plan: all that happened, by virtual time")
    parser.add_argument("--print-plan", action="store_true", help="of --seed: its plan, without playing it")
    parser.add_argument("--report", action="store_true", help="what was exercised, and what never was")
    parser.add_argument("--json", action="store_true", help="the report as JSON")
    parser.add_argument("--enough", type=int, default=20, help="stop after so many seeds that failed")
    parser.add_argument("--shrink", type=float, default=60.0, help="seconds for each kind of failure; 0: don't")
    parser.add_argument("--folder", type=Path, default=REPOSITORY / "build" / "simulation", help="for plans and traces")
    parser.add_argument("--play", default=PLAY, help=argparse.SUPPRESS)
    parser.add_argument("--draw", default=DRAW, help=argparse.SUPPRESS)
    return parser.parse_args(arguments)


async def _one(pool: Pool, options: argparse.Namespace) -> int:
    if options.plan is not None:
        plan: Plan = decode_plan(options.plan.read_bytes())
    else:
        plan = await pool.drawn(options.seed, swarm=options.swarm)
    if options.print_plan:
        sys.stdout.write(plan.encode().decode() + "\n")
        return 0
    result: Result = await pool.play(plan, tracing=options.trace)
    sys.stdout.write(whole_trace(result) + "\n")
    if options.report:
        session = Session(enough=1)
        session.took(result)
        sys.stdout.write(as_text(session))
    return int(result.kind is not None)


async def _many(pool: Pool, options: argparse.Namespace) -> int:
    until = float("inf") if options.minutes is None else time.monotonic() + 60 * options.minutes
    session = Session(options.enough, until)
    count = options.seeds if options.minutes is not None else options.seeds or 2000
    loop = asyncio.get_running_loop()
    for each in STOPS:
        loop.add_signal_handler(each, session.end)
    await session.play(pool, options.first, count, swarm=options.swarm)
    for each in STOPS:
        loop.remove_signal_handler(each)
    for failed in session.failed.values():
        text = await told(failed, pool, options.folder, swarm=options.swarm, seconds=options.shrink)
        (sys.stderr if options.json else sys.stdout).write(text)
    if options.json:
        sys.stdout.write(orjson.dumps(as_json(session), option=orjson.OPT_INDENT_2).decode() + "\n")
    elif options.report:
        sys.stdout.write(as_text(session))
    return int(bool(session.failed))


async def _main(options: argparse.Namespace) -> int:
    pool = Pool(options.jobs, options.play, options.draw)
    try:
        single = options.seed is not None or options.plan is not None
        return await (_one if single else _many)(pool, options)
    finally:
        await pool.stop()


def main(arguments: list[str] | None = None) -> int:
    """Exit code."""
    return asyncio.run(_main(_options(arguments)))


if __name__ == "__main__":
    sys.exit(main())
