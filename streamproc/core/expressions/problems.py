"""What can be wrong with an expression: with its text, when it is read, and with facts, when it is evaluated."""

from typing import Self


class ExpressionError(ValueError):
    """An expression can't be used. Its text says where, and what would do."""

    def __init__(self, what: str, text: str, start: int) -> None:
        line, column = text.count("\n", 0, start) + 1, start - (text.rfind("\n", 0, start) + 1) + 1
        super().__init__(f"line {line}, column {column}: {what}" if "\n" in text else f"column {column}: {what}")
        self.line = line
        """From 1."""
        self.column = column
        """Of the line; from 1, in characters."""


class OddError(ValueError):
    """A function can't do anything with what it was given. Says what was expected, without the value."""


class FailedError(Exception):
    """An error as CEL has it: there is no value. Operators may absorb it."""

    def __init__(self, reasons: tuple[str, ...], facts: frozenset[str], absent: bool) -> None:
        super().__init__(reasons)
        self.reasons = reasons
        """Each once. They name facts, never values."""
        self.facts = facts
        self.absent = absent
        """Only since facts are absent."""

    @classmethod
    def of(cls, error: "FailedError | KeyError") -> "FailedError":
        """The same of a fact that isn't there, which is a KeyError with its name."""
        if isinstance(error, FailedError):
            return error
        name = error.args[0]
        return cls((f"{name} isn't known",), frozenset([name]), absent=True)

    def and_of(self, other: Self | None) -> "FailedError":
        """Both, as one."""
        if other is None:
            return self
        reasons = tuple(dict.fromkeys(other.reasons + self.reasons))
        return FailedError(reasons, self.facts | other.facts, self.absent and other.absent)


class SpentError(Exception):
    """An evaluation takes too many steps. Nothing absorbs this."""
