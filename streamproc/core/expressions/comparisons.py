"""Comparisons, compiled; those with what is constant by the shortest way."""

import operator
from collections.abc import Callable, Mapping
from typing import Any, Final

from streamproc.core.expressions.functions import Kind
from streamproc.core.expressions.operators import Run, equal, ordered, within
from streamproc.core.expressions.pieces import NOTHING, Compiling, Piece, failed, reads_of, words
from streamproc.core.expressions.problems import ExpressionError, OddError
from streamproc.core.expressions.syntax import Compare, Constant, ListOf
from streamproc.core.records.change_event import Fact

_ORDER: Final[Mapping[str, Callable[[Any, Any], bool]]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


def comparison(node: Compare, compiler: Compiling) -> Piece:
    """`==`, `<` and so on. Raises ExpressionError."""
    one, other = pieces = [compiler.piece(node.left), compiler.piece(node.right)]
    first, second, reads, sign = one.step, other.step, reads_of(pieces), node.sign
    if not _comparable(one.kind, other.kind, equality=sign in {"==", "!="}):
        raise ExpressionError(
            f"{words(one.kind)} can't be compared with {words(other.kind)}", compiler.text, node.start
        )
    if sign in {"==", "!="}:
        wanted = sign == "=="
        if isinstance(node.right, Constant) and isinstance(node.right.value, str | None):
            value = node.right.value
            if wanted:
                return Piece(lambda facts, run: first(facts, run) == value, "bool", reads)
            return Piece(lambda facts, run: first(facts, run) != value, "bool", reads)
        return Piece(lambda facts, run: equal(run, first(facts, run), second(facts, run)) is wanted, "bool", reads)
    compare = _ORDER[sign]

    def compared(facts: Mapping[str, Fact], run: Run) -> bool:
        a, b = first(facts, run), second(facts, run)
        try:
            ordered(a, b)
        except OddError as odd:
            raise failed(reads, odd) from None
        return compare(a, b)

    return Piece(compared, "bool", reads)


def membership(node: Compare, compiler: Compiling) -> Piece:
    """`in`. Raises ExpressionError."""
    one, many = pieces = [compiler.piece(node.left), compiler.expecting(node.right, "list", "map")]
    first, second, reads = one.step, many.step, reads_of(pieces)
    texts: frozenset[Any] = NOTHING
    if isinstance(node.right, ListOf) and all(isinstance(each, Constant) for each in node.right.items):
        texts = frozenset(each.value for each in node.right.items if isinstance(each, Constant))

    def found(facts: Mapping[str, Fact], run: Run) -> bool:
        value = first(facts, run)
        if texts and value.__class__ is str:
            return value in texts
        try:
            return within(run, value, second(facts, run))
        except OddError as odd:
            raise failed(reads, odd) from None

    return Piece(found, "bool", reads)


def _comparable(one: Kind, other: Kind, *, equality: bool) -> bool:
    """Whether two kinds can be equal, or have an order."""
    if equality and "null" in {one, other}:
        return True
    numbers = {"int", "double"}
    same = one == other or "any" in {one, other} or {one, other} <= numbers
    return same and (equality or {one, other} <= {"any", "text", "bool", *numbers})
