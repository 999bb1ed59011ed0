"""CEL as others read it judges the mapping's expressions; `python -m tests.judges.cel` does so at length."""

import random

from tests.judges.cel import cpp, judged, ours, same
from tests.judges.random_cel import FACTS, case, facts


def test_expressions_give_what_cel_gives() -> None:
    """Two other implementations have the same value, or an error as well, for expressions of our part of CEL."""
    seed = random.SystemRandom().randrange(2**32)
    chance = random.Random(seed)
    verdicts = [judged(case(chance)) for _ in range(300)]
    assert [difference for _, difference in verdicts if difference is not None] == [], f"seed {seed}"
    assert sum(kind == "values" for kind, _ in verdicts) > 60, f"seed {seed}: too few have values to prove anything"


def test_coalesce_is_what_cel_can_say_at_length() -> None:
    """The first of two facts that is there and neither null nor an empty text, otherwise the second, whatever it is."""
    chance = random.Random(random.SystemRandom().randrange(2**32))
    for _ in range(200):
        found = facts(chance)
        one, other = chance.sample(FACTS, 2)
        filled = f'has(facts.{one}) && facts.{one} != null && facts.{one} != ""'
        said = cpp(f"{filled} ? facts.{one} : facts.{other}", found)
        assert same(ours(f"coalesce({one}, {other})", found), said), (one, other, found)
