"""Behaviour: one way in which a target goes wrong, over a store that doesn't."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import ClassVar

from tests.support.hostile_targets.store import Answered, Asked, Store


@dataclass
class Behaviour:
    """Does nothing of its own. A new one for each target, since some remember what came."""

    whole: ClassVar[bool] = False
    """Whether it has to do with answers that aren't JSON as well."""

    def seen(self, asked: Asked) -> Asked:
        """The request, as what is in front of the store hands it on."""
        return asked

    def before(self, asked: Asked, store: Store) -> Answered | None:
        """An answer in place of the store's, which never sees the request."""
        return None

    def after(self, asked: Asked, answered: Answered, store: Store) -> Answered:
        """The store's answer, made into another."""
        return answered


@dataclass
class HostileTarget:
    """A store with behaviours in front of it; the first is the outermost."""

    behaviours: Sequence[Behaviour] = ()
    store: Store = field(default_factory=Store)
    asked: list[Asked] = field(default_factory=list)

    def answer(self, asked: Asked) -> Answered:
        """What the target says."""
        self.asked.append(asked)
        return self._answer(asked, 0)

    def _answer(self, asked: Asked, depth: int) -> Answered:
        if depth == len(self.behaviours):
            return self.store.answer(asked)
        behaviour = self.behaviours[depth]
        asked = behaviour.seen(asked)
        if (instead := behaviour.before(asked, self.store)) is not None:
            return instead
        answered = self._answer(asked, depth + 1)
        if not behaviour.whole and not isinstance(answered.body, dict):
            return answered
        return behaviour.after(asked, answered, self.store)
