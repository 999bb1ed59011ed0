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

OTHERS: Final = 5
"""Other seeds with which smaller plans are tried where none of them fails with the same one."""


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
            await self._fewer_single_faults()
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

    async def _fewer_single_faults(self) -> None:
        """Of the faults that happened by chance, only those that matter."""
        plan = self.shrunk.plan
        if plan.only is None:
            fired = (await self._play(plan)).fired
            rates = {kind: plan.rates[kind] for kind in fired if kind in plan.rates}
            if not fired or await self._first_to_fail([replace(plan, only=fired, rates=rates)]) is None:
                return
        await self._fewer("only")

    async def _plainer_options(self) -> None:
        """Each option as it is where nothing is said of it; else a number by a smaller one."""
        for name in sorted(self.shrunk.plan.options):
            options = self.shrunk.plan.options
            without = {each: value for each, value in options.items() if each != name}
            plainer = [without, *({**options, name: value} for value in _plainer(options[name]))]
            await self._first_to_fail([replace(self.shrunk.plan, options=each) for each in plainer])

    async def _first_to_fail(self, plans: Sequence[Plan]) -> int | None:
        """The number of the first of the plans that fails as well: it takes the place of the smallest."""
        trials = [
            (number, replace(plan, seed=plan.seed + more))
            for more in range(OTHERS + 1)
            for number, plan in enumerate(plans)
        ]
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
    if name == "steps":
        return list(plan.steps)
    if name == "rates":
        return sorted(plan.rates.items())
    return [(kind, number) for kind, numbers in sorted((plan.only or {}).items()) for number in numbers]


def _with(plan: Plan, name: str, items: list[Any]) -> Plan:
    if name == "steps":
        return replace(plan, steps=items)
    if name == "rates":
        return replace(plan, rates=dict(items))
    only: dict[str, list[int]] = {}
    for kind, number in items:
        only.setdefault(kind, []).append(number)
    return replace(plan, only=only, rates={kind: rate for kind, rate in plan.rates.items() if kind in only})


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
