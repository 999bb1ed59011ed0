"""CEL's macros: what goes through a list, or through the keys of a map in their order."""

from collections.abc import Mapping
from typing import Any

from streamproc.core.expressions.operators import Run, spend
from streamproc.core.expressions.pieces import Step, absorbed, failed
from streamproc.core.expressions.problems import FailedError, OddError
from streamproc.core.records.change_event import Fact


def searching(of: Step, level: int, condition: Step, weight: int, reads: frozenset[str], decisive: bool) -> Step:
    """`exists` (decisive: true) and `all` (false): one element decides, whatever others are; errors among them too."""

    def step(facts: Mapping[str, Fact], run: Run) -> bool:
        error: FailedError | None = None
        for each in _elements(of(facts, run), reads):
            spend(run, weight)
            run[level] = each
            try:
                value: object = condition(facts, run)
            except (FailedError, KeyError) as other:
                error = absorbed(run, other, error)
                continue
            if value is decisive:
                return decisive
            if value.__class__ is not bool:
                error = failed(reads, "expected true or false").and_of(error)
        if error is not None:
            try:
                raise error
            finally:
                error = None  # it holds this frame
        return not decisive

    return step


def collecting(
    of: Step, level: int, condition: Step | None, result: Step | None, weight: int, reads: frozenset[str]
) -> Step:
    """`map` and `filter`, which gives the elements themselves: an error in one is an error of all."""

    def step(facts: Mapping[str, Fact], run: Run) -> list[Any]:
        made = []
        for each in _elements(of(facts, run), reads):
            spend(run, weight)
            run[level] = each
            if condition is not None:
                value = condition(facts, run)
                if value is False:
                    continue
                if value is not True:
                    raise failed(reads, "expected true or false")
            made.append(each if result is None else result(facts, run))
        return made

    return step


def _elements(value: Any, reads: frozenset[str]) -> list[Any]:
    if value.__class__ is list:
        return value
    if value.__class__ is dict:
        return sorted(value)
    raise failed(reads, OddError("expected a list"))
