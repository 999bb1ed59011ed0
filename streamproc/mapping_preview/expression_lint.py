"""What can be seen of a mapping's expressions without any history: which names they give, and which decide nothing."""

from collections.abc import Iterator
from typing import Final, get_args

from streamproc.core.expressions.expression import Expression, Gives, Unknown, compile_expression
from streamproc.core.expressions.parser import parse
from streamproc.core.expressions.problems import ExpressionError
from streamproc.core.expressions.syntax import Call, Compare, Constant, FactOf, Item, ListOf, Node, parts_of
from streamproc.core.fold.computed import SUSPENDED, WHO, copy_place, value_place
from streamproc.core.fold.mapping import Mapping
from streamproc.core.fold.mapping_file import MappingFile

_GIVEN: Final = "given"
"""A fact in the place of an expression's result."""
_THEIR_OWN: Final = frozenset(value_place("attributes", name) for name in ("userName", "employeeNumber", "email"))
"""Attributes of which each user has their own."""
_ALWAYS: Final = {
    WHO: ("takes in everybody", "takes in nobody"),
    SUSPENDED: ("suspends everybody", "suspends nobody"),
}


def given_by_copy(mapping: Mapping, number: int) -> list[str]:
    """Names that a copy gives by texts that stand in its expression or in a table. The first copy is 0."""
    copy, expression = mapping.file.copies[number], mapping.expressions.get(copy_place(number))
    if expression is None:
        return []
    as_fact = copy.model_dump(by_alias=True) | {"expr": None, "fact": _GIVEN}
    alone = Mapping(MappingFile.model_validate({"copy": [as_fact]}), "")
    names: set[str] = set()
    for text in expression.literals:
        names.update(alone.desire("", {_GIVEN: text})[0].get(copy.to, ()))
    return sorted(names)


def given_by_division(mapping: Mapping) -> list[str]:
    """Divisions that an expression gives as they stand in it or in a table."""
    expression = mapping.expressions.get(value_place("attributes", "division"))
    return [] if expression is None else sorted(text for text in expression.literals if text.strip())


def odd_expressions(mapping: Mapping) -> Iterator[tuple[str, str]]:
    """Place and what is odd: conditions, or parts of one, that are the same for everybody; tables that nobody reads."""
    for place, expression in mapping.expressions.items():
        if expression.gives == "truth":
            for text in _constant(place, expression):
                yield told_as(place), text
        elif not expression.reads and (place in _THEIR_OWN or place.startswith("externalIds.")):
            yield told_as(place), "reads no fact: it is the same for everybody, but two users can't have the same"
        for text in _never_known(mapping, expression):
            yield told_as(place), f"{text} has no result, whoever it is about"
    read = {table for expression in mapping.expressions.values() for table in _tables(parse(expression.text))}
    for table, rows in mapping.file.tables.items():
        if table not in read:
            yield f"tables.{table}", "no expression looks into it"
        elif not rows:
            yield f"tables.{table}", "has no rows"


def compared(mapping: Mapping) -> dict[str, list[tuple[str, str]]]:
    """Fact → the texts with which expressions compare it as a whole, each with its place."""
    found: dict[str, list[tuple[str, str]]] = {}
    for place, expression in mapping.expressions.items():
        for fact, text in _compared(parse(expression.text)):
            found.setdefault(fact, []).append((text, told_as(place)))
    return found


def is_expression(name: str) -> bool:
    """Whether the name of a fact would do as an expression that computes something."""
    for gives in get_args(Gives):
        try:
            compile_expression(name, gives)
        except ExpressionError:
            continue
        return not isinstance(parse(name), FactOf | Item | Constant)
    return False


def told_as(place: str) -> str:
    """A place in the file in the words of other findings: `rule.0.if` is rule 1."""
    table, _, rest = place.partition(".")
    number, _, _ = rest.partition(".")
    return f"{table} {int(number) + 1}" if number.isdigit() else place.removesuffix(".expr")


def _constant(place: str, expression: Expression) -> Iterator[str]:
    always, never = _ALWAYS.get(place, ("holds for everybody", "holds for nobody"))
    said = [(clause, clause.evaluate({})) for clause in expression.clauses if not clause.reads]
    for clause, value in said:
        if value is not True:
            yield f"{never}: {clause.text} reads no fact, and isn't true"
        elif len(expression.clauses) > 1:
            yield f"{clause.text} reads no fact, and decides nothing"
        else:
            yield f"{always}: {clause.text} reads no fact"


def _never_known(mapping: Mapping, expression: Expression) -> Iterator[str]:
    """Calls of literals alone that can't be carried out, such as `date("2026-13-01")`, as they are written."""
    for node in _calls(parse(expression.text)):
        if all(isinstance(each, Constant) for each in node.of) and node.name != "inGroup":
            text = expression.text[node.start : node.end]
            alone = compile_expression(f"[{text}] == []", "truth", tables=mapping.file.tables)
            if isinstance(alone.evaluate({}), Unknown):
                yield text


def _calls(node: Node) -> Iterator[Call]:
    if isinstance(node, Call):
        yield node
    for part in parts_of(node):
        yield from _calls(part)


def _tables(node: Node) -> Iterator[str]:
    if isinstance(node, Call) and node.name == "lookup" and isinstance(table := node.of[0], Constant):
        yield str(table.value)
    for part in parts_of(node):
        yield from _tables(part)


def _compared(node: Node) -> Iterator[tuple[str, str]]:
    if isinstance(node, Compare) and node.sign in {"==", "!=", "in"}:
        for one, other in ((node.left, node.right), (node.right, node.left)):
            fact = one.of[0] if isinstance(one, Call) and one.name == "coalesce" else one
            texts = other.items if isinstance(other, ListOf) else (other,)
            if isinstance(fact, FactOf):
                values = [each.value for each in texts if isinstance(each, Constant)]
                yield from ((fact.name, value) for value in values if isinstance(value, str) and value)
    for part in parts_of(node):
        yield from _compared(part)
