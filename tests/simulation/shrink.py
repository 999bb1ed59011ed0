"""Shrinking: the fewest steps and faults, and the plainest options, with which a plan still fails in the same way.

What happens by chance changes with each step that is left out, so what is left is tried with a few other seeds, too.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, TypeVar

from tests.simulation.plan import Plan
from tests.simulation.player import Result

T = TypeVar("T")
Player = Callable[[Plan], Awaitable[Result]]

OTHERS: Final = 2
"""Other seeds with which a smaller plan is tried."""


@dataclass(slots=True)
class Shrunk:
    """`plan`: the smallest that was found. `tried`: runs. `out_of_time`: there may be a smaller one."""

    plan: Plan
    tried: int = 0
    out_of_time: bool = False


class Shrinking:
    """Of one plan, which fails of `kind`. `jobs`: runs side by side. `until`: of `time.monotonic()`."""

    def __init__(self, plan: Plan, kind: str, play: Player, *, jobs: int = 1, until: float = float("inf")) -> None:
        self.shrunk = Shrunk(plan)
        self._kind = kind
        self._play = play
        self._jobs = jobs
        self._until = until

    async def smallest(self) -> Shrunk:
        """Again and again from the coarsest to the finest, as long as that makes it smaller."""
        before: Plan | None = None
        while before != self.shrunk.plan and not self.shrunk.out_of_time:
            before = self.shrunk.plan
            await self._fewer("steps")
            await self._fewer("rates")
            await self._plainer_options()
        return self.shrunk

    async def _fewer(self, name: str) -> None:
        """Delta debugging: leave out half of the items, a quarter, and so on, down to each single one."""
        size = len(getattr(self.shrunk.plan, name))
        while size:
            place = 0
            while place < len(items := _items(self.shrunk.plan, name)):
                pieces = range(place, len(items), size)
                plans = [_with(self.shrunk.plan, name, [*items[:at], *items[at + size :]]) for at in pieces]
                found = await self._first_to_fail(plans)
                if found is None:
                    break
                place += found * size
            size //= 2

    async def _plainer_options(self) -> None:
        """Each option as it is where nothing is said of it; else a number by a smaller one."""
        for name in sorted(self.shrunk.plan.options):
            options = self.shrunk.plan.options
            without = {each: value for each, value in options.items() if each != name}
            plainer = [without, *({**options, name: value} for value in _plainer(options[name]))]
            await self._first_to_fail([replace(self.shrunk.plan, options=each) for each in plainer])

    async def _first_to_fail(self, plans: Sequence[Plan]) -> int | None:
        """The number of the first of the plans that fails as well: it takes the place of the smallest."""
        trials = [(number, trial) for number, plan in enumerate(plans) for trial in _trials(plan)]
        for some in _in_groups(trials, self._jobs):
            if time.monotonic() > self._until:
                self.shrunk.out_of_time = True
                return None
            self.shrunk.tried += len(some)
            results = await asyncio.gather(*(self._play(trial) for _, trial in some))
            for (number, trial), result in zip(some, results, strict=True):
                if any(failure.kind == self._kind for failure in result.failures):
                    self.shrunk.plan = trial
                    return number
        return None


def _items(plan: Plan, name: str) -> list[Any]:
    value = getattr(plan, name)
    return sorted(value.items()) if isinstance(value, dict) else list(value)


def _with(plan: Plan, name: str, items: list[Any]) -> Plan:
    return replace(plan, **{name: dict(items) if isinstance(getattr(plan, name), dict) else items})


def _trials(plan: Plan) -> Iterator[Plan]:
    yield plan
    for number in range(1, OTHERS + 1):
        yield replace(plan, seed=plan.seed + number)


def _plainer(value: Any) -> Iterator[Any]:
    if isinstance(value, bool):
        return
    if isinstance(value, int) and value > 1:
        yield 1
        yield value // 2
    if isinstance(value, list):
        yield from ([*value[:at], *value[at + 1 :]] for at in range(len(value)))


def _in_groups(items: Iterable[T], size: int) -> Iterator[list[T]]:
    group: list[T] = []
    for item in items:
        group.append(item)
        if len(group) == size:
            yield group
            group = []
    if group:
        yield group
