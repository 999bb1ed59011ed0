"""What is told of a failure: its seeds, the smallest plan that still fails, and what happened, by virtual time."""

import re
import time
from pathlib import Path
from typing import Any, Final

import orjson

from tests.simulation.plan import Plan
from tests.simulation.player import Result
from tests.simulation.pool import Pool
from tests.simulation.session import Failed
from tests.simulation.shrink import Shrinking

SHOWN: Final = 60
"""Lines of a trace, at its end, that are shown at once."""


async def told(failed: Failed, pool: Pool, folder: Path, *, swarm: bool, seconds: float) -> str:
    """Text. The plan and its whole trace are in `folder`. `seconds`: for shrinking; 0: it is told as it is."""
    first = failed.first
    assert first.kind is not None
    plan = Plan(**first.plan) if first.plan else await pool.drawn(first.seed, swarm=swarm)
    lines = [f"BROKEN: {first.kind}", f"  {_seeds(sorted(failed.seeds))}"]
    lines += [f"  {each.at:.3f} s: {each.kind}: {each.what}" for each in first.failures[:3]]
    again = await pool.play(plan) if seconds else first
    if seconds and all(each.kind != first.kind for each in again.failures):
        lines.append("  it doesn't fail like that when it is played again: the seed doesn't decide everything")
    elif seconds:
        shrinking = Shrinking(plan, first.kind, pool.play, jobs=pool.jobs, until=time.monotonic() + seconds)
        shrunk, before = await shrinking.smallest(), plan
        plan = shrunk.plan
        more = ", and there was no time for more" if shrunk.out_of_time else ""
        lines.append(f"  shrunk in {shrunk.tried} runs{more}: {_size(before)} became {_size(plan)}")
    result = await pool.play(plan, tracing=True)
    name = f"{re.sub('[^a-z0-9]+', '_', first.kind.lower()).strip('_')}_{first.seed}"
    _keep(folder, name, plan, result)
    lines += ["  plan:", *(f"    {line}" for line in described(plan))]
    if len(result.lines) > SHOWN:
        lines.append(f"  the last {SHOWN} of {len(result.lines):,} lines of its trace:")
    lines += [f"    {line}" for line in result.lines[-SHOWN:]]
    lines += [f"    {each.at:9.4f} BROKEN {each.kind}: {each.what}" for each in result.failures[:5]]
    lines.append(f"  again: python -m tests.simulation --trace --plan {folder / f'{name}.json'}")
    return "\n".join(lines) + "\n\n"


def _keep(folder: Path, name: str, plan: Plan, result: Result) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{name}.json").write_bytes(plan.encode())
    (folder / f"{name}.txt").write_text(whole_trace(result) + "\n", encoding="utf-8")


def described(plan: Plan) -> list[str]:
    """Lines: what is to be known of a plan, its steps in order."""
    lines = [f"seed {plan.seed}"]
    lines += [f"option {name} = {_short(value)}" for name, value in sorted(plan.options.items())]
    if plan.only is None:
        lines += [f"fault {kind} on {rate:.2%} of occasions" for kind, rate in sorted(plan.rates.items()) if rate]
    else:
        lines += [f"fault {kind} on occasion {_short(numbers)}" for kind, numbers in sorted(plan.only.items())]
    for step in plan.steps:
        details = " ".join(f"{name}={_short(value)}" for name, value in step.items() if name not in {"at", "kind"})
        lines.append(f"{step['at']:9.4f} {step['kind']:<9} {details}")
    return lines


def whole_trace(result: Result) -> str:
    """All that happened in a run, and what was broken. The same run gives the same bytes."""
    lines = [*result.lines, f"seed {result.seed}: {result.virtual:.4f} virtual seconds, digest {result.digest}"]
    lines += [f"BROKEN at {each.at:.4f} s: {each.kind}: {each.what}" for each in result.failures]
    return "\n".join(lines)


def _seeds(seeds: list[int]) -> str:
    more = f" and {len(seeds) - 10} more" if len(seeds) > 10 else ""
    return f"seed{'s' * (len(seeds) > 1)} {', '.join(map(str, seeds[:10]))}{more}"


def _size(plan: Plan) -> str:
    if plan.only is not None:
        return f"{len(plan.steps)} steps and {sum(map(len, plan.only.values()))} faults"
    return f"{len(plan.steps)} steps and {sum(map(bool, plan.rates.values()))} kinds of faults by chance"


def _short(value: Any) -> str:
    return value if isinstance(value, str) else orjson.dumps(value, option=orjson.OPT_SORT_KEYS).decode()
