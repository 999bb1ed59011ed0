"""The expressions of a mapping file, each by its place there."""

from collections.abc import Iterator
from typing import Final, NamedTuple, TypeAlias

from streamproc.core.errors import MappingError
from streamproc.core.expressions.expression import Expression, Gives, compile_expression
from streamproc.core.expressions.problems import ExpressionError
from streamproc.core.fold.mapping_file import Computed, MappingFile

Expressions: TypeAlias = dict[str, Expression]
"""Place, such as `attributes.title.expr`, `rule.0.if` or `scope.who`, → what is written there."""
WHO: Final = "scope.who"
SUSPENDED: Final = "suspend.when"


class _Written(NamedTuple):
    place: str
    text: str
    gives: Gives


def compiled(file: MappingFile) -> Expressions:
    """All of them. Raises MappingError naming table, key and column of the first that can't be used."""
    expressions: Expressions = {}
    for place, text, gives in _written(file):
        try:
            expressions[place] = compile_expression(
                text,
                gives,
                tables=file.tables,
                functions=file.functions,
                blank_is_absent=place == WHO and file.scope is not None and file.scope.blank == "keep",
            )
        except ExpressionError as error:
            raise MappingError(f"{place}: {error}") from error
    return expressions


def value_place(table: str, name: str) -> str:
    """Where the expression of an attribute or external id stands."""
    return f"{table}.{name}.expr"


def copy_place(number: int) -> str:
    """Where the expression of a copy stands; the first is 0."""
    return f"copy.{number}.expr"


def rule_place(number: int) -> str:
    """Where the condition of a rule stands; the first is 0."""
    return f"rule.{number}.if"


def _written(file: MappingFile) -> Iterator[_Written]:
    if file.scope is not None:
        yield _Written(WHO, file.scope.who, "truth")
    if file.suspend is not None:
        yield _Written(SUSPENDED, file.suspend.when, "truth")
    for table, values in (("attributes", file.attributes), ("externalIds", file.externalIds.items())):
        for name, value in values:
            if isinstance(value, Computed):
                yield _Written(value_place(table, name), value.expr, "text")
    for number, copy in enumerate(file.copies):
        if copy.expr is not None:
            yield _Written(copy_place(number), copy.expr, "texts")
    for number, rule in enumerate(file.rules):
        if rule.condition is not None:
            yield _Written(rule_place(number), rule.condition, "truth")
