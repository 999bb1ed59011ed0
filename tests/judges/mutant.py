"""A mistake in the code, and the tests that have to notice it."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Mutant:
    """In `file`, `right` becomes `wrong`; one of `tests` has to fail."""

    name: str
    file: str
    right: str
    wrong: str
    tests: tuple[str, ...]
