"""Targets that answer otherwise than the sink trusts: each hostile one, with everything that may happen at it."""

from functools import partial
from typing import Final

from tests.field.case import Case
from tests.support.hostile_targets.checks import SCENARIOS, check_hour, check_turn
from tests.support.hostile_targets.table import HOSTILE, Hostile


def _at(hostile: Hostile) -> None:
    """Somebody joins, is adopted, moves, leaves: in bounded time, and what is told is so."""
    for scenario, (_, _, desired) in SCENARIOS.items():
        check_hour(check_turn(hostile, scenario, "genesys"), desired)


CASES: Final = tuple(Case(each.kind, each.name, partial(_at, each)) for each in HOSTILE)
