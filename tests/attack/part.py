"""One kind of attack, and what it found."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random
from typing import Final, Literal, TypeAlias

Harm: TypeAlias = Literal["unhandled", "let_in", "kept_in", "wrong_account", "without_fate", "unbounded"]
"""An exception that ends more than the one input; access that nobody gave; access that should have gone; somebody else
touched; an input of which nothing tells what became; memory, time or output out of proportion to the input."""
HARMS: Final[tuple[Harm, ...]] = ("unhandled", "let_in", "kept_in", "wrong_account", "without_fate", "unbounded")


@dataclass(slots=True)
class Found:
    """What an attack has tried, and the harm that it did."""

    tried: int = 0
    harm: Counter[Harm] = field(default_factory=Counter)
    examples: list[str] = field(default_factory=list)
    """The first of each harm, so that it can be tried again."""

    def harmed(self, harm: Harm, example: str) -> None:
        """Count one."""
        self.harm[harm] += 1
        if self.harm[harm] <= 3:
            self.examples.append(f"{harm}: {example}")


@dataclass(frozen=True, slots=True)
class Part:
    """An attack. The inputs are constructed from the seed, in the order of their numbers."""

    name: str
    whole: int
    """Inputs of a whole run."""
    short: int
    """Inputs in the test suite: a few seconds."""
    attack: Callable[[Random, int], Found]
    """Tries so many inputs. All that must always be tried comes first, whatever the number."""
