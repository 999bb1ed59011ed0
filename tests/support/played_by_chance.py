"""A stand-in for the simulation: plans that are played by arithmetic, and fail where certain steps and faults meet."""

import os
from random import Random

from tests.simulation.plan import Failure, Plan, Played


def draw(seed: int, swarm: bool) -> Plan:
    """Some steps of which few matter."""
    chance = Random(seed)
    letters = [chance.choice("abcdefgh") for _ in range(chance.randrange(5, 12))]
    steps = [{"at": float(number), "kind": letter} for number, letter in enumerate(letters)]
    rates = {"lost": 0.5, "slow": 0.5, "late": chance.choice([0.0, 0.1])}
    return Plan(seed, {"partitions": 4, "names": ["x", "y"], "swarm": swarm}, rates, steps)


def play(plan: Plan, *, tracing: bool = False) -> Played:
    """It fails where an `a` is followed by a `b`, and a request between them is lost. Step `z` never ends."""
    chance = Random(f"{plan.seed} {len(plan.steps)}")
    failures: list[Failure] = []
    fired: dict[str, list[int]] = {}
    lines = []
    counts: dict[str, int] = {}
    armed = False
    for number, step in enumerate(plan.steps):
        drawn = chance.random() < plan.rates.get("lost", 0.0)
        lost = drawn if plan.only is None else number in plan.only.get("lost", [])
        if lost:
            fired.setdefault("lost", []).append(number)
        lines.append(f"{step['at']:9.4f} {step['kind']} {'lost' if lost else ''}")
        if step["kind"] == "z":
            os._exit(3)
        armed = step["kind"] == "a" or (armed and step["kind"] != "b")
        counts[f"step {step['kind']}"] = counts.get(f"step {step['kind']}", 0) + 1
        if step["kind"] == "b" and lost and any(each["kind"] == "a" for each in plan.steps[:number]):
            failures.append(Failure(step["at"], "lost update", f"b after a at {number}"))
    digest = hash((*lines, plan.seed))
    return Played(failures, digest, counts, fired, lines if tracing else [], 10.0, len(plan.steps))


def forgetful(plan: Plan, *, tracing: bool = False) -> Played:
    """What comes of it depends on the process that plays it."""
    played = play(plan, tracing=tracing)
    played.digest ^= os.getpid() ^ len(_BEFORE)
    played.failures = []
    _BEFORE.append(plan.seed)
    return played


_BEFORE: list[int] = []


def draw_one_that_ends(seed: int, swarm: bool) -> Plan:
    """Seed 7 ends the process that plays it."""
    return Plan(seed, {}, {}, [{"at": 1.0, "kind": "z" if seed == 7 else "c"}])
