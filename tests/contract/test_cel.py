"""CEL as others read it judges the mapping's expressions; `python -m tests.judges.cel` does so at length."""

import random

from tests.judges.cel import judged
from tests.judges.random_cel import case


def test_expressions_give_what_cel_gives() -> None:
    """Two other implementations have the same value, or an error as well, for expressions of our part of CEL."""
    seed = random.SystemRandom().randrange(2**32)
    chance = random.Random(seed)
    verdicts = [judged(case(chance)) for _ in range(300)]
    assert [difference for _, difference in verdicts if difference is not None] == [], f"seed {seed}"
    assert sum(kind == "values" for kind, _ in verdicts) > 60, f"seed {seed}: too few have values to prove anything"
