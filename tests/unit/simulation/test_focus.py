"""What a share of all seeds is about."""

from collections import Counter
from functools import partial

import pytest

from streamproc.simulator.faults import KINDS
from tests.simulation.focus import DENIED_FOR_A_WHILE, FOCUSES, Focus
from tests.simulation.mutants import drawn
from tests.simulation.mutants.every import EVERY
from tests.simulation.swarm import MORE, RATES, draw


@pytest.mark.parametrize("focus", FOCUSES, ids=[focus.name for focus in FOCUSES])
def test_a_focus_forces_what_it_is_about_and_is_the_same_each_time(focus: Focus) -> None:
    """A mutant that needs certain faults gets them with every seed, and a seed that shows it shows it again."""
    plan = draw(3, True, focus)
    assert plan == draw(3, True, focus)
    assert plan.options["focus"] == focus.name
    assert plan.rates.keys() == focus.rates.keys()
    assert focus.rates.keys() <= {*RATES, *MORE}
    assert set(focus.features) <= set(plan.options["features"])
    assert {step["kind"] for step in plan.steps} >= focus.troubles.keys()


def test_what_a_focus_denies_is_denied_for_a_while_only() -> None:
    """What nobody can read or write for ever is never right in the end, and that is nobody's mistake."""
    steps = [
        step for seed in range(30) for step in draw(seed, True, DENIED_FOR_A_WHILE).steps if step["kind"] == "deny"
    ]
    assert all(0 < step["seconds"] <= 30 and step["answer"] in KINDS for step in steps)
    assert all(("path" in step) != ("user" in step) for step in steps)
    assert {step.get("method") for step in steps} == {None, "GET", "PATCH", "POST"}


def test_ordinary_seeds_have_each_focus_now_and_then() -> None:
    """What shows a mutant is played without any mutant, too: it would find the same mistake in the code of tomorrow."""
    drawn_of = Counter(draw(seed, True).options.get("focus") for seed in range(1200))
    assert drawn_of.keys() == {None, *(focus.name for focus in FOCUSES)}
    assert drawn_of[None] > 900


def test_each_mutants_focus_is_there() -> None:
    """A name that isn't there would only show when the mutant's turn comes."""
    names = {name for name, value in vars(drawn).items() if isinstance(value, partial)}
    assert names == {focus.name for focus in FOCUSES}
    assert {mutant.focus for mutant in EVERY} <= {"", *names}
