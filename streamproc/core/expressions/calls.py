"""Calls of functions, compiled: the ones of `functions.py`, and those that need more than the values of arguments."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from streamproc.core.expressions.functions import METHODS, Function, Kind, Prepared
from streamproc.core.expressions.hints import of_function
from streamproc.core.expressions.operators import Run, spend
from streamproc.core.expressions.pieces import (
    ABSORBING,
    NOTHING,
    Compiling,
    Piece,
    Step,
    failed,
    literals_of,
    reads_of,
    words,
)
from streamproc.core.expressions.problems import ExpressionError, FailedError, OddError
from streamproc.core.expressions.syntax import Call, Constant, Node
from streamproc.core.records.change_event import Fact
from streamproc.core.records.fact_names import GROUP
from streamproc.core.text import plain

_SHORT: Final = 64
"""Characters of a text that cost no steps."""
_PREPARING: Final = 3
"""Steps for an argument that may be another each time."""
_CHARACTERS: Final = 3
"""Of a longer text, that cost a step."""
_TYPES: Final[Mapping[Kind, type]] = {"text": str, "int": int}


_OWN: Final = frozenset({"coalesce", "inGroup", "lookup"})


def called(node: Call, compiler: Compiling) -> Piece:
    """A call. Raises ExpressionError."""
    if not node.method:
        match node.name:
            case "coalesce":
                return _coalesce(node, compiler)
            case "inGroup":
                return _in_group(node, compiler)
            case "lookup":
                return _lookup(node, compiler)
    function = (METHODS if node.method else compiler.functions).get(node.name)
    if function is None:
        all_ = {*METHODS, *compiler.functions, *_OWN}
        hint = f"; write {node.name}(x)" if node.method else f"; write x.{node.name}(y)"
        hint = hint if node.name in all_ else of_function(node.name, all_)
        raise ExpressionError(f"there is no function {node.name} of this form{hint}", compiler.text, node.start)
    most = 1 + len(function.rest)
    _count(node, compiler, most - function.optional, most)
    return _function(node, function, compiler)


def _count(node: Call, compiler: Compiling, least: int, most: int | None) -> None:
    count = len(node.of)
    if count < least or (most is not None and count > most):
        number = f"{least}" if least == most else f"{least} or more" if most is None else f"{least} to {most}"
        raise ExpressionError(f"{node.name} takes {number} arguments, not {count}", compiler.text, node.start)


def _function(node: Call, function: Function, compiler: Compiling) -> Piece:
    kinds: Sequence[Kind] = () if function.takes == "any" else (function.takes,)
    first = compiler.expecting(node.of[0], *kinds, "null") if kinds else compiler.piece(node.of[0])
    others = [compiler.expecting(each, kind) for each, kind in zip(node.of[1:], function.rest, strict=False)]
    reads = reads_of([first, *others])
    literals = first.literals if function.gives == "list" and node.name == "distinct" else NOTHING
    return Piece(_applying(node, function, first.step, others, reads, compiler), function.gives, reads, literals)


def _applying(
    node: Call, function: Function, of: Step, others: Sequence[Piece], reads: frozenset[str], compiler: Compiling
) -> Step:
    if function.literal and not all(isinstance(each, Constant) for each in node.of[1:]):
        raise ExpressionError(f"the second argument of {node.name} must be a literal", compiler.text, node.of[1].start)
    constants = [each.value for each in node.of[1:] if isinstance(each, Constant)]
    wanted = [_TYPES[kind] for kind in function.rest]
    null, takes = function.null, {"text": str, "list": list, "any": None}[function.takes]
    expected = f"expected {words(function.takes)}"

    def bounded(apply: Prepared, value: Any, run: Run) -> Any:
        if value is None and null != "fails":
            return None if null == "passes" else False
        if takes is not None and value.__class__ is not takes:
            raise OddError(expected)
        spend(run, _weight(value))
        return apply(value)

    if len(constants) == len(others):
        try:
            prepared = function.prepare(*constants)
        except OddError as odd:
            raise ExpressionError(str(odd), compiler.text, node.start) from None

        def step(facts: Mapping[str, Fact], run: Run) -> Any:
            value = of(facts, run)
            try:
                if value.__class__ is str and takes is not list and len(value) <= _SHORT:
                    return prepared(value)
                return bounded(prepared, value, run)
            except OddError as odd:
                raise failed(reads, odd) from None

        return step

    def preparing(facts: Mapping[str, Fact], run: Run) -> Any:
        value = of(facts, run)
        arguments = [each.step(facts, run) for each in others]
        for argument, kind in zip(arguments, wanted, strict=False):
            if argument.__class__ is not kind:
                raise failed(reads, "expected text" if kind is str else "expected a whole number")
            spend(run, _PREPARING + _weight(argument))
        try:
            return bounded(function.prepare(*arguments), value, run)
        except OddError as odd:
            raise failed(reads, odd) from None

    return preparing


def _weight(value: Any) -> int:
    """Steps, by how long it takes to go through it."""
    if isinstance(value, str):
        return len(value) // _CHARACTERS if len(value) > _SHORT else 0
    if isinstance(value, list):
        return sum(1 + _weight(each) for each in value)
    return 0


def _coalesce(node: Call, compiler: Compiling) -> Piece:
    """The first that has a value; if none has, what the last one gives."""
    _count(node, compiler, 1, None)
    pieces = [compiler.piece(each) for each in node.of]
    *steps, last = [piece.step for piece in pieces]

    def first(facts: Mapping[str, Fact], run: Run) -> Any:
        for step in steps:
            try:
                value = step(facts, run)
            except (FailedError, KeyError):
                spend(run, ABSORBING)
                continue
            if value is not None and value != "":
                return value
        return last(facts, run)

    kinds = {piece.kind for piece in pieces} - {"null"}
    kind: Kind = kinds.pop() if len(kinds) == 1 else "any"
    return Piece(first, kind, reads_of(pieces), literals_of(pieces))


def _in_group(node: Call, compiler: Compiling) -> Piece:
    _count(node, compiler, 1, 1)
    name = GROUP + plain(_name(node.of[0], "group", compiler))

    def member(facts: Mapping[str, Fact], _run: Run) -> bool:
        value = facts[name]
        return value is not None and value is not False

    return Piece(member, "bool", frozenset([name]))


def _lookup(node: Call, compiler: Compiling) -> Piece:
    _count(node, compiler, 2, 3)
    name = _name(node.of[0], "table", compiler)
    table = compiler.tables.get(name)
    if table is None:
        there = ", ".join(sorted(compiler.tables)) or "none"
        raise ExpressionError(
            f"there is no table {name} in this file (there: {there})", compiler.text, node.of[0].start
        )
    key = compiler.expecting(node.of[1], "text", "null")
    others = [compiler.piece(each) for each in node.of[2:]]
    step, default = key.step, others[0].step if others else None

    def row(facts: Mapping[str, Fact], run: Run) -> Any:
        value = step(facts, run)
        if value.__class__ is str:
            found = table.get(value)
            if found is not None:
                return found
            if default is not None:
                return default(facts, run)
            raise failed(key.reads, f"there is no row for it in table {name}")
        if value is None:
            return None
        raise failed(key.reads, "expected text")

    kind: Kind = "text" if all(each.kind in {"text", "null"} for each in others) else "any"
    literals = literals_of(others) | frozenset(table.values())
    return Piece(row, kind, reads_of([key, *others]), literals)


def _name(node: Node, what: str, compiler: Compiling) -> str:
    if not (isinstance(node, Constant) and isinstance(node.value, str) and plain(node.value)):
        raise ExpressionError(f"the name of a {what} must be a literal text, and not blank", compiler.text, node.start)
    return node.value
