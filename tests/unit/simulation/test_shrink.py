"""Shrinking: what is left of a plan that fails."""

import time
from dataclasses import replace

import pytest

from tests.simulation.plan import Failure, Plan
from tests.simulation.player import Result
from tests.simulation.shrink import Shrinking

PLAN = Plan(
    seed=5,
    options={"partitions": 4, "guard": True},
    rates={"net.lost": 0.1, "kafka.slow": 0.3},
    steps=[{"at": float(number), "kind": letter} for number, letter in enumerate("qwaertbyuiopcx")],
)


async def _fails_with_a_b_and_loss(plan: Plan) -> Result:
    kinds = [step["kind"] for step in plan.steps]
    fails = {"a", "b"} <= set(kinds) and plan.rates.get("net.lost") and plan.options.get("partitions", 1) > 1
    other = "c" in kinds and "a" not in kinds
    kind = "lost update" if fails else "another kind" if other else None
    return Result(seed=plan.seed, failures=[Failure(1.0, kind, "")] if kind else [])


@pytest.mark.parametrize("jobs", [1, 2])
async def test_only_what_matters_is_left(jobs: int) -> None:
    """Whoever looks at a failure sees the two events, the one fault and the one option that it takes."""
    shrunk = await Shrinking(PLAN, "lost update", _fails_with_a_b_and_loss, jobs=jobs).smallest()
    assert [step["kind"] for step in shrunk.plan.steps] == ["a", "b"]
    assert shrunk.plan.rates == {"net.lost": 0.1}
    assert shrunk.plan.options == {"partitions": 2}
    assert not shrunk.out_of_time


async def test_another_kind_of_failure_isnt_taken_for_it() -> None:
    """What is shrunk still fails in the way that was seen, and not in any way."""
    shrunk = await Shrinking(PLAN, "lost update", _fails_with_a_b_and_loss).smallest()
    result = await _fails_with_a_b_and_loss(shrunk.plan)
    assert result.kind == "lost update"


async def test_it_ends_when_its_time_is_over() -> None:
    """A plan that takes long to play doesn't keep anybody waiting: the smallest so far is told."""
    shrunk = await Shrinking(PLAN, "lost update", _fails_with_a_b_and_loss, until=time.monotonic() - 1).smallest()
    assert shrunk.plan == PLAN
    assert shrunk.out_of_time


async def test_a_failure_that_needs_luck_is_tried_with_other_seeds() -> None:
    """A step less changes what happens by chance: the failure isn't lost because of that."""

    async def play(plan: Plan) -> Result:
        lucky = plan.seed % 3 == len(plan.steps) % 3 and any(step["kind"] == "a" for step in plan.steps)
        return Result(seed=plan.seed, failures=[Failure(1.0, "lost update", "")] if lucky else [])

    shrunk = await Shrinking(replace(PLAN, seed=14 % 3 + 3), "lost update", play).smallest()
    assert [step["kind"] for step in shrunk.plan.steps] == ["a"]
    assert shrunk.plan.options == {}


async def test_single_faults_are_left_out_as_well() -> None:
    """Of a hundred requests that were lost by chance, the one that matters is named."""

    async def play(plan: Plan) -> Result:
        fired = {"net.lost": [3, 8, 21, 40], "net.slow": [5]} if plan.only is None else plan.only
        failures = [Failure(1.0, "lost update", "")] if 21 in fired.get("net.lost", []) else []
        return Result(seed=plan.seed, failures=failures, fired=fired)

    shrunk = await Shrinking(PLAN, "lost update", play).smallest()
    assert shrunk.plan.only == {"net.lost": [21]}
