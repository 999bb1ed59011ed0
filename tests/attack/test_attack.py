"""A short part of each attack does no harm."""

from random import Random

import pytest

from tests.attack.part import Part
from tests.attack.parts import PARTS


@pytest.mark.parametrize("part", PARTS, ids=lambda part: part.name)
def test_the_attack_does_no_harm(part: Part) -> None:
    """Nobody is let in, kept in or mistaken for another, nothing ends or vanishes, and nothing grows without bound."""
    found = part.attack(Random(1), part.short)
    assert found.tried >= part.short
    assert not found.harm, found.examples
