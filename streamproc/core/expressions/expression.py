"""Expressions as others use them: compiled once, evaluated for each user."""

import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal, TypeAlias

from streamproc.core.expressions.compiler import Compiler
from streamproc.core.expressions.functions import FUNCTIONS, Kind, text_of
from streamproc.core.expressions.operators import STEPS
from streamproc.core.expressions.parser import parse
from streamproc.core.expressions.pieces import Piece, words
from streamproc.core.expressions.problems import ExpressionError, FailedError, OddError, SpentError
from streamproc.core.expressions.syntax import Logic, Node
from streamproc.core.records.change_event import Fact

Gives: TypeAlias = Literal["truth", "text", "texts"]
"""What an expression is for: true or false; text or null; texts as one, a list or a map, or null."""
_KINDS: dict[Gives, frozenset[Kind]] = {
    "truth": frozenset({"any", "bool"}),
    "text": frozenset({"any", "text", "int", "double", "null"}),
    "texts": frozenset({"any", "text", "list", "map", "null"}),
}


@dataclass(frozen=True, slots=True)
class Unknown:
    """No value: something is absent, or isn't as it should be. It changes nothing."""

    reason: str
    """Names facts, never values."""
    facts: frozenset[str]
    absent: bool
    """Only since facts are absent, or are null where that counts as absent."""


@dataclass(frozen=True)
class Expression:
    """Compiled."""

    text: str
    """As it is written."""
    gives: Gives
    _node: Node = field(repr=False)
    _compiler: Compiler = field(repr=False, compare=False)
    _piece: Piece = field(repr=False, compare=False)

    @property
    def reads(self) -> frozenset[str]:
        """The facts that it can depend on; no others."""
        return self._piece.reads

    @property
    def literals(self) -> frozenset[str]:
        """Texts that it may give as they stand in it or in a table, as far as that can be seen."""
        return self._piece.literals

    @cached_property
    def clauses(self) -> "tuple[Expression, ...]":
        """What its outermost `&&` joins, in order; itself, if there is none."""
        if not (isinstance(self._node, Logic) and self._node.sign == "&&"):
            return (self,)
        return tuple(_made(self._compiler, node, "truth") for node in self._node.parts)

    def evaluate(self, facts: Mapping[str, Fact]) -> Fact | Unknown:
        """The value for these facts. Raises nothing."""
        try:
            return self._as_asked(self._piece.step(facts, [STEPS, None, None]))
        except (FailedError, KeyError) as error:
            return _unknown(error)
        except SpentError:
            return Unknown(f"takes more than {STEPS:,} steps", self.reads, absent=False)

    def _as_asked(self, value: Any) -> Fact | Unknown:
        if self.gives == "truth":
            return value if value.__class__ is bool else self._odd("expected true or false")
        if value is None or value.__class__ is str:
            return value
        if self.gives == "text":
            if value.__class__ in {int, float}:
                try:
                    return text_of(value)
                except OddError as odd:
                    return self._odd(str(odd))
            return self._odd("expected text")
        if value.__class__ is dict:
            return value
        if value.__class__ is list and all(each is None or each.__class__ is str for each in value):
            return [each for each in value if each is not None]
        return self._odd("expected texts")

    def _odd(self, what: str) -> Unknown:
        where = ", ".join(sorted(self.reads))
        return Unknown(f"{where}: {what}" if where else what, self.reads, absent=False)


def _unknown(error: FailedError | KeyError) -> Unknown:
    failed = FailedError.of(error)
    return Unknown("; ".join(failed.reasons), failed.facts, failed.absent)


def compile_expression(
    text: str,
    gives: Gives,
    *,
    tables: Mapping[str, Mapping[str, str]] | None = None,
    functions: int = 1,
    blank_is_absent: bool = False,
) -> Expression:
    """Read an expression. `tables`: for `lookup`, by name. `functions`: the version of language, functions and tables.

    `blank_is_absent`: a fact that is null counts as absent, but that of a group, where null is no membership.
    Raises ExpressionError.
    """
    text = unicodedata.normalize("NFC", text)  # as texts in facts are
    known = FUNCTIONS.get(functions)
    if known is None:
        there = ", ".join(map(str, FUNCTIONS))
        raise ExpressionError(
            f"functions = {functions} isn't known here, only {there}: a newer release has it", text, 0
        )
    return _made(Compiler(text, known, tables or {}, blank_is_absent=blank_is_absent), parse(text), gives)


def _made(compiler: Compiler, node: Node, gives: Gives) -> Expression:
    piece = compiler.piece(node)
    if piece.kind not in _KINDS[gives]:
        expected = {"truth": "true or false", "text": "text", "texts": "texts"}[gives]
        raise ExpressionError(f"expected {expected}, this gives {words(piece.kind)}", compiler.text, node.start)
    return Expression(compiler.text[node.start : node.end], gives, node, compiler, piece)
