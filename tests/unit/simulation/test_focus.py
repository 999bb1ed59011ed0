"""What a share of all seeds is about."""

from collections import Counter
from functools import partial

import pytest

from tests.simulation.focus import FOCUSES, Focus
from tests.simulation.mutants import drawn
from tests.simulation.mutants.every import EVERY
from tests.simulation.swarm import RATES, draw


@pytest.mark.parametrize("focus", FOCUSES, ids=[focus.name for focus in FOCUSES])
def test_a_focus_forces_what_it_is_about_and_is_the_same_each_time(focus: Focus) -> None:
    """A mutant that needs certain faults gets them with every seed, and a seed that shows it shows it again."""
    plan = draw(3, True, focus)
    assert plan == draw(3, True, focus)
    assert plan.options["focus"] == focus.name
    assert plan.rates.keys() == focus.rates.keys()
    assert focus.rates.keys() <= RATES.keys()
    assert set(focus.features) <= set(plan.options["features"])
    assert {step["kind"] for step in plan.steps} >= focus.troubles.keys()


def test_ordinary_seeds_have_each_focus_now_and_then() -> None:
    """What shows a mutant is played without any mutant, too: it would find the same mistake in the code of tomorrow."""
    drawn_of = Counter(draw(seed, True).options.get("focus") for seed in range(400))
    assert drawn_of.keys() == {None, *(focus.name for focus in FOCUSES)}
    assert drawn_of[None] > 300


def test_each_mutants_focus_is_there() -> None:
    """A name that isn't there would only show when the mutant's turn comes."""
    names = {name for name, value in vars(drawn).items() if isinstance(value, partial)}
    assert names == {focus.name for focus in FOCUSES}
    assert {mutant.focus for mutant in EVERY} <= {"", *names}
