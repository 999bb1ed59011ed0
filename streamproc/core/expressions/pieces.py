"""One node of a tree, compiled; and how facts are read."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final, NamedTuple, Protocol, TypeAlias

from streamproc.core.expressions.functions import Function, Kind
from streamproc.core.expressions.operators import LIST, TEXT, Run, spend
from streamproc.core.expressions.problems import FailedError, OddError
from streamproc.core.expressions.syntax import Node
from streamproc.core.records.change_event import Fact
from streamproc.core.records.unread_fact import why_unread

Step: TypeAlias = Callable[[Mapping[str, Fact], Run], Any]
"""Gives the value. Raises FailedError or, where a fact is absent, KeyError; and SpentError."""

NOTHING: Final[frozenset[str]] = frozenset()
ABSORBING: Final = 12
"""Steps that an error takes where it is absorbed."""


class Piece(NamedTuple):
    """What is known of a node, and what it does."""

    step: Step
    kind: Kind
    reads: frozenset[str]
    """Facts; of what a macro binds, those that it comes from."""
    literals: frozenset[str] = NOTHING
    """Texts that it may give as they stand in the expression or in a table."""


class Compiling(Protocol):
    """What compiles the arguments."""

    text: str
    functions: Mapping[str, Function]
    tables: Mapping[str, Mapping[str, str]]

    def piece(self, node: Node) -> Piece:
        """Raises ExpressionError."""

    def expecting(self, node: Node, *kinds: Kind) -> Piece:
        """A piece that is known not to be of another kind than these. Raises ExpressionError."""


_WORDS: Final[Mapping[Kind, str]] = {
    "any": "any value",
    "bool": "true or false",
    "int": "a whole number",
    "double": "a number with a point",
    "text": "text",
    "null": "null",
    "list": "a list",
    "map": "a map",
}


def words(kind: Kind) -> str:
    """A kind as people say it."""
    return _WORDS[kind]


def reads_of(pieces: Iterable[Piece]) -> frozenset[str]:
    """Facts that any of them reads."""
    return NOTHING.union(*(piece.reads for piece in pieces))


def literals_of(pieces: Iterable[Piece]) -> frozenset[str]:
    """Texts that any of them may give."""
    return NOTHING.union(*(piece.literals for piece in pieces))


def failed(reads: frozenset[str], odd: OddError | str) -> FailedError:
    """An error of a node that reads these facts."""
    where = ", ".join(sorted(reads))
    return FailedError((f"{where}: {odd}" if where else str(odd),), reads, absent=False)


def absorbed(run: Run, error: FailedError | KeyError, before: FailedError | None) -> FailedError:
    """An error that may yet not matter, with those before it, and without the frames that it came through, which hold
    it. What it takes is counted.
    """
    one = FailedError.of(error).and_of(before).with_traceback(None)
    spend(run, ABSORBING + len(one.reasons))
    return one


def read(name: str) -> Step:
    """A fact, null or not."""

    def step(facts: Mapping[str, Fact], run: Run) -> Any:
        value = facts[name]
        if value.__class__ is str and len(value) <= TEXT:
            return value
        return _bounded(name, value, run)

    return step


def read_filled(name: str) -> Step:
    """A fact that is absent while it is null."""

    def step(facts: Mapping[str, Fact], run: Run) -> Any:
        value = facts[name]
        if value is None:
            raise FailedError((f"{name} has no value",), frozenset([name]), absent=True)
        return _bounded(name, value, run)

    return step


def _bounded(name: str, value: Fact, run: Run) -> Any:
    if isinstance(value, str):
        if len(value) > TEXT:
            raise failed(frozenset([name]), f"a text of more than {TEXT:,} characters")
    elif isinstance(value, list | dict):
        if (why := why_unread(value)) is not None:
            raise failed(frozenset([name]), why)
        spend(run, len(value))
        if len(value) > LIST:
            raise failed(frozenset([name]), f"a list of more than {LIST:,} elements")
        texts = value if isinstance(value, list) else (*value, *value.values())
        if any(isinstance(each, str) and len(each) > TEXT for each in texts):
            raise failed(frozenset([name]), f"a text of more than {TEXT:,} characters")
    return value
