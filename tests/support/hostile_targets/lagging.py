"""A target whose reads lag behind its writes, by the driver's clock."""

from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass, field

from tests.support.hostile_targets.behaviour import Behaviour
from tests.support.hostile_targets.store import Answered, Asked, Json, Store


@dataclass
class Lags(Behaviour):
    """Reads and searches show how it was `seconds` ago. `ticks`: seconds of the driver."""

    seconds: float
    ticks: Callable[[], float]
    past: list[tuple[float, dict[str, dict[str, Json]]]] = field(default_factory=list)

    def before(self, asked: Asked, store: Store) -> Answered | None:
        if not self.past:
            self.past.append((0.0, deepcopy(store.resources)))
        if asked.writes:
            return None
        shown = [resources for at, resources in self.past if at <= self.ticks() - self.seconds]
        return Store((shown or [self.past[0][1]])[-1]).answer(asked)

    def after(self, asked: Asked, answered: Answered, store: Store) -> Answered:
        self.past.append((self.ticks(), deepcopy(store.resources)))
        return answered
